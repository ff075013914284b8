"""Collections as models."""

import openai
import pytest
from tests.factories import make_collection
from tests.openai_api.door import Door

from emprops.settings import SettingsError

pytestmark = pytest.mark.timeout(60)


async def test_models_are_what_the_caller_can_make_pictures_with(door: Door) -> None:
    model = await door.make_model()
    [row] = await door.rig.rows("SELECT data FROM collection WHERE id = %s", model)
    await door.rig.execute("UPDATE collection SET slug = 'art', title = 'Art' WHERE id = %s", model)
    async with door.rig.database.transaction() as tx:
        own = await make_collection(tx, door.rig.user_id, data=row["data"])
        await make_collection(tx, data=row["data"])  # somebody else's draft
        broken = await make_collection(tx, is_public=True, data={"steps": []})
    listed = await door.client.models.list()
    assert {one.id for one in listed.data} == {"art", str(own.id), "gpt-image-1"}
    [art] = [one for one in listed.data if one.id == "art"]
    assert (art.object, art.owned_by, art.name) == ("model", "emprops", "Art")  # type: ignore[attr-defined]
    assert art.created > 1_700_000_000
    for name in ("art", model, "gpt-image-1"):
        assert (await door.client.models.retrieve(name)).id == name
    for name in (str(broken.id), "nope"):
        with pytest.raises(openai.NotFoundError) as missing:
            await door.client.models.retrieve(name)
        assert missing.value.code == "model_not_found"


async def test_what_makes_texts_is_no_model(door: Door) -> None:
    await door.make_model()
    await door.rig.execute("UPDATE workflow SET output_mime_type = 'text/plain'")
    assert (await door.client.models.list()).data == []


def test_a_list_of_names_that_is_none_keeps_the_api_from_starting(door: Door) -> None:
    from emprops.main import create_app

    wrong = door.rig.settings.model_copy(update={"openai_models": "gpt-image-1"})
    with pytest.raises(SettingsError, match="EMPROPS_OPENAI_MODELS"):
        create_app(wrong)
