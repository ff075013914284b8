"""What a ComfyUI's node classes take and give, as far as converting and describing a workflow needs it. Pure.

Read from ``/object_info``; small enough to be kept next to the workers' entries. Lists that name the machine's files
are left out.
"""

import re
import zlib
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import orjson

BASIC = frozenset({"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"})
OTHER = frozenset(
    {"BOUNDING_BOX", "BOUNDING_BOXES", "COLOR", "COLORS", "COMPOSITOR", "CURVE", "MARKDOWN", "RANGE", "TEXTAREA"}
    | {"VIDEO_EDIT", "COMFY_BRANCH_SELECTOR", "COMFY_BRANCH_INPUT_NAMES"}
)
"""Types of widgets whose value is saved as it is sent."""
BROWSER: Mapping[str, str] = {
    "WEBCAM": "is taken by a webcam",
    "AUDIO_RECORD": "is recorded with a microphone",
    "LOAD_3D": "is drawn from a 3-D scene",
    "LOAD_3D_ANIMATION": "is drawn from a 3-D scene",
    "LOAD_3D_ADVANCED": "is drawn from a 3-D scene",
    "PAINTER": "is painted by hand",
}
"""Types whose value the editor's page makes when it sends a workflow, and how."""
DYNAMIC = "COMFY_DYNAMICCOMBO_V3"
"""A choice that brings further inputs, named ``choice.input``."""
AUTOGROW = "COMFY_AUTOGROW_V3"
"""An input that becomes as many as one connects, named ``input.member``."""
WIDGETS = BASIC | OTHER | BROWSER.keys() | {DYNAMIC}
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
FILES = re.compile(r"file|folder|path|dir(ectory)?\b")
"""In the name of an input that chooses from files or folders, however they end."""
MAX_MEMBERS = 100
"""Members of an input of the type :data:`AUTOGROW`."""
MAX_DEPTH = 8
"""Choices that bring choices."""


class CatalogueError(ValueError):
    """A packed catalogue cannot be read."""


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a class."""

    name: str
    type: str
    """``COMBO`` for a choice, however it is written; several types are separated by commas."""
    required: bool = True
    widget: bool = False
    """Whether its value is set in the node, unless something is linked to it."""
    control: bool = False
    """Whether the editor keeps, behind its value, what becomes of it after each run."""
    upload: str = ""
    """What the editor has an upload button for: ``image``, ``video``, ``audio``, ``file``; empty if for nothing."""
    refreshed: bool = False
    """Whether the editor has a switch and a button, behind its value, that read its list again."""
    default: Any = None
    """What a new node has; None if the class does not say, or would name the machine's first file."""
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


def _inputs(groups: Any, order: Any, prefix: str = "") -> Iterator[Input]:
    groups, order = groups if isinstance(groups, dict) else {}, order if isinstance(order, dict) else {}
    for group in ("required", "optional"):
        members = groups.get(group)
        members = members if isinstance(members, dict) else {}
        said = order.get(group)
        first = [name for name in said if isinstance(name, str) and name in members] if isinstance(said, list) else []
        for name in dict.fromkeys([*first, *members]):
            spec = members[name]
            if isinstance(spec, list) and spec:
                yield from _read(prefix + name, spec, required=group == "required")


def _read(name: str, spec: list[Any], *, required: bool) -> Iterator[Input]:
    said = spec[1] if len(spec) > 1 and isinstance(spec[1], dict) else {}
    if spec[0] == AUTOGROW:
        yield from _members(name, said.get("template"), required=required)
    else:
        yield _input(name, spec[0], said, required=required)


def _input(name: str, kind: Any, said: Mapping[str, Any], *, required: bool) -> Input:
    options = _options(kind if isinstance(kind, list) else said.get("options"))
    kind = "COMBO" if isinstance(kind, list) else str(said.get("widgetType") or kind)
    kinds = kind.split(",")
    is_widget = WIDGETS.issuperset(kinds) and (len(kinds) == 1 or "default" in said)
    changes = said.get("control_after_generate", kind == "INT" and name in SEEDS)
    remote = said.get("remote")
    return Input(
        name,
        kind,
        required=required,
        widget=is_widget and not said.get("forceInput"),
        control=kinds[0] in ("INT", "FLOAT", "COMBO") and bool(changes),
        upload=_upload(said),
        refreshed=isinstance(remote, dict) and bool(remote.get("refresh_button")),
        default=_default(name, kinds[0], said, options),
        multiline=said.get("multiline") is True,
        minimum=_number(said.get("min")),
        maximum=_number(said.get("max")),
        step=_number(said.get("step")),
        options=options if kind == "COMBO" else (),
        nested=_nested(name, said.get("options")) if kind == DYNAMIC else {},
        dynamic_prompt=kind == "STRING" and said.get("dynamicPrompts") is True,
    )


def _upload(said: Mapping[str, Any]) -> str:
    return next((key.removesuffix("_upload") for key, on in said.items() if on is True and UPLOAD.search(key)), "")


def _default(name: str, kind: str, said: Mapping[str, Any], options: tuple[Any, ...]) -> Any:
    default = said.get("default", ZEROS.get(kind))
    if isinstance(default, (int, float)) and not isinstance(default, bool):
        return _number(default)
    if kind == "COMBO" and said.get("multiselect") is True:
        return default or []
    if kind == "COMBO" and not default:
        names_files = _upload(said) or FILES.search(name) or any("/" in str(one) for one in options)
        return None if names_files else next(iter(options), None)
    return next(iter(_keys(said.get("options"))), None) if kind == DYNAMIC else default


def _number(value: Any) -> float | None:
    usual = isinstance(value, (int, float)) and not isinstance(value, bool) and LOWEST <= value <= HIGHEST
    return value if usual else None


def _options(said: Any) -> tuple[Any, ...]:
    options = said if isinstance(said, list) and len(said) <= MAX_OPTIONS else []
    short = all(isinstance(one, str) or _number(one) is not None for one in options)
    short = short and all(len(str(one)) <= MAX_OPTION for one in options)
    return tuple(options) if short and not any(FILE.search(str(one)) for one in options) else ()


def _keys(options: Any) -> dict[str, Any]:
    """Return what each choice of an input of the type :data:`DYNAMIC` brings."""
    found = {}
    for option in options if isinstance(options, list) else ():
        match option:
            case {"key": str(key)}:
                found[key] = option.get("inputs")
    return found


def _nested(name: str, options: Any) -> dict[str, tuple[Input, ...]]:
    keys = _keys(options) if name.count(".") < MAX_DEPTH else {}
    return {key: tuple(_inputs(inputs, None, f"{name}.")) for key, inputs in keys.items()}


def _members(name: str, template: Any, *, required: bool) -> Iterator[Input]:
    """Yield the members that a growing input always has. Further ones are known from a node's own slots."""
    match template:
        case {"input": {"required": dict(members)}} if name.count(".") < MAX_DEPTH:
            least, names, prefix = template.get("min", 1), template.get("names"), template.get("prefix", "")
        case _:
            return
    specs = [(key, spec) for key, spec in members.items() if isinstance(spec, list) and spec]
    for number in range(min(least, MAX_MEMBERS) if isinstance(least, int) else 1):
        for key, spec in specs:
            called = f"{prefix if len(specs) == 1 else key}{number}"
            if isinstance(names, list):
                called = str(names[number]) if number < len(names) else called
            yield from _read(f"{name}.{called}", spec, required=required and number == 0)
