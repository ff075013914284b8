"""What graphs of Comfy API v2 have in addition: references to assets, and keys that go with them. Pure."""

from collections.abc import Mapping
from typing import Any

from emprops.connectors.base import BadInputError, FinalError

TYPE, ASSET = "__type", "core/ASSET"
"""How a graph names an asset; the place of its file is added before it comes to a worker."""
KEYS = ("api_key_comfy_org",)
"""What is passed on of ``extra_data``: keys of nodes that call services of others."""


def url_in(reference: Mapping[str, Any], node: str) -> str:
    """Return where an asset is. Raises :class:`BadInputError`."""
    info = reference.get("info")
    url = info.get("url") if isinstance(info, dict) else None
    if not isinstance(url, str) or not is_url(url):
        raise BadInputError(f"Node {node} refers to an asset whose file is not known: submit it to /api/v2/jobs.")
    return url


def is_url(value: str) -> bool:
    """Return whether a text says where a file is."""
    return value.startswith(("http://", "https://", "/files/", "/api/files/"))


def keys_in(payload: Mapping[str, Any]) -> dict[str, str]:
    """Return the keys that came with a graph. Raises :class:`FinalError` if they are known to be lost."""
    extra = payload.get("extra_data")
    if extra is True:
        raise FinalError(
            "The key that was sent with this job is not kept for longer than a day, nor through a loss of the queue:"
            " submit it again.",
            details={"code": "extra_data_lost"},
        )
    return {name: extra[name] for name in KEYS if isinstance(extra.get(name), str)} if isinstance(extra, dict) else {}
