"""What a ComfyUI's node classes take and give, as far as converting a saved workflow needs it. Pure.

Read from ``/object_info``; small enough to be kept beside the workers' entries. What a list has to choose from is left
out: it names the machine's files.
"""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

WIDGETS = frozenset({"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"})
DYNAMIC = "COMFY_DYNAMICCOMBO_V3"
"""A choice that brings further inputs, named ``choice.input``."""
ZEROS: Mapping[str, Any] = {"INT": 0, "FLOAT": 0.0, "STRING": "", "BOOLEAN": False}
SEEDS = frozenset({"seed", "noise_seed"})
MAX_UNPACKED = 64 * 1024 * 1024


class CatalogueError(ValueError):
    """A packed catalogue cannot be read."""


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a class."""

    name: str
    type: str
    """``COMBO`` for a choice, however it is written."""
    required: bool = True
    widget: bool = False
    """Whether its value is set in the node, unless something is linked to it."""
    control: bool = False
    """Whether the editor keeps, behind its value, what becomes of it after each run."""
    upload: bool = False
    """Whether the editor has a button for it."""
    default: Any = None
    """None if there is none."""
    nested: Mapping[str, tuple["Input", ...]] = field(default_factory=dict)
    """The further inputs that each choice brings."""


@dataclass(frozen=True, slots=True)
class NodeClass:
    """A class. ``is_output``: a graph is run for the sake of such nodes."""

    inputs: tuple[Input, ...]
    is_output: bool = False


Catalogue = Mapping[str, NodeClass]


def read_catalogue(object_info: Mapping[str, Any]) -> dict[str, NodeClass]:
    """Read an ``/object_info`` answer; what is not formed as it should be is passed over."""
    return {
        name: NodeClass(tuple(_inputs(info.get("input"), info.get("input_order"))), info.get("output_node") is True)
        for name, info in object_info.items()
        if isinstance(info, dict)
    }


def pack(catalogue: Catalogue) -> bytes:
    """Write a catalogue small."""
    return zlib.compress(orjson.dumps(catalogue, option=orjson.OPT_SORT_KEYS), level=6)


def unpack(packed: bytes) -> dict[str, NodeClass]:
    """Read what :func:`pack` wrote. Raises :class:`CatalogueError`."""
    try:
        inflater = zlib.decompressobj()
        raw = inflater.decompress(packed, MAX_UNPACKED)
        return {
            name: NodeClass(tuple(map(_unpacked, content["inputs"])), content["is_output"])
            for name, content in orjson.loads(raw).items()
        }
    except (zlib.error, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CatalogueError(f"a packed catalogue cannot be read: {type(error).__name__}") from error


def _unpacked(content: dict[str, Any]) -> Input:
    nested = {choice: tuple(map(_unpacked, inputs)) for choice, inputs in content.pop("nested").items()}
    read = Input(**content, nested=nested)
    if not (isinstance(read.name, str) and isinstance(read.type, str)):
        raise TypeError
    return read


def _inputs(groups: Any, order: Any) -> Iterator[Input]:
    groups, order = groups if isinstance(groups, dict) else {}, order if isinstance(order, dict) else {}
    for group in ("required", "optional"):
        members = groups.get(group)
        members = members if isinstance(members, dict) else {}
        said = order.get(group)
        first = [name for name in said if name in members] if isinstance(said, list) else []
        for name in dict.fromkeys([*first, *members]):
            spec = members[name]
            if isinstance(spec, list) and spec:
                yield _input(name, spec, required=group == "required")


def _input(name: str, spec: list[Any], *, required: bool) -> Input:
    said = spec[1] if len(spec) > 1 and isinstance(spec[1], dict) else {}
    kind = "COMBO" if isinstance(spec[0], list) else str(spec[0])
    widget = (kind in WIDGETS or kind == DYNAMIC) and not said.get("forceInput")
    control = kind in ("INT", "COMBO") and bool(said.get("control_after_generate", kind == "INT" and name in SEEDS))
    return Input(
        name,
        kind,
        required=required,
        widget=widget,
        control=control,
        upload=any(key.endswith("_upload") and value is True for key, value in said.items()),
        default=said.get("default", ZEROS.get(kind)),
        nested=_nested(name, said.get("options")) if kind == DYNAMIC else {},
    )


def _nested(name: str, options: Any) -> dict[str, tuple[Input, ...]]:
    found: dict[str, tuple[Input, ...]] = {}
    for option in options if isinstance(options, list) else ():
        match option:
            case {"key": str(key), "inputs": dict(inputs)}:
                found[key] = tuple(_prefixed(name, inner) for inner in _inputs(inputs, None))
    return found


def _prefixed(name: str, inner: Input) -> Input:
    nested = {choice: tuple(_prefixed(name, one) for one in inputs) for choice, inputs in inner.nested.items()}
    return Input(
        f"{name}.{inner.name}",
        inner.type,
        inner.required,
        inner.widget,
        inner.control,
        inner.upload,
        inner.default,
        nested,
    )
