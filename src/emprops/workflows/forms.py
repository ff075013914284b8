"""The form of a workflow: which fields a step of it takes, of which types, within which limits."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from emprops.kit.numbers import plain, within
from emprops.kit.text import spelled
from emprops.workflows.paths import copied
from emprops.workflows.references import TEXT, MixedText, Reference

Taking = Literal["text", "file", "number", "switch", "choice", "any"]

TYPES: dict[str, Taking] = {
    "prompt_editor": "text",
    "text": "text",
    "textarea": "text",
    "input": "text",
    "optional_input": "text",
    "color_picker": "text",
    "aspect_ratio": "text",
    "image_loader": "file",
    "video_loader": "file",
    "audio_loader": "file",
    "number": "number",
    "slider": "number",
    "checkbox": "switch",
    "select": "choice",
    "json": "any",
}
NUMERAL = re.compile(r"\s*-?[0-9]{1,20}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?\s*")
LOWEST, HIGHEST = -(2**63), 2**64 - 1
"""JSON keeps no whole number beyond these."""
MAX_FIELDS = 200
MAX_URL = 4096
LOADER = "_loader"
"""How the types end that take a file; before it stands which kind."""
REQUIRED = "is required"


class FieldError(ValueError):
    """A value does not fit its field; the sentence says what does."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form."""

    id: str
    taking: Taking
    required: bool = False
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    whole: bool = False
    """A number without decimals."""
    options: tuple[Any, ...] = ()
    labels: tuple[str, ...] = ()
    """As many as options: each may be given in the option's place."""
    step: float | None = None
    """How far apart the numbers are that it offers."""
    long: bool = False
    """A text of several lines."""
    media: str = ""
    """Which kind of file it takes: ``image``, ``video`` or ``audio``; empty for other fields."""

    def read(self, value: Any) -> Any:
        """Return the value as the payload takes it. Raises :class:`FieldError`."""
        if isinstance(value, MixedText):
            parts = [self._referring(part) if isinstance(part, Reference) else part for part in value.parts]
            return MixedText(tuple(parts))
        if isinstance(value, Reference):
            return self._referring(value)
        readers: dict[Taking, Callable[[Any], Any]] = {
            "text": _text,
            "file": _address,
            "number": self._number,
            "switch": _switch,
            "choice": self._choice,
            "any": copied,
        }
        return readers[self.taking](value)

    def _referring(self, value: Reference) -> Reference:
        """Say what the field takes of another step, unless its author does. Raises :class:`FieldError`."""
        if self.taking in ("number", "switch", "choice"):
            raise FieldError(f"cannot take the result of another step, it takes a {self.taking}")
        takes = {"text": TEXT, "file": self.media or "image"}.get(self.taking, "")
        if takes and value.into not in ("", takes) and not value.output:
            raise FieldError(f"takes {with_article(takes)}, and refers to {with_article(value.into)}")
        if takes not in ("", TEXT) and value.output == TEXT:
            raise FieldError(f"takes {with_article(takes)}, and refers to the text of another step")
        return replace(value, into=takes or value.into)

    def _number(self, value: Any) -> float:
        if isinstance(value, str):
            value = _numeral(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not LOWEST <= value <= HIGHEST:
            raise FieldError(f"must be a number{within(self.minimum, self.maximum)}")
        if self.whole and value != int(value):
            raise FieldError(f"must be a whole number{within(self.minimum, self.maximum)}")
        if (self.minimum is not None and value < self.minimum) or (self.maximum is not None and value > self.maximum):
            raise FieldError(f"must be a number{within(self.minimum, self.maximum)}, not {value}")
        return int(value) if self.whole else value

    def _choice(self, value: Any) -> Any:
        if isinstance(value, (dict, list)):
            raise FieldError("must be one value")
        for option in self.options:
            if type(option) is type(value) and option == value:
                return option
        for option, label in zip(self.options, self.labels, strict=True):
            if label == value:
                return option
        if self.options:
            raise FieldError(f"must be one of {', '.join(self.labels)}")
        return value


@dataclass(frozen=True, slots=True)
class Form:
    """All fields of a workflow, in order, by id."""

    fields: Mapping[str, Field]

    def fill(self, given: Mapping[str, Any]) -> "Filled":
        """Check the given values and add defaults. Fields without a value stay out of ``values``."""
        filled = Filled()
        for name, item in self.fields.items():
            value = given.get(name)
            if value is None or (value == "" and not item.required):
                value = item.default
            if value is None or value == "":
                if item.required:
                    filled.problems[name] = REQUIRED
                continue
            try:
                filled.values[name] = item.read(value)
            except FieldError as error:
                filled.problems[name] = str(error)
        return filled


@dataclass(frozen=True, slots=True)
class Filled:
    """A filled form: values that passed, and for every other field the sentence that says why not."""

    values: dict[str, Any] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


def read_form(data: Any) -> tuple[Form, list[str]]:
    """Read ``{"fields": […]}`` and tell what is wrong with it; fields that cannot be read are left out."""
    fields = data.get("fields") if isinstance(data, dict) else None
    if not isinstance(fields, list) or len(fields) > MAX_FIELDS:
        return Form({}), [f"form.fields must be a list of at most {MAX_FIELDS} fields, and be there when it is empty"]
    read: dict[str, Field] = {}
    problems: list[str] = []
    for at, item in enumerate(fields, 1):
        name = item.get("id") if isinstance(item, dict) else None
        if not isinstance(name, str) or not name:
            problems.append(f"form field {at} has no id")
        elif name in read:
            problems.append(f"two form fields have the id {name}")
        else:
            try:
                read[name] = read_field(name, item)
            except FieldError as error:
                problems.append(f"form field {name} {error}")
    return Form(read), problems


def read_field(name: str, item: Mapping[str, Any]) -> Field:
    """Read one field's definition. Raises :class:`FieldError`."""
    kind = item.get("type")
    taking = TYPES.get(kind) if isinstance(kind, str) else None
    if taking is None:
        raise FieldError(f"has the unknown type {kind!r}; known are {', '.join(TYPES)}")
    constraints = item.get("constraints")
    limits: Mapping[str, Any] = constraints if isinstance(constraints, dict) else item
    minimum, maximum, step = (_limit(limits, key) for key in ("min", "max", "step"))
    if kind in ("input", "optional_input") and not (minimum is None and maximum is None):
        taking = "number"
    if minimum is not None and maximum is not None and minimum > maximum:
        raise FieldError(f"has a min of {plain(minimum)} above its max of {plain(maximum)}")
    options, labels = _options(item.get("options", limits.get("options")))
    result = Field(
        id=name,
        taking="choice" if options else taking,
        required=item.get("required") is True and kind != "optional_input",
        default=item.get("default"),
        minimum=minimum,
        maximum=maximum,
        whole=taking == "number" and step is not None and all(map(_whole, (step, minimum, item.get("default")))),
        options=options,
        labels=labels,
        step=step if step is not None and step > 0 else None,
        long=kind in ("prompt_editor", "textarea"),
        media=kind.removesuffix(LOADER) if taking == "file" and isinstance(kind, str) else "",
    )
    if result.default not in (None, ""):
        try:
            result.read(result.default)
        except FieldError as error:
            raise FieldError(f"has a default that does not fit: it {error}") from None
    return result


def _limit(limits: Mapping[str, Any], key: str) -> float | None:
    value = limits.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise FieldError(f"has a {key} that is no number")
    return value


def _whole(value: Any) -> bool:
    return not isinstance(value, float) or value.is_integer()


def _options(data: Any) -> tuple[tuple[Any, ...], tuple[str, ...]]:
    if data is None:
        return (), ()
    if not isinstance(data, list) or not data:
        raise FieldError("has options that are not a list of values")
    options, labels = [], []
    for item in data:
        value = item.get("value") if isinstance(item, dict) else item
        if value is None or isinstance(value, (dict, list)):
            raise FieldError("has an option without a value")
        label = (item.get("label") or item.get("name")) if isinstance(item, dict) else None
        options.append(value)
        labels.append(label if isinstance(label, str) else spelled(value))
    return tuple(options), tuple(labels)


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise FieldError("must be a text")
    return str(value)


def _address(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_URL:
        raise FieldError(f"must be the URL of a file, of at most {MAX_URL} characters")
    scheme, colon, _ = value.strip().partition("://")
    if colon and scheme.lower() not in ("http", "https"):
        raise FieldError("must be a URL that begins with http:// or https://")
    return value.strip()


def _switch(value: Any) -> bool:
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise FieldError("must be true or false")
    return value


def _numeral(text: str) -> float | None:
    """The number a text holds: what a prompt-editor field gives to a number field."""
    if not NUMERAL.fullmatch(text):
        return None
    return float(text) if {".", "e", "E"} & set(text) else int(text)


def with_article(kind: str) -> str:
    """Write ``an image``, ``a text``."""
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
