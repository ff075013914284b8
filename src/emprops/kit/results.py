"""What a statement returned, as rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any, TypeVar

from psycopg.abc import Transformer
from psycopg.pq.abc import PGresult

Row = TypeVar("Row")


@lru_cache(maxsize=1000)
def _picker(
    fields: tuple[str, ...] | None, columns: tuple[str, ...]
) -> Callable[[Sequence[Any]], Sequence[Any]] | None:
    """Find what puts the values of these columns into the order of these fields; None if they are not the same."""
    if fields is None or sorted(fields) != sorted(columns):
        return None
    return itemgetter(*[columns.index(field) for field in fields])


@dataclass(slots=True)
class Kept:
    """A statement that PostgreSQL keeps for a connection."""

    name: bytes
    columns: tuple[str, ...] | None = None
    """The names of its columns, once somebody asked for them. It fails when they change, so they are right."""


class Result:
    """What a statement returned."""

    def __init__(self, found: PGresult, values: Transformer, kept: Kept | None) -> None:
        self._found = found
        self._values = values
        self._kept = kept

    @property
    def touched(self) -> int:
        """How many rows the statement returned or changed; -1 if it is of another kind."""
        count = self._found.command_tuples
        return -1 if count is None else count

    def rows(self, make: Callable[[Sequence[Any]], Row]) -> list[Row]:
        """Return the rows, each made of its values."""
        self._values.set_pgresult(self._found)
        try:
            return self._values.load_rows(0, self._found.ntuples, make)
        finally:
            self._values.set_pgresult(None)  # it lives as long as the connection, and would keep what was read

    def dicts(self) -> list[dict[str, Any]]:
        """Return the rows as dictionaries."""
        columns = self._columns()
        return self.rows(lambda values: dict(zip(columns, values, strict=True)))

    def named(self, make: Callable[..., Row]) -> list[Row]:
        """Return the rows, each made of its values by the names of their columns."""
        columns = self._columns()
        fields = getattr(make, "__match_args__", None)  # of a dataclass
        if fields == columns:
            return self.rows(lambda values: make(*values))
        if (pick := _picker(fields, columns)) is not None:
            return self.rows(lambda values: make(*pick(values)))
        return [make(**row) for row in self.dicts()]

    def _columns(self) -> tuple[str, ...]:
        if self._kept is not None and self._kept.columns is not None:
            return self._kept.columns
        columns = tuple((self._found.fname(at) or b"").decode() for at in range(self._found.nfields))
        if self._kept is not None:
            self._kept.columns = columns
        return columns
