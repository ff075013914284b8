"""A signal may come at any point of the wait for it, and none may be waited for in vain."""

import signal
import sys
import threading
from types import FrameType
from typing import Any

from emprops.local.stop_flag import StopFlag


def interrupted_at(flag: StopFlag, turn: int) -> bool:
    """Wait for the flag; it is set by what interrupts the wait at its ``turn``-th instruction. Whether that came."""
    seen = 0

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal seen
        frame.f_trace_opcodes = True
        seen += event == "opcode"
        if event == "opcode" and seen == turn:
            flag.set()
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        flag.wait(0.001)
    finally:
        sys.settrace(before)
    return seen >= turn


def test_it_can_be_set_at_any_point_of_a_wait() -> None:
    turn = 1
    while interrupted_at(flag := StopFlag(), turn):
        assert flag.is_set()
        assert flag.wait(60.0)
        turn += 1
    assert turn > 10
    assert not flag.wait(0.0)


def test_a_signal_ends_a_wait() -> None:
    flag = StopFlag()
    before = signal.signal(signal.SIGUSR1, lambda *_: flag.set())
    sender = threading.Timer(0.01, signal.pthread_kill, [threading.get_ident(), signal.SIGUSR1])
    sender.start()
    try:
        assert flag.wait(60.0)
    finally:
        sender.join()
        signal.signal(signal.SIGUSR1, before)
