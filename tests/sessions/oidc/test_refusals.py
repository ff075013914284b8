"""Sign-in at an OpenID provider that lies, is away, or was not asked; and settings that are not safe."""

from pathlib import Path
from typing import Any

import httpx2
import pytest
import redis.asyncio
from tests.fakes.oidc import CLIENT_ID, FakeProvider
from tests.sessions.oidc.providers import Console, console_at, go

from emprops.auth import limits
from emprops.auth.startup import check_settings
from emprops.kit.database import Database
from emprops.sessions.oidc_attempts import own_page
from emprops.settings import Settings, SettingsError

pytestmark = pytest.mark.timeout(90)
FAILED, EXPIRED = "/console/#sign_in=failed", "/console/#sign_in=expired"


@pytest.mark.parametrize(
    "lie",
    [
        {"token": {"nonce": "another"}},
        {"token": {"nonce": None}},
        {"token": {"iss": "https://evil.example"}},
        {"token": {"aud": "another"}},
        {"token": {"aud": [CLIENT_ID, "another"]}},  # without azp
        {"token": {"azp": "another"}},
        {"token": {"exp": 1}},
        {"token": {"iat": None}},
        {"token": {"sub": None}},
        {"token": {"sub": ""}},
        {"token": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}},
        {"key": "another"},
        {"key": "u7Wq2ZkT9vN4xB6mR8cJ1hL3pF5sD0gY", "algorithm": "HS256"},
        {"key": None, "algorithm": "none"},
        {"answer": {"id_token": None}},
        {"answer": {"id_token": "x.y.z"}},
        {"answer": {"access_token": None}},
        {"back": {"iss": "https://evil.example"}},
        {"back": {"code": ""}},
        {"back": {"error": "server_error"}},
    ],
    ids=str,
)
async def test_a_provider_that_lies_signs_nobody_in(
    console: Console, provider: FakeProvider, lie: dict[str, Any], database: Database
) -> None:
    for name, value in lie.items():
        setattr(provider, name, value)
    assert await console.sign_in(go) == FAILED
    assert "emprops" not in console.browser.cookies
    async with database.reader() as reader:
        assert await reader.fetch_value("SELECT count(*) FROM session") == 0


async def test_people_may_decline(console: Console, provider: FakeProvider) -> None:
    provider.back = {"error": "access_denied", "code": ""}
    assert await console.sign_in(go) == "/console/#sign_in=denied"


@pytest.mark.parametrize(
    "lie",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://evil.example/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": None},
        {"jwks_uri": 7},
    ],
    ids=str,
)
async def test_nobody_is_sent_to_a_provider_that_describes_itself_wrongly(
    console: Console, provider: FakeProvider, lie: dict[str, Any]
) -> None:
    provider.metadata = lie
    assert await console.begin() == "/console/#sign_in=unavailable"
    provider.metadata = {}
    assert (await console.begin()).startswith(provider.base), "it is asked again"


async def test_a_provider_that_is_away_can_be_tried_again(console: Console, provider: FakeProvider) -> None:
    provider.status = 503
    assert await console.begin() == "/console/#sign_in=unavailable"
    provider.status = 200
    assert await console.sign_in(go) == "/console/jobs"


async def test_a_private_provider_has_to_be_opened(
    provider: FakeProvider, settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path
) -> None:
    async with console_at(provider.base, settings, database, redis, tmp_path, outbound_allow="") as console:
        assert await console.begin() == "/console/#sign_in=unavailable"


async def test_only_the_browser_that_began_comes_back(console: Console) -> None:
    back = await go(console.browser, await console.begin())
    async with httpx2.AsyncClient(trust_env=False) as other:
        assert (await other.get(back)).headers["location"] == EXPIRED, "no cookie"
        await other.get(f"{console.base}/session/oidc")
        assert (await other.get(back)).headers["location"] == EXPIRED, "another state"
        assert "emprops" not in other.cookies
    assert await console.finish(back) == "/console/jobs"
    assert await console.finish(back) == EXPIRED, "a second time"


async def test_rubbish_comes_back(console: Console) -> None:
    await console.begin()
    for query in ("", "?state=", "?code=x", "?state=é&code=x", "?state=x&error=access_denied"):
        assert await console.finish(console.redirect_uri + query) == EXPIRED
    too_long = await console.browser.get(f"{console.redirect_uri}?code={'x' * 5000}")
    assert too_long.status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/console/",
        "//evil.example/console/",
        "/\\evil.example/console/",
        "/console/\\..\\x",
        "/console/../files/x",
        "/consoles",
        "/",
        "",
        "console/",
        "/console/\r\nSet-Cookie: a=b",
        "/console/ x",
        "javascript:alert(1)",
        "http://[",
        "/console/" + "x" * 1000,
    ],
)
async def test_nobody_is_sent_elsewhere(path: str) -> None:
    assert own_page(path) == "/console/"


@pytest.mark.parametrize("path", ["/console", "/console/", "/console/jobs?status=failed#top"])
async def test_people_come_back_to_their_page(console: Console, path: str) -> None:
    assert await console.sign_in(go, path) == path


async def test_without_a_provider_there_is_none(page: httpx2.AsyncClient) -> None:
    for path in ("/session/oidc", "/session/oidc/callback"):
        assert (await page.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"oidc_issuer": "https://id.example.com"}, "needed together"),
        ({"oidc_client_id": "console"}, "needed together"),
        ({"oidc_issuer": "http://id.example.com", "oidc_client_id": "console"}, "must be an https:// URL"),
        ({"oidc_issuer": "id.example.com", "oidc_client_id": "console"}, "must be an https:// URL"),
    ],
)
def test_unsafe_settings_keep_the_api_from_starting(changes: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        check_settings(Settings(mode="local", **changes))  # type: ignore[arg-type]


async def test_one_address_sets_out_only_so_often(
    console: Console, redis: redis.asyncio.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time something is kept in Redis, and nobody needs to be known for that."""
    monkeypatch.setattr(limits, "SIGN_INS_A_MINUTE", 2)  # another one is allowed after half a minute
    for _ in range(2):
        assert (await console.begin()).startswith("http")
    assert await console.begin() == "/console/#sign_in=unavailable"
    kept = [key async for key in redis.scan_iter("*sign_in:*")]
    assert len(kept) == 2


async def test_pages_below_a_path_of_the_host_are_found_again(
    provider: FakeProvider, settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path
) -> None:
    """A proxy serves the api under a path, which it takes off."""
    public = "http://127.0.0.1:3001/studio"
    async with console_at(provider.base, settings, database, redis, tmp_path, public_url=public) as console:

        async def way_back(return_to: str, **answer: str) -> str:
            provider.back = answer
            back = await go(console.browser, await console.begin(return_to))
            return await console.finish(back.replace(public, console.base))

        assert await way_back("/studio/console/jobs?q=1") == "/studio/console/jobs?q=1"
        assert await way_back("https://evil.example") == "/studio/console/"
        assert await way_back("/console", error="access_denied", code="") == "/studio/console/#sign_in=denied"
