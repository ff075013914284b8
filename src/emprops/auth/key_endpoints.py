"""API keys: list, make, revoke. At a terminal: ``emprops keys``."""

from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Path
from pydantic import ConfigDict, Field

from emprops.auth import key_service, store
from emprops.auth.dependencies import OperatorCaller, ViewerCaller
from emprops.errors import NotFoundError
from emprops.kit.web.endpoint import Reader, Tx, router
from emprops.kit.web.envelope import Envelope, ok
from emprops.kit.web.paging import Paging
from emprops.kit.web.schema import Schema

routes = router(prefix="/keys", tags=["keys"])

ScopeName = Literal["service", "worker", "read"]
Which = Annotated[
    str,
    Path(pattern=r"^(emp_)?[a-z0-9]{8}$", description="The key's public part, with or without `emp_`."),
]


class NewKeyBody(Schema):
    """Who a key is for, and what it may do."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"name": "web app", "scopes": ["service"], "expires_in_days": 90}}
    )

    name: str = Field(min_length=1, max_length=200)
    """Who will use it, for the list."""
    scopes: list[ScopeName] = Field(min_length=1, max_length=3)
    """What it may do."""
    user_id: UUID | None = None
    """The user it acts for when a request names none."""
    expires_in_days: float | None = Field(default=None, gt=0, le=3_650)
    """How long it works; null: until it is revoked."""


class KeyView(Schema):
    """A key, without what makes it one."""

    id: UUID
    prefix: str
    """Its public part."""
    name: str
    """Who uses it."""
    scopes: list[ScopeName]
    """What it may do."""
    user_id: UUID | None
    """The user it acts for when a request names none."""
    state: Literal["live", "expired", "revoked"]
    """Whether it works."""
    created_at: datetime
    expires_at: datetime | None
    """When it stops working; null: when it is revoked."""
    last_used_at: datetime | None
    """When it was used last, to the minute; null if it never was."""
    revoked_at: datetime | None
    """When it was revoked; null if it was not."""


class MadeKeyView(KeyView):
    """A key that was just made."""

    key: str
    """The key itself, which is never shown again. Send it as `X-API-Key`."""


@routes.get("")
async def list_keys(_viewer: ViewerCaller, reader: Reader, page: Paging) -> Envelope[list[KeyView]]:
    """List the API keys, newest first, by their public parts."""
    return ok(
        [
            KeyView.model_validate(key_service.fields_of(key))
            for key in await store.list_keys(reader, limit=page.limit, offset=page.offset)
        ]
    )


@routes.post("", status_code=201)
async def create_key(body: NewKeyBody, operator: OperatorCaller, tx: Tx) -> Envelope[MadeKeyView]:
    """Make a key. The reply shows it, this once: only a digest is kept. So a repeated request makes another one.

    The audit log says who made it, and whether it may do more than an operator.
    """
    made = await key_service.create(
        tx,
        name=body.name,
        scopes=sorted(set(body.scopes)),
        owner=body.user_id,
        life=None if body.expires_in_days is None else timedelta(days=body.expires_in_days),
        actor=operator.actor,
    )
    return ok(MadeKeyView.model_validate(key_service.fields_of(made.row) | {"key": made.text}))


@routes.delete("/{prefix}")
async def revoke_key(prefix: Which, operator: OperatorCaller, tx: Tx) -> Envelope[KeyView]:
    """Make a key useless, for good, within 15 seconds everywhere. Again, it changes nothing."""
    key = await key_service.revoke(tx, prefix.removeprefix("emp_"), actor=operator.actor)
    if key is None:
        raise NotFoundError("API key not found")
    return ok(KeyView.model_validate(key_service.fields_of(key)))
