"""``python -m tools.site`` builds the documentation site: the pages in ``docs``, the API reference, the decisions.

Broken links and pages that the navigation lacks fail the build.
"""

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from typing import Any

from tools.reference import api
from tools.reference.markdown import DOCS, page

ROOT = DOCS.parent


def main() -> int:
    """Build the site into ``site``; returns the exit code."""
    api.write(DOCS / "reference" / "api")
    missing = sorted(_pages() - set(_in_navigation()))
    if missing:
        print(f"These pages are not in the navigation of zensical.toml: {', '.join(missing)}")
        return 1
    (DOCS / "decisions" / "index.md").write_text(_decisions())
    zensical = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    return subprocess.run(zensical, cwd=ROOT, check=False).returncode


def _pages() -> set[str]:
    found = (path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
    return {name for name in found if not name.startswith(("decisions/", "pictures/"))}


def _in_navigation() -> Iterator[str]:
    def pages(item: Any) -> Iterator[str]:
        if isinstance(item, str):
            yield item
        for child in item.values() if isinstance(item, dict) else item if isinstance(item, list) else ():
            yield from pages(child)

    yield from pages(tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"])


def _decisions() -> str:
    titles = [
        f"- [{path.read_text().splitlines()[0].removeprefix('# ')}]({path.name})"
        for path in sorted((DOCS / "decisions").glob("[0-9]*.md"))
    ]
    return page(
        "Decisions",
        "One page for each decision worth remembering: what, why, and what was measured.",
        "\n".join(titles),
    )


sys.exit(main())
