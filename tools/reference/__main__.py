"""``python -m tools.reference`` writes the pages; with ``--check`` it fails where a page differs from the code."""

import sys

from tools.reference import cli, errors, metrics, settings
from tools.reference.markdown import DOCS

PAGES = {"settings": settings.make, "errors": errors.make, "cli": cli.make, "metrics": metrics.make}


def main(arguments: list[str]) -> int:
    """Write or check every page; returns the exit code."""
    stale = []
    for name, make in PAGES.items():
        path, text = DOCS / "reference" / f"{name}.md", make()
        if not path.exists() or path.read_text() != text:
            stale.append(f"docs/reference/{name}.md")
            if "--check" not in arguments:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text)
    if stale and "--check" in arguments:
        print(f"These pages differ from the code; run make reference and commit them: {', '.join(stale)}")
        return 1
    return 0


sys.exit(main(sys.argv[1:]))
