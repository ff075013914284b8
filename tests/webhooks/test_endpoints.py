"""Endpoints: who has which, where they may lead, and what is kept of their secrets."""

from uuid import UUID

import pytest
from tests.apps import as_user
from tests.plans import Explaining
from tests.webhooks.conftest import Hooks

from emprops.auth.caller import Caller
from emprops.errors import NotFoundError
from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.kit.web.paging import Page
from emprops.settings import Settings, SettingsError
from emprops.webhooks import log_store, service
from emprops.webhooks.deliver import purge
from emprops.webhooks.events import DEFAULT
from emprops.webhooks.schemas import WebhookBody
from emprops.webhooks.secrets import SealedError, SecretBox, make_secret, shown


async def test_the_secret_is_shown_once_and_stored_encrypted(hooks: Hooks) -> None:
    made = await hooks.make(description="The web app")
    assert made["secret"].startswith("whsec_")
    assert made["events"] == list(DEFAULT)
    assert "job.progress" not in made["events"]
    plain = {name: value for name, value in made.items() if name != "secret"}
    assert await hooks.shown(made) == plain
    assert await hooks.ok("GET", "") == [plain]
    [row] = await hooks.rows("SELECT secret FROM webhook_endpoint")
    secret = SecretBox(hooks.settings).unseal(row["secret"])
    assert shown(secret) == made["secret"]
    assert secret not in row["secret"]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://127.0.0.1/hook", "not a public address"),
        ("https://169.254.169.254/latest", "not a public address"),
        ("https://[::ffff:10.0.0.1]/hook", "not a public address"),
        ("https://2130706433/hook", "not a public address"),
        ("http://93.184.215.14/hook", "must begin with https://"),
        ("https://user:word@93.184.215.14/hook", "user name"),
        ("https://93.184.215.14:8443/hook", "Port 8443"),
        ("https://nowhere.invalid/hook", "could not be resolved"),
        ("ftp://93.184.215.14/hook", "http:// and https://"),
        ("hook", "http:// and https://"),
    ],
)
async def test_targets_that_are_refused(hooks: Hooks, url: str, reason: str) -> None:
    assert reason in await hooks.refused(400, "POST", "", {"url": url})
    made = await hooks.make()
    assert reason in await hooks.refused(400, "PATCH", f"/{made['id']}", {"url": url})
    assert (await hooks.shown(made))["url"] == made["url"]


async def test_one_of_each_url_and_not_too_many(hooks: Hooks) -> None:
    first = await hooks.make("/1")
    assert "of this URL already" in await hooks.refused(409, "POST", "", {"url": first["url"]})
    await hooks.make("/1", who=as_user(new_id()))
    await hooks.make("/1", who=hooks.service)
    for number in range(2, 5):
        last = await hooks.make(f"/{number}")
    assert "4 webhook endpoints" in await hooks.refused(409, "POST", "", {"url": f"{hooks.receiver.base}/5"})
    assert "of this URL already" in await hooks.refused(409, "PUT", f"/{last['id']}", {"url": first["url"]})
    await hooks.ok("DELETE", f"/{last['id']}")
    await hooks.make("/5")


async def test_what_nobody_can_hear_of_is_refused(hooks: Hooks) -> None:
    url = f"{hooks.receiver.base}/hook"
    assert "job.submitted" in await hooks.refused(400, "POST", "", {"url": url, "events": ["job.exploded"]})
    assert "events" in await hooks.refused(400, "POST", "", {"url": url, "events": []})
    assert "filters.collection_ids" in await hooks.refused(
        400, "POST", "", {"url": url, "filters": {"collection_ids": []}}
    )


async def test_endpoints_of_others_look_unknown(hooks: Hooks) -> None:
    made = await hooks.make()
    of_services = await hooks.make("/all", who=hooks.service)
    assert of_services["user_id"] is None
    assert [one["id"] for one in await hooks.ok("GET", "", who=hooks.service)] == [of_services["id"]]
    await hooks.ok("GET", f"/{made['id']}", who=hooks.service)
    for who, endpoint in ((as_user(new_id()), made), (as_user(hooks.user_id), of_services)):
        event_id = await hooks.event(endpoint)
        for method, path, body in (
            ("GET", "", None),
            ("PATCH", "", {"enabled": False}),
            ("DELETE", "", None),
            ("POST", "/rotate-secret", {}),
            ("POST", "/test", None),
            ("GET", "/deliveries", None),
            ("POST", f"/deliveries/{event_id}/replay", None),
        ):
            await hooks.refused(404, method, f"/{endpoint['id']}{path}", body, who=who)
    async with hooks.database.reader() as reader:
        with pytest.raises(NotFoundError):
            await service.get(reader, Caller(user_id=None), UUID(of_services["id"]))


