"""The objects on which the routes of ``route_table.py`` are tried. All belong to the owner unless their name says."""

from dataclasses import dataclass
from uuid import UUID

from tests import factories

from emprops.auth import role_store
from emprops.kit.database import Transaction
from emprops.kit.ids import new_id
from emprops.samples.store import SAMPLES

FILE_KEY = "generations/00000000-0000-7000-8000-000000000001.png"
"""The stored file; the test writes it once."""
LIVE_WORKER = "gpu-1-4711-3f2a1b"
"""A worker that is alive; the test announces it."""


@dataclass(frozen=True)
class World:
    """Two users, and what one of them has."""

    owner: UUID
    other: UUID
    objects: dict[str, str]
    """Name of a path parameter → an id (or name) to fill it with."""
    secrets: tuple[str, ...]
    """What another user must never be shown."""


async def make_world(tx: Transaction) -> World:
    """Make everything anew."""
    owner, other = await factories.make_user(tx), await factories.make_user(tx)
    for user in (owner, other):
        await role_store.grant(tx, user, "author", by="the test")
    collection = await factories.make_collection(tx, owner)
    published = await factories.make_collection(tx, owner, status="published")
    job = await factories.make_job(tx, collection=collection, status="processing", progress=40)
    failed = await factories.make_job(tx, collection=collection, status="failed", error_message="it broke")
    dead = {"reason": "worker_lost", "failures": 0, "losses": 3}
    dead_step = await factories.make_step(tx, failed, status="failed", dead_letter=dead)
    result = "https://cdn.example.com/a.png"
    done = await factories.make_job(tx, collection=collection, status="completed", progress=100, workflow_output=result)
    deck = await factories.make_deck(tx, collection)
    output = await factories.make_output(tx, collection, job=done, deck_id=deck, status="completed")
    pending = await factories.make_output(tx, collection, deck_id=deck)
    workflow = await factories.make_workflow(tx, owner)
    model, custom_node = await factories.make_model(tx), await factories.make_custom_node(tx)
    link = await factories.make_social_link(tx, f"harbour-{owner}")
    held = await factories.make_deck(tx, collection, custodied_for=link)
    webhook = await factories.make_webhook(tx, owner)
    event = await factories.make_webhook_event(tx, webhook, job=done)
    private = {
        "webhook_id": webhook,
        "event_id": event,
        "link_id": link,
        "held_deck_id": held,
        "social_identifier": f"harbour-{owner}",
        "collection_id": collection.id,
        "published_collection_id": published.id,
        "project_id": collection.project_id,
        "job_id": job.id,
        "failed_job_id": failed.id,
        "dead_step_id": dead_step,
        "done_job_id": done.id,
        "deck_id": deck,
        "output_id": output,
        "pending_output_id": pending,
    }
    public = {
        "social_org": "farcaster",
        "role": "author",
        "owner": owner,
        "other": other,
        "key": FILE_KEY,
        "static_file": "watch.css",
        "unknown": new_id(),
        "live_worker": LIVE_WORKER,
        "paused_worker": await factories.make_pause(tx, "worker", f"worker-{owner}"),
        "machine_id": "gpu-1",
        "paused_machine": await factories.make_pause(tx, "machine", f"machine-{owner}"),
        "version": "1",  # of the published collection
        "name": "local_image",  # of a sample workflow
        "client_id": "page",
        "own_workflow": workflow,
        "model": model,
        "custom_node": custom_node,
        "spare_model": await factories.make_model(tx),
        "spare_custom_node": await factories.make_custom_node(tx),
        "public_collection_id": SAMPLES.collections["art"],
        "global_collection_id": SAMPLES.collections["image-to-video"],
    }
    return World(
        owner=owner,
        other=other,
        objects={name: str(value) for name, value in {**private, **public}.items()},
        secrets=(str(owner), *map(str, private.values())),
    )
