"""Finds what leads nowhere in a built site: links, anchors, pictures; and what a page would fetch from elsewhere."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADS = {"script": "src", "img": "src", "source": "src", "video": "src", "audio": "src", "iframe": "src"}
"""Elements that fetch something when the page opens, and the attribute that says what; ``link`` does too."""
RESOURCES = frozenset({"stylesheet", "icon", "preload", "modulepreload"})
"""What a ``link`` element is for when browsers fetch it."""


class Page(HTMLParser):
    """What one page refers to, what it loads, and which anchors it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.references: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element refers to."""
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "link" and not RESOURCES & set(found.get("rel", "").split()):
            return
        loaded = "href" if tag == "link" else LOADS.get(tag)
        if loaded in found:
            self.loads.append(found[loaded])
        elif "href" in found:
            self.references.append(found["href"])


def broken_links(site: Path) -> list[str]:
    """Return a sentence for each reference to what the site does not have, and for each thing loaded from elsewhere."""
    site = site.resolve()
    pages = {path: Page(path.read_text()) for path in sorted(site.rglob("*.html"))}
    problems = []
    for path, page in pages.items():
        if path.name == "404.html":
            continue  # served under any address, so its references are absolute
        name = path.relative_to(site)
        problems += [f"{name} loads {one} from elsewhere" for one in page.loads if _is_elsewhere(one)]
        for reference in page.references + page.loads:
            if not _is_elsewhere(reference) and not _leads_somewhere(reference, path, pages, site):
                problems.append(f"{name} refers to {reference}, which is not there")
    return problems


def _is_elsewhere(reference: str) -> bool:
    parts = urlsplit(reference)
    return bool(parts.netloc) or parts.scheme not in ("", "file")


def _leads_somewhere(reference: str, path: Path, pages: dict[Path, Page], site: Path) -> bool:
    parts = urlsplit(reference)
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if target.is_dir():
        target = target / "index.html"
    if not target.is_relative_to(site) or not target.exists():
        return False
    return not parts.fragment or target not in pages or unquote(parts.fragment) in pages[target].anchors
