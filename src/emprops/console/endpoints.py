"""The web console: one page and its files, under a policy that lets it load nothing from other hosts."""

from fastapi import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from emprops.auth.dependencies import PublicRoute
from emprops.console.built import HASHED, built
from emprops.errors import NotFoundError
from emprops.kit.web.endpoint import Shared, router

routes = router(prefix="/console", dependencies=[PublicRoute], include_in_schema=False)

NOT_BUILT = "The console is not built here: run `make console` (it needs npm or PyPI), then start the api again.\n"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; frame-src 'self';"
    " img-src 'self' data: blob:; media-src 'self' blob:; base-uri 'self'; form-action 'none'; frame-ancestors 'none'"
)


@routes.get("")
async def show_console(resources: Shared) -> Response:
    """Send browsers to the address below which the console's pages are."""
    return RedirectResponse(f"{resources.settings.base_path}/console/", status_code=308)


@routes.get("/{key:path}")
async def show_page(key: str, request: Request, resources: Shared) -> Response:
    """Send one of the console's files, else its page: which one is decided in the browser."""
    console = built()
    if console is None:
        return PlainTextResponse(NOT_BUILT, status_code=503)
    file = console.send(key, request.headers)
    if file is not None:
        return file
    if key.startswith(HASHED):
        raise NotFoundError("There is no such file; reload the page, which may be older than the server.")
    page = console.page(resources.settings.base_path, request.headers)
    page.headers["Content-Security-Policy"] = POLICY
    return page
