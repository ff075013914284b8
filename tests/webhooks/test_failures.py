"""What becomes of what a receiver does not take: tries, replays, pauses, and the end of an endpoint."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

from structlog.testing import capture_logs
from tests.apps import as_user
from tests.fakes.http_api import Reply
from tests.locks import somebody_waits
from tests.webhooks.conftest import DOWN, TAKEN, Hooks, verified

from emprops.kit.ids import new_id
from emprops.webhooks import log_store, store


async def test_every_try_is_the_same_message(hooks: Hooks) -> None:
    made = await hooks.make("/hook", DOWN, Reply(404, b""), TAKEN)
    event_id = await hooks.event(made)
    for _ in range(3):
        assert await hooks.deliver() == 1
        assert await hooks.deliver() == 0, "the next try is not due yet"
        await hooks.due_now()
    assert {(asked.raw, asked.headers["webhook-id"]) for asked in hooks.receiver.asked} == {
        (hooks.receiver.asked[0].raw, str(event_id))
    }
    for asked in hooks.receiver.asked:
        verified(asked, made["secret"])
    done = await hooks.delivery(made, event_id)
    assert [attempt["status_code"] for attempt in done["log"]] == [500, 404, 204]
    assert done["log"][0]["response"] == "broken"
    assert done["log"][0]["error"] == "The receiver did not take it: it answered 500."
    assert done["status"] == "delivered"


async def test_a_failure_is_logged_with_its_reason(hooks: Hooks) -> None:
    made = await hooks.make("/hook", DOWN)
    event_id = await hooks.event(made)
    with capture_logs() as lines:
        assert await hooks.deliver() == 1
    (line,) = [line for line in lines if "webhook" in line["event"]]
    assert line["event"] == "webhook not taken"
    assert (line["event_id"], line["endpoint"]) == (str(event_id), made["id"])
    assert line["error"] == "The receiver did not take it: it answered 500."


async def test_it_is_given_up_after_ten_tries_and_can_be_replayed(hooks: Hooks) -> None:
    made = await hooks.make("/hook", DOWN)
    event_id = await hooks.event(made)
    await hooks.execute("UPDATE webhook_delivery SET tries = 9, attempts = 9")
    await hooks.deliver()
    done = await hooks.delivery(made, event_id)
    assert (done["status"], done["next_at"], done["attempts"]) == ("failed", None, 10)
    assert done["ended_at"] is not None
    stats = await hooks.ok("GET", f"/{made['id']}/stats")
    assert (stats["given_up"], stats["failed_attempts"], stats["delivered"], stats["pending"]) == (1, 1, 0, 0)
    hooks.receiver.on("/hook", DOWN, TAKEN)
    sent = await hooks.ok("POST", f"/{made['id']}/deliveries/{event_id}/replay", status=202)
    assert sent["status"] == "pending"
    assert await hooks.deliver() == 1
    assert (await hooks.delivery(made, event_id))["status"] == "pending", "it has all its tries again"
    await hooks.due_now()
    assert await hooks.deliver() == 1
    first, _, second = hooks.receiver.asked
    assert (first.raw, first.headers["webhook-id"]) == (second.raw, second.headers["webhook-id"])
    assert (await hooks.delivery(made, event_id))["status"] == "delivered"
    stats = await hooks.ok("GET", f"/{made['id']}/stats")
    assert (stats["delivered"], stats["recent"]["attempts"], stats["recent"]["failed"]) == (1, 3, 2)
    assert "Delivery" in await hooks.refused(404, "POST", f"/{made['id']}/deliveries/{new_id()}/replay")


async def test_replaying_since_a_time(hooks: Hooks) -> None:
    made = await hooks.make()
    for minutes, status in ((90, "failed"), (50, "failed"), (40, "failed"), (30, "delivered")):
        event_id = UUID(int=((new_id().int >> 80) - minutes * 60_000) << 80)
        await hooks.execute("INSERT INTO webhook_event (id, type, data) VALUES (%s, 'job.failed', '{}')", event_id)
        await hooks.execute(
            "INSERT INTO webhook_delivery (endpoint_id, event_id, status, ended_at) VALUES (%s, %s, %s, now())",
            made["id"],
            event_id,
            status,
        )
    since = (datetime.now().astimezone() - timedelta(hours=1)).isoformat()
    answer = await hooks.ok("POST", f"/{made['id']}/replay", {"since": since}, status=202)
    assert answer == {"replayed": 2, "more": False}
    assert await hooks.deliver() == 2
    answer = await hooks.ok("POST", f"/{made['id']}/replay", {"since": since, "include_delivered": True}, status=202)
    assert answer["replayed"] == 3
    assert len(await hooks.ok("GET", f"/{made['id']}/deliveries?status=pending")) == 3
    assert len(await hooks.ok("GET", f"/{made['id']}/deliveries?status=failed")) == 1


async def test_gone_disables_the_endpoint_and_tells_the_others(hooks: Hooks) -> None:
    made = await hooks.make("/hook", Reply(410, b""))
    other = await hooks.make("/other")
    strange = await hooks.make("/strange", who=as_user(new_id()))
    first = await hooks.event(made)
    await hooks.event(made)
    assert await hooks.deliver() == 3, "both at once, then the notice"
    shown = await hooks.shown(made)
    assert (shown["enabled"], shown["disabled_reason"]) == (False, "The receiver answered 410 Gone.")
    assert (await hooks.delivery(made, first))["status"] == "failed"
    [asked] = hooks.receiver.asked_for("/other")
    notice = verified(asked, other["secret"])
    assert notice["event_type"] == "endpoint.disabled"
    assert notice["data"] == {
        "endpoint_id": made["id"],
        "user_id": str(hooks.user_id),
        "url": made["url"],
        "reason": "The receiver answered 410 Gone.",
    }
    assert hooks.receiver.asked_for("/strange") == []
    assert strange["enabled"]


async def test_five_days_of_failures_disable_it_until_somebody_enables_it(hooks: Hooks) -> None:
    made, other = await hooks.make("/hook", DOWN), await hooks.make("/other")
    event_id = await hooks.event(made)
    await hooks.execute(
        "UPDATE webhook_endpoint SET failures = 9, failing_since = now() - interval '6 days' WHERE id = %s", made["id"]
    )
    await hooks.deliver()
    shown = await hooks.shown(made)
    assert shown["disabled_reason"] == (
        "Nothing could be delivered for 5 days. The last failure: The receiver did not take it: it answered 500."
    )
    assert len(hooks.receiver.asked_for("/other")) == 1
    await hooks.due_now()
    assert await hooks.deliver() == 0
    hooks.receiver.on("/hook", TAKEN)
    again = await hooks.ok("PATCH", f"/{made['id']}", {"enabled": True})
    assert (again["failures"], again["failing_since"], again["paused_until"]) == (0, None, None)
    assert await hooks.deliver() == 1
    assert (await hooks.delivery(made, event_id))["status"] == "delivered"
    assert other["enabled"]


async def test_a_receiver_that_asks_for_a_pause_gets_it(hooks: Hooks) -> None:
    made = await hooks.make("/hook", Reply(429, b"", headers={"retry-after": "600"}), TAKEN)
    event_id = await hooks.event(made)
    await hooks.deliver()
    await hooks.event(made)
    assert await hooks.deliver() == 0, "the other event waits as well"
    [row] = await hooks.rows(
        """
        SELECT open_until BETWEEN now() + interval '590 seconds' AND now() + interval '600 seconds' AS paused,
               next_at >= open_until - interval '1 second' AS waits
        FROM webhook_endpoint e JOIN webhook_delivery d ON d.endpoint_id = e.id WHERE d.event_id = %s
        """,
        event_id,
    )
    assert row == {"paused": True, "waits": True}
    await hooks.due_now()
    assert await hooks.deliver() == 2


async def test_an_open_circuit_lets_one_probe_through(hooks: Hooks) -> None:
    made = await hooks.make("/hook", DOWN)
    for _ in range(12):
        await hooks.event(made)
    await hooks.deliver()
    failures = (await hooks.shown(made))["failures"]
    assert 5 <= failures < 12, "the others did not use up a try"
    assert (await hooks.shown(made))["paused_until"] is not None
    untouched = "SELECT count(*) AS n FROM webhook_delivery WHERE attempts = 0"
    [before] = await hooks.rows(untouched)
    assert before["n"] == 12 - failures
    await hooks.due_now()
    assert await hooks.deliver() == 1, "the probe fails, and the circuit is open again"
    hooks.receiver.on("/hook", TAKEN)
    await hooks.due_now()
    assert await hooks.deliver() == 12
    assert (await hooks.shown(made))["failures"] == 0


async def test_replaying_what_is_just_being_noted(hooks: Hooks) -> None:
    """Whoever notes a result and whoever replays lock the endpoint before the delivery: neither waits for the other."""
    for reply in (TAKEN, DOWN):
        made = await hooks.make(f"/{reply.status}", reply)
        event_id = await hooks.event(made)
        async with hooks.database.transaction() as tx:
            assert await store.get(tx, UUID(made["id"]), lock=True)
            delivering = asyncio.create_task(hooks.deliver())
            await somebody_waits(hooks.database)
            assert await log_store.replay(tx, UUID(made["id"]), event_id)
        assert await delivering == 1
        assert len((await hooks.delivery(made, event_id))["log"]) == 1
