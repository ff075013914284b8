import hashlib
from dataclasses import asdict
from typing import Any

import orjson
import pytest
from psycopg.types.json import Jsonb

from emprops.collections import instructions
from emprops.collections import service as collections
from emprops.collections.instructions import workflow_names
from emprops.connectors.local_engine.image import NAMES, plan_image
from emprops.connectors.local_engine.palettes import PALETTES
from emprops.connectors.local_engine.text import GRAMMAR, plan_text
from emprops.connectors.local_engine.upscale import plan_upscale
from emprops.connectors.local_engine.video import MOTIONS, RATIOS, plan_video
from emprops.errors import InvalidVariablesError
from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.orchestrator.start.plan import Plan, make_plan
from emprops.queue.messages import Ticket, WorkflowContext
from emprops.samples import recipes
from emprops.samples import store as samples
from emprops.workflows import store as workflows

DIGEST = "df31ecdc5a315f7a"
IMAGE = {"image": "https://example.com/a.png"}

CHECKS = {
    "local_image": plan_image,
    "local_video": lambda ticket: plan_video(ticket.payload),
    "local_upscale": lambda ticket: plan_upscale(ticket.payload),
    "local_text": lambda ticket: plan_text(ticket.payload, 1),
}


async def plan(database: Database, ref: str, **variables: Any) -> Plan:
    async with database.reader() as tx:
        collection = await collections.get_runnable(tx, None, ref)
        known = await workflows.by_names(tx, workflow_names(collection.data))
    return make_plan(collection=collection, workflows=known, variables=variables, new_id=new_id)


async def rows(database: Database) -> dict[str, Any]:
    async with database.reader() as tx:
        return {
            table: await tx.fetch_dicts(f'SELECT * FROM "{table}" WHERE {ours} ORDER BY id')
            for table, ours in (
                ("app_user", "true"),
                ("project", "true"),
                ("workflow", "user_id IS NOT NULL"),  # without the one that the migration brings
                ("collection", "true"),
            )
        }


async def edit(database: Database, sql: str, *parameters: Any) -> None:
    async with database.transaction() as tx:
        assert await tx.execute(sql, parameters) == 1


@pytest.mark.parametrize(
    ("slug", "variables", "job_types"),
    [
        ("art", {}, ["local_image"]),
        ("art", {"prompt": "sea", "style": "silk", "palette": "ocean", "seed": 5}, ["local_image"]),
        ("art-2x", {}, ["local_image", "local_upscale"]),
        ("story", {"prompt": "rain", "tone": "plain", "sentences": 3}, ["local_text"]),
        ("image-to-video", IMAGE, ["local_video"]),
        # As the develop example of the contract sends it.
        ("image-to-video", IMAGE | {"aspect_ratio": "16:9", "duration": "5s"}, ["local_video"]),
        ("upscale", IMAGE | {"factor": "4x"}, ["local_upscale"]),
    ],
)
async def test_the_local_engine_takes_what_the_samples_plan(
    database: Database, slug: str, variables: dict[str, Any], job_types: list[str]
) -> None:
    await samples.seed(database)
    planned = await plan(database, slug, **variables)
    assert planned.warnings == ()
    assert [step.job_type for step in planned.steps] == job_types
    for step in planned.steps:
        payload = step.payload | (IMAGE if step.depends_on else {})
        context = WorkflowContext("job", 50, 0, 1, 1)
        assert CHECKS[step.job_type](Ticket(str(step.id), step.job_type, payload, context))


async def test_what_is_asked_for_arrives(database: Database) -> None:
    await samples.seed(database)
    art = await plan(database, "art", prompt="sea", style="silk", palette="ocean", seed=5)
    assert art.steps[0].payload == {
        "prompt": "sea", "style": "silk", "palette": "ocean", "lettering": "auto",
        "width": 768, "height": 768, "seed": 5,
    }  # fmt: skip
    video = await plan(database, "image-to-video", **IMAGE, aspect_ratio="9:16", duration=8)
    assert video.steps[0].payload == {
        **IMAGE, "duration": 8, "fps": 24, "motion": "auto", "aspect_ratio": "9:16",
    }  # fmt: skip
    with pytest.raises(InvalidVariablesError) as caught:
        await plan(database, "upscale", factor=3)
    assert caught.value.extra["details"] == {"image": "is required: a text", "factor": "must be one of 2x, 4x"}


