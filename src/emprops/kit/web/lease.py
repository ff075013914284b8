"""What an open stream or WebSocket ends with although its client stays: somebody takes back what it was opened by."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import Scope

from emprops.kit.web.streams import Feed, Feeder, Stream

End = Callable[[], None]
Lease = Callable[[End], End]
"""Take what ends a connection, to be called when the lease is over; returns what gives the lease back before."""
_LEASE = "lease"


def ends_with(connection: HTTPConnection, lease: Lease) -> None:
    """Have what this request opens end with a lease."""
    connection.scope["state"][_LEASE] = lease


def take_lease(scope: Scope, end: End) -> End:
    """Have ``end`` called when the request's lease is over, if it has one. Returns what to call when it has ended."""
    lease: Lease | None = scope.get("state", {}).get(_LEASE)
    return (lambda: None) if lease is None else lease(end)


def leased(feed: Feed, scope: Scope) -> Feed:
    """Return a feed whose streams end with the request's lease."""
    if _LEASE not in scope.get("state", {}):
        return feed

    def begin(stream: Stream) -> Feeder:
        feeder = feed(stream)
        return _Leased(feeder, take_lease(scope, partial(stream.end, "what opened it has ended")))

    return begin


class _Leased:
    """A feeder whose stream has a lease."""

    __slots__ = ("_feeder", "_give_back")

    def __init__(self, feeder: Feeder, give_back: End) -> None:
        self._feeder = feeder
        self._give_back = give_back

    def resume(self) -> None:
        self._feeder.resume()

    def gone(self) -> None:
        self._give_back()
        self._feeder.gone()

    def about(self) -> Mapping[str, Any]:
        return self._feeder.about()
