"""Times and amounts as people write and read them in a terminal."""

import re
from datetime import datetime, timedelta

from emprops.cli.exits import fail

UNITS = ((1, 60, "s"), (60, 60, "min"), (3600, 48, "h"), (86400, 60, "day"))
"""Seconds of a unit, up to how many of them are counted, its name."""
LIVES = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}


def ago(moment: datetime, now: datetime | None = None) -> str:
    """Return how long ago something was, or in how long it will be; a date if that is more than 60 days."""
    distance = (now or datetime.now(moment.tzinfo)) - moment
    seconds = round(abs(distance.total_seconds()))
    if seconds < 5:
        return "just now"
    for size, most, unit in UNITS:
        count = seconds // size
        if count < most:
            many = f"{count} {unit}{'s' if unit == 'day' and count != 1 else ''}"
            return f"{many} ago" if distance > timedelta() else f"in {many}"
    return f"{moment:%Y-%m-%d}"


def parsed(text: str) -> datetime:
    """Read a time as the api writes it."""
    return datetime.fromisoformat(text)


def at(moment: datetime) -> str:
    """Return a time of this machine's zone, without the date where it is today's."""
    local = moment.astimezone()
    return f"{local:%H:%M:%S}" if local.date() == datetime.now().astimezone().date() else f"{local:%Y-%m-%d %H:%M:%S}"


def dated(moment: datetime) -> str:
    """Return when something was, in this machine's zone, and how long ago."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S} ({ago(moment)})"


def seconds(count: float) -> str:
    """Return a duration in its largest two units."""
    if count < 9.95:
        return f"{count:.1f} s"
    whole = round(count)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size(count: int) -> str:
    """Return a number of bytes."""
    amount, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 999.95:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def life_of(text: str | None, option: str) -> timedelta | None:
    """Read ``90d``, ``12h`` or ``30m``; ends the command with a sentence for anything else."""
    if text is None:
        return None
    match = re.fullmatch(r"([1-9][0-9]{0,5})([dhm])", text)
    if match is None:
        fail(f"{option} {text!r} is not a time like 90d, 12h or 30m.")
    return int(match[1]) * LIVES[match[2]]
