"""How much one worker key may ask of one api process. Counted in memory: it protects the process, it bills nobody."""

import contextlib
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from emprops.errors import TooManyRequestsError, UnavailableError
from emprops.settings import Settings

SILENT = 120.0
"""Seconds without a call after which a worker's name is free again."""
OFFERS_FOR = 3600.0
MAX_OFFERS = 500
"""Different offers per key and hour. Each is a class in Redis, which upkeep forgets after an hour."""
BURST = 2.0
"""Seconds' worth of calls that may come at once."""


@dataclass(slots=True)
class _Key:
    """What was seen of one key lately."""

    calls: float
    """How many calls it may make now."""
    at: float
    workers: dict[str, float] = field(default_factory=dict)
    offers: dict[str, float] = field(default_factory=dict)


class KeyLimits:
    """Counts calls, workers, offers and uploads by key."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = float(settings.gateway_calls_per_second)
        self._workers = settings.gateway_workers_per_key
        self._all_uploads = settings.gateway_uploads
        self._clock = clock
        self._seen: OrderedDict[str, _Key] = OrderedDict()
        self._uploads: Counter[str] = Counter()

    def call(self, key: str, worker_id: str) -> None:
        """Count a call. Raises :class:`TooManyRequestsError`."""
        now = self._clock()
        seen = self._seen_of(key, now)
        seen.calls = min(self._rate * BURST, seen.calls + (now - seen.at) * self._rate)
        seen.at = now
        if seen.calls < 1:
            raise TooManyRequestsError(f"This key may make {self._rate:g} calls a second.")
        seen.calls -= 1
        if _is_one_more(seen.workers, worker_id, now, SILENT, self._workers):
            raise TooManyRequestsError(f"This key may have {self._workers} workers at a time.")

    def offers(self, key: str, worker_class: str) -> None:
        """Count what a worker offers. Raises :class:`TooManyRequestsError`."""
        now = self._clock()
        if _is_one_more(self._seen_of(key, now).offers, worker_class, now, OFFERS_FOR, MAX_OFFERS):
            raise TooManyRequestsError(f"Workers of this key offered {MAX_OFFERS} different things within an hour.")

    @contextlib.contextmanager
    def upload(self, key: str) -> Iterator[None]:
        """Count a file on its way in. Raises :class:`TooManyRequestsError` or :class:`UnavailableError`."""
        if self._uploads.total() >= self._all_uploads:
            raise UnavailableError("Too many files are on their way in. Try again.")
        if self._uploads[key] >= (self._all_uploads + 1) // 2:
            raise TooManyRequestsError("Too many files of this key are on their way in. Try again.")
        self._uploads[key] += 1
        try:
            yield
        finally:
            self._uploads[key] -= 1
            if not self._uploads[key]:
                del self._uploads[key]

    def _seen_of(self, key: str, now: float) -> _Key:
        seen = self._seen.pop(key, None) or _Key(self._rate * BURST, now)
        while self._seen and now - next(iter(self._seen.values())).at > OFFERS_FOR:
            self._seen.popitem(last=False)
        self._seen[key] = seen  # the last one, as those that called longest ago come first
        return seen


def _is_one_more(known: dict[str, float], name: str, now: float, life: float, most: int) -> bool:
    """Note that a name is in use; True, and not noted, if it is a new one and there are ``most`` already."""
    if name not in known and len(known) >= most:
        for old in [other for other, at in known.items() if now - at > life]:
            del known[old]
        if len(known) >= most:
            return True
    known[name] = now
    return False
