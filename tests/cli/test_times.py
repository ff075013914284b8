"""Times and amounts as people read them."""

from datetime import UTC, datetime, timedelta

import pytest

from emprops.cli.times import ago, at, seconds, size

NOW = datetime(2026, 1, 10, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "says"),
    [
        (timedelta(seconds=2), "just now"),
        (timedelta(seconds=42), "42 s ago"),
        (timedelta(seconds=59.7), "1 min ago"),
        (timedelta(minutes=3, seconds=20), "3 min ago"),
        (timedelta(hours=47), "47 h ago"),
        (timedelta(days=2), "2 days ago"),
        (timedelta(days=100), "2025-10-02"),
        (-timedelta(minutes=5), "in 5 min"),
        (-timedelta(days=30), "in 30 days"),
        (-timedelta(days=90), "2026-04-10"),
    ],
)
def test_how_long_ago(before: timedelta, says: str) -> None:
    assert ago(NOW - before, NOW) == says


def test_a_time_of_today_has_no_date() -> None:
    now = datetime.now(UTC)
    assert at(now) == f"{now.astimezone():%H:%M:%S}"
    assert at(NOW - timedelta(days=4000)).startswith("2015-01-2")


@pytest.mark.parametrize(
    ("count", "says"),
    [(0.04, "0.0 s"), (9.9, "9.9 s"), (59.4, "59 s"), (60, "1 min"), (61, "1 min 1 s"), (7322, "2 h 2 min")],
)
def test_durations(count: float, says: str) -> None:
    assert seconds(count) == says


@pytest.mark.parametrize(
    ("count", "says"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_949, "999.9 kB"), (999_951, "1.0 MB"), (5e15, "5000.0 TB")],
)
def test_sizes(count: int, says: str) -> None:
    assert size(count) == says
