"""``GET /me/limits``, the operators' routes and ``emprops quotas``."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.apps import as_user
from tests.engines import Engines
from tests.orchestrator.rig import Rig
from tests.quotas.test_start import generate, limit, recipe
from typer.testing import CliRunner, Result

from emprops.audit.service import at_the_terminal
from emprops.cli.main import app
from emprops.quotas.limits import QUOTAS, defaults_from
from emprops.settings import Settings

ANNA = "0192f0c8-0000-7000-8000-00000000000a"


def by_name(quotas: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    assert [one["quota"] for one in quotas] == list(QUOTAS)
    return {one["quota"]: one for one in quotas}


async def test_my_limits(rig: Rig) -> None:
    await limit(rig, open_jobs=5, hourly_generations=10, running_steps=1)
    await generate(rig, await recipe(rig, generations=3))
    reply = await rig.client.get("/me/limits", headers=as_user(rig.user_id))
    mine = reply.json()["data"]
    assert (mine["requests_per_minute"], mine["key"]) == (None, None)
    quotas = by_name(mine["quotas"])
    used = {name: (one["used"], one["limit"]) for name, one in quotas.items()}
    assert used == {
        "open_jobs": (1, 5),
        "open_steps": (3, None),
        "running_steps": (1, 1),
        "hourly_generations": (3, 10),
        "daily_generations": (3, None),
        "stored_bytes": (0, None),
    }
    assert quotas["hourly_generations"]["resets_at"].endswith(":00:00Z")


async def test_operators_set_and_reset_limits(rig: Rig) -> None:
    path = f"/quotas/user/{rig.user_id}"
    put = await rig.client.put(path, json={"open_jobs": 1, "stored_bytes": 2**40}, headers=rig.service)
    assert put.status_code == 200
    assert by_name(put.json()["data"]["quotas"])["stored_bytes"]["limit"] == 2**40
    (listed,) = (await rig.client.get("/quotas", headers=rig.service)).json()["data"]
    assert (listed["kind"], listed["subject"], listed["open_jobs"]) == ("user", str(rig.user_id), 1)
    assert listed["updated_by"].startswith("key:emp_")
    await rig.client.put(path, json={"open_steps": 7}, headers=rig.service)
    shown = by_name((await rig.client.get(path, headers=rig.service)).json()["data"]["quotas"])
    assert (shown["open_jobs"]["limit"], shown["open_steps"]["limit"]) == (None, 7), "the whole is set"
    assert (await rig.client.delete(path, headers=rig.service)).status_code == 200
    assert (await rig.client.delete(path, headers=rig.service)).status_code == 404
    recorded = await rig.rows("SELECT action, target FROM audit_entry WHERE action LIKE 'quota%%' ORDER BY 1")
    assert [one["action"] for one in recorded] == ["quota.changed"] * 2 + ["quota.removed"]
    assert {one["target"] for one in recorded} == {f"user:{rig.user_id}"}
    refused = await rig.client.put(path, json={"open_jobs": -1}, headers=rig.service)
    assert refused.status_code == 400


async def test_operators_give_users_a_weight(rig: Rig) -> None:
    path = f"/quotas/user/{rig.user_id}"
    assert (await rig.client.get(path, headers=rig.service)).json()["data"]["weight"] == 1
    put = await rig.client.put(path, json={"weight": 3, "open_jobs": 9}, headers=rig.service)
    assert put.json()["data"]["weight"] == 3
    assert by_name(put.json()["data"]["quotas"])["open_jobs"]["limit"] == 9
    (listed,) = (await rig.client.get("/quotas", headers=rig.service)).json()["data"]
    assert (listed["weight"], listed["open_jobs"], listed["open_steps"]) == (3, 9, None)
    (recorded,) = await rig.rows("SELECT details FROM audit_entry WHERE action = 'quota.changed'")
    assert recorded["details"]["weight"] == 3
    put = await rig.client.put(path, json={"open_jobs": 9}, headers=rig.service)
    assert put.json()["data"]["weight"] == 1, "the whole is set"
    for weight in (0, 101, 1.5):
        assert (await rig.client.put(path, json={"weight": weight}, headers=rig.service)).status_code == 400


@pytest.mark.parametrize(("kind", "named"), [("key", "an API key"), ("collection", "a collection")])
async def test_only_users_have_a_weight(rig: Rig, kind: str, named: str) -> None:
    path = f"/quotas/{kind}/{ANNA}"
    refused = await rig.client.put(path, json={"weight": 3}, headers=rig.service)
    assert (refused.status_code, refused.json()["code"]) == (400, "weight_not_for_user")
    assert refused.json()["error"] == (
        f"Only users take turns, so {named} has no weight; set the user's, or leave `weight` out."
    )
    put = await rig.client.put(path, json={"open_jobs": 3}, headers=rig.service)
    assert (put.status_code, put.json()["data"]["weight"]) == (200, None)


async def test_a_key_with_limits_sees_them(rig: Rig) -> None:
    (key,) = await rig.rows("SELECT id FROM api_key")
    await rig.client.put(f"/quotas/key/{key['id']}", json={"open_jobs": 2}, headers=rig.service)
    collection = await recipe(rig)
    await generate(rig, collection, **rig.service)
    await generate(rig, collection)
    mine = (await rig.client.get("/me/limits", headers=rig.service | as_user(rig.user_id))).json()["data"]
    assert mine["key"]["id"] == str(key["id"])
    assert by_name(mine["key"]["quotas"])["open_jobs"] == {
        "quota": "open_jobs",
        "limit": 2,
        "used": 1,
        "resets_at": None,
    }
    assert by_name(mine["quotas"])["open_jobs"]["used"] == 2


def test_production_has_limits_and_settings_change_them() -> None:
    production = defaults_from(Settings(mode="production"))
    assert set(production.as_set()) == set(QUOTAS)
    assert defaults_from(Settings(mode="local")).as_set() == {}
    changed = defaults_from(Settings(mode="production", quota_open_jobs=0, quota_running_steps=5))
    assert "open_jobs" not in changed.as_set()
    assert changed.running_steps == 5


@pytest.fixture
def run(engines: Engines, clean: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setenv("DATABASE_URL", engines.database_url)
    monkeypatch.setenv("EMPROPS_DATA_DIR", str(tmp_path))

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["quotas", *arguments], env={"COLUMNS": "200"})

    return call


def test_the_command_line(run: Any) -> None:
    assert "No limits were set" in run("list").stderr
    assert run("set", "user", ANNA, "--open-jobs", "20", "--running-steps", "4").exit_code == 0
    assert run("set", "user", ANNA, "--open-jobs", "10").exit_code == 0
    assert "open jobs 10, running steps 4" in run("list").stdout
    (listed,) = json.loads(run("list", "--json").stdout)
    assert (listed["subject"], listed["running_steps"], listed["updated_by"]) == (ANNA, 4, at_the_terminal())
    shown = by_name(json.loads(run("get", "user", ANNA, "--json").stdout))
    assert shown["open_jobs"] == {"quota": "open_jobs", "limit": 10, "used": 0, "resets_at": None}
    assert run("reset", "user", ANNA).exit_code == 0
    missing = run("reset", "user", ANNA)
    assert (missing.exit_code, "No limits were set for user" in missing.stderr) == (1, True)
    nothing = run("set", "user", ANNA)
    assert (nothing.exit_code, "Say what to limit" in nothing.stderr) == (1, True)


def test_weights_on_the_command_line(run: Any) -> None:
    assert "Weight 3: up to 3 steps in each turn." in run("set", "user", ANNA, "--weight", "3").stderr
    assert run("set", "user", ANNA, "--open-jobs", "10").exit_code == 0
    assert "open jobs 10, weight 3" in run("list").stdout
    (listed,) = json.loads(run("list", "--json").stdout)
    assert (listed["weight"], listed["open_jobs"]) == (3, 10)
    refused = run("set", "collection", ANNA, "--weight", "3")
    assert (refused.exit_code, "a collection has no weight" in refused.stderr) == (1, True)
    assert run("set", "user", ANNA, "--weight", "101").exit_code == 2
    assert "Weight 1: one step in each turn." in run("reset", "user", ANNA).stderr
