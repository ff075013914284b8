"""Who is signed in, for those who run the installation; and end that. Each use is on the audit log."""

from typing import Annotated
from uuid import UUID

from fastapi import Path, Request

from emprops.auth import foreign
from emprops.auth.dependencies import OperatorCaller, ViewerCaller
from emprops.auth.sessions import SESSIONS
from emprops.kit.web.endpoint import Tx, router
from emprops.kit.web.envelope import Envelope, ok
from emprops.kit.web.paging import Paging
from emprops.sessions import queries, service
from emprops.sessions.schemas import EndedSessionView, SessionView, view_of

routes = router(prefix="/operator", tags=["operators"])

UserId = Annotated[UUID, Path(description="The user's id.")]
SessionId = Annotated[UUID, Path(description="The session's id.")]


@routes.get("/users/{user_id}/sessions", operation_id="listSessionsOfUser")
async def list_sessions(user_id: UserId, operator: ViewerCaller, tx: Tx, page: Paging) -> Envelope[list[SessionView]]:
    """List the sessions of a user that have not ended, newest first."""
    found = await queries.sessions_of(tx, user_id, page)
    await foreign.note_read(tx, operator, user_id, f"user:{user_id}", "sessions")
    return ok([view_of(one, operator.session_id) for one in found])


@routes.delete("/sessions/{session_id}", operation_id="revokeAnySession")
async def revoke_session(
    request: Request, session_id: SessionId, operator: OperatorCaller, tx: Tx
) -> Envelope[EndedSessionView]:
    """End anybody's session, everywhere within 15 seconds."""
    revoked = await service.revoke(tx, session_id, SESSIONS.of(request).forget, actor=operator.actor, user_id=None)
    return ok(EndedSessionView(id=revoked.id, user_id=revoked.user_id))
