"""Jobs as server-sent events: the order of what happens, and resuming."""

import httpx2
import pytest
from tests.apps import as_user
from tests.factories import add_history, make_job
from tests.jobs.stream.rig import Story, history_of, names, run_to_the_end, stream

from emprops.jobs.schemas import HistoryRow, JobFields
from emprops.jobs.stream import row_id_of
from emprops.kit.database import Database

pytestmark = pytest.mark.timeout(30)


async def test_events_come_in_the_order_of_what_happened(http: httpx2.AsyncClient, story: Story) -> None:
    log = await run_to_the_end(http, story)
    assert names(log) == [
        "history_init",
        "job_update",
        "job_history",
        "job_update",
        "job_update",
        "job_history",
        "job_history",
        "job_update",
        "job_history",
        "job_update",
    ]
    assert [row["message"] for row in log[0][1]] == ["Job created"]
    assert [message for _, message in history_of(log)] == [
        "Job created",
        "Step 1 started",
        "Step 1 completed",
        "Step 2 started",
        "Generation completed",
    ]
    updates = [data for name, data, _ in log if name == "job_update"]
    assert [(job["status"], job["progress"]) for job in updates] == [
        ("pending", 0),
        ("processing", 0),
        ("processing", 30),
        ("processing", 50),
        ("completed", 100),
    ]
    ids = [event_id for _, _, event_id in log]
    assert ids == sorted(ids)
    assert [event_id for name, _, event_id in log if name == "job_history"] == [row for row, _ in history_of(log)][1:]
    for name, data, _ in log:
        if name == "job_update":
            JobFields.model_validate(data)
        for row in data if name == "history_init" else [data] if name == "job_history" else []:
            HistoryRow.model_validate(row)


async def test_snapshot_is_the_object_that_get_gives(http: httpx2.AsyncClient, story: Story) -> None:
    await story.tell("Step 1 started", status="processing", progress=12.5)
    async with stream(http, story.job) as following:
        await following.next()
        _, snapshot, _ = await following.next()
    reply = await http.get(f"/api/jobs/{story.job.id}", headers=as_user(story.job.user_id))
    assert snapshot | {"price": None, "queue": None, "review": None} == reply.json()["data"]


async def test_resuming_anywhere_misses_nothing_and_repeats_nothing(http: httpx2.AsyncClient, story: Story) -> None:
    log = await run_to_the_end(http, story)
    for cut in range(1, len(log) + 1):
        seen = log[:cut]
        async with stream(http, story.job, last=seen[-1][2]) as following:
            missed = await following.rest()
        assert history_of(seen + missed) == history_of(log)
        assert "history_init" not in names(missed)
        assert names(missed)[-1] == "job_update"
        assert names(missed).count("job_update") == 1
        assert missed[-1][1] == log[-1][1]
        ids = [event_id for _, _, event_id in seen + missed]
        assert ids == sorted(ids)


async def test_resuming_in_the_middle_goes_on_live(http: httpx2.AsyncClient, story: Story) -> None:
    async with stream(http, story.job) as following:
        await following.next()
        _, _, last = await following.next()
    await story.tell("Step 1 started", status="processing", progress=10)
    async with stream(http, story.job, path="events", query=f"?last_event_id={last}") as following:
        assert names([await following.next(), await following.next()]) == ["job_history", "job_update"]
        await story.tell("no model", status="failed", error_message="no model")
        rest = await following.rest()
    assert names(rest) == ["job_history", "job_update"]
    assert rest[-1][1]["error_message"] == "no model"


async def test_header_counts_before_the_query(http: httpx2.AsyncClient, story: Story) -> None:
    await story.tell("Step 1 started", "done", status="completed", progress=100)
    async with stream(http, story.job) as following:
        (_, rows, _), _ = await following.rest()
    query = f"?last_event_id={rows[0]['id']}"
    async with stream(http, story.job, last=rows[1]["id"], query=query) as following:
        assert [message for _, message in history_of(await following.rest())] == ["done"]
    async with stream(http, story.job, query=query) as following:
        assert [message for _, message in history_of(await following.rest())] == ["Step 1 started", "done"]


async def test_made_up_ids_start_from_the_beginning(http: httpx2.AsyncClient, story: Story, database: Database) -> None:
    async with database.transaction() as tx:
        before = await add_history(tx, (await make_job(tx)).id, "of another job")
    await story.tell("done", status="completed", progress=100)
    async with database.transaction() as tx:
        after = await add_history(tx, (await make_job(tx)).id, "of another job")
    for last in (before, after, after + 1000, 0, -1, "x", "1e3", "9" * 30, "", "null"):
        async with stream(http, story.job, last=last) as following:
            events = await following.rest()
        assert names(events) == ["history_init", "job_update"], last
        assert [message for _, message in history_of(events)] == ["Job created", "done"]


@pytest.mark.parametrize(
    ("header", "row"),
    [(None, None), ("", None), (" 7 ", 7), ("0", 0), ("-1", None), ("7.0", None), ("٣", None), ("9" * 19, None)],
)
def test_row_id_is_digits_that_fit(header: str | None, row: int | None) -> None:
    assert row_id_of(header) == row


async def test_retry_starts_progress_anew_but_within_a_run_it_never_falls(
    http: httpx2.AsyncClient, story: Story
) -> None:
    async with stream(http, story.job) as following:
        await following.next(), await following.next()
        await story.tell(status="processing", progress=60)
        await following.next()
        await story.tell("Step 2 started", progress=40, current_step=2)  # no writer lets progress fall
        await following.next(), await following.next()
        await story.tell("Retry 1", status="pending", progress=0, retry_count=1)
        await following.next(), await following.next()
        await story.tell("Step 1 started", status="processing", progress=5)
        await following.next(), await following.next()
    progress = [(data["retry_count"], data["progress"]) for name, data, _ in following.log if name == "job_update"]
    assert progress == [(0, 0), (0, 60), (0, 60), (1, 0), (1, 5)]


async def test_more_history_than_one_look_holds(http: httpx2.AsyncClient, story: Story) -> None:
    async with stream(http, story.job) as following:
        (_, _, first) = await following.next()
        await following.next()
        messages = [f"line {n}" for n in range(1100)]
        await story.tell(*messages, "done", status="completed", progress=100)
        events = await following.rest()
    assert [message for _, message in history_of(events)] == [*messages, "done"]
    assert names(events)[-1] == "job_update"
    async with stream(http, story.job) as following:
        events = await following.rest()
    assert [message for _, message in history_of(events)] == [*messages, "done"][-1000:]
    assert [data["status"] for name, data, _ in events if name == "job_update"] == ["completed"]
    async with stream(http, story.job, last=first) as following:
        assert len(history_of(await following.rest())) == 1101
