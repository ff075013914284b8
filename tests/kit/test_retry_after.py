"""When a service says to come back."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from emprops.kit.outbound.retry_after import retry_after


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(None, None), ("12", 12), (" 0 ", 0), ("999999999999", 3600), ("soon", None), ("-5", None), ("Mon, 99", None)],
)
def test_retry_after_in_seconds(text: str | None, seconds: float | None) -> None:
    assert retry_after(text) == seconds


def test_retry_after_in_parts_of_a_second() -> None:
    assert retry_after("1.5") == 1.5
    assert retry_after("7", "250") == 0.25, "what says it more exactly counts"
    assert retry_after("7", "soon") == 7


def test_retry_after_as_a_date() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    wait_for = retry_after(date)
    assert wait_for is not None
    assert 80 < wait_for <= 90
    assert retry_after(format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)) is None
