"""What a receiver gets."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from standardwebhooks.webhooks import WebhookVerificationError
from tests.fakes.http_api import Reply
from tests.kit.listener import listener
from tests.webhooks.conftest import Hooks, verified

from emprops.auth.file_links import FileLinks
from emprops.media.result_links import ResultLinks
from emprops.settings import Settings
from emprops.webhooks import deliver
from emprops.webhooks.events import Event, body_of


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


def test_the_bytes_of_a_body(settings: Settings) -> None:
    """Receivers may have kept a digest: events that were sent before an upgrade must not change with it."""
    event = Event(UUID(int=7), 3, "job.failed", datetime.fromisoformat("2026-01-10T12:00:00.5+00:00"), '{"a" : 1.0}')
    assert body_of(event, UUID(int=8), ResultLinks(settings, FileLinks(settings))) == (
        b'{"event_type":"job.failed","event_id":"00000000-0000-0000-0000-000000000007","sequence":3,'
        b'"timestamp":1768046400500,"webhook_id":"00000000-0000-0000-0000-000000000008","data":{"a" : 1.0}}'
    )


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
