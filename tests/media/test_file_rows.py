"""Rows about stored files."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest
from tests.factories import Job, make_job, make_step

from emprops.kit.database import Database, Transaction
from emprops.kit.ids import new_id
from emprops.media.file_store import FileRow, StepFiles, files_of_steps, record_files
from emprops.queue.messages import StoredFile
from emprops.settings import Settings


@pytest.fixture
async def tx(database: Database) -> AsyncIterator[Transaction]:
    async with database.transaction() as tx:
        yield tx


@pytest.fixture
async def job(tx: Transaction) -> Job:
    return await make_job(tx)


def stored(path: str, **facts: object) -> StoredFile:
    return StoredFile(
        **{"key": f"generations/{path}", "mime_type": "image/png", "size": 10, "sha256": "0" * 64, **facts}  # type: ignore[arg-type]
    )


async def recorded(tx: Transaction, settings: Settings, job: Job, step: UUID, files: list[StoredFile]) -> list[FileRow]:
    return (await record_files(tx, settings, [StepFiles(job.user_id, job.id, step, files)]))[step]


def known(rows: list[FileRow]) -> list[FileRow]:
    """The same rows as they are when they are no longer new."""
    assert all(row.is_new for row in rows)
    return [replace(row, is_new=False) for row in rows]


async def test_files_keep_their_order_and_facts(tx: Transaction, settings: Settings, job: Job) -> None:
    step = await make_step(tx, job)
    files = [
        stored("b.mp4", mime_type="video/mp4", width=1280, height=720, duration=4.5, thumbnail_key="generations/b.jpg"),
        stored("a.png", name="a.png", node="9"),
    ]
    rows = await recorded(tx, settings, job, step, files)
    assert [row.url for row in rows] == [f"{settings.base_url}/files/{file.key}" for file in files]
    assert [row.mime_type for row in rows] == ["video/mp4", "image/png"]
    assert [row.thumbnail_url for row in rows] == [f"{settings.base_url}/files/generations/b.jpg", None]
    assert [row.id for row in rows] == await tx.fetch_values("SELECT id FROM flat_file ORDER BY id")
    first, second = await tx.fetch_dicts("SELECT * FROM flat_file ORDER BY id")
    assert (first["url"], first["width"], first["height"], first["duration"]) == ("generations/b.mp4", 1280, 720, 4.5)
    assert (first["user_id"], first["job_id"], first["step_id"]) == (job.user_id, job.id, step)
    assert (second["name"], second["gen_out_data"]) == ("a.png", {"node": "9"})
    assert await files_of_steps(tx, settings, [step, new_id()]) == {step: known(rows)}


async def test_recording_again_gives_the_same_rows(tx: Transaction, settings: Settings, job: Job) -> None:
    step, later = await make_step(tx, job), await make_step(tx, job, order=2)
    first = await recorded(tx, settings, job, step, [stored("a.png"), stored("b.png")])
    again = await recorded(tx, settings, job, later, [stored("b.png", size=99, sha256="1" * 64), stored("c.png")])
    assert again[0] == known(first)[1]
    row = (await tx.fetch_dicts("SELECT * FROM flat_file WHERE id = %s", (first[1].id,)))[0]
    assert (row["size_bytes"], row["sha256"], row["step_id"]) == (99, "1" * 64, step)
    assert await tx.fetch_value("SELECT count(*) FROM flat_file") == 3


async def test_ids_rise_in_the_order_of_the_files(tx: Transaction, settings: Settings, job: Job) -> None:
    step = await make_step(tx, job)
    names = [f"{n * 7 % 100}.png" for n in range(100)]
    (known_one,) = await recorded(tx, settings, job, step, [stored(names[40])])
    rows = await recorded(tx, settings, job, step, [stored(name) for name in names])
    ids = [row.id for row in rows]
    assert [row.is_new for row in rows] == [n != 40 for n in range(100)]
    assert ids.pop(40) == known_one.id
    assert ids == sorted(ids)  # type: ignore[type-var]


async def test_nothing_and_doubles(tx: Transaction, settings: Settings, job: Job) -> None:
    step = await make_step(tx, job)
    assert await record_files(tx, settings, []) == {}
    assert await recorded(tx, settings, job, step, []) == []
    assert len(await recorded(tx, settings, job, step, [stored("a.png"), stored("a.png")])) == 1


async def test_each_of_several_steps_gets_its_own_rows(tx: Transaction, settings: Settings, job: Job) -> None:
    steps = [await make_step(tx, job, order=n) for n in (1, 2, 3)]
    files = {steps[0]: [stored("c.png"), stored("a.png")], steps[1]: [], steps[2]: [stored("b.png")]}
    rows = await record_files(tx, settings, [StepFiles(job.user_id, job.id, step, files[step]) for step in steps])
    assert {step: [row.url.rpartition("/")[2] for row in found] for step, found in rows.items()} == {
        steps[0]: ["c.png", "a.png"],
        steps[1]: [],
        steps[2]: ["b.png"],
    }
    assert await files_of_steps(tx, settings, steps) == {step: known(found) for step, found in rows.items() if found}


async def test_no_files_to_look_for(tx: Transaction, settings: Settings) -> None:
    assert await files_of_steps(tx, settings, []) == {}


async def test_only_what_may_be_a_picture_or_a_video_is_looked_into(
    tx: Transaction, settings: Settings, job: Job
) -> None:
    step = await make_step(tx, job)
    types = {"a.png": "image/png", "b": "application/octet-stream", "c.txt": "text/plain", "d.json": "application/json"}
    await recorded(tx, settings, job, step, [stored(name, mime_type=kind) for name, kind in types.items()])
    waiting = await tx.fetch_values("SELECT mime_type FROM flat_file WHERE inspected_at IS NULL ORDER BY id")
    assert waiting == ["image/png", "application/octet-stream", "text/plain"]
