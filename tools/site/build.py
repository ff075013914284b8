"""How the site is made: the pages in ``docs``, the API reference from the code, the list of decisions, Mermaid."""

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from os.path import relpath
from pathlib import Path
from shutil import copyfile
from typing import Any

from tools.reference import api
from tools.reference.markdown import page
from tools.site.links import broken_links

DIAGRAM = 'class="mermaid"'
"""What a page with a diagram contains."""
SHIM = "https://unpkg.com/iframe-worker/shim"
WORKER = Path(__file__).parent / "worker.js"


def prepare(root: Path) -> list[str]:
    """Write the pages that are made from the code and from other pages. Returns what the navigation lacks."""
    docs = root / "docs"
    api.write(docs / "reference" / "api")
    (docs / "decisions" / "index.md").write_text(_decisions(docs / "decisions"))
    navigation = tomllib.loads((root / "zensical.toml").read_text())["project"]["nav"]
    missing = sorted(_pages(docs) - set(_in_navigation(navigation)))
    return [f"{name} is not in the navigation of zensical.toml" for name in missing]


def build(root: Path) -> list[str]:
    """Build the site of a folder that holds ``docs`` and ``zensical.toml``. Returns its problems, a sentence each."""
    zensical = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    made = subprocess.run(zensical, cwd=root, check=False, capture_output=True, text=True)
    if made.returncode:
        return [made.stderr.partition("Traceback")[0].strip() or made.stdout.strip()]
    _load_locally(root / "site")
    return broken_links(root / "site")


def _load_locally(site: Path) -> None:
    """Load from the site itself what the theme loads from another host: Mermaid, and what runs the search from disk."""
    scripts = site / "assets" / "javascripts"
    copyfile(str(files("mermaidx") / "assets" / "mermaid.js"), scripts / "mermaid.js")  # the released file, as it is
    copyfile(WORKER, scripts / "worker.js")
    for path in site.rglob("*.html"):
        up = relpath(scripts, path.parent)
        text = path.read_text().replace(SHIM, f"{up}/worker.js")
        if DIAGRAM in text:
            text = text.replace("</head>", f'<script src="{up}/mermaid.js"></script></head>', 1)
        path.write_text(text)


def _pages(docs: Path) -> set[str]:
    found = (path.relative_to(docs).as_posix() for path in docs.rglob("*.md"))
    return {name for name in found if not name.startswith(("decisions/0", "pictures/"))}


def _in_navigation(item: Any) -> Iterator[str]:
    if isinstance(item, str):
        yield item
    for child in item.values() if isinstance(item, dict) else item if isinstance(item, list) else ():
        yield from _in_navigation(child)


def _decisions(folder: Path) -> str:
    titles = [
        f"- [{path.read_text().splitlines()[0].removeprefix('# ')}]({path.name})"
        for path in sorted(folder.glob("[0-9]*.md"))
    ]
    return page(
        "Decisions",
        "One page for each decision worth remembering: what, why, and what was measured.",
        "\n".join(titles),
    )
