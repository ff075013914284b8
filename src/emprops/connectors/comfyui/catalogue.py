"""What a ComfyUI's node classes take and give, as far as converting and describing a workflow needs it. Pure.

Read from ``/object_info``; small enough to be kept next to the workers' entries. Lists that name the machine's files
are left out.
"""

import re
import zlib
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import orjson

WIDGETS = frozenset({"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"})
DYNAMIC = "COMFY_DYNAMICCOMBO_V3"
"""A choice that brings further inputs, named ``choice.input``."""
ZEROS: Mapping[str, Any] = {"INT": 0, "FLOAT": 0.0, "STRING": "", "BOOLEAN": False}
SEEDS = frozenset({"seed", "noise_seed"})
UPLOAD = re.compile(r"_upload$")
MAX_UNPACKED = 64 * 1024 * 1024
LOWEST, HIGHEST = -(2**63), 2**64 - 1
"""JSON keeps no whole number beyond these."""
MAX_OPTIONS = 100
MAX_OPTION = 100
"""Characters."""
FILE = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,11}$")
"""How names of files end: of pictures, of models, of settings."""


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
    upload: str = ""
    """What the editor has an upload button for: ``image``, ``video``, ``audio``, ``file``; empty if for nothing."""
    default: Any = None
    """None if there is none."""
    multiline: bool = False
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    options: tuple[Any, ...] = ()
    """What a short list that names no files has to choose from."""
    nested: Mapping[str, tuple["Input", ...]] = field(default_factory=dict)
    """The further inputs that each choice brings."""
    dynamic_prompt: bool = False
    """Whether the editor fills in choices such as ``{red|green}`` when it sends the text."""


@dataclass(frozen=True, slots=True)
class NodeClass:
    """A class. ``is_output``: a graph is run for the sake of such nodes."""

    inputs: tuple[Input, ...]
    is_output: bool = False
    outputs: tuple[str, ...] = ()
    """Names of its outputs."""


Catalogue = Mapping[str, NodeClass]
PACKED = frozenset(one.name for one in fields(Input))


def read_catalogue(object_info: Mapping[str, Any]) -> dict[str, NodeClass]:
    """Read an ``/object_info`` answer; what is not formed as it should be is passed over."""
    return {
        name: NodeClass(
            tuple(_inputs(info.get("input"), info.get("input_order"))),
            info.get("output_node") is True,
            _outputs(info),
        )
        for name, info in object_info.items()
        if isinstance(info, dict)
    }


def pack(catalogue: Catalogue) -> bytes:
    """Write a catalogue small."""
    return zlib.compress(orjson.dumps(catalogue, option=orjson.OPT_SORT_KEYS), level=6)


def unpack(packed: bytes, wanted: Container[str] | None = None) -> dict[str, NodeClass]:
    """Read what :func:`pack` wrote, of all classes or of those that are ``wanted``. Raises :class:`CatalogueError`."""
    try:
        inflater = zlib.decompressobj()
        raw = inflater.decompress(packed, MAX_UNPACKED)
        return {
            name: NodeClass(
                tuple(map(_unpacked, content["inputs"])), content["is_output"], tuple(content.get("outputs", ()))
            )
            for name, content in orjson.loads(raw).items()
            if wanted is None or name in wanted
        }
    except (zlib.error, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CatalogueError(f"a packed catalogue cannot be read: {type(error).__name__}") from error


def _unpacked(content: dict[str, Any]) -> Input:
    # A worker of another version may say more or less.
    said = {name: value for name, value in content.items() if name in PACKED}
    said["nested"] = {choice: tuple(map(_unpacked, inputs)) for choice, inputs in content["nested"].items()}
    said["options"] = tuple(said.get("options", ()))
    read = Input(**said)
    if not (isinstance(read.name, str) and isinstance(read.type, str)):
        raise TypeError
    return read


def _outputs(info: Mapping[str, Any]) -> tuple[str, ...]:
    said = info.get("output_name") or info.get("output")
    return tuple(str(name) for name in said) if isinstance(said, list) else ()


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
        upload=next((key.removesuffix("_upload") for key, on in said.items() if on is True and UPLOAD.search(key)), ""),
        default=_default(said.get("default", ZEROS.get(kind))),
        multiline=said.get("multiline") is True,
        minimum=_number(said.get("min")),
        maximum=_number(said.get("max")),
        step=_number(said.get("step")),
        options=_options(spec[0] if isinstance(spec[0], list) else said.get("options")) if kind == "COMBO" else (),
        nested=_nested(name, said.get("options")) if kind == DYNAMIC else {},
        dynamic_prompt=kind == "STRING" and said.get("dynamicPrompts") is True,
    )


def _default(value: Any) -> Any:
    return _number(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def _number(value: Any) -> float | None:
    usual = isinstance(value, (int, float)) and not isinstance(value, bool) and LOWEST <= value <= HIGHEST
    return value if usual else None


def _options(said: Any) -> tuple[Any, ...]:
    options = said if isinstance(said, list) and len(said) <= MAX_OPTIONS else []
    short = all(isinstance(one, str) or _number(one) is not None for one in options)
    short = short and all(len(str(one)) <= MAX_OPTION for one in options)
    return tuple(options) if short and not any(FILE.search(str(one)) for one in options) else ()


def _nested(name: str, options: Any) -> dict[str, tuple[Input, ...]]:
    found: dict[str, tuple[Input, ...]] = {}
    for option in options if isinstance(options, list) else ():
        match option:
            case {"key": str(key), "inputs": dict(inputs)}:
                found[key] = tuple(_prefixed(name, inner) for inner in _inputs(inputs, None))
    return found


def _prefixed(name: str, inner: Input) -> Input:
    nested = {choice: tuple(_prefixed(name, one) for one in inputs) for choice, inputs in inner.nested.items()}
    return replace(inner, name=f"{name}.{inner.name}", nested=nested)
