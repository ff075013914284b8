"""Outputs to develop, and global collections that take them."""

from typing import Any
from uuid import UUID

from tests.apps import as_user
from tests.factories import (
    Collection,
    make_collection,
    make_deck,
    make_noop_workflow,
    make_output,
)
from tests.orchestrator.rig import FORM, Rig

from emprops.kit.database import Transaction

URL = "https://cdn.example.com/a.png"
IMAGE = {"name": "image", "type": "text", "value_type": "images", "required": True}


def pick(name: str, *values: str) -> dict[str, Any]:
    return {"name": name, "type": "pick", "value": {"values": list(values)}}


async def make_global(
    tx: Transaction,
    *,
    title: str = "Image to Video",
    input_type: str = "image",
    output_type: str = "video",
    variables: tuple[dict[str, Any], ...] = (IMAGE, pick("aspect_ratio", "16:9", "1:1"), pick("duration", "5s", "8s")),
    payload: dict[str, Any] | None = None,
    price: float = 0,
    **options: Any,
) -> Collection:
    """A global collection of one step, which takes a prompt and an image."""
    name = await make_noop_workflow(tx, FORM, price=price)
    payload = {"image": "{{image}}", "prompt": "{{aspect_ratio}} {{duration}}"} if payload is None else payload
    data = {
        "version": "v2",
        "steps": [{"id": 1, "nodeName": name, "nodePayload": payload}],
        "variables": list(variables),
        "generations": {"generations": 1},
    }
    return await make_collection(
        tx, title=title, data=data, is_global=True, input_type=input_type, output_type=output_type, **options
    )


async def make_source(tx: Transaction, rig: Rig, **options: Any) -> tuple[UUID, UUID]:
    """A completed picture of the rig's user in a deck: both ids."""
    collection = await make_collection(tx, is_public=True)
    deck = await make_deck(tx, collection, rig.user_id, custodied_for=options.get("custodied_for"))
    output = await make_output(
        tx, collection, rig.user_id, **{"deck_id": deck, "status": "completed", "url": URL, **options}
    )
    return output, deck


async def both(rig: Rig, source: dict[str, Any] | None = None, **options: Any) -> tuple[UUID, UUID, Collection]:
    async with rig.database.transaction() as tx:
        output, deck = await make_source(tx, rig, **(source or {}))
        return output, deck, await make_global(tx, **options)


async def develop(rig: Rig, output: UUID, collection: Any, variables: Any = None, **headers: str) -> Any:
    body = {"collection_id": str(getattr(collection, "id", collection))}
    body |= {} if variables is None else {"variables": variables}
    return await rig.client.post(f"/outputs/{output}/develop", json=body, headers=headers or as_user(rig.user_id))


async def begun(rig: Rig, output: UUID, collection: Any, variables: Any = None, **headers: str) -> dict[str, Any]:
    reply = await develop(rig, output, collection, variables, **headers)
    assert reply.status_code == 202, reply.text
    await rig.dispatcher.flush()
    return dict(reply.json()["data"])


async def output_row(rig: Rig, output_id: Any) -> dict[str, Any]:
    (row,) = await rig.rows("SELECT * FROM output WHERE id = %s", output_id)
    return row
