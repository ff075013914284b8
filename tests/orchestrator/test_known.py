"""What a start reads ahead, by what the collection named before: it must not matter whether that is still right."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb
from tests.apps import as_user
from tests.factories import make_noop_workflow
from tests.orchestrator.rig import FORM, Rig, make_recipe

from emprops.kit import statements
from emprops.quotas import store as quotas
from emprops.quotas.limits import QuotaLimits, Subject


async def generate(rig: Rig, ref: UUID | str) -> Any:
    return await rig.client.post(
        f"/api/collections/{ref}/generate", json={"variables": {}}, headers=as_user(rig.user_id)
    )


async def payload_of(rig: Rig, started: Any) -> Any:
    assert started.status_code == 200, started.text
    [step] = await rig.rows("SELECT input_data FROM step WHERE job_id = %s", started.json()["data"]["jobId"])
    return step["input_data"]


async def test_a_collection_that_names_another_workflow_by_now(rig: Rig) -> None:
    async with rig.database.transaction() as tx:
        collection = await make_recipe(tx)
        first = await make_noop_workflow(tx, FORM)
        second = await make_noop_workflow(tx, FORM)
        await tx.execute(
            "UPDATE workflow SET data = jsonb_set(data, '{job,payload,style}', '\"woodcut\"') WHERE name = %s",
            (second,),
        )
    found = []
    for name in (first, second, first):
        async with rig.database.transaction() as tx:
            data = {"version": "v2", "steps": [{"id": 1, "nodeName": name, "nodePayload": {"prompt": "a fox"}}]}
            await tx.execute(
                "UPDATE collection_version SET data = %s WHERE collection_id = %s", (Jsonb(data), collection.id)
            )
        found.append((await payload_of(rig, await generate(rig, collection.id))).get("style"))
    assert found == [None, "woodcut", None]


async def test_a_slug_that_another_collection_has_by_now(rig: Rig) -> None:
    """The quota of the one that is run holds, from its first start on."""
    async with rig.database.transaction() as tx:
        one, other = await make_recipe(tx), await make_recipe(tx)
        await tx.execute("UPDATE collection SET slug = 'harbours' WHERE id = %s", (one.id,))
        await quotas.put(tx, Subject("collection", other.id), QuotaLimits(hourly_generations=1), by="a test")
    for _ in range(2):
        assert (await generate(rig, "harbours")).status_code == 200
    async with rig.database.transaction() as tx:
        await tx.execute("UPDATE collection SET slug = NULL WHERE id = %s", (one.id,))
        await tx.execute("UPDATE collection SET slug = 'harbours' WHERE id = %s", (other.id,))
    assert [(await generate(rig, "harbours")).status_code for _ in range(2)] == [200, 429]


async def test_what_was_named_before_is_read_with_the_collection(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    exchange, sizes = statements.Statements._exchange, list[int]()

    async def counted(self: statements.Statements, asked: Sequence[Any], waited_for: Sequence[Any]) -> None:
        if any(b"FROM workflow w" in one.key[0] for one in asked):
            sizes.append(len(asked))
        await exchange(self, asked, waited_for)

    monkeypatch.setattr(statements.Statements, "_exchange", counted)
    async with rig.database.transaction() as tx:
        collection = await make_recipe(tx)
    for _ in range(2):
        assert (await generate(rig, collection.id)).status_code == 200
    assert sizes[-1] == 4, "the collection, its workflows, quotas and policies"
    assert len(sizes) == 3, "the first start reads the workflows once it knows them, the second does not"
