"""What clients send. Fields are taken as they come and checked by the service, which knows this API's words for what is
wrong with them."""

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict

from emprops.comfy_api.failures import FilterError, LabelsError
from emprops.connectors.comfyui.submitted import KEYS
from emprops.errors import BadRequestError
from emprops.kit.web.schema import Schema

KEY_HOURS = 24
"""How long a used idempotency key stays used."""
MAX_LABELS = 16
MAX_NAME, MAX_VALUE = 64, 512
MAX_KEY = 4096
LATER = ("webhook_url", "inputs")
"""Fields that this API keeps for later versions, and refuses until then."""


class SubmitBody(Schema):
    """A submission."""

    model_config = ConfigDict(extra="allow")

    workflow: Any = None
    extra_data: Any = None
    metadata: Any = None

    def check_fields(self) -> None:
        """Raise :class:`~emprops.errors.BadRequestError` for fields that are not taken."""
        for name in LATER:
            if name in (self.model_extra or {}):
                raise BadRequestError(f"{name} is not taken by this version of the API; leave it out.")


def labels_of(value: Any) -> dict[str, str]:
    """Return a job's ``metadata``. Raises :class:`LabelsError`."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise LabelsError("metadata must be an object of texts.")
    if len(value) > MAX_LABELS:
        raise LabelsError(f"metadata has {len(value)} pairs; at most {MAX_LABELS} are taken.")
    for name, text in value.items():
        if not name or len(name) > MAX_NAME:
            raise LabelsError(f"metadata: a key has 1 to {MAX_NAME} characters, not {name[:MAX_NAME]!r} …")
        if not isinstance(text, str) or len(text) > MAX_VALUE:
            raise LabelsError(f"metadata.{name} must be a text of at most {MAX_VALUE} characters.")
    return dict(value)


def keys_of(value: Any) -> dict[str, str]:
    """Return the keys of ``extra_data``. Raises :class:`~emprops.errors.BadRequestError`."""
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not value:
        raise BadRequestError(f"extra_data must be an object with {' or '.join(KEYS)}; leave it out otherwise.")
    for name, text in value.items():
        if name not in KEYS:
            raise BadRequestError(f"extra_data.{name[:MAX_NAME]} is not taken; only {' and '.join(KEYS)} is.")
        if not isinstance(text, str) or not 0 < len(text) <= MAX_KEY:
            raise BadRequestError(f"extra_data.{name} must be a text of 1 to {MAX_KEY} characters.")
    return dict(value)


def filter_of(query: list[tuple[str, str]]) -> dict[str, str]:
    """Return what ``metadata[…]`` parameters ask for. Raises :class:`FilterError`."""
    found: dict[str, str] = {}
    for name, text in query:
        if not name.startswith("metadata"):
            continue
        label = name.removeprefix("metadata[").removesuffix("]")
        if name != f"metadata[{label}]" or not label:
            raise FilterError("Write a filter as metadata[key]=value.")
        if found.setdefault(label, text) != text:
            raise FilterError(f"metadata[{label}] is asked for twice, with different values.")
    if len(found) > MAX_LABELS:
        raise FilterError(f"At most {MAX_LABELS} metadata filters are taken.")
    return found
