"""Secrets that are rotated again and again, and endpoints that are given another chance."""

from datetime import timedelta

from tests.fakes.http_api import Reply
from tests.webhooks.conftest import TAKEN, Hooks, verified

from emprops.webhooks.service import MAX_OLD_SECRETS


async def test_each_secret_signs_until_its_own_end(hooks: Hooks) -> None:
    made = await hooks.make()
    second = await hooks.ok("POST", f"/{made['id']}/rotate-secret", {"overlap_hours": 48})
    third = await hooks.ok("POST", f"/{made['id']}/rotate-secret", {"overlap_hours": 1})
    await hooks.event(made)
    await hooks.deliver()
    verified(hooks.receiver.asked[-1], made["secret"], second["secret"], third["secret"])
    assert third["old_secret_until"] == second["old_secret_until"], "the latest of the ends"
    await hooks.execute("UPDATE webhook_old_secret SET ends_at = ends_at - %s", timedelta(hours=2))
    await hooks.event(made)
    await hooks.deliver()
    verified(hooks.receiver.asked[-1], made["secret"], third["secret"])


async def test_only_so_many_secrets_sign(hooks: Hooks) -> None:
    made = await hooks.make()
    for _ in range(MAX_OLD_SECRETS):
        await hooks.ok("POST", f"/{made['id']}/rotate-secret", {})
    refused = await hooks.refused(409, "POST", f"/{made['id']}/rotate-secret", {})
    assert "overlap_hours: 0" in refused
    await hooks.execute("UPDATE webhook_old_secret SET ends_at = now()")
    await hooks.ok("POST", f"/{made['id']}/rotate-secret", {})
    last = await hooks.ok("POST", f"/{made['id']}/rotate-secret", {"overlap_hours": 0})
    assert last["old_secret_until"] is None
    await hooks.event(made)
    await hooks.deliver()
    verified(hooks.receiver.asked[-1], last["secret"])


async def test_what_waits_leaves_at_once_when_an_endpoint_is_enabled(hooks: Hooks) -> None:
    made = await hooks.make("/hook", Reply(500, b"", "text/plain"), TAKEN, TAKEN)
    first = await hooks.event(made)
    await hooks.deliver()
    second = await hooks.event(made)
    await hooks.ok("PATCH", f"/{made['id']}", {"enabled": False})
    assert await hooks.deliver() == 0
    await hooks.ok("PATCH", f"/{made['id']}", {"enabled": True})
    assert await hooks.deliver() == 2
    ids = [asked.headers["x-event-id"] for asked in hooks.receiver.asked]
    assert sorted(ids[1:]) == sorted(map(str, (first, second)))


async def test_what_waits_goes_to_a_new_address_at_once(hooks: Hooks) -> None:
    made = await hooks.make("/old", Reply(500, b"", "text/plain"))
    await hooks.event(made)
    await hooks.deliver()
    assert await hooks.deliver() == 0, "it waits for its next try"
    await hooks.ok("PATCH", f"/{made['id']}", {"url": hooks.receiver.on("/new", TAKEN)})
    assert await hooks.deliver() == 1
