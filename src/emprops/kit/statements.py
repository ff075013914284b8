"""Statements on a connection of psycopg, by its libpq wrapper and its conversions of values, without its cursors.

What a cursor does for each statement, whatever it returns, costs a process as much as sending it and reading its rows,
and as much again is spent on each wait. So what need not be waited for is sent with what comes next:
see docs/decisions/0058-fewer-round-trips.md.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import structlog
from psycopg import AsyncConnection, adapt, generators
from psycopg.abc import PQGen, Transformer
from psycopg.adapt import PyFormat
from psycopg.errors import Error, PipelineAborted, error_from_result
from psycopg.pq import DiagnosticField, ExecStatus
from psycopg.pq.abc import PGconn, PGresult

from emprops.kit.placeholders import Parameters, in_order, numbered
from emprops.kit.results import Kept, Result

log = structlog.get_logger(__name__)

KEPT_AFTER: Final = 5
"""How often a connection sends a statement whole; then PostgreSQL keeps it."""
MOST_KEPT: Final = 100
"""Statements that PostgreSQL keeps for a connection; the one that was not used for longest goes."""

_FAILED: Final = (ExecStatus.FATAL_ERROR, ExecStatus.PIPELINE_ABORTED)
_OUTDATED: Final = (b"0A000", b"26000")
"""SQLSTATEs of a kept statement whose columns have other types by now, and of one that is not kept any more."""

Look = Callable[[], Coroutine[Any, Any, None]]
"""Reads by one statement, and keeps what it found."""
Key = tuple[bytes, tuple[int, ...]]
"""A statement's text and the types of its parameters."""


class _Asked:
    """A statement with its values, how it is sent, and how PostgreSQL answered it."""

    def __init__(self, values: Transformer, sql: str, parameters: Parameters = None) -> None:
        text, names = (sql.encode(), ()) if parameters is None else numbered(sql)
        given = in_order(parameters, names)
        self.values = values
        self.data = values.dump_sequence(given, [PyFormat.AUTO] * len(given))
        self.formats = values.formats
        self.key: Key = (text, values.types or ())
        self.kept: Kept | None = None
        """How PostgreSQL keeps the statement; None: it is sent whole."""
        self.is_new = False
        """Whether PostgreSQL is to keep it from now on."""
        self.answer: PGresult | None = None
        """How it ended; None: nobody knows."""

    @property
    def is_plain(self) -> bool:
        """Whether it is a text without parameters, which may be several statements."""
        return self.kept is None and not self.data

    def send(self, pgconn: PGconn) -> int:
        """Send it; returns how many answers will come."""
        text, types = self.key
        if self.kept is None:
            pgconn.send_query_params(text, self.data, types, self.formats)
            return 1
        if self.is_new:
            pgconn.send_prepare(self.kept.name, text, types)
        pgconn.send_query_prepared(self.kept.name, self.data, self.formats)
        return 1 + self.is_new

    def receive(self, results: Iterable[PGresult]) -> None:
        """Take its answers."""
        for self.answer in results:
            if self.failed:
                break

    @property
    def failed(self) -> bool:
        """Whether it had no effect."""
        return self.answer is None or self.answer.status in _FAILED

    @property
    def is_outdated(self) -> bool:
        """Whether it failed because of how PostgreSQL keeps it."""
        if self.kept is None or self.answer is None or self.answer.status != ExecStatus.FATAL_ERROR:
            return False
        return self.answer.error_field(DiagnosticField.SQLSTATE) in _OUTDATED

    def result(self) -> Result:
        """Return what came back. Raises ``psycopg.Error``."""
        if self.answer is None or self.answer.status == ExecStatus.PIPELINE_ABORTED:
            raise PipelineAborted("a statement that was sent before this one has failed")
        if self.answer.status == ExecStatus.FATAL_ERROR:
            raise error_from_result(self.answer)
        return Result(self.answer, self.values, self.kept)


