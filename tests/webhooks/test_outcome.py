"""What an attempt means: the schedule, the circuit, the end."""

from itertools import pairwise

import pytest

from emprops.webhooks.outcome import DELAYS, Answer, next_delay, pause_after, reason_to_disable

DAY = 86_400.0


def test_ten_tries_over_three_days() -> None:
    delays = [next_delay(Answer(500), tries, 0.5) for tries in range(1, 12)]
    assert delays == [*DELAYS, None, None]
    assert len(DELAYS) + 1 == 10
    assert 3 < sum(DELAYS) / DAY < 3.5
    assert all(earlier < later for earlier, later in pairwise(DELAYS))


def test_delays_are_spread() -> None:
    assert next_delay(Answer(500), 2, 0.0) == pytest.approx(270)
    assert next_delay(Answer(500), 2, 1.0) == pytest.approx(330)


def test_a_wish_to_be_left_alone_is_granted() -> None:
    assert next_delay(Answer(429, retry_after=60), 1, 0.5) == 60
    assert next_delay(Answer(429, retry_after=1), 1, 0.5) == 5
    assert next_delay(Answer(500, retry_after=60), 1, 0.5) == 5, "500 is no wish"
    assert pause_after(1, Answer(503, retry_after=60)) == 60


def test_only_2xx_is_success() -> None:
    assert [status for status in range(100, 600) if Answer(status).taken] == list(range(200, 300))
    assert Answer(204).failure is None
    assert "redirects" in str(Answer(301).failure)
    assert Answer(None, error="no answer").failure == "no answer"


def test_the_circuit_opens_after_five_failures() -> None:
    pauses = [pause_after(failures, Answer(500)) for failures in range(1, 14)]
    assert pauses[:7] == [0, 0, 0, 0, 30, 60, 120]
    assert pauses[-1] == 3600


def test_when_an_endpoint_is_hopeless() -> None:
    assert reason_to_disable(Answer(410), 1, 0) == "The receiver answered 410 Gone."
    assert next_delay(Answer(410), 1, 0.5) is None
    assert reason_to_disable(Answer(500), 10, 4.9 * DAY) is None
    assert reason_to_disable(Answer(500), 9, 30 * DAY) is None, "two failures in a month say little"
    assert "5 days" in str(reason_to_disable(Answer(500), 10, 5 * DAY))
