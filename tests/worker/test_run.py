"""One claim from connector to outcome: every way to fail becomes a value, nothing is left behind."""

import asyncio
import contextlib
import threading
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs
from tests.queue.helpers import nested
from tests.worker.rig import DONE, Body, forever
from tests.worker.single import Bench, raising

from emprops.connectors.base import (
    BadInputError,
    ConnectorError,
    FinalError,
    Outcome,
    RetryableError,
    RunContext,
)
from emprops.queue.bounds import MAX_DETAILS_BYTES, MAX_ERROR
from emprops.queue.messages import Finished, Ticket

# --- failures


@pytest.mark.parametrize("kind", [RetryableError, FinalError, BadInputError])
async def test_a_connector_says_what_kind_of_failure_it_is(bench: Bench, kind: type[ConnectorError]) -> None:
    error = kind("the field size is too large", details={"node": "7"}, retry_after=2.5)
    finished = await bench.run(raising(error))
    assert finished == Finished(
        failure=kind.kind,  # type: ignore[arg-type]
        error="the field size is too large",
        details={"node": "7"},
        retry_after=2.5,
    )


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (ConnectionResetError("secret"), "retryable"),
        (TimeoutError("secret"), "retryable"),
        (OSError(28, "No space left on device", "/srv/secret/file"), "retryable"),
        (ZeroDivisionError("secret"), "final"),
        (KeyError("secret"), "final"),
        (MemoryError("secret"), "final"),
        (SystemExit("secret"), "final"),
        (KeyboardInterrupt("secret"), "final"),
        (GeneratorExit("secret"), "final"),
        (BaseExceptionGroup("secret", [SystemExit("secret"), ValueError("secret")]), "final"),
    ],
)
async def test_other_errors_are_named_and_the_rest_is_in_the_log(
    bench: Bench, error: BaseException, failure: str
) -> None:
    with capture_logs() as logs:
        finished = await bench.run(raising(error))
    assert finished.failure == failure
    assert type(error).__name__ in finished.error
    assert finished.error.endswith("the operator finds the reason in the worker's log under s.")
    assert "secret" not in f"{finished}"
    assert "longer than" not in finished.error
    (line,) = [line for line in logs if line["log_level"] == "error"]
    assert (line["step_id"], line["exc_info"]) == ("s", error)


async def test_one_failure_of_a_task_group_is_what_it_is(bench: Bench) -> None:
    async def body(ticket: Ticket, context: RunContext) -> Outcome:
        async with asyncio.TaskGroup() as group:
            group.create_task(raising(RetryableError("busy", retry_after=3.0))(ticket, context))  # type: ignore[arg-type]
        return DONE

    assert await bench.run(body) == Finished(failure="retryable", error="busy", retry_after=3.0)


async def test_a_run_that_takes_too_long_is_ended(bench: Bench) -> None:
    stopped = asyncio.Event()

    async def body(ticket: Ticket, context: RunContext) -> Outcome:
        try:
            return await forever(ticket, context)
        finally:
            stopped.set()

    finished = await bench.run(body, max_run_time=0.02)
    assert stopped.is_set()
    assert finished.failure == "retryable"
    assert finished.error == "The run took longer than 0.02 seconds."
    assert finished.details == {"code": "run_time"}


async def test_a_thread_learns_that_the_time_is_up(bench: Bench) -> None:
    """Its connector waits for it, so the word must come before the connector's end."""
    done = threading.Event()

    async def body(ticket: Ticket, context: RunContext) -> Outcome:
        def work() -> None:
            while not context.cancelled():
                done.wait(0.001)
            done.set()

        work_done = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            await asyncio.shield(work_done)
        finally:
            await work_done
        return DONE

    finished = await bench.run(body, max_run_time=0.02)
    assert done.is_set()
    assert finished.failure in {None, "retryable"}


async def cancel_oneself(ticket: Ticket, context: RunContext) -> Outcome:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    return await forever(ticket, context)


@pytest.mark.parametrize("body", [raising(asyncio.CancelledError()), cancel_oneself])
async def test_a_connector_that_breaks_itself_off_is_tried_again(bench: Bench, body: Body) -> None:
    finished = await bench.run(body)
    assert finished.failure == "retryable"
    assert finished.error == "The connector scripted broke its own run off."


async def test_cancelling_the_run_is_not_a_failure(bench: Bench) -> None:
    begun = asyncio.Event()

    async def body(ticket: Ticket, context: RunContext) -> Outcome:
        begun.set()
        return await forever(ticket, context)

    task = asyncio.create_task(bench.run(body))
    await begun.wait()
    bench.context.stop()  # as the loop does
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bench.context.cancelled()


async def test_a_run_that_goes_on_beyond_its_time_can_be_cancelled(bench: Bench) -> None:
    late = asyncio.Event()

    async def body(ticket: Ticket, context: RunContext) -> Outcome:
        try:
            return await forever(ticket, context)
        except asyncio.CancelledError:
            late.set()
        return await forever(ticket, context)

    task = asyncio.create_task(bench.run(body, max_run_time=0.01))
    await late.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_result_that_comes_in_spite_of_the_alarm_counts(bench: Bench) -> None:
    async def body(ticket: Ticket, context: RunContext) -> Outcome:
        with contextlib.suppress(asyncio.CancelledError):
            await forever(ticket, context)
        return DONE

    finished = await bench.run(body, max_run_time=0.01)
    assert (finished.failure, len(finished.files)) == (None, 1)


async def test_what_a_connector_makes_of_the_alarm_is_still_the_alarm(bench: Bench) -> None:
    async def body(ticket: Ticket, context: RunContext) -> Outcome:
        try:
            return await forever(ticket, context)
        except asyncio.CancelledError as error:
            raise TimeoutError from error

    finished = await bench.run(body, max_run_time=0.01)
    assert finished.details == {"code": "run_time"}


@pytest.mark.parametrize("details", [{"x": {1}}, {"x": "y" * MAX_DETAILS_BYTES}, {1: "x"}, {"x": 2**70}, nested(65)])
async def test_details_that_cannot_be_sent_are_left_out(bench: Bench, details: Any) -> None:
    finished = await bench.run(raising(FinalError("refused", details=details)))
    assert (finished.failure, finished.error, list(finished.details)) == ("final", "refused", ["omitted"])


@pytest.mark.parametrize("wait", [float("nan"), float("inf"), -1.0, 0.0])
async def test_a_senseless_waiting_time_is_ignored(bench: Bench, wait: float) -> None:
    finished = await bench.run(raising(RetryableError("busy", retry_after=wait)))
    assert finished.retry_after is None


async def test_foreign_error_texts_are_cut_and_cleaned(bench: Bench) -> None:
    finished = await bench.run(raising(FinalError("a\0b\udcff" + "x" * 10_000_000)))
    assert finished.error.startswith("a�b�x")
    assert len(finished.error) <= MAX_ERROR
    assert orjson.loads(finished.to_bytes())["error"] == finished.error
