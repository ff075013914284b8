"""The api process: ``create_app`` builds it, its lifespan opens what it needs, in order, and closes it in reverse."""

import asyncio
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

import structlog
from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.datastructures import State

from emprops import __version__
from emprops.auth.authenticators import AUTHENTICATOR, authenticator_for
from emprops.auth.dependencies import SCHEMES, security_of
from emprops.auth.file_links import FILE_LINKS, FileLinks
from emprops.auth.identity_header import IdentityFilter
from emprops.auth.limits import LIMITER, RateLimiter
from emprops.auth.sessions import SESSIONS, SessionRing
from emprops.auth.share import SHARE_LINKS, ShareLinks
from emprops.auth.startup import is_loopback
from emprops.comfy_api.failures import COMFY_API
from emprops.credits.service import terms_from
from emprops.gateway.endpoints import GATEWAY
from emprops.gateway.service import Gateway
from emprops.jobs.endpoints import LOOKOUT
from emprops.jobs.ends import ends_from
from emprops.jobs.lookout import lookout_from
from emprops.jobs.mine.endpoints import MY_JOBS
from emprops.jobs.mine.follow import my_jobs_from
from emprops.jobs.waiting import ENDS
from emprops.kit import migrate
from emprops.kit.database import database_from
from emprops.kit.pubsub import Pokes
from emprops.kit.redis import check_url, connect, warn_of_eviction
from emprops.kit.tasks import stop_tasks
from emprops.kit.telemetry import tracing
from emprops.kit.web.asgi import RequestShell
from emprops.kit.web.doors import DOORS
from emprops.kit.web.endpoint import RESOURCES, Resources
from emprops.kit.web.envelope import add_exception_handlers
from emprops.kit.web.openapi import document
from emprops.kit.web.origin import RequestGuard, let_pages_read, named_origins
from emprops.kit.web.parts import Part
from emprops.kit.web.streams import streams_from
from emprops.live.endpoints import LIVE
from emprops.live.hub import Live
from emprops.media.mux.client import client_from
from emprops.media.mux.playback import signer_from
from emprops.media.result_links import RESULT_LINKS, ResultLinks
from emprops.media.storage import storage_from
from emprops.moderation.moderator import MODERATOR, moderator_from
from emprops.observe.endpoints import EXPOSITION
from emprops.observe.exposition import Exposition
from emprops.openai_api.failures import OPENAI_API
from emprops.openai_api.service import further_names
from emprops.orchestrator.advance.reports import Orchestrator
from emprops.orchestrator.endpoints.generations import DISPATCHER
from emprops.orchestrator.start.together import STARTS, Starts
from emprops.orchestrator.tickets import Dispatcher, queue_from
from emprops.pages.endpoints import MUX_SIGNER
from emprops.queue.keys import JOBS_CHANGED
from emprops.routes import ABOUT, TAGS, mount
from emprops.sessions.oidc_client import OIDC, oidc_from
from emprops.settings import Settings
from emprops.upkeep import run_orchestration
from emprops.usual_fields import USUAL
from emprops.webhooks.endpoints import SECRETS
from emprops.webhooks.secrets import SecretBox
from emprops.workflows.machines import MACHINES, remembered_machines

log = structlog.get_logger(__name__)

SILENT: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
"""The framework's own telemetry: it would tell everything twice, and messages of exceptions with it."""


SETTINGS: Part[Settings] = Part("settings")


def create_app(settings: Settings) -> FastAPI:
    """Build the api. Nothing is opened before its lifespan starts; ``SettingsError`` if settings must not be served."""
    documented = settings.mode != "production"
    app = FastAPI(
        title="EmProps",
        version=__version__,
        summary="A self-hostable backend for generative media.",
        description=ABOUT,
        openapi_tags=[{"name": name, "description": text} for name, text in TAGS.items()],
        license_info={"name": "MIT", "identifier": "MIT"},
        openapi_url="/openapi.json" if documented else None,
        docs_url=None,  # pages/home_endpoints.py serves a page that loads nothing from other hosts
        redoc_url=None,
        redirect_slashes=False,
        telemetry=SILENT,
        lifespan=_lifespan,
    )
    equip(app, settings)
    further_names(settings)  # so is a list of models that is none
    client_from(settings)  # half of Mux' credentials is refused here, not when the first video is done
    app.add_middleware(RequestShell, headers=_headers(settings), guard=RequestGuard(settings))
    if settings.mode == "production":
        app.add_middleware(IdentityFilter)
    if origins := named_origins(settings):
        let_pages_read(app, origins)  # the outermost, as the last one added: also what the shell refuses can be read
    add_exception_handlers(app)
    mount(app)
    app.openapi = lambda: document(app, security_of, SCHEMES, USUAL)  # type: ignore[method-assign]
    return app


