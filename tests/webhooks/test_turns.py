"""Deliveries at the same time: slow receivers, long queues, killed processes, late results."""

from tests.fakes.http_api import Reply
from tests.webhooks.conftest import TAKEN, Hooks

from emprops.webhooks import deliver


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
