"""When what ended starts again."""

import time

from emprops.local.children import LONGEST_BACKOFF, STEADY, Backoff


def test_what_keeps_ending_is_started_less_and_less_often_however_long_that_goes_on() -> None:
    backoff = Backoff()
    now = time.monotonic()
    assert [backoff.ended(now) for _ in range(6)] == [1.0, 2.0, 4.0, 8.0, 16.0, LONGEST_BACKOFF]
    assert {backoff.ended(now) for _ in range(2_000)} == {LONGEST_BACKOFF}
    assert backoff.ended(now - 2 * STEADY) == 0.0
