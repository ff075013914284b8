"""``emprops webhooks`` against a served api."""

import asyncio
from pathlib import Path

import redis.asyncio
from structlog.testing import capture_logs
from tests.apps import api, served
from tests.webhooks.conftest import TAKEN, Hooks, verified
from typer.testing import CliRunner, Result

from emprops.cli.main import app


async def test_an_endpoint_from_a_terminal(hooks: Hooks, redis: redis.asyncio.Redis, tmp_path: Path) -> None:
    async with api(hooks.settings, hooks.database, redis, tmp_path) as whole, served(whole) as http:
        env = {
            "EMPROPS_URL": str(http.base_url),
            "EMPROPS_USER_ID": str(hooks.user_id),
            "EMPROPS_DATA_DIR": str(tmp_path),
            "COLUMNS": "300",
        }

        async def run(*arguments: str) -> Result:
            with capture_logs():  # the api's lines would be among the command's
                return await asyncio.to_thread(CliRunner().invoke, app, ["webhooks", *arguments], env=env)

        assert "No webhook endpoints yet" in (await run("list")).stderr
        made = await run("create", hooks.receiver.on("/hook", TAKEN), "--event", "job.failed")
        assert made.exit_code == 0, made.output
        endpoint, secret = made.stdout.split()
        event_id = (await run("test", endpoint)).stdout.strip()
        assert await hooks.deliver() == 1
        assert verified(hooks.receiver.asked[0], secret)["event_id"] == event_id
        assert event_id in (await run("deliveries", endpoint, "--status", "delivered")).stdout
        assert (await run("replay", endpoint)).stdout == "Sent again: 0\n"
        assert (await run("replay", endpoint, "--event", event_id)).stdout == "Sent again: 1\n"
        assert await hooks.deliver() == 1
        await hooks.execute("UPDATE webhook_endpoint SET disabled_at = now(), disabled_reason = 'It was gone.'")
        assert "disabled: It was gone." in (await run("list")).stdout
        assert (await run("enable", endpoint)).exit_code == 0
        assert "works" in (await run("list")).stdout
        refused = await run("replay", endpoint, "--since", "long ago")
        assert (refused.exit_code, refused.stderr) == (1, "--since 'long ago' is not a time like 90d, 12h or 30m.\n")
