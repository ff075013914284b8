"""Taking secrets out of what services say: out of texts, JSON and files."""

import html
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

CHUNK = 1024 * 1024


def forms_of(secret: str) -> set[str]:
    """Return a secret as it may stand in a text: plain, or escaped for a URL, for JSON within JSON, or for HTML."""
    escaped = json.dumps(secret)[1:-1]
    quoted = {quote(secret), quote(secret, safe=""), quote_plus(secret)}
    return {secret, escaped, escaped.replace("/", "\\/"), html.escape(secret), *quoted}


def each_text(tree: Any, change: Callable[[str], str]) -> Any:
    """Return JSON with every text in it changed, keys too. Tuples become lists."""
    if isinstance(tree, str):
        return change(tree)
    if isinstance(tree, dict):
        return {each_text(key, change): each_text(value, change) for key, value in tree.items()}
    return [each_text(value, change) for value in tree] if isinstance(tree, (list, tuple)) else tree


def first_in(content: bytes | Path, wanted: Iterable[str]) -> str | None:
    """Return the first of these ASCII texts that is found in a file; None if there is none. Blocks."""
    sought = {text: text.encode() for text in wanted}
    if isinstance(content, bytes):
        return next((text for text, found in sought.items() if found in content), None)
    overlap = max(map(len, sought.values()), default=1) - 1
    with content.open("rb") as file:
        seen = b""
        while chunk := file.read(CHUNK):
            seen += chunk
            for text, found in sought.items():
                if found in seen:
                    return text
            seen = seen[len(seen) - overlap :] if overlap else b""
    return None
