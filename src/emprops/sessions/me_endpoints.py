"""Who is calling, what they may do, and what is switched on."""

from fastapi import Request

from emprops import __version__
from emprops.auth.caller import OPERATOR, READ, ROLES, SERVICE, VIEWER
from emprops.auth.dependencies import CurrentCaller
from emprops.auth.roles import has_role
from emprops.kit.web.endpoint import Shared, router
from emprops.kit.web.envelope import Envelope, ok
from emprops.sessions import queries
from emprops.sessions.schemas import CallerLimits, CallerView, SignInFeatures, view_of
from emprops.sessions.ways import ways_of
from emprops.settings import Settings

routes = router(tags=["users"])


@routes.get("/me")
async def get_me(request: Request, caller: CurrentCaller, resources: Shared) -> Envelope[CallerView]:
    """Return who is calling, what they may do, and what a page needs to know of the installation."""
    settings = resources.settings
    roles = [role for role in ROLES if await has_role(request, caller, role)]
    session = None
    if caller.session_id is not None:
        async with resources.database.reader() as reader:
            session = await queries.session_of(reader, caller.session_id)
    shown = None if session is None else view_of(session, session.id)
    return ok(
        CallerView.model_validate(
            {
                "user_id": caller.user_id,
                "role": next((role for role in (OPERATOR, VIEWER) if role in roles), "user"),
                "roles": roles,
                "scopes": sorted(caller.scopes),
                "reads_only": READ in caller.scopes and SERVICE not in caller.scopes,
                "name": session.name if session else "",
                "email": session.email if session else "",
                "session": shown,
                "mode": settings.mode,
                "version": __version__,
                "features": features_of(settings),
                "limits": limits_of(settings),
            }
        )
    )


def features_of(settings: Settings) -> SignInFeatures:
    """Return what the settings switch on."""
    return SignInFeatures(
        ways=ways_of(settings),
        mux=bool(settings.mux_token_id),
        moderation=bool(settings.moderation_url or settings.moderation_plugin),
        credits=settings.credits_enforced,
        presigned_uploads=settings.storage == "s3",
        open_catalog=settings.users_add_to_catalog,
    )


def limits_of(settings: Settings) -> CallerLimits:
    """Return how large and how frequent requests may be."""
    return CallerLimits(
        asset_bytes=settings.asset_bytes,
        body_bytes=settings.max_body_bytes,
        workflow_file_bytes=settings.max_workflow_file_bytes,
        requests_a_minute=settings.requests_a_minute,
        generations_a_minute=settings.generations_a_minute,
        wait_seconds=settings.wait_longest,
        user_priority=settings.user_priority_max,
    )
