"""What goes out over a WebSocket: ``{"type": …, "timestamp": <Unix milliseconds>, …}``, encoded once for all readers.

``docs/12-websocket.md`` lists the types. A message with ``workflow_context`` is about a step, and ``job_id`` is then
the step's id, because that is what the queue calls a job; without it ``job_id`` is the job's.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from emprops.errors import AppError

Merge = tuple[str, ...]
"""Messages of one such key replace each other while they wait to be sent."""


@dataclass(frozen=True, slots=True)
class Message:
    """One encoded message; the text is shared by all connections that wait to send it."""

    text: str
    merge: Merge | None = None


def message(kind: str, fields: Mapping[str, Any], merge: Merge | None = None) -> Message:
    """Encode a message of this type."""
    document = {"type": kind, "timestamp": int(time.time() * 1000), **fields}
    return Message(orjson.dumps(document, option=orjson.OPT_UTC_Z).decode(), merge)


def answer(kind: str, reply_to: str | None, **fields: Any) -> Message:
    """Encode the answer to a client's message; ``reply_to`` repeats the ``id`` that it gave it."""
    return message(kind, fields if reply_to is None else {**fields, "reply_to": reply_to})


def failed(error: AppError, reply_to: str | None, **fields: Any) -> Message:
    """Encode why a client's message was not obeyed. The connection stays open."""
    return answer("error", reply_to, error=error.message, code=error.code, **fields)


@dataclass
class News:
    """Something that happened, for monitors and, with more in it, for those who subscribed to the job."""

    kind: str
    fields: Mapping[str, Any]
    more: Mapping[str, Any]
    """What only subscribers get."""
    merge: Merge | None = None

    @cached_property
    def for_monitors(self) -> Message:
        """Without the parts that may be large."""
        return message(self.kind, self.fields, self.merge)

    @cached_property
    def for_subscribers(self) -> Message:
        """Everything."""
        return message(self.kind, {**self.fields, **self.more}, self.merge)
