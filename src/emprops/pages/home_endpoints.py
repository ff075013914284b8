"""The start page of the api, and the reference of its endpoints. Both load nothing from other hosts."""

from typing import Any
from uuid import uuid4

from fastapi import Request
from starlette.responses import JSONResponse, Response

from emprops import __version__
from emprops.auth.dependencies import PublicRoute
from emprops.health import State, state_of
from emprops.kit.web.endpoint import Resources, Shared, router
from emprops.pages import queries
from emprops.pages.rendering import PagesOf, is_browser

routes = router(dependencies=[PublicRoute], include_in_schema=False)

SAMPLE = "art"
"""The collection that the start page generates from."""
LINKS = {"health": "/health", "ready": "/ready"}
DOCUMENTED = {"docs": "/docs", "openapi": "/openapi.json"}
"""Links to what production does not serve."""
REFERENCE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@routes.get("/")
async def show_home(request: Request, resources: Shared, pages: PagesOf) -> Response:
    """Say what this is, whether it is ready, and where to go next; in production nothing else, not even the version."""
    documented = resources.settings.mode != "production"
    state = await state_of(resources)
    if not is_browser(request):
        about = {"name": "EmProps"} | ({"version": __version__} if documented else {})
        links = {name: pages.root + path for name, path in (LINKS | (DOCUMENTED if documented else {})).items()}
        return JSONResponse({"data": {**about, "ready": not state.missing, "links": links}, "error": None})
    values: dict[str, Any] = {"documented": documented, "ready": not state.missing}
    if documented:
        values |= {
            "version": __version__,
            "mode": resources.settings.mode,
            "base_url": resources.settings.base_url,
            "missing": state.missing,
            "warnings": state.warnings,
            "sample": SAMPLE if await _has_sample(resources, state) else None,
            "user_id": uuid4(),
        }
    return pages.page("home.html", values)


@routes.get("/docs")
async def show_reference(request: Request, resources: Shared, pages: PagesOf) -> Response:
    """Show the reference of the HTTP API, with forms to try it; not in production, which serves no document."""
    if resources.settings.mode == "production":
        return pages.missing(request)
    return pages.page("reference.html", {}, csp=REFERENCE_POLICY)


async def _has_sample(resources: Resources, state: State) -> bool:
    if state.parts["postgresql"] != "ok":
        return False
    async with resources.database.reader() as reader:
        return await queries.has_published(reader, SAMPLE)
