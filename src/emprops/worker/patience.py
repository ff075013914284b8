"""How long the worker waits for others: for the queue while it is away, for its own work when it stops."""

STOP_TIME = 10.0
"""Seconds that cancelled work gets to end, and the last words to the queue to arrive, when the worker stops. Cancelled
work gets no more than the grace, though always :data:`SHORTEST_STOP`."""
SHORTEST_STOP = 2.0
LONGEST_PAUSE = 5.0
"""Seconds between tries while the queue is away."""


def pause_after(failures: int) -> float:
    """Return the seconds until the queue is asked again after so many failures in a row, however long that goes on."""
    return min(LONGEST_PAUSE, 0.2 * 2.0 ** min(failures, 10))
