"""The parameters of SQL: ``%s`` or ``%(name)s`` as this code base writes them, ``$1`` as PostgreSQL takes them."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from psycopg.errors import ProgrammingError

Parameters = Mapping[str, Any] | Sequence[Any] | None

_PLACEHOLDER: Final = re.compile(r"%(?:(%)|s|\((\w+)\)s)")


@lru_cache(maxsize=2000)
def numbered(sql: str) -> tuple[bytes, tuple[str, ...]]:
    """Return a statement with numbers in place of ``%s`` and ``%(name)s``, and a percent sign for ``%%``; and the names
    of its parameters in the order of these numbers. Those without a name have one of their own."""
    numbers: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        if found[1]:
            return "%"
        name = found[2] or f"%{len(numbers)}"
        return f"${numbers.setdefault(name, len(numbers) + 1)}"

    text = _PLACEHOLDER.sub(number, sql)
    return text.encode(), tuple(numbers)


def in_order(parameters: Parameters, names: tuple[str, ...]) -> Sequence[Any]:
    """Return the values of parameters in the order of their numbers. Raises ``psycopg.ProgrammingError`` if one is
    missing, or too many are given without names."""
    if isinstance(parameters, Mapping):
        missing = [name for name in names if name not in parameters]
        if missing:
            raise ProgrammingError(f"parameters are missing: {', '.join(missing)}")
        return [parameters[name] for name in names]
    given = parameters or ()
    if len(given) != len(names):
        raise ProgrammingError(f"the statement has {len(names)} parameters, but {len(given)} were given")
    return given
