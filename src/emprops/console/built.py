"""The files of the web console, which ``make console`` built into ``static/``: found once per build, sent compressed.

Names of files that the build made carry a digest of their content, so browsers keep them for good. ``index.html`` is
the same for every page of the console: which page is shown is decided in the browser.
"""

import gzip
import mimetypes
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import orjson
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, Response

STATIC: Final = Path(__file__).parent / "static"
HASHED: Final = "assets/"
"""Where the build puts what has a digest in its name."""
ENCODINGS: Final = (("br", ".br"), ("gzip", ".gz"))
"""What the build made smaller copies with, the smallest first."""
PLAYER: Final = "src/watch/player.ts"
"""The module of Mux's player, as the build's manifest names it."""
BASE: Final = '<base href="/" />'
"""What ``index.html`` has in place of the path under which the console is reached."""


@dataclass(frozen=True, slots=True)
class Built:
    """A build of the console."""

    files: frozenset[str]
    """Their paths below ``static/``, without the compressed copies."""
    index: str
    """The page."""
    player: str | None
    """Path of Mux's player."""

    def page(self, root: str, headers: Headers) -> Response:
        """Send the page of a console at ``<root>/console/``."""
        content = self.index.replace(BASE, f'<base href="{root}/console/" />').encode()
        sent = {"Vary": "Accept-Encoding", "Cache-Control": "no-cache"}
        if "gzip" in _accepted(headers):
            content, sent["Content-Encoding"] = gzip.compress(content, mtime=0), "gzip"
        return HTMLResponse(content, headers=sent)

    def send(self, name: str, headers: Headers) -> Response | None:
        """Send a file in the smallest encoding that the client takes; None if there is no such file."""
        if name not in self.files:
            return None
        accepted = _accepted(headers)
        sent = {"Vary": "Accept-Encoding", "Cache-Control": "no-cache"}
        if name.startswith(HASHED):
            sent["Cache-Control"] = "public, max-age=31536000, immutable"
        path = STATIC / name
        for coding, suffix in ENCODINGS:
            smaller = path.with_name(path.name + suffix)
            if coding in accepted and smaller.is_file():
                path, sent["Content-Encoding"] = smaller, coding
                break
        try:
            content = path.read_bytes()
        except FileNotFoundError:  # it was built again since
            return None
        return Response(content, media_type=mimetypes.guess_type(name)[0], headers=sent)


def _accepted(headers: Headers) -> set[str]:
    return {coding.partition(";")[0].strip() for coding in headers.get("accept-encoding", "").split(",")}


def built() -> Built | None:
    """Return the console's build, also if it was made anew under a running api; None if this source tree has none."""
    try:
        return _read(tuple((STATIC / name).stat().st_mtime_ns for name in ("", HASHED, "index.html")))
    except FileNotFoundError:
        return None


@lru_cache(maxsize=1)
def _read(_changed: tuple[int, ...]) -> Built:
    """Read the build that ``static/`` has since then."""
    index = STATIC / "index.html"
    compressed = {suffix for _, suffix in ENCODINGS}
    paths = (path for path in STATIC.rglob("*") if path.is_file() and path.suffix not in compressed and path != index)
    manifest = orjson.loads((STATIC / "manifest.json").read_bytes())
    return Built(
        files=frozenset(path.relative_to(STATIC).as_posix() for path in paths),
        index=index.read_text(),
        player=manifest.get(PLAYER, {}).get("file"),
    )
