from uuid import UUID, uuid4

import pytest
from tests.factories import make_collection, make_user

from emprops.collections import projects, service, store
from emprops.errors import NotFoundError
from emprops.kit.database import Database


async def test_get_by_id_and_slug(database: Database) -> None:
    async with database.transaction() as tx:
        made = await make_collection(tx, title="Harbours")
        await tx.execute("UPDATE collection SET slug = 'harbours', price = 1.5 WHERE id = %s", (made.id,))
        for ref in (made.id, str(made.id), str(made.id).upper(), "harbours"):
            found = await store.get(tx, ref)
            assert found is not None
            assert (found.id, found.user_id, found.title) == (made.id, made.user_id, "Harbours")
        assert found.data["steps"][0]["nodeName"] == "local_image"
        for ref in (uuid4(), "harbour", "", "Harbours", "a\x00b", "x" * 101):
            assert await store.get(tx, ref) is None


@pytest.mark.parametrize(
    ("columns", "own", "others"),
    [
        ("status = 'draft'", True, False),
        ("status = 'published'", True, True),
        ("is_public = true", True, False),
        ("is_global = true, input_type = 'image', output_type = 'image'", True, False),
        ("status = 'published', is_global = true, input_type = 'image', output_type = 'image'", True, True),
        ("status = 'published', is_public = true, archived = true", False, False),
    ],
)
async def test_who_may_run_what(database: Database, columns: str, *, own: bool, others: bool) -> None:
    async with database.transaction() as tx:
        made = await make_collection(tx)
        await tx.execute(f"UPDATE collection SET {columns} WHERE id = %s", (made.id,))
        for caller, allowed in ((made.user_id, own), (uuid4(), others), (None, others)):
            if allowed:
                assert (await service.get_runnable(tx, caller, str(made.id))).id == made.id
                continue
            with pytest.raises(NotFoundError, match=r"^Collection not found$"):
                await service.get_runnable(tx, caller, str(made.id))


async def test_a_default_project_is_made_once_also_for_a_new_user(database: Database) -> None:
    new = uuid4()
    async with database.transaction() as tx:
        known = await make_user(tx)
        found = [await projects.ensure_default(tx, user) for user in (new, new, known)]
        assert found[0] == found[1] != found[2]
        owner: UUID = await tx.fetch_value("SELECT user_id FROM project WHERE id = %s", (found[0],))
    assert owner == new
