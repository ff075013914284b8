"""Who sets spending limits, and how."""

from typing import Any

import httpx2
import pytest
from tests.apps import as_user, key_with, service_key
from tests.credits.limiting import generate, key_of, limited
from tests.engines import Engines
from tests.factories import Collection
from typer.testing import CliRunner

from emprops.auth.caller import READ
from emprops.cli.main import app as cli
from emprops.kit.database import Database
from emprops.kit.ids import new_id


async def test_users_set_limits_below_the_operators_for_themselves(
    database: Database, client: httpx2.AsyncClient, collection: Collection
) -> None:
    user_id = await limited(database, 5)

    async def put(amount: Any, period: str = "day") -> httpx2.Response:
        return await client.put(f"/credits/limits/{period}", json={"amount": amount}, headers=as_user(user_id))

    refused = await put(5)
    assert (refused.status_code, refused.json()["error"]) == (
        400,
        "amount: must be below the operator's limit of 5 credits a day, which holds anyway",
    )
    own = (await put(2.5)).json()["data"]
    assert [(limit["set_by"], limit["amount"]) for limit in own] == [("operator", 5), ("user", 2.5)]
    assert "The limit that this user set, 2.5 credits a day" in (await generate(client, user_id, collection)).text
    assert [limit["set_by"] for limit in (await put(None)).json()["data"]] == ["operator"]
    assert (await generate(client, user_id, collection)).status_code == 200
    assert (await put(500, "month")).status_code == 200
    for amount in (-1, True, "x", 0.0000001, 1e9):
        assert (await put(amount)).status_code == 400, amount
    assert (await put(1, "year")).status_code == 400


async def test_services_set_limits_of_users_and_keys_and_it_is_recorded(
    database: Database, client: httpx2.AsyncClient, service: dict[str, str]
) -> None:
    user_id = new_id()
    other, other_id = await key_of(database, await service_key(database))
    mine, _ = await key_of(database, service)

    async def put(**body: Any) -> httpx2.Response:
        return await client.put("/credits/limits", json={"period": "day"} | body, headers=service)

    [limit] = (await put(user_id=str(user_id), amount=0)).json()["data"]
    assert (limit["subject"], limit["amount"], limit["left"]) == ("user", 0, 0)
    [limit] = (await put(key=other, amount=7)).json()["data"]
    assert (limit["subject"], limit["amount"]) == ("key", 7)
    assert (await put(key=other, amount=None)).json()["data"] == []
    assert (await put(key=other, amount=None)).json()["data"] == []
    assert (await put(key=mine, amount=7)).status_code == 403
    assert (await put(key="emp_00000000", amount=7)).status_code == 404
    assert (await put(amount=7)).status_code == 400
    assert (await put(amount=7, key=other, user_id=str(user_id))).status_code == 400
    async with database.reader() as reader:
        recorded = await reader.fetch_dicts("SELECT actor, action, target, details FROM audit_entry ORDER BY id")
    assert [(entry["action"], entry["target"]) for entry in recorded if "limit" in entry["action"]] == [
        ("spending_limit.changed", f"user:{user_id}"),
        ("spending_limit.changed", f"key:{other_id}"),
        ("spending_limit.removed", f"key:{other_id}"),
    ]
    assert recorded[-1]["actor"] == f"key:{mine}"
    assert recorded[-1]["details"] == {"period": "day", "set_by": "operator", "amount": None}


async def test_a_key_that_only_reads_sets_no_limit(database: Database, client: httpx2.AsyncClient) -> None:
    headers = await key_with(READ, database) | as_user(new_id())
    assert (await client.put("/credits/limits/day", json={"amount": 1}, headers=headers)).status_code == 403


def test_the_command_sets_and_shows_limits(engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", engines.database_url)
    user_id = str(new_id())

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(cli, ["credits", "limit", *arguments])

    assert run(user_id).stderr.startswith("There is no limit")
    assert run(user_id, "--day", "5", "--month", "0.5").exit_code == 0
    lines = run(user_id).stdout.splitlines()
    assert [line.split("\t")[:5] for line in lines[1:]] == [
        ["day", "operator", "5", "0", "5"],
        ["month", "operator", "0.5", "0", "0.5"],
    ]
    assert '"left": 5' in run(user_id, "--json").stdout
    assert len(run(user_id, "--day", "none").stdout.splitlines()) == 2
    made = CliRunner().invoke(cli, ["keys", "create", "--name", "web", "--scope", "service"]).stdout
    assert run(made[:12], "--month", "7").stdout.splitlines()[1].startswith("month\toperator\t7\t0\t7\t")
    assert run("emp_00000000").stderr.startswith("There is no API key emp_00000000: ")
    assert run(user_id, "--day", "-1").stderr == "AMOUNT -1: a limit must be 0 or more, or none.\n"
