"""Statements on a connection of psycopg, by its libpq wrapper and its conversions of values, without its cursors.

What a cursor does for each statement, whatever it returns, costs a process as much as sending it and reading its rows:
see docs/decisions/0058-statements-without-cursors.md.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, TypeVar

from psycopg import AsyncConnection, adapt, generators
from psycopg.abc import Transformer
from psycopg.adapt import PyFormat
from psycopg.errors import ProgrammingError, error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

Row = TypeVar("Row")
Parameters = Mapping[str, Any] | Sequence[Any] | None

KEPT_AFTER: Final = 5
"""How often a connection sends a statement whole; then PostgreSQL keeps it."""
MOST_KEPT: Final = 200
"""Statements that PostgreSQL keeps for a connection; the one that was not used for longest goes."""

_PLACEHOLDER: Final = re.compile(r"%(?:(%)|s|\((\w+)\)s)")
_FAILED: Final = ExecStatus.FATAL_ERROR

Statement = tuple[bytes, tuple[int, ...]]
"""A statement's text and the types of its parameters."""


class Result:
    """What a statement returned."""

    def __init__(self, found: PGresult, values: Transformer) -> None:
        self._found = found
        self._values = values

    @property
    def touched(self) -> int:
        """How many rows the statement returned or changed; -1 if it is of another kind."""
        count = self._found.command_tuples
        return -1 if count is None else count

    def rows(self, make: Callable[[Sequence[Any]], Row]) -> list[Row]:
        """Return the rows, each made of its values."""
        self._values.set_pgresult(self._found)
        return self._values.load_rows(0, self._found.ntuples, make)

    def named(self, make: Callable[..., Row]) -> list[Row]:
        """Return the rows, each made of its values by their columns' names."""
        names = [(self._found.fname(at) or b"").decode() for at in range(self._found.nfields)]
        return self.rows(lambda values: make(**dict(zip(names, values, strict=True))))


class Statements:
    """Runs the statements of one connection, and knows which of them PostgreSQL keeps for it."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection
        self._seen: OrderedDict[Statement, int] = OrderedDict()
        self._names: OrderedDict[Statement, bytes] = OrderedDict()
        self._count = 0
        self.kept = True
        """Whether PostgreSQL may keep statements."""

    async def run(self, sql: str, parameters: Parameters = None) -> Result:
        """Run one statement with ``%s`` or ``%(name)s`` for its parameters, and ``%%`` for a percent sign; without any,
        a percent sign is one. Raises ``psycopg.Error``."""
        text, order = (sql.encode(), ()) if parameters is None else _numbered(sql)
        given = _in_order(parameters, order)
        values: Transformer = adapt.Transformer(self._connection)
        data = values.dump_sequence(given, [PyFormat.AUTO] * len(given))
        statement, formats = (text, values.types or ()), values.formats
        pgconn = self._connection.pgconn
        async with self._connection.lock:
            name = await self._name_of(statement) if self.kept else None
            if name is None and not given:
                pgconn.send_query(text)
            elif name is None:
                pgconn.send_query_params(text, data, statement[1], formats)
            else:
                pgconn.send_query_prepared(name, data, formats)
            return Result(await self._answer(), values)

    async def command(self, text: str) -> None:
        """Run statements without parameters and results. Raises ``psycopg.Error``."""
        async with self._connection.lock:
            self._connection.pgconn.send_query(text.encode())
            await self._answer()

    async def _answer(self) -> PGresult:
        """Wait for what was sent, and return its last result. If the task is cancelled, so is the statement."""
        results: list[PGresult] = await self._connection.wait(generators.execute(self._connection.pgconn))
        for result in results:
            if result.status == _FAILED:
                raise error_from_result(result)
        return results[-1]

    async def _name_of(self, statement: Statement) -> bytes | None:
        """Return the name under which PostgreSQL keeps a statement; None if it is not used often enough."""
        name = self._names.get(statement)
        if name is not None:
            self._names.move_to_end(statement)
            return name
        seen = self._seen.pop(statement, 0) + 1
        if seen <= KEPT_AFTER:
            self._seen[statement] = seen
            if len(self._seen) > MOST_KEPT:
                self._seen.popitem(last=False)
            return None
        return await self._keep(statement)

    async def _keep(self, statement: Statement) -> bytes:
        self._count += 1
        name = b"emprops_%d" % self._count
        self._connection.pgconn.send_prepare(name, *statement)
        await self._answer()
        self._names[statement] = name
        if len(self._names) > MOST_KEPT:
            _, forgotten = self._names.popitem(last=False)
            self._connection.pgconn.send_query(b"DEALLOCATE " + forgotten)
            await self._answer()
        return name


@lru_cache(maxsize=2000)
def _numbered(sql: str) -> tuple[bytes, tuple[str, ...]]:
    """Return a statement as PostgreSQL takes it, and the names of its parameters in order, as far as they have some."""
    numbers: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        if found[1]:
            return "%"
        name = found[2] or f"%{len(numbers)}"
        return f"${numbers.setdefault(name, len(numbers) + 1)}"

    text = _PLACEHOLDER.sub(number, sql)
    return text.encode(), tuple(numbers)


def _in_order(parameters: Parameters, order: tuple[str, ...]) -> Sequence[Any]:
    if isinstance(parameters, Mapping):
        return [parameters[name] for name in order]
    given = parameters or ()
    if len(given) != len(order):
        raise ProgrammingError(f"the statement has {len(order)} placeholders, but {len(given)} parameters were given")
    return given
