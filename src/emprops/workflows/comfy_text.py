"""What ComfyUI's editor fills into texts when it sends a graph: choices such as ``{red|green}``, dates, values. Pure.

Two syntaxes, for different inputs. In *dynamic prompts*, ``{a|b}`` is one of its options, ``// …`` and ``/* … */`` are
comments, and ``\\{`` is a brace. In *replacements*, ``%date:yyyy-MM-dd%`` is a date and ``%Node.widget%`` what another
node has. Text without such signs stays as it is.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Pick = Callable[[int, int], int]
"""Chooses an option: ``(number of the choice within its text, how many options it has) -> option``, both from 0."""
Lookup = Callable[[str, str], Any]
"""What ``%name.widget%`` stands for; None if there is no such thing."""

PIECE = re.compile(r"\\.|[{}|]|[^\\{}|]+|\\", re.DOTALL)
COMMENT = re.compile(r"//|/\*")
LINE_COMMENT = re.compile("//")
LINE_END = re.compile(r"[\n\r\u2028\u2029]|\Z")
ESCAPE = re.compile(r"\\([{}|])")
REPLACEMENT = re.compile(r"%([^%]+)%")
DATE_PART = re.compile(r"dd?|MM?|hh?|mm?|ss?|yyy?y?")
DATE = "date:"
NOT_IN_FILE_NAMES = re.compile(r'[/?<>\\:*|"\x00-\x1F\x7F]')


@dataclass(slots=True)
class _Choice:
    """``{…|…}``; an option is a list of texts and further choices."""

    number: int
    options: list[list[Any]] = field(default_factory=lambda: [[]])


def fill_choices(text: str, pick: Pick) -> str:
    """Fill in a dynamic prompt, of any length in linear time.

    A brace that is not closed lasts to the end of the text, as in the editor.
    """
    parts, _ = _parsed(_without_comments(text))
    filled: list[str] = []
    waiting: list[Any] = parts[::-1]
    while waiting:
        part = waiting.pop()
        if isinstance(part, _Choice):
            waiting += part.options[pick(part.number, len(part.options))][::-1]
        else:
            filled.append(part)
    return ESCAPE.sub(r"\1", "".join(filled))


def signs_in(text: str) -> list[str]:
    """Name what a dynamic prompt has to fill in: ``choices``, ``comments``, ``escapes``."""
    plain = _without_comments(text)
    _, choices = _parsed(plain)
    found = {
        "choices": any(len(choice.options) > 1 for choice in choices),
        "comments": plain != text,
        "escapes": ESCAPE.search(plain) is not None,
    }
    return [name for name, there in found.items() if there]


def fill_replacements(text: str, lookup: Lookup, at: datetime) -> str:
    """Fill in dates and other nodes' values. What stands for neither stays: ComfyUI knows ``%width%`` itself."""

    def replaced(found: re.Match[str]) -> str:
        name = found[1]
        value = _date(name.removeprefix(DATE), at) if name.startswith(DATE) else _named(name, lookup)
        return found[0] if value is None else value

    return REPLACEMENT.sub(replaced, text)


def replacements_in(text: str, lookup: Lookup) -> tuple[list[str], list[str]]:
    """Name what :func:`fill_replacements` would fill in (``dates``, ``values``), and what names no node or widget."""
    signs: dict[str, None] = {}
    unknown: list[str] = []
    for name in REPLACEMENT.findall(text):
        if name.startswith(DATE):
            signs["dates"] = None
        elif _named(name, lookup) is not None:
            signs["values"] = None
        elif name.count(".") == 1:
            unknown.append(f"%{name}%")
    return list(signs), unknown


def _parsed(text: str) -> tuple[list[Any], list[_Choice]]:
    root: list[Any] = []
    choices: list[_Choice] = []
    opened: list[tuple[_Choice, list[Any]]] = []
    here = root
    for piece in PIECE.findall(text):
        if piece == "{":
            choice = _Choice(len(choices))
            choices.append(choice)
            here.append(choice)
            opened.append((choice, here))
            here = choice.options[0]
        elif piece == "}" and opened:
            _, here = opened.pop()
        elif piece == "|" and opened:
            here = []
            opened[-1][0].options.append(here)
        else:
            here.append(piece)
    return root, choices


def _without_comments(text: str) -> str:
    kept: list[str] = []
    done = at = 0
    opening = COMMENT
    while found := opening.search(text, at):
        start = found.start()
        if found[0] == "//":
            ends = LINE_END.search(text, start)
            end = len(text) if ends is None else ends.start()
        else:
            end = text.find("*/", start + 2) + 2
            if end < 2:
                opening = LINE_COMMENT  # nothing closes such comments any more; looking for it again would take long
                continue
        kept.append(text[done:start])
        done = at = end
    return "".join(kept) + text[done:]


def _named(name: str, lookup: Lookup) -> str | None:
    node, _, widget = name.partition(".")
    value = lookup(node, widget) if name.count(".") == 1 else None
    return None if value is None else NOT_IN_FILE_NAMES.sub("_", _shown(value))


def _date(form: str, at: datetime) -> str:
    numbers = {"d": at.day, "M": at.month, "h": at.hour, "m": at.minute, "s": at.second}

    def part(found: re.Match[str]) -> str:
        sign = found[0]
        if sign[0] in numbers:
            return str(numbers[sign[0]]).rjust(len(sign), "0")
        return {"yy": f"{at.year:04}"[2:], "yyyy": str(at.year)}.get(sign, sign)

    return DATE_PART.sub(part, form)


def _shown(value: Any) -> str:
    """Write a value as a browser does."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    return str(value)