def equip(app: FastAPI, settings: Settings) -> None:
    """Attach to the app what it has in addition to its routes and does not open; the rest comes with its lifespan."""
    app.state = State()
    SETTINGS.attach(app, settings)
    AUTHENTICATOR.attach(app, authenticator_for(settings))
    OIDC.attach(app, oidc_from(settings))
    SESSIONS.attach(app, SessionRing(settings))
    LIMITER.attach(app, RateLimiter(settings))
    RESULT_LINKS.attach(app, ResultLinks(settings, FILE_LINKS.attach(app, FileLinks(settings))))
    SHARE_LINKS.attach(app, ShareLinks(settings))
    SECRETS.attach(app, SecretBox(settings))
    MUX_SIGNER.attach(app, signer_from(settings))
    GATEWAY.attach(app, Gateway(settings))
    EXPOSITION.attach(app, Exposition())
    MACHINES.attach(app, remembered_machines())
    MODERATOR.attach(app, moderator_from(settings))
    DOORS.attach(app, (COMFY_API, OPENAI_API))


def _headers(settings: Settings) -> dict[str, str]:
    headers = {}
    if settings.mode == "local":
        headers["X-Local-Mode"] = "1"
    if settings.base_url.startswith("https://"):
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings = SETTINGS.get(app)
    if settings.mode == "local":
        log.warning("local mode started", address=settings.base_url, hint="the user_id header is trusted")
        if not is_loopback(settings.host):
            log.error(
                "local mode open to the network",
                host=settings.host,
                hint="anybody who reaches this address can act as any user",
            )
    async with AsyncExitStack() as stack:
        tracing.configure_tracing(settings, "api")
        stack.push_async_callback(asyncio.to_thread, tracing.stop_tracing)
        stack.push_async_callback(AUTHENTICATOR.get(app).close)
        if (provider := OIDC.get(app)) is not None:
            stack.push_async_callback(provider.close)
        stack.push_async_callback(GATEWAY.get(app).close)
        stack.push_async_callback(MODERATOR.get(app).close)
        resources = RESOURCES.attach(app, await open_resources(settings, stack))
        LOOKOUT.attach(app, await stack.enter_async_context(lookout_from(resources)))
        ENDS.attach(app, await stack.enter_async_context(ends_from(resources)))
        my_jobs = MY_JOBS.attach(app, await stack.enter_async_context(my_jobs_from(resources)))
        LIVE.attach(app, Live(resources, my_jobs))
        await _open_orchestration(app, resources, stack)
        yield


async def _open_orchestration(app: FastAPI, resources: Resources, stack: AsyncExitStack) -> None:
    """The dispatcher sends what requests start; orchestrator and upkeep run here too unless they have a process."""
    settings = resources.settings
    queue = queue_from(resources.redis, settings)
    dispatcher = Dispatcher(resources.database, queue, settings, here=resources.pokes, ends=ENDS.get(app))
    DISPATCHER.attach(app, dispatcher)
    STARTS.attach(app, Starts(resources.database, dispatcher, terms_from(settings)))
    if not settings.upkeep_in_api:
        await stack.enter_async_context(running(dispatcher.run()))
        return
    orchestrator = Orchestrator(
        database=resources.database,
        redis=resources.redis,
        dispatcher=dispatcher,
        settings=settings,
        consumer=f"api-{uuid4().hex[:8]}",
    )
    await stack.enter_async_context(running(run_orchestration(dispatcher, orchestrator)))


@asynccontextmanager
async def running(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run something alongside the requests, until the api stops. If it breaks, the api stops too: whatever started the
    process starts it anew, while an api without its orchestrator would take jobs and never end them."""
    task = asyncio.create_task(work)
    task.add_done_callback(_stop_if_broken)
    try:
        yield
    finally:
        await stop_tasks([task])


def _stop_if_broken(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("orchestration broke; stopping the api", exc_info=error)
        signal.raise_signal(signal.SIGTERM)


def refuse_unusable(settings: Settings) -> None:
    """Raise ``SettingsError`` if the settings do not say where database, Redis and storage are, and
    ``psycopg.OperationalError`` if the database cannot be reached: what the lifespan would end with a traceback for."""
    database_from(settings)
    check_url(settings.redis_url)
    storage_from(settings)
    migrate.connect(settings.database_url).close()


async def open_resources(settings: Settings, stack: AsyncExitStack) -> Resources:
    """Open what the api works with; the stack closes it."""
    database = database_from(settings)
    stack.push_async_callback(database.close)
    await database.open()
    redis = connect(settings.redis_url)
    stack.push_async_callback(redis.aclose)
    await warn_of_eviction(redis)
    pokes = await stack.enter_async_context(Pokes(settings.redis_url, settings.queue_prefix + JOBS_CHANGED))
    return Resources(
        settings=settings,
        database=database,
        redis=redis,
        pokes=pokes,
        storage=storage_from(settings),
        streams=streams_from(settings),
    )
