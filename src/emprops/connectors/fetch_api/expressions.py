"""jq, evaluated by a child process (``jq_child.py``) that is started when first needed and kept."""

import asyncio
import struct
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from emprops.connectors.fetch_api.documents import parse_result

CHILD = Path(__file__).with_name("jq_child.py")
TIMEOUT = 10.0
"""Seconds for starting the child, if need be, and evaluating; the child ends itself earlier."""
MAX_ANSWER = 64 * 1024 * 1024


class ExpressionError(Exception):
    """An expression cannot be compiled or evaluated; the sentence names it."""


class Jq:
    """Evaluates expressions, one document at a time. ``close`` ends the child."""

    def __init__(self, *, timeout: float = TIMEOUT) -> None:
        self._timeout = timeout
        self._lock = asyncio.Lock()
        self._child: Process | None = None

    async def evaluate(self, document: bytes, expressions: Mapping[str, str]) -> dict[str, list[Any]]:
        """Return the values of each expression over a JSON document, by the expressions' names.

        Whole numbers are exact; those outside −2⁶³…2⁶⁴−1 are texts. Raises :class:`ExpressionError` for the first
        expression that fails.
        """
        async with self._lock:
            try:
                async with asyncio.timeout(self._timeout):
                    answer = await self._exchange(document, expressions)
            except (TimeoutError, EOFError, OSError):
                await self._end()
                raise ExpressionError(
                    f"{' or '.join(expressions)} took too long or too much memory, or gave too much"
                ) from None
            except BaseException:  # cancelled in mid-sentence: the child must not answer the next question with this
                await self._end()
                raise
        for name, result in answer.items():
            if "error" in result:
                raise ExpressionError(f"{name} failed: {result['error']}")
        return {name: result["values"] for name, result in answer.items()}

    async def close(self) -> None:
        """End the child."""
        async with self._lock:
            await self._end()

    async def _exchange(self, document: bytes, expressions: Mapping[str, str]) -> dict[str, Any]:
        if self._child is None or self._child.returncode is not None:
            self._child = await asyncio.create_subprocess_exec(
                sys.executable, "-I", str(CHILD), stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={}
            )
        stdin, stdout = self._child.stdin, self._child.stdout
        assert stdin is not None  # noqa: S101 - both are pipes
        assert stdout is not None  # noqa: S101
        for part in (orjson.dumps(dict(expressions)), document):
            stdin.write(struct.pack(">I", len(part)) + part)
        await stdin.drain()
        (size,) = struct.unpack(">I", await stdout.readexactly(4))
        if size > MAX_ANSWER:
            raise EOFError
        try:
            answer: dict[str, Any] = parse_result((await stdout.readexactly(size)).decode())
        except (ValueError, RecursionError):  # nested deeper than jq writes, or than Python reads
            raise EOFError from None
        return answer

    async def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        if child.returncode is None:
            child.kill()
        await child.wait()
        if child.stdin is not None:
            child.stdin.close()
