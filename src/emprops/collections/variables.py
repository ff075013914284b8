"""The variables of a collection: reading their definitions, and settling their values for one generation.

A definition is ``{name, type, value_type, value, lock_value, test_value}``; ``type`` is text, number, any (a text, a
number, true or false), pick or weighted_pick. Also read: ``required`` (false: it may stay without a value), ``min``,
``max``, ``max_length``, and what only forms need: ``label``, ``description``, ``group``, ``placeholder``, ``multiline``
and ``step``. The ``value`` of a pick is ``{values, display_names, weights}``.
"""

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from emprops.collections.chance import fraction
from emprops.collections.picks import Option, pick
from emprops.errors import InvalidVariablesError
from emprops.kit.numbers import within
from emprops.kit.text import spelled

NAME = re.compile(r"\w{1,100}")
TYPES = ("text", "number", "any", "pick", "weighted_pick")
MAX_TEXT_BYTES = 64 * 1024
MAX_DEFINITIONS = 200
SHOWN_LETTERS = 100
"""How much of a name that the caller made up is looked at and shown."""
MAX_OPTIONS = 10_000
NUMBER_RANGE = (-(2**63), 2**64 - 1)


class DefinitionError(ValueError):
    """A definition cannot be used; the sentence says why."""


class ValueProblem(ValueError):  # noqa: N818 - it names what is wrong with a value, not a fault of ours
    """A value does not fit its definition; the sentence says what does."""


@dataclass(frozen=True, slots=True)
class Definition:
    """One variable. ``value`` and ``test_value`` are None where the definition has none."""

    name: str
    type: Literal["text", "number", "any", "pick"]
    value: Any = None
    test_value: Any = None
    options: tuple[Option, ...] = ()
    locked: bool = False
    required: bool | None = None
    """True: an empty text does not count as a value; False: it may stay without one; None: it needs one."""
    minimum: float | None = None
    maximum: float | None = None
    whole: bool = False
    """A number without decimals."""
    max_length: int | None = None
    """Characters."""
    label: str = ""
    description: str = ""
    value_type: str = ""
    """What its values are, such as ``images``: what a form asks for."""
    group: str = ""
    """Under which heading a form shows it."""
    placeholder: str = ""
    """An example of a value."""
    multiline: bool | None = None
    """Whether a text may have several lines; None: as its name and its use suggest."""
    step: float | None = None
    """How far apart the numbers are that a form offers."""

    def read(self, value: Any) -> Any:
        """Return a value as it counts: an option of a pick may be named. Raises :class:`ValueProblem`."""
        if self.type == "pick":
            return self._option(value)
        if self.type == "any":
            return self._anything(value)
        return self._number(value) if self.type == "number" else self._text(value)

    def settle(self, generation_hash: str) -> Any:
        """Return the value when nobody gave one: its own, the one the hash picks, or the test value; None if none."""
        if self.type == "pick":
            return pick(self.options, fraction(generation_hash, self.name))
        return self.test_value if self.value is None or (self.value == "" and self.test_value) else self.value

    def lacks(self, value: Any) -> bool:
        """Whether a settled value is none, although the variable needs one."""
        return self.required is not False and (value is None or (self.required is True and value == ""))

    def _text(self, value: Any) -> str:
        if not isinstance(value, str):
            raise ValueProblem("must be a text")
        if len(value.encode("utf-8", "replace")) > MAX_TEXT_BYTES:
            raise ValueProblem(f"must be a text of at most {MAX_TEXT_BYTES // 1024} KiB")
        if self.max_length is not None and len(value) > self.max_length:
            raise ValueProblem(f"must be a text of at most {self.max_length} characters")
        if self.required and not value.strip():
            raise ValueProblem("must not be empty")
        return value

    def _anything(self, value: Any) -> str | int | float | bool:
        if isinstance(value, bool):
            return value
        if not isinstance(value, (str, int, float)):
            raise ValueProblem("must be a text, a number, true or false")
        return self._text(value) if isinstance(value, str) else self._number(value)

    def _number(self, value: Any) -> int | float:
        low = NUMBER_RANGE[0] if self.minimum is None else self.minimum
        high = NUMBER_RANGE[1] if self.maximum is None else self.maximum
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if not is_number or not low <= value <= high or (self.whole and value != int(value)):
            raise ValueProblem(f"must be a {'whole ' if self.whole else ''}number{within(self.minimum, self.maximum)}")
        return int(value) if self.whole else value

    def _option(self, value: Any) -> Any:
        for option in self.options:
            # 1 is not True here, but 1.0 is 1: JSON has one kind of number.
            if option.value == value and isinstance(option.value, bool) == isinstance(value, bool):
                return option.value
        for option in self.options:
            if option.name == value:
                return option.value
        names = [option.name for option in self.options[:30]]
        more = f" … ({len(self.options)} in all)" if len(self.options) > 30 else ""
        raise ValueProblem(f"must be one of {', '.join(names)}{more}")


@dataclass(frozen=True, slots=True)
class Resolved:
    """The variables of one generation. An optional one without a value is None."""

    values: dict[str, Any] = field(default_factory=dict)


def resolve(definitions: Sequence[Definition], given: Mapping[str, Any], generation_hash: str) -> Resolved:
    """Settle every variable; the same hash picks the same values, everywhere and always.

    Raises :class:`~emprops.errors.InvalidVariablesError` naming each given value that does not fit, each locked
    variable that was overridden, and each required one without a value.
    """
    problems: dict[str, str] = {}
    resolved = Resolved()
    for definition in definitions:
        name = definition.name
        try:
            if given.get(name) is not None:
                resolved.values[name] = _given(definition, given[name])
                continue
        except ValueProblem as problem:
            problems[name] = str(problem)
            continue
        value = definition.settle(generation_hash)
        if definition.lacks(value):
            problems[name] = f"is required: a {'value' if definition.type == 'any' else definition.type}"
        resolved.values[name] = value
    if problems:
        raise InvalidVariablesError(problems)
    return resolved


