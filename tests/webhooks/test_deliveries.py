"""What a receiver gets, and what becomes of what it does not take."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from standardwebhooks.webhooks import WebhookVerificationError
from structlog.testing import capture_logs
from tests.apps import as_user
from tests.fakes.http_api import Reply
from tests.kit.listener import listener
from tests.locks import somebody_waits
from tests.webhooks.conftest import TAKEN, Hooks, verified

from emprops.kit.ids import new_id
from emprops.webhooks import deliver, log_store, store
from emprops.webhooks.events import Event, body_of

DOWN = Reply(500, b"broken", "text/plain")


async def test_a_signed_message(hooks: Hooks) -> None:
    made = await hooks.make()
    sent = await hooks.ok("POST", f"/{made['id']}/test", status=202)
    assert (sent["status"], sent["attempts"], sent["last_attempt"]) == ("pending", 0, None)
    assert await hooks.deliver() == 1
    [asked] = hooks.receiver.asked
    body = verified(asked, made["secret"])
    assert (asked.method, body["event_type"], body["webhook_id"]) == ("POST", "webhook.test", made["id"])
    assert (
        body["event_id"]
        == sent["event_id"]
        == asked.headers["webhook-id"]
        == asked.headers["x-event-id"]
        == (await hooks.ok("GET", f"/{made['id']}/deliveries"))[0]["event_id"]
    )
    assert asked.headers["x-webhook-id"] == made["id"]
    assert asked.headers["x-webhook-event"] == "webhook.test"
    assert asked.headers["user-agent"] == "EMP-Job-Queue-Webhook/1.0"
    with pytest.raises(WebhookVerificationError):
        verified(asked, (await hooks.make("/other"))["secret"])
    done = await hooks.delivery(made, UUID(sent["event_id"]))
    assert (done["status"], done["attempts"], done["next_at"], done["log"][0]["status_code"]) == (
        "delivered",
        1,
        None,
        204,
    )
    assert done["data"] == body["data"]


def test_the_bytes_of_a_body() -> None:
    """Receivers may have kept a digest: events that were sent before an upgrade must not change with it."""
    event = Event(UUID(int=7), 3, "job.failed", datetime.fromisoformat("2026-01-10T12:00:00.5+00:00"), '{"a" : 1.0}')
    assert body_of(event, UUID(int=8)) == (
        b'{"event_type":"job.failed","event_id":"00000000-0000-0000-0000-000000000007","sequence":3,'
        b'"timestamp":1768046400500,"webhook_id":"00000000-0000-0000-0000-000000000008","data":{"a" : 1.0}}'
    )


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


async def test_a_new_secret_and_the_old_one_sign_together(hooks: Hooks) -> None:
    made = await hooks.make()
    rotated = await hooks.ok("POST", f"/{made['id']}/rotate-secret", {})
    assert rotated["secret"] != made["secret"]
    assert datetime.fromisoformat(rotated["old_secret_until"]) > datetime.now().astimezone() + timedelta(hours=23)
    await hooks.event(made)
    await hooks.deliver()
    verified(hooks.receiver.asked[-1], made["secret"], rotated["secret"])
    await hooks.execute("UPDATE webhook_old_secret SET ends_at = now()")
    await hooks.event(made)
    await hooks.deliver()
    verified(hooks.receiver.asked[-1], rotated["secret"])
    with pytest.raises(WebhookVerificationError):
        verified(hooks.receiver.asked[-1], made["secret"])
    assert (await hooks.shown(made))["old_secret_until"] is None
    at_once = await hooks.ok("POST", f"/{made['id']}/rotate-secret", {"overlap_hours": 0})
    await hooks.event(made)
    await hooks.deliver()
    verified(hooks.receiver.asked[-1], at_once["secret"])
    with pytest.raises(WebhookVerificationError):
        verified(hooks.receiver.asked[-1], rotated["secret"])


async def test_redirects_are_failures(hooks: Hooks) -> None:
    made = await hooks.make("/hook", Reply(307, b"", headers={"location": f"{hooks.receiver.base}/secret"}))
    event_id = await hooks.event(made)
    await hooks.deliver()
    assert hooks.receiver.asked_for("/secret") == []
    [attempt] = (await hooks.delivery(made, event_id))["log"]
    assert "redirects, which is not followed" in attempt["error"]


async def test_an_endless_answer_costs_four_kilobytes(hooks: Hooks) -> None:
    made = await hooks.make("/hook", Reply(200, b"\x00x" * 1_000_000, "text/plain"))
    event_id = await hooks.event(made)
    await hooks.deliver()
    [attempt] = (await hooks.delivery(made, event_id))["log"]
    assert (attempt["status_code"], attempt["error"], attempt["response"]) == (200, None, "x" * 2048)


async def test_a_broken_off_answer_counts_by_its_status(hooks: Hooks) -> None:
    made = await hooks.make("/hook", Reply(200, b"so far", "text/plain", fault="cut"))
    event_id = await hooks.event(made)
    await hooks.deliver()
    assert (await hooks.delivery(made, event_id))["status"] == "delivered"


async def test_no_answer_is_a_failure(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliver, "TIMEOUT", 0.2)
    slow = await hooks.make("/hook", Reply(fault="hang"))
    event_id = await hooks.event(slow)
    await hooks.deliver()
    [attempt] = (await hooks.delivery(slow, event_id))["log"]
    assert (attempt["status_code"], attempt["error"]) == (None, "127.0.0.1 did not finish within 0.2 seconds.")

    async def drop(_head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with listener(drop) as dropping:
        await hooks.execute("UPDATE webhook_endpoint SET url = %s", f"{dropping.url}/hook")
        hooks.settings = hooks.settings.model_copy(update={"outbound_allow": f"127.0.0.1:{dropping.port}"})
        await hooks.due_now()
        assert await hooks.another_deliverer().deliver_due() == 1
    attempt = (await hooks.delivery(slow, event_id))["log"][-1]
    assert "could not be reached" in attempt["error"]


async def test_a_name_that_became_private_is_not_reached(hooks: Hooks) -> None:
    """The name was public when the endpoint was made, and is looked up again for each connection."""
    made = await hooks.make()
    port = hooks.receiver.base.rpartition(":")[2]
    await hooks.execute("UPDATE webhook_endpoint SET url = %s", f"http://rebind.test:{port}/hook")
    event_id = await hooks.event(made)
    hooks.settings = hooks.settings.model_copy(update={"outbound_allow": f"elsewhere.test:{port}"})

    async def resolver(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    with pytest.MonkeyPatch.context() as patch:
        # the port decides before the address does; here the address has to
        patch.setattr("emprops.kit.outbound.guard.PORTS", {"http": int(port), "https": 443})
        await hooks.another_deliverer(resolver=resolver).deliver_due()
    [attempt] = (await hooks.delivery(made, event_id))["log"]
    assert "not a public address" in attempt["error"]
    assert hooks.receiver.asked == []


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


async def test_a_slow_receiver_delays_no_other(hooks: Hooks) -> None:
    slow, quick = await hooks.make("/slow", Reply(fault="hang")), await hooks.make("/quick")
    for _ in range(20):
        await hooks.event(slow)
    one, other = hooks.deliverer, hooks.another_deliverer()
    assert await one.start_due() == deliver.WIDTH
    await hooks.receiver.waiting.wait()
    event_id = await hooks.event(slow, quick)
    assert await other.deliver_due() == 1, "the other process leaves the slow one to the first"
    assert (await hooks.delivery(quick, event_id))["status"] == "delivered"
    assert await one.start_due() == 0
    assert len(hooks.receiver.asked_for("/quick")) == 1
    hooks.receiver.released.set()
    await one.finish()
    assert await one.deliver_due() == 21 - deliver.WIDTH


async def test_a_long_queue_takes_turns_with_the_others(hooks: Hooks) -> None:
    busy = await hooks.make("/busy")
    for _ in range(8):
        await hooks.event(busy)
    others = [await hooks.make(f"/{number}") for number in range(3)]
    await hooks.event(*others)
    few = hooks.another_deliverer(slots=4)
    await few.start_due()
    await few.finish()
    assert sorted(asked.path for asked in hooks.receiver.asked) == ["/0", "/1", "/2", "/busy"]


async def test_what_a_killed_process_had_taken_is_sent_again(hooks: Hooks) -> None:
    made = await hooks.make("/hook", Reply(fault="hang"))
    event_id = await hooks.event(made)
    dying = hooks.another_deliverer()
    await dying.start_due()
    await hooks.receiver.waiting.wait()
    for task in list(dying._running):
        task.cancel()
    await dying.finish()
    hooks.receiver.on("/hook", TAKEN)
    assert await hooks.deliver() == 0, "its lease holds"
    await hooks.execute("UPDATE webhook_delivery SET taken_until = now()")
    assert await hooks.deliver() == 1
    assert {asked.headers["webhook-id"] for asked in hooks.receiver.asked} == {str(event_id)}
    assert len(hooks.receiver.asked) == 2
    assert (await hooks.delivery(made, event_id))["attempts"] == 2


async def test_a_late_failure_does_not_undo_what_somebody_else_did(hooks: Hooks) -> None:
    made = await hooks.make("/hook", Reply(500, fault="hang"))
    event_id = await hooks.event(made)
    late = hooks.another_deliverer()
    await late.start_due()
    await hooks.receiver.waiting.wait()
    await hooks.execute("UPDATE webhook_delivery SET taken_until = now()")
    hooks.receiver.on("/hook", TAKEN)
    assert await hooks.deliver() == 1
    hooks.receiver.released.set()
    await late.finish()
    done = await hooks.delivery(made, event_id)
    assert (done["status"], [one["status_code"] for one in done["log"]]) == ("delivered", [500, 204])
    assert (await hooks.shown(made))["failures"] == 0


async def test_a_late_success_counts_once(hooks: Hooks) -> None:
    made = await hooks.make("/hook", Reply(204, b"", fault="hang"))
    await hooks.event(made)
    late = hooks.another_deliverer()
    await late.start_due()
    await hooks.receiver.waiting.wait()
    await hooks.execute("UPDATE webhook_delivery SET taken_until = now()")
    hooks.receiver.on("/hook", TAKEN)
    assert await hooks.deliver() == 1
    hooks.receiver.released.set()
    await late.finish()
    assert (await hooks.ok("GET", f"/{made['id']}/stats"))["delivered"] == 1


async def test_a_late_failure_leaves_the_try_of_another_process_alone(hooks: Hooks) -> None:
    made = await hooks.make("/hook", Reply(500, fault="hang"))
    await hooks.event(made)
    late = hooks.another_deliverer()
    await late.start_due()
    await hooks.receiver.waiting.wait()
    # as the other process takes it
    await hooks.execute("UPDATE webhook_delivery SET attempts = 2, taken_until = now() + interval '1 hour'")
    hooks.receiver.released.set()
    await late.finish()
    [row] = await hooks.rows("SELECT status, taken_until > now() AS taken FROM webhook_delivery")
    assert row == {"status": "pending", "taken": True}
    assert (await hooks.shown(made))["failures"] == 0


async def test_a_failure_does_not_end_a_pause(hooks: Hooks) -> None:
    made = await hooks.make("/hook", Reply(500, fault="hang"))
    await hooks.event(made)
    await hooks.deliverer.start_due()
    await hooks.receiver.waiting.wait()
    await hooks.execute("UPDATE webhook_endpoint SET open_until = now() + interval '1 hour'")  # asked for meanwhile
    hooks.receiver.released.set()
    await hooks.deliverer.finish()
    shown = await hooks.shown(made)
    assert (shown["failures"], shown["paused_until"] is not None) == (1, True)


async def test_a_lost_key_is_said_and_nothing_leaves_unsigned(hooks: Hooks) -> None:
    made = await hooks.make()
    event_id = await hooks.event(made)
    await hooks.execute("UPDATE webhook_endpoint SET secret = 'nonsense'")
    await hooks.deliver()
    assert "EMPROPS_WEBHOOK_KEYS" in (await hooks.delivery(made, event_id))["log"][0]["error"]
    assert hooks.receiver.asked == []


async def test_it_leaves_by_itself(hooks: Hooks) -> None:
    made = await hooks.make("/hook", Reply(204, b"", fault="hang"))
    task = asyncio.create_task(hooks.another_deliverer().run())
    try:
        await hooks.event(made)
        async with asyncio.timeout(10):
            await hooks.receiver.waiting.wait()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()


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
