"""The objects on which the routes of ``route_table.py`` are tried. All belong to the owner unless their name says."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tests import factories
from tests.rules.callers import ROLES, SESSION_ROLES

from emprops.auth import role_store, store
from emprops.auth.keys import make_key
from emprops.kit.database import Transaction
from emprops.kit.ids import new_id
from emprops.kit.web.paging import Page
from emprops.moderation import store as moderation
from emprops.quotas import store as quota_store
from emprops.quotas.limits import QuotaLimits, Subject
from emprops.samples.store import SAMPLES
from emprops.sessions import queries

FILE_KEY = "generations/00000000-0000-7000-8000-000000000001.png"
"""The stored file; the test writes it once."""
ASSET_KEY = "assets/00000000000000000000000000000001.png"
"""The same of an asset; the test writes it once."""
LIVE_WORKER = "gpu-1-4711-3f2a1b"
"""A worker that is alive; the test announces it."""
NAMES = {
    "social_org": "farcaster",
    "role": "author",
    "kind": "user",  # of the quota that the owner has
    "key": FILE_KEY,
    "static_file": "watch.css",
    "live_worker": LIVE_WORKER,
    "machine_id": "gpu-1",
    "version": "1",  # of the published collection
    "name": "local_image",  # of a sample workflow
    "no_content": f"blake3:{'0' * 64}",
    "client_id": "page",
    "period": "day",
    "month": "2026-01",
    "public_collection_id": SAMPLES.collections["art"],
    "global_collection_id": SAMPLES.collections["image-to-video"],
}
"""What is there without being made."""


@dataclass(frozen=True)
class World:
    """Users, and what one of them has."""

    owner: UUID
    strangers: dict[str, UUID]
    """Role → a user who has it, and nothing else."""
    objects: dict[str, str]
    """Name of a path parameter → an id (or name) to fill it with."""
    sessions: dict[str, str]
    """Role of a session → what the browser has of it. It belongs to a user who has nothing else."""
    secrets: tuple[str, ...]
    """What another user must never be shown."""


async def make_world(tx: Transaction) -> World:
    """Make everything anew."""
    owner, strangers = await factories.make_user(tx), {role: await factories.make_user(tx) for role in ROLES}
    for role, user in (("author", owner), *strangers.items()):
        if role:
            await role_store.grant(tx, user, role, by="the test")
    await quota_store.put(tx, Subject("user", owner), QuotaLimits(open_jobs=5), by="the test")
    private = await _things_of(tx, owner)
    public = {"owner": owner, "unknown": new_id(), **NAMES, **await _names(tx, owner)}
    return World(
        owner=owner,
        strangers=strangers,
        objects={name: str(value) for name, value in {**private, **public}.items()},
        sessions={role: await factories.make_session(tx, role=role) for role in SESSION_ROLES},
        secrets=(str(owner), *map(str, private.values())),
    )


async def _things_of(tx: Transaction, owner: UUID) -> dict[str, Any]:
    """What nobody but its owner may see."""
    collection = await factories.make_collection(tx, owner)
    published = await factories.make_collection(tx, owner, status="published")
    deck = await factories.make_deck(tx, collection)
    jobs = await _jobs(tx, collection)
    output = await factories.make_output(tx, collection, job=jobs["done"], deck_id=deck, status="completed")
    pending = await factories.make_output(tx, collection, deck_id=deck)
    await factories.make_output(tx, collection, job=jobs["video"], status="completed")
    link = await factories.make_social_link(tx, f"harbour-{owner}")
    webhook = await factories.make_webhook(tx, owner)
    dead = {"reason": "worker_lost", "failures": 0, "losses": 3}
    return {
        "webhook_id": webhook,
        "event_id": await factories.make_webhook_event(tx, webhook, job=jobs["done"]),
        "asset_id": await factories.make_asset(tx, owner, key=ASSET_KEY),
        "upload_id": await factories.make_upload(tx, owner),
        "link_id": link,
        "session_id": await _session(tx, owner),
        "held_deck_id": await factories.make_deck(tx, collection, custodied_for=link),
        "social_identifier": f"harbour-{owner}",
        "collection_id": collection.id,
        "published_collection_id": published.id,
        "project_id": collection.project_id,
        "job_id": jobs["running"].id,
        "failed_job_id": jobs["failed"].id,
        "dead_step_id": await factories.make_step(tx, jobs["failed"], status="failed", dead_letter=dead),
        "done_job_id": jobs["done"].id,
        "graph_job_id": jobs["graph"].id,
        "openai_job_id": jobs["video"].id,
        "review_id": await _held(tx, jobs["held"]),
        "deck_id": deck,
        "output_id": output,
        "pending_output_id": pending,
    }


VIDEO = dict.fromkeys(("model", "prompt", "seconds", "size"))


async def _jobs(tx: Transaction, collection: factories.Collection) -> dict[str, factories.Job]:
    result = "https://cdn.example.com/a.png"
    states: dict[str, dict[str, Any]] = {
        "running": {"status": "processing", "progress": 40},
        "held": {"status": "processing", "progress": 99},
        "failed": {"status": "failed", "error_message": "it broke"},
        "done": {"status": "completed", "progress": 100, "workflow_output": result},
        "video": {
            "status": "completed",
            "about": {"openai_video": VIDEO},
        },
        "graph": {"status": "completed", "job_type": "comfy_api", "variables": {"workflow": {}}},
    }
    return {name: await factories.make_job(tx, collection=collection, **state) for name, state in states.items()}


async def _held(tx: Transaction, job: factories.Job) -> UUID:
    """A review of the results of a job."""
    await moderation.set_state(tx, job.id, "results_review")
    return await moderation.open_review(tx, job.id, "results", "Somebody has to look at this first.")


async def _names(tx: Transaction, owner: UUID) -> dict[str, str]:
    """What is made too, and no secret."""
    return {
        "key_prefix": await _key(tx),
        "paused_worker": await factories.make_pause(tx, "worker", f"worker-{owner}"),
        "paused_machine": await factories.make_pause(tx, "machine", f"machine-{owner}"),
        "limited_job_type": await factories.make_policy(tx, f"limited-{owner}"),
        "own_workflow": await factories.make_workflow(tx, owner),
        "model": await factories.make_model(tx),
        "custom_node": await factories.make_custom_node(tx),
        "spare_model": await factories.make_model(tx),
        "spare_custom_node": await factories.make_custom_node(tx),
    }


async def _session(tx: Transaction, owner: UUID) -> UUID:
    await factories.make_session(tx, owner)
    found = await queries.sessions_of(tx, owner, Page(1, 0))
    return found[0].id


async def _key(tx: Transaction) -> str:
    key = make_key()
    await store.add_key(tx, prefix=key.prefix, digest=key.digest, name="theirs", scopes=["read"], owner=None, life=None)
    return key.prefix