def unknown(definitions: Sequence[Definition], given: Mapping[str, Any]) -> dict[str, str]:
    """Return the given names that the collection does not define, each with what is wrong with it."""
    free = {definition.name.lower(): definition.name for definition in definitions if not definition.locked}
    problems = {}
    for name in sorted(given.keys() - {definition.name for definition in definitions}):
        close = difflib.get_close_matches(name[:SHOWN_LETTERS].lower(), free, n=1)
        meant = f"; did you mean {free[close[0]]}?" if close else ""
        problems[name] = f"is no variable of this collection{meant}"
    return problems


def _given(definition: Definition, value: Any) -> Any:
    if not definition.locked:
        return definition.read(value)
    # Sending back the value that is set anyway does no harm.
    same = value == definition.value and isinstance(value, bool) == isinstance(definition.value, bool)
    if same and definition.type != "pick":
        return value
    raise ValueProblem("is locked by the collection and cannot be set")


def parse(data: Any) -> tuple[tuple[Definition, ...], list[str]]:
    """Read a collection's variables, and tell everything that is wrong with them; faulty ones are left out."""
    if data is None:
        return (), []
    if not isinstance(data, list) or len(data) > MAX_DEFINITIONS:
        return (), [f"variables must be a list of at most {MAX_DEFINITIONS}"]
    definitions: dict[str, Definition] = {}
    problems: list[str] = []
    for at, item in enumerate(data, 1):
        name = item.get("name") if isinstance(item, dict) else None
        if not isinstance(name, str) or not NAME.fullmatch(name):
            problems.append(f"variable {at} needs a name of up to 100 letters, digits and _")
        elif name in definitions:
            problems.append(f"two variables have the name {name}")
        else:
            try:
                definitions[name] = _definition(name, item)
            except (DefinitionError, ValueProblem) as error:
                problems.append(f"variable {name} {error}")
    return tuple(definitions.values()), problems


def _definition(name: str, item: Mapping[str, Any]) -> Definition:
    kind = item.get("type")
    if kind not in TYPES:
        raise DefinitionError(f"has the unknown type {kind!r}; known are {', '.join(TYPES)}")
    required, multiline = item.get("required"), item.get("multiline")
    definition = Definition(
        name=name,
        type="pick" if kind == "weighted_pick" else kind,
        value=None if "pick" in kind else item.get("value"),
        test_value=None if "pick" in kind else item.get("test_value"),
        options=_options(item.get("value"), weighted=kind == "weighted_pick") if "pick" in kind else (),
        locked=item.get("lock_value") is True,
        required=required if isinstance(required, bool) else None,
        minimum=_number(item, "min"),
        maximum=_number(item, "max"),
        whole=item.get("value_type") in ("integer", "integers"),
        max_length=_length(item.get("max_length")),
        label=_words(item.get("label")),
        description=_words(item.get("description")),
        value_type=_words(item.get("value_type")),
        group=_words(item.get("group")),
        placeholder=_words(item.get("placeholder")),
        multiline=multiline if isinstance(multiline, bool) else None,
        step=_step(item.get("step")),
    )
    for key in ("value", "test_value"):
        if getattr(definition, key) not in (None, ""):
            try:
                definition.read(getattr(definition, key))
            except ValueProblem as problem:
                raise DefinitionError(f"has a {key} that does not fit: it {problem}") from None
    return definition


def _options(data: Any, *, weighted: bool) -> tuple[Option, ...]:
    values = data.get("values") if isinstance(data, dict) else None
    if not isinstance(values, list) or not 0 < len(values) <= MAX_OPTIONS:
        raise DefinitionError(f"needs a list of 1 to {MAX_OPTIONS} values to pick from")
    if not all(isinstance(value, (str, int, float, bool)) for value in values):
        raise DefinitionError("has a value to pick from that is neither a text nor a number")
    if any(isinstance(value, str) and len(value) > MAX_TEXT_BYTES for value in values):
        raise DefinitionError(f"has a text to pick from of more than {MAX_TEXT_BYTES // 1024} KiB")
    names = data.get("display_names") or [spelled(value) for value in values]
    weights = data.get("weights") or ([] if weighted else [1.0] * len(values))
    for what, items in (("display_names", names), ("weights", weights)):
        if not isinstance(items, list) or len(items) != len(values):
            count = len(items) if isinstance(items, list) else 0
            raise DefinitionError(f"has {len(values)} values but {count} {what}")
    if not all(isinstance(name, str) for name in names):
        raise DefinitionError("has a display name that is no text")
    if not all(_is_weight(weight) for weight in weights) or not any(weights):
        raise DefinitionError("needs weights that are numbers from 0 on, at least one of them above 0")
    return tuple(map(Option, values, names, weights))


def _is_weight(weight: object) -> bool:
    return isinstance(weight, (int, float)) and not isinstance(weight, bool) and 0 <= weight <= 1e12


def _number(item: Mapping[str, Any], key: str) -> float | None:
    value = item.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
        raise DefinitionError(f"has a {key} that is no number")
    return value


def _step(value: Any) -> float | None:
    # only forms need it, so one that is none is no reason to refuse anything
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf else None


def _length(value: object) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise DefinitionError("has a max_length that is no whole number above 0")
    return value


def _words(value: object) -> str:
    return value if isinstance(value, str) else ""