class Statements:
    """Runs the statements of one connection, and knows which of them PostgreSQL keeps for it."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection
        self._values: Transformer = adapt.Transformer(connection)
        self._kept: OrderedDict[Key, Kept] = OrderedDict()
        self._seen: OrderedDict[Key, int] = OrderedDict()
        self._count = 0
        self._begin: list[_Asked] = []
        self._unsent: list[_Asked] = []
        self._crowds = 0
        self._company: list[tuple[_Asked, asyncio.Future[None] | None]] = []
        self.keeps = True
        """Whether PostgreSQL may keep statements."""

    async def run(self, sql: str, parameters: Parameters = None) -> Result:
        """Run one statement, after what was to be sent before it; see :func:`emprops.kit.placeholders.numbered`.
        Without parameters, a percent sign is one. Raises ``psycopg.Error``, also that of what was sent before it."""
        asked = _Asked(self._values, sql, parameters)
        if self._crowds:
            await self._in_company(asked)
        else:
            await self._exchange([asked], [asked])
        return asked.result()

    def later(self, sql: str, parameters: Parameters = None) -> None:
        """Send a statement with the next one that is run, or behind those that are about to be sent together. Its error
        is raised there."""
        asked = _Asked(self._values, sql, parameters)
        if self._company:
            self._company.append((asked, None))
        else:
            self._unsent.append(asked)

    def begin(self, texts: Iterable[str]) -> None:
        """Begin a transaction by these statements; PostgreSQL hears of it with the first one that is run."""
        self._begin = [_Asked(self._values, text) for text in texts]

    async def commit(self, looks: Sequence[Look] = ()) -> None:
        """Commit what was begun, and look in the same round trip at what is there then. Raises ``psycopg.Error`` if it
        was not committed, or if the connection was lost before that was known; looks that fail are logged."""
        if looks:
            await self._commit_and_look(looks)
        elif self._unsent or not self._begin:
            await self.run("COMMIT")
        self._begin = []

    async def _commit_and_look(self, looks: Sequence[Look]) -> None:
        with self.together():
            found = await asyncio.gather(self.run("COMMIT"), *(look() for look in looks), return_exceptions=True)
        committed, *looked = found
        if isinstance(committed, BaseException):
            raise committed
        for error in filter(None, looked):
            log.warning("look with a commit failed", error=f"{type(error).__name__}: {error}")

    def forget(self) -> None:
        """Drop what was begun or to be sent, as far as PostgreSQL has not heard of it."""
        self._begin, self._unsent = [], []

    @contextmanager
    def together(self) -> Iterator[None]:
        """Within this block, send at once what several tasks ask for in one turn of the loop."""
        self._crowds += 1
        try:
            yield
        finally:
            self._crowds -= 1

    async def _in_company(self, asked: _Asked) -> None:
        """Send a statement with those that others ask for in this turn of the loop. The first one sends them all."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._company.append((asked, done))
        if len(self._company) > 1:
            await done
            return
        company = self._company
        try:
            try:
                await asyncio.sleep(0)  # a task that is cancelled here has sent nothing, a COMMIT included
            finally:
                self._company = []
            await self._exchange([one for one, _ in company], [one for one, waiting in company if waiting])
        finally:
            for _, waiting in company:
                if waiting is not None and not waiting.done():
                    waiting.set_result(None)

    async def _exchange(self, asked: Sequence[_Asked], waited_for: Sequence[_Asked]) -> None:
        """Send statements, after those that were to be sent before, and wait for all answers. Raises the first error of
        those that nobody waits for. If the task is cancelled, so are the statements."""
        async with self._connection.lock:
            *before, last = self._named([*self._begin, *self._unsent, *asked])
            self.forget()
            if last.is_plain or not (before or last.is_new):
                await self._send_many(before)
                if not any(one.failed for one in before):
                    await self._send_one(last)
            else:
                await self._send_many([*before, last])
        for one in (*before, last):
            if one.is_outdated:
                self._kept.pop(one.key, None)
        for one in (*before, last):
            if one not in waited_for:
                one.result()

    def _named(self, asked: Sequence[_Asked]) -> list[_Asked]:
        """Decide how each statement is sent. Returns them all, after those that drop what need not be kept any more."""
        new: dict[Key, Kept] = {}
        for one in asked:
            if one.key in self._kept:
                self._kept.move_to_end(one.key)
            one.kept = self._kept.get(one.key) or new.get(one.key)
            if one.kept is None and self._should_keep(one.key):
                self._count += 1
                one.kept = new[one.key] = Kept(b"emprops_%d" % self._count)
                one.is_new = True
        old = [self._kept.popitem(last=False)[1] for _ in range(min(len(self._kept) + len(new) - MOST_KEPT, len(new)))]
        return [*(_Asked(self._values, f"DEALLOCATE {one.name.decode()}") for one in old), *asked]

    def _should_keep(self, key: Key) -> bool:
        """Count a use of a statement that PostgreSQL does not have; returns whether it should."""
        if not self.keeps:
            return False
        seen = self._seen.pop(key, 0) + 1
        if seen > KEPT_AFTER:
            return True
        self._seen[key] = seen
        if len(self._seen) > MOST_KEPT:
            self._seen.popitem(last=False)
        return False

    async def _send_one(self, asked: _Asked) -> None:
        """Send a statement by itself, and wait for its answer."""
        pgconn = self._connection.pgconn
        if asked.is_plain:
            pgconn.send_query(asked.key[0])
        else:
            asked.send(pgconn)
        asked.receive(await self._connection.wait(generators.execute(pgconn)))

    async def _send_many(self, asked: Sequence[_Asked]) -> None:
        """Send statements at once, and wait for their answers. After one that fails, PostgreSQL skips the others."""
        if not asked:
            return
        pgconn = self._connection.pgconn
        pgconn.enter_pipeline_mode()
        try:
            counts = [one.send(pgconn) for one in asked]
            pgconn.pipeline_sync()
            answers = iter(await self._connection.wait(_answers(pgconn, sum(counts) + 1)))
        finally:
            with suppress(Error):  # a connection that is lost has no mode
                pgconn.exit_pipeline_mode()
        for one, count in zip(asked, counts, strict=True):
            one.receive([result for _ in range(count) for result in next(answers)])
            if one.is_new and one.kept and not one.failed:
                self._kept[one.key] = one.kept


def _answers(pgconn: PGconn, count: int) -> PQGen[list[list[PGresult]]]:
    """Flush what is to be sent and read this many answers, in the way that psycopg waits."""
    yield from generators.send(pgconn)
    answers = []
    for _ in range(count):
        answers.append((yield from generators.fetch_many(pgconn)))
    return answers
