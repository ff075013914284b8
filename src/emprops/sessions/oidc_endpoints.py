"""Sign in at an OpenID provider. Both routes are for browsers: they answer with where to go next."""

import hmac
from typing import Annotated

import structlog
from fastapi import Query, Request
from starlette.responses import RedirectResponse, Response

from emprops.auth.caller import OPERATOR
from emprops.auth.dependencies import PublicRoute
from emprops.auth.limits import LIMITER
from emprops.auth.session_cookie import clear_browser, keep_browser, kept_browser, set_cookie
from emprops.auth.subjects import user_of
from emprops.errors import NotFoundError, UnavailableError
from emprops.kit.outbound.guard import OutboundError, OutboundUnavailableError
from emprops.kit.web.endpoint import Resources, Shared, router
from emprops.sessions import oidc_attempts, service
from emprops.sessions.oidc_attempts import HOME, LIFE
from emprops.sessions.oidc_client import OIDC, Identity, OidcClient, OidcError
from emprops.sessions.store import NewSession

log = structlog.get_logger(__name__)
routes = router(dependencies=[PublicRoute], include_in_schema=False)

AWAY = (OutboundError, OutboundUnavailableError, UnavailableError)
"""What the provider being away looks like."""


@routes.get("/session/oidc", status_code=303)
async def begin(
    request: Request,
    resources: Shared,
    return_to: Annotated[str, Query(max_length=2_000)] = HOME,
) -> Response:
    """Send the browser to the OpenID provider to sign in. 404 if the installation has none."""
    client = _client(request)
    if not await LIMITER.of(request).may_sign_in(request):
        return _failed(resources, "unavailable", "too many sign-ins were begun at this address")
    browser, attempt = await oidc_attempts.begin(
        resources.redis, resources.settings.queue_prefix, return_to.removeprefix(resources.settings.base_path)
    )
    try:
        url = await client.url_for(attempt)
    except (OidcError, *AWAY) as error:
        return _failed(resources, "unavailable", error)
    response = RedirectResponse(url, 303)
    keep_browser(request, response, browser, LIFE)
    return response


@routes.get("/session/oidc/callback", status_code=303)
async def finish(
    request: Request,
    resources: Shared,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=4_000)] = "",
    iss: Annotated[str, Query(max_length=2_000)] = "",
    error: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Take the browser back from the provider: begin a session, and show the page that it came from.

    What goes wrong is told to the page: `/console/#sign_in=` with `denied`, `expired`, `failed` or `unavailable`.
    """
    client, browser = _client(request), kept_browser(request)
    attempt = None
    if browser is not None:
        attempt = await oidc_attempts.take(resources.redis, resources.settings.queue_prefix, browser)
    if attempt is None or not hmac.compare_digest(attempt.state.encode(), state.encode()):
        return _failed(resources, "expired", "not begun by this browser, or too long ago")
    if not code or error:
        return _failed(resources, "denied" if error == "access_denied" else "failed", error or "no code")
    try:
        if iss and iss != client.issuer:
            raise OidcError("another provider answered")
        identity = await client.identity(code, attempt)
    except OidcError as problem:
        return _failed(resources, "failed", problem)
    except AWAY as problem:
        return _failed(resources, "unavailable", problem)
    response = RedirectResponse(resources.settings.base_path + attempt.return_to, 303)
    await _begin_session(request, response, resources, identity)
    clear_browser(request, response)
    return response


async def _begin_session(request: Request, response: Response, resources: Resources, identity: Identity) -> None:
    """Begin the session of who signed in. Their id is found as that of a token's subject is."""
    user_id = await user_of(identity.subject, resources.database)
    operators = {part.strip().lower() for part in resources.settings.oidc_operators.split(",")} - {""}
    is_operator = OPERATOR in identity.subject.roles or identity.email.lower() in operators
    new = NewSession(
        user_id,
        "operator" if is_operator else "user",
        "oidc",
        identity.subject.issuer,
        roles=sorted(identity.subject.roles),
        name=identity.name,
        email=identity.email,
    )
    async with resources.database.transaction() as tx:
        begun = await service.begin(tx, new, request.headers.get("user-agent", ""))
    set_cookie(request, response, begun.secret)


def _client(request: Request) -> OidcClient:
    client = OIDC.of(request)
    if client is None:
        raise NotFoundError("No OpenID provider is configured: set EMPROPS_OIDC_ISSUER.")
    return client


def _failed(resources: Resources, code: str, why: object) -> Response:
    """Lead to the console, which says that nobody was signed in. The log says why: it may be about the provider."""
    log.warning("sign-in failed", code=code, reason=str(why)[:300])
    return RedirectResponse(f"{resources.settings.base_path}{HOME}#sign_in={code}", 303)
