"""Templates and static files of the pages, and the answers made of them."""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from emprops.console.built import built
from emprops.errors import NotFoundError
from emprops.kit.web.endpoint import resources_of

HERE = Path(__file__).parent
STATIC = HERE / "static"
SWAGGER = ("swagger-ui-bundle.js", "swagger-ui.css")
"""What the API reference loads from the package ``fastapi-offline``, which ships Swagger UI's released files."""
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
}
EMPTY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def _files() -> dict[str, Path]:
    package = Path(str(files("fastapi_offline"))) / "static"
    own = {path.name: path for path in STATIC.iterdir() if path.suffix in TYPES}
    return own | {name: package / name for name in SWAGGER}


def is_browser(request: Request) -> bool:
    """Return whether the client asks for a page, as browsers do."""
    return "text/html" in request.headers.get("accept", "")


class Pages:
    """Renders pages; ``root`` is the path under which the api is reached, mostly empty."""

    def __init__(self, root: str = "") -> None:
        self.root = root
        self._files = _files()
        self._versions = {
            name: hashlib.sha256(path.read_bytes()).hexdigest()[:12] for name, path in self._files.items()
        }
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        self._templates.globals["static"] = self.static
        self._templates.globals["root"] = root

    def static(self, name: str) -> str:
        """Return the address of a static file; it changes with its content, so browsers may keep it."""
        return f"{self.root}/watch/static/{name}?v={self._versions[name]}"

    @property
    def player(self) -> str | None:
        """The address of Mux's player; None where the console, which brings it, was not built."""
        console = built()
        return f"{self.root}/console/{console.player}" if console and console.player else None

    def page(self, name: str, values: Mapping[str, Any], *, csp: str = EMPTY_POLICY, status: int = 200) -> HTMLResponse:
        """Render a page."""
        content = self._templates.get_template(name).render(**values)
        return HTMLResponse(content, status_code=status, headers={"Content-Security-Policy": csp})

    def missing(self, request: Request) -> Response:
        """Say that there is no such page: to a browser as a page; to anything else raises :class:`NotFoundError`."""
        if not is_browser(request):
            raise NotFoundError("There is no such page.")
        return self.page("missing.html", {}, status=404)

    def file(self, name: str) -> Response:
        """Send a static file."""
        if name not in self._files:
            raise NotFoundError("There is no such file.")
        path = self._files[name]
        headers = {"Cache-Control": "public, max-age=31536000, immutable", "Content-Security-Policy": EMPTY_POLICY}
        return Response(path.read_bytes(), media_type=TYPES[path.suffix], headers=headers)


@cache
def _pages(root: str) -> Pages:
    return Pages(root)


async def pages_of(request: Request) -> Pages:
    """Return the pages of this api."""
    return _pages(resources_of(request).settings.base_path)


PagesOf = Annotated[Pages, Depends(pages_of)]
