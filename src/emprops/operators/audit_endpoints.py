"""Read the audit log. ``emprops audit`` also checks and exports it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query

from emprops.audit import queries
from emprops.audit.chain import Entry
from emprops.audit.queries import Filters
from emprops.auth.dependencies import ViewerCaller
from emprops.kit.web.endpoint import Reader, router
from emprops.kit.web.envelope import Envelope, ok
from emprops.kit.web.paging import Paging
from emprops.operators.schemas import AuditEntryView

routes = router(prefix="/audit", tags=["operators"])

ActorFilter = Annotated[
    str | None,
    Query(min_length=1, max_length=300, description="Who did it: `user:<id>`, `key:emp_<prefix>`, `cli:<login>`."),
]
ActionFilter = Annotated[
    str | None,
    Query(min_length=1, max_length=100, description="What was done; `key.` finds all that begins so."),
]
TargetFilter = Annotated[
    str | None, Query(min_length=1, max_length=300, description="What it was done to: `job:<id>`.")
]


@routes.get("")
async def list_audit_entries(
    _viewer: ViewerCaller,
    reader: Reader,
    page: Paging,
    actor: ActorFilter = None,
    action: ActionFilter = None,
    target: TargetFilter = None,
    user_id: Annotated[UUID | None, Query(description="Whom it concerns.")] = None,
    since: Annotated[datetime | None, Query(description="Not before this time.")] = None,
    until: Annotated[datetime | None, Query(description="Before this time.")] = None,
) -> Envelope[list[AuditEntryView]]:
    """List who did what to whom, newest first."""
    wanted = Filters(actor=actor, action=action, target=target, user_id=user_id, since=since, until=until)
    return ok([_view(entry) for entry in await queries.newest(reader, wanted, limit=page.limit, offset=page.offset)])


def _view(entry: Entry) -> AuditEntryView:
    return AuditEntryView(
        id=str(entry.id),
        position=entry.position,
        at=entry.at,
        actor=entry.actor,
        action=entry.action,
        target=entry.target,
        user_id=entry.user_id,
        details=entry.details,
        request_id=entry.request_id,
        hash=entry.hash.hex() if entry.hash else None,
    )
