"""What is held, as the loop, the connectors' threads and the heartbeat see it."""

import time

import pytest
from tests.queue.helpers import make_ticket

from emprops.queue.bounds import MAX_MESSAGE
from emprops.queue.messages import Claim
from emprops.queue.transport import Beat
from emprops.worker.board import Board


def claim_of(name: str, token: str = "t", attempt: int = 1) -> Claim:
    return Claim(make_ticket(name), token, attempt)


@pytest.fixture
def stopped() -> list[str]:
    return []


def hold(board: Board, claim: Claim, stopped: list[str]) -> Claim:
    board.add(claim, lambda: stopped.append(f"{claim.ticket.id}/{claim.token}"), time.monotonic())
    return claim


def test_progress_never_falls_and_only_news_is_sent(stopped: list[str]) -> None:
    board = Board()
    claim = hold(board, claim_of("s"), stopped)
    for percent, message in [(10, "a"), (5, "b"), (10, "a"), (7, "c")]:
        board.progress(claim, percent, message)
    assert board.beats(everything=False) == [Beat(claim, 10.0, "a")]
    assert board.beats(everything=False) == []
    board.progress(claim, 10, "a new message at the same place is news")
    assert [beat.progress for beat in board.beats(everything=False)] == [10.0]
    assert board.beats(everything=True) == [Beat(claim)]


@pytest.mark.parametrize(("told", "noted"), [(-5, 0.0), (250, 100.0), (float("inf"), 100.0), (float("nan"), 0.0)])
def test_progress_is_a_percentage_whatever_is_told(stopped: list[str], told: float, noted: float) -> None:
    board = Board()
    claim = hold(board, claim_of("s"), stopped)
    board.progress(claim, told, "m")
    assert [beat.progress for beat in board.beats(everything=False)] == [noted]


def test_messages_can_be_sent_whatever_they_hold(stopped: list[str]) -> None:
    board = Board()
    claim = hold(board, claim_of("s"), stopped)
    board.progress(claim, 1, "\ud83c\udf0a\ud800\0 node\x1b" + "x" * 5000)
    (beat,) = board.beats(everything=False)
    assert beat.message.startswith("🌊�� nodex")
    assert len(beat.message) == MAX_MESSAGE
    board.progress(claim, 2, None)  # type: ignore[arg-type]
    assert board.beats(everything=False)[0].message == "None"


def test_news_that_could_not_be_sent_is_sent_later(stopped: list[str]) -> None:
    board = Board()
    claim = hold(board, claim_of("s"), stopped)
    board.progress(claim, 40, "")
    board.unsent(board.beats(everything=False))
    board.progress(claim, 30, "")
    assert board.beats(everything=False) == [Beat(claim, 40.0, "")]


def test_a_doubtful_claim_is_asked_for_once(stopped: list[str]) -> None:
    board = Board()
    claim = hold(board, claim_of("s"), stopped)
    assert board.beats(everything=False) == []
    board.doubt()
    assert board.beats(everything=False) == [Beat(claim)]
    assert board.beats(everything=False) == []


def test_losing_an_old_claim_leaves_a_new_one_to_the_same_step_alone(stopped: list[str]) -> None:
    board = Board()
    old, other = claim_of("s", "old"), hold(board, claim_of("other"), stopped)
    new = hold(board, claim_of("s", "new", 2), stopped)
    board.lose([old])
    board.remove(old)
    board.progress(old, 99, "")
    board.renewed([Beat(old)], time.monotonic() + 100)
    assert (stopped, board.claims(), board.beats(everything=False)) == ([], [other, new], [])
    assert board.overdue(time.monotonic() + 50) == [other, new]
    board.lose([new])
    assert (stopped, board.step_ids()) == (["s/new"], ("other",))


def test_claiming_a_step_again_stops_the_work_on_the_old_claim(stopped: list[str]) -> None:
    board = Board()
    hold(board, claim_of("s", "old"), stopped)
    new = hold(board, claim_of("s", "new", 2), stopped)
    assert (stopped, board.claims()) == (["s/old"], [new])


def test_a_lease_counts_from_when_it_was_asked_for(stopped: list[str]) -> None:
    board = Board()
    claim = claim_of("s")
    board.add(claim, lambda: stopped.append("s"), since=100.0)
    assert board.overdue(100.0) == []
    assert board.overdue(100.5) == [claim]
    board.renewed([Beat(claim)], 101.0)
    assert board.overdue(100.5) == []


def test_work_that_does_not_stop_when_its_time_is_up_is_not_renewed_any_more(stopped: list[str]) -> None:
    board = Board(overtime=-1_000_000)
    claim = hold(board, claim_of("s"), stopped)
    board.progress(claim, 50, "still busy")
    assert board.beats(everything=True) == []
    assert board.claims() == [claim]