async def test_flexible_prompt_takes_any_job(database: Database) -> None:
    await samples.seed(database)
    data = {
        "steps": [
            {
                "id": 1,
                "nodeName": "flexible_prompt",
                "nodePayload": {"job_type": "openai_chat", "payload": {"messages": [{"content": "Say {{word}}"}]}},
            }
        ],
        "variables": [{"name": "word", "type": "text"}],
    }
    await edit(database, "UPDATE collection SET data = %s, version = version + 1 WHERE slug = 'art'", Jsonb(data))
    (step,) = (await plan(database, "art", word='"}]')).steps
    assert (step.job_type, step.payload) == ("openai_chat", {"messages": [{"content": 'Say "}]'}]})


async def test_planting_again_changes_nothing(database: Database) -> None:
    ids = await samples.seed(database)
    before = await rows(database)
    assert await samples.seed(database) == ids
    assert await rows(database) == before
    assert {row["slug"]: row["id"] for row in before["collection"]} == ids.collections
    assert {row["name"]: row["id"] for row in before["workflow"]} == ids.workflows
    assert all(row["status"] == "published" and row["is_public"] for row in before["collection"])
    assert {row["slug"] for row in before["collection"] if row["is_global"]} == {"image-to-video", "upscale"}


async def test_newer_samples_replace_older_ones_but_no_edits(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await samples.seed(database)
    await edit(database, "UPDATE collection SET title = 'Ours', data = '{\"steps\": []}' WHERE slug = 'art'")
    await edit(database, "UPDATE workflow SET label = 'Ours', data = '{}' WHERE name = 'local_image'")
    await edit(database, "UPDATE collection SET title = 'Old', archived = true WHERE slug = 'story'")
    before = await rows(database)
    await samples.seed(database)
    assert await rows(database) == before
    monkeypatch.setattr(samples, "VERSION", recipes.VERSION + 1)
    await samples.seed(database)
    after = await rows(database)
    found = {row["slug"]: row for row in after["collection"]}
    assert (found["art"]["title"], found["art"]["data"]) == ("Ours", {"steps": []})
    assert (found["story"]["title"], found["story"]["version"], found["story"]["archived"]) == ("Short Story", 2, True)
    labels = {row["name"]: row["label"] for row in after["workflow"]}
    assert (labels["local_image"], labels["local_text"]) == ("Ours", "Local text")


async def test_names_that_are_taken_stay_with_whoever_has_them(database: Database) -> None:
    await samples.seed(database)
    async with database.transaction() as tx:
        await tx.execute("DELETE FROM collection_version")  # it refers to the ids that change
    for table, column in (("workflow", "name"), ("collection", "slug")):
        await edit(database, f"UPDATE {table} SET id = gen_random_uuid() WHERE {column} IN ('local_text', 'story')")
    await samples.seed(database)
    after = await rows(database)
    assert len(after["workflow"]) == len(recipes.WORKFLOWS)
    assert [row["slug"] for row in after["collection"]].count(None) == 1


def test_options_are_the_local_engine_s() -> None:
    assert NAMES == recipes.STYLES
    assert tuple(PALETTES) == recipes.PALETTES
    assert tuple(GRAMMAR) == recipes.TONES
    assert tuple(MOTIONS) == recipes.MOTIONS
    assert tuple(RATIOS) == recipes.RATIOS


def test_who_changes_a_sample_raises_the_version() -> None:
    content = [asdict(sample) for sample in (*recipes.WORKFLOWS, *recipes.COLLECTIONS)]
    digest = hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
    assert digest == DIGEST, f"raise recipes.VERSION, then write {digest} here"


def test_every_sample_is_sound() -> None:
    names = {sample.name for sample in recipes.WORKFLOWS}
    for sample in recipes.COLLECTIONS:
        assert instructions.check(sample.data, names) == []
