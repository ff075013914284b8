"""The garbage collector in processes that run for long."""

import gc

THRESHOLD = 20_000
"""New objects between two looks of the collector; what cycles hold until then is a few megabytes."""


def settle() -> None:
    """Have the collector leave alone what is loaded by now: it would walk all of it again with every few hundred
    requests. Call once a process, before its work begins."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(THRESHOLD)
