"""Reports go together: a start with the end of its run, and ends with ends; one job at a time waits for nobody."""

from emprops.orchestrator.advance.batches import BEGINNING, COMPANY, UNHURRIED, Batches
from emprops.queue.messages import Report, ReportKind


def report(job: str, kind: ReportKind) -> Report:
    return Report(entry_id="1-0", kind=kind, step_id="s", job_id=job, run=1, attempt=1, worker_id="w", at=0)


def told(reports: list[Report]) -> list[tuple[str, str]]:
    return [(one.job_id, one.kind) for one in reports]


def test_a_start_waits_for_the_end_of_its_run() -> None:
    batches = Batches()
    assert batches.wait(0.0) == UNHURRIED
    assert batches.due([report("a", "started")], 0.0) == []
    assert batches.wait(0.004) == BEGINNING - 0.004
    assert told(batches.due([report("a", "completed")], 0.005)) == [("a", "started"), ("a", "completed")]
    assert batches.wait(0.005) == UNHURRIED


def test_a_start_does_not_wait_for_long() -> None:
    batches = Batches()
    batches.due([report("a", "started")], 0.0)
    batches.due([report("b", "started")], 0.004)
    assert batches.due([], BEGINNING / 2) == []
    assert told(batches.due([], BEGINNING)) == [("a", "started")]
    assert told(batches.due([], BEGINNING + 0.004)) == [("b", "started")]


def test_what_comes_alone_goes_at_once() -> None:
    batches = Batches()
    for _ in range(3):
        assert told(batches.due([report("a", "progress")], 0.0)) == [("a", "progress")]
        assert told(batches.due([report("a", "failed")], 0.0)) == [("a", "failed")]


def test_where_many_ended_together_the_next_end_waits_for_others() -> None:
    batches = Batches()
    assert len(batches.due([report("a", "completed"), report("b", "completed")], 0.0)) == 2
    assert batches.due([report("c", "completed")], 0.0) == []
    assert batches.due([report("d", "completed"), report("e", "started")], 0.004) == []
    assert batches.wait(0.004) == COMPANY - 0.004, "although the start of e waits for longer"
    assert told(batches.due([], COMPANY)) == [("c", "completed"), ("d", "completed")]
    batches.due([], BEGINNING + 0.004)  # the start of e, by itself
    assert told(batches.due([report("e", "completed")], 0.1)) == [("e", "completed")], "nobody came along last time"


def test_a_start_that_has_waited_takes_along_what_ended() -> None:
    batches = Batches()
    batches.due([report("a", "completed"), report("b", "completed")], 0.0)
    batches.due([report("c", "started")], 0.0)
    assert batches.due([report("d", "completed")], BEGINNING - COMPANY / 2) == []
    assert told(batches.due([], BEGINNING)) == [("c", "started"), ("d", "completed")]


def test_reports_of_a_job_keep_their_order() -> None:
    batches = Batches()
    batches.due([report("a", "started"), report("b", "started")], 0.0)
    due = batches.due([report("b", "lost"), report("a", "progress"), report("b", "started")], 0.001)
    assert told(due) == [("a", "started"), ("b", "started"), ("b", "lost"), ("a", "progress"), ("b", "started")]