async def test_changing_one(hooks: Hooks) -> None:
    made = await hooks.make()
    collection = str(new_id())
    changed = await hooks.ok(
        "PATCH", f"/{made['id']}", {"events": ["job.failed"], "filters": {"collection_ids": [collection]}}
    )
    assert (changed["events"], changed["filters"]["collection_ids"], changed["url"]) == (
        ["job.failed"],
        [collection],
        made["url"],
    )
    stopped = await hooks.ok("PUT", f"/{made['id']}", {"enabled": False})
    assert (stopped["enabled"], stopped["disabled_reason"]) == (False, "Disabled by its owner.")
    await hooks.event(made)
    assert await hooks.deliver() == 0
    assert "disabled" in await hooks.refused(409, "POST", f"/{made['id']}/test")
    again = await hooks.ok("PUT", f"/{made['id']}", {"enabled": True})
    assert (again["enabled"], again["disabled_at"]) == (True, None)
    assert await hooks.deliver() == 1, "what waited is sent"


async def test_what_waits_for_a_deleted_one_is_never_sent(hooks: Hooks) -> None:
    made, kept = await hooks.make(), await hooks.make("/kept")
    await hooks.event(made)
    assert await hooks.deliver() == 1
    event_id = await hooks.event(made, kept)
    await hooks.ok("DELETE", f"/{made['id']}")
    assert await hooks.deliver() == 1
    assert len(hooks.receiver.asked_for("/hook")) == 1
    assert await purge(hooks.database) == 2
    assert [row["event_id"] for row in await hooks.rows("SELECT event_id FROM webhook_delivery")] == [event_id]
    await hooks.execute("UPDATE webhook_event SET occurred_at = now() - interval '31 days'")
    assert await purge(hooks.database) == 2
    assert await hooks.rows("SELECT FROM webhook_delivery UNION ALL SELECT FROM webhook_attempt") == []


def test_keys_can_be_set_and_exchanged(settings: Settings) -> None:
    def box(keys: str) -> SecretBox:
        return SecretBox(settings.model_copy(update={"webhook_keys": type(settings.webhook_keys)(keys)}))

    old, new = "o" * 32, "n" * 32
    secret = make_secret()
    derived, sealed = box("").seal(secret), box(old).seal(secret)
    assert box(old).unseal(derived) == secret
    assert box(f"{new},{old}").unseal(sealed) == secret
    with pytest.raises(SealedError, match="EMPROPS_WEBHOOK_KEYS"):
        box(new).unseal(sealed)
    with pytest.raises(SettingsError, match="shorter than 32 bytes"):
        box("short")


async def test_the_log_follows_an_index(database: Database) -> None:
    async with database.transaction() as tx:
        explaining = Explaining(tx.connection)
        for status, index in ((None, "webhook_delivery_pkey"), ("failed", "webhook_delivery_by_status")):
            await tx.execute(
                """
                WITH event AS (INSERT INTO webhook_event (type, data) SELECT 'a', '{}' FROM generate_series(1, 1000)
                               RETURNING id)
                INSERT INTO webhook_delivery (endpoint_id, event_id, status, ended_at)
                SELECT %s, id, 'delivered', now() FROM event
                """,
                (new_id(),),
            )
            await log_store.list_of(explaining, new_id(), Page(), status=status)
            assert index in explaining.plan
            assert "Sort" not in explaining.plan


async def test_a_made_id_is_a_time_ordered_one(hooks: Hooks) -> None:
    ids = [await hooks.event() for _ in range(3)]
    assert all(isinstance(one, UUID) and one.version == 7 for one in ids)
    assert abs((ids[0].int >> 80) - (new_id().int >> 80)) < 60_000


@pytest.mark.parametrize("same", ["HTTPS://Hooks.example.com/A?b=C", "https://hooks.example.com:443/A?b=C#d"])
async def test_one_address_in_another_spelling_is_one(hooks: Hooks, same: str) -> None:
    for url in ("https://hooks.example.com/A?b=C", same):
        assert WebhookBody(url=url).url == "https://hooks.example.com/A?b=C"
    assert WebhookBody(url="https://u:P@[2001:DB8::1]:8443/").url == "https://u:P@[2001:db8::1]:8443/"
    made = await hooks.make("/hook")
    spelled = made["url"].replace("http://", "HTTP://") + "#top"
    assert "URL already" in await hooks.refused(409, "POST", "", {"url": spelled})
