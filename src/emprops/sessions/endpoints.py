"""Sign in and out; list one's sessions and end them."""

from typing import Annotated
from uuid import UUID

from fastapi import Body, Depends, Path, Request
from starlette.responses import Response

from emprops.auth.dependencies import CurrentCaller, CurrentUser, HeaderCaller, OptionalCaller, PublicRoute
from emprops.auth.limits import LIMITER
from emprops.auth.reading import reads_only
from emprops.auth.session_cookie import clear_cookie, is_from_foreign_page, is_from_own_page, secret_in, set_cookie
from emprops.auth.sessions import SESSIONS
from emprops.errors import BadRequestError, ForbiddenError, UnauthorizedError
from emprops.kit.web.endpoint import Reader, Resources, Shared, Tx, router
from emprops.kit.web.envelope import Envelope, failures, ok
from emprops.kit.web.paging import Paging
from emprops.sessions import links, queries, service, ways
from emprops.sessions.queries import SessionDetail
from emprops.sessions.schemas import EndedSessionView, SessionView, SignInBody, SignInView, view_of
from emprops.sessions.store import NewSession

routes = router(tags=["sessions"])

FOREIGN = "Pages of other sites cannot sign in here."
NOT_OURS = "Without a key or a token, only pages of this api may sign in."
SessionId = Annotated[UUID, Path(description="The session's id.")]
Asked = Annotated[SignInBody | None, Body(examples=[{"ticket": "k3Zx0YbJw1mP2vQ9sT4uL7aN6cR8dF5gH0jK1lM2nO3"}])]


async def wanted_session(
    request: Request, caller: HeaderCaller, resources: Shared, body: Asked = None
) -> NewSession | str:
    """Find out what session a request is to begin, before anything is written; or return the ticket that says so."""
    base_url = resources.settings.base_url
    if is_from_foreign_page(request, base_url):
        raise ForbiddenError(FOREIGN)
    if body is not None and body.ticket is not None:
        if body.role is not None or not (caller is None or caller.believed):
            raise BadRequestError("Send the ticket alone: it says who signs in, and with which role.")
        await LIMITER.of(request).check_guesses(request)
        return body.ticket
    if caller is None:
        caller = await ways.of_this_machine(resources.settings)
    if caller.believed and not is_from_own_page(request, base_url):
        raise ForbiddenError(NOT_OURS)
    new = await ways.of_caller(caller, resources.settings, resources.database)
    asked = body.role if body else None
    return new if asked is None else await ways.with_role(new, asked, request, caller)


Wanted = Annotated[NewSession | str, Depends(wanted_session)]


@routes.post(
    "/session",
    status_code=201,
    operation_id="signIn",
    responses=failures(
        _401="The key or token is not valid, or there is none and this is not the user's own machine.",
        _403="What one signs in with lacks the role, or the request comes from another site's page.",
    ),
)
@reads_only
async def sign_in(request: Request, response: Response, wanted: Wanted, tx: Tx) -> Envelope[SessionView]:
    """Begin a session, and set its cookie: for an API key or a token in the usual header, which need not be kept then;
    for the ticket of a link; where only this machine reaches the api, for nothing. A session that the browser had ends.

    A service's key begins an operator's session, or, if it speaks for a user, that user's. With a key that may only
    read, the session may only look.
    """
    new = await links.use(tx, wanted) if isinstance(wanted, str) else wanted
    if new is None:
        await LIMITER.of(request).count_guess(request)
        raise UnauthorizedError("The link was used already, or is older than 15 minutes; ask for a new one.")
    await _end_own(request, tx)
    begun = await service.begin(tx, new, request.headers.get("user-agent", ""))
    set_cookie(request, response, begun.secret)
    return ok(view_of(begun.session, begun.session.id))


@routes.get("/session")
async def get_session(
    request: Request, response: Response, caller: OptionalCaller, resources: Shared
) -> Envelope[SignInView]:
    """Return whether the caller is signed in, and which ways there are; to anybody."""
    session = None
    if caller is not None and caller.session_id is not None:
        async with resources.database.reader() as reader:
            session = await queries.session_of(reader, caller.session_id)
    if caller is None and secret_in(request) and not is_from_foreign_page(request, resources.settings.base_url):
        clear_cookie(request, response)
    return ok(_state(resources, session, signed_in=caller is not None))


@routes.delete("/session", operation_id="signOut", dependencies=[PublicRoute])
async def sign_out(request: Request, response: Response, tx: Tx, resources: Shared) -> Envelope[SignInView]:
    """End the session that the browser has, and clear its cookie. Without one, it changes nothing."""
    if is_from_foreign_page(request, resources.settings.base_url):
        raise ForbiddenError("Pages of other sites cannot sign anybody out.")
    await _end_own(request, tx)
    clear_cookie(request, response)
    return ok(_state(resources, None, signed_in=False))


@routes.get("/sessions")
async def list_sessions(
    caller: CurrentCaller, user_id: CurrentUser, reader: Reader, page: Paging
) -> Envelope[list[SessionView]]:
    """List the caller's sessions that have not ended, newest first."""
    return ok([view_of(one, caller.session_id) for one in await queries.sessions_of(reader, user_id, page)])


@routes.delete("/sessions/{session_id}")
async def revoke_session(
    request: Request, session_id: SessionId, caller: CurrentCaller, user_id: CurrentUser, tx: Tx
) -> Envelope[EndedSessionView]:
    """End one of the caller's sessions, everywhere within 15 seconds."""
    forget = SESSIONS.of(request).forget
    revoked = await service.revoke(tx, session_id, forget, actor=caller.actor, user_id=user_id)
    return ok(EndedSessionView(id=revoked.id, user_id=revoked.user_id))


async def _end_own(request: Request, tx: Tx) -> None:
    secret = secret_in(request)
    if secret is not None:
        await service.sign_out(tx, secret, SESSIONS.of(request).forget)


def _state(resources: Resources, session: SessionDetail | None, *, signed_in: bool) -> SignInView:
    shown = None if session is None else view_of(session, session.id)
    return SignInView(signed_in=signed_in, ways=ways.ways_of(resources.settings), session=shown)
