"""The api, an OpenID provider, and a browser that goes from one to the other."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import redis.asyncio
from tests.apps import api, free_port, served
from tests.fakes.oidc import CLIENT_ID, CLIENT_SECRET
from tests.sessions.conftest import OWN_PAGE, SECRET

from emprops.kit.database import Database
from emprops.settings import Settings

PATIENCE = 30.0
SignIn = Callable[[httpx2.AsyncClient, str], Awaitable[str]]
"""Signs in at a provider, on the page at this URL; gives the URL to which the provider sends the browser back."""


@dataclass
class Console:
    """A browser at an api."""

    browser: httpx2.AsyncClient
    base: str
    redirect_uri: str

    async def begin(self, return_to: str = "/console/jobs") -> str:
        """Set out to sign in; gives the provider's URL."""
        sent = await self.browser.get(f"{self.base}/session/oidc", params={"return_to": return_to}, headers=AWAY)
        assert sent.status_code == 303, sent.text
        return str(sent.headers["location"])

    async def finish(self, back: str) -> str:
        """Come back; gives the page that is shown."""
        came = await self.browser.get(back, headers=AWAY)
        assert came.status_code == 303, came.text
        return str(came.headers["location"])

    async def sign_in(self, at: SignIn, return_to: str = "/console/jobs") -> str:
        return await self.finish(await at(self.browser, await self.begin(return_to)))

    async def me(self) -> dict[str, Any]:
        reply = await self.browser.get(f"{self.base}/me", headers=OWN_PAGE)
        assert reply.status_code == 200, reply.text
        return dict(reply.json()["data"])


AWAY = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
"""What a browser says when another site sent it."""


@asynccontextmanager
async def console_at(
    issuer: str, settings: Settings, database: Database, client: redis.asyncio.Redis, folder: Path, **changes: Any
) -> AsyncIterator[Console]:
    """Serve an api in production that has this provider, and open a browser."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    values = {
        "mode": "production",
        "jwt_secret": SECRET,
        "database_url": settings.database_url,
        "redis_url": settings.redis_url,
        "public_url": base,
        "oidc_issuer": issuer,
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": CLIENT_SECRET,
        "outbound_allow": issuer.partition("//")[2],
    }
    async with api(Settings(**{**values, **changes}), database, client, folder) as app, served(app, port):
        async with httpx2.AsyncClient(trust_env=False, timeout=PATIENCE) as browser:
            yield Console(browser, base, f"{base}/session/oidc/callback")
        if app.state.oidc is not None:
            await app.state.oidc.close()


@asynccontextmanager
async def real_provider(**claims: Any) -> AsyncIterator[str]:
    """Run a provider that others wrote, in a process of its own; gives its URL."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce", "true"),
        *("--user-claims", json.dumps(claims)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    said = b""
    try:
        async with asyncio.timeout(PATIENCE):
            while b"running on" not in said:
                line = await process.stderr.readline()
                assert line, said.decode()
                said += line
        drain = asyncio.create_task(process.stderr.read())
        yield f"http://127.0.0.1:{port}"
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
    await drain


async def go(browser: httpx2.AsyncClient, url: str) -> str:
    """Open the page at which one is signed in already."""
    sent = await browser.get(url)
    assert sent.status_code == 302, sent.text
    return str(sent.headers["location"])
