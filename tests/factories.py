"""Rows for tests, with what has to exist around them. Each function inserts and tells what it made.

They write the tables directly: a test may put the system into any state that its constraints allow.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from emprops.kit.database import Transaction
from emprops.kit.ids import new_id
from emprops.webhooks.events import DEFAULT

INSTRUCTIONS: dict[str, Any] = {
    "version": "v2",
    "steps": [{"id": 1, "nodeName": "local_image", "nodePayload": {"prompt": "{{prompt}}"}}],
    "variables": [{"name": "prompt", "type": "text", "value_type": "strings", "test_value": "a quiet harbour"}],
    "generations": {"generations": 1, "hashes": [], "use_custom_hashes": False},
}


@dataclass(frozen=True, slots=True)
class Collection:
    id: UUID
    project_id: UUID
    user_id: UUID
    title: str


@dataclass(frozen=True, slots=True)
class Job:
    id: UUID
    user_id: UUID
    collection: Collection


async def make_user(tx: Transaction, user_id: UUID | None = None) -> UUID:
    """A user; the same one if there is one of that id."""
    user_id = user_id or new_id()
    await tx.execute("INSERT INTO app_user (id) VALUES (%s) ON CONFLICT DO NOTHING", (user_id,))
    return user_id


async def make_project(tx: Transaction, user_id: UUID | None = None, *, is_default: bool = False) -> UUID:
    """A project, of a new user unless told."""
    user_id = await make_user(tx, user_id)
    project_id = new_id()
    await tx.execute(
        "INSERT INTO project (id, user_id, name, is_default) VALUES (%s, %s, 'Project', %s)",
        (project_id, user_id, is_default),
    )
    return project_id


async def make_social_link(tx: Transaction, identifier: str = "vitalik", org: str = "farcaster") -> UUID:
    """A social identity; the same one if it exists."""
    link: UUID = await tx.fetch_value(
        """
        INSERT INTO social_link (id, social_org, social_identifier) VALUES (%s, %s, %s)
        ON CONFLICT (social_org, social_identifier) DO UPDATE SET updated_at = now() RETURNING id
        """,
        (new_id(), org, identifier),
    )
    return link


async def make_collection(
    tx: Transaction,
    user_id: UUID | None = None,
    *,
    title: str = "Quiet Harbours",
    data: dict[str, Any] | None = None,
    status: str | None = None,
    is_public: bool = False,
    is_global: bool = False,
    input_type: str | None = None,
    output_type: str | None = None,
    custodied_for: UUID | None = None,
) -> Collection:
    """A collection in a project of its own. ``is_global``: image to image unless told. A public or global one is
    published unless told, any other one a draft."""
    user_id = await make_user(tx, user_id)
    project_id = await make_project(tx, user_id)
    collection = Collection(id=new_id(), project_id=project_id, user_id=user_id, title=title)
    if is_global:
        input_type, output_type = input_type or "image", output_type or "image"
    await tx.execute(
        """
        INSERT INTO collection (id, project_id, title, data, status, published_at, is_public, is_global, input_type,
                                output_type, is_custodial, custodied_for, created_at)
        VALUES (%(id)s, %(project_id)s, %(title)s, %(data)s, %(status)s,
                CASE WHEN %(status)s = 'published' THEN clock_timestamp() END, %(is_public)s, %(is_global)s,
                %(input_type)s, %(output_type)s, %(custodied_for)s::uuid IS NOT NULL, %(custodied_for)s,
                clock_timestamp())
        """,
        {
            "id": collection.id,
            "project_id": project_id,
            "title": title,
            "data": Jsonb(INSTRUCTIONS if data is None else data),
            "status": status or ("published" if is_public or is_global else "draft"),
            "is_public": is_public,
            "is_global": is_global,
            "input_type": input_type,
            "output_type": output_type,
            "custodied_for": custodied_for,
        },
    )
    return collection


async def make_job(
    tx: Transaction,
    user_id: UUID | None = None,
    *,
    collection: Collection | None = None,
    status: str = "pending",
    progress: float | None = 0,
    steps: int = 1,
    variables: dict[str, Any] | None = None,
    history: tuple[str, ...] = ("Job created",),
    created_at: datetime | None = None,
    retry_count: int = 0,
    workflow_output: str | None = None,
    error_message: str | None = None,
) -> Job:
    """A job of a collection (a new one unless told) with its first history rows; steps come from ``make_step``."""
    if collection is None:
        collection = await make_collection(tx, user_id)
    user_id = await make_user(tx, user_id or collection.user_id)
    job = Job(id=new_id(), user_id=user_id, collection=collection)
    await tx.execute(
        """
        INSERT INTO job (id, user_id, collection_id, collection_version, name, status, progress, total_steps, data,
                         retry_count, workflow_output, error_message, created_at, started_at, completed_at)
        VALUES (%(id)s, %(user_id)s, %(collection_id)s, 1, %(name)s, %(status)s, %(progress)s, %(steps)s, %(data)s,
                %(retry_count)s, %(workflow_output)s, %(error_message)s, coalesce(%(created_at)s, now()),
                CASE WHEN %(status)s <> 'pending' THEN now() END,
                CASE WHEN %(status)s IN ('completed', 'failed') THEN now() END)
        """,
        {
            "id": job.id,
            "user_id": user_id,
            "collection_id": collection.id,
            "name": f"Collection Generation: {collection.title}",
            "status": status,
            "progress": progress,
            "steps": steps,
            "data": Jsonb({"collectionId": str(collection.id), "variables": variables or {}}),
            "retry_count": retry_count,
            "workflow_output": workflow_output,
            "error_message": error_message,
            "created_at": created_at,
        },
    )
    for message in history:
        await add_history(tx, job.id, message, status="pending")
    return job


async def add_history(
    tx: Transaction, job_id: UUID, message: str, *, status: str = "processing", data: dict[str, Any] | None = None
) -> int:
    """A history row; its id. Locks the job first, as every writer of history does."""
    await tx.execute("SELECT FROM job WHERE id = %s FOR NO KEY UPDATE", (job_id,))
    row_id: int = await tx.fetch_value(
        "INSERT INTO job_history (job_id, status, message, data) VALUES (%s, %s, %s, %s) RETURNING id",
        (job_id, status, message, None if data is None else Jsonb(data)),
    )
    return row_id


async def make_step(
    tx: Transaction,
    job: Job | None = None,
    *,
    order: int = 1,
    step_type: str = "local_image",
    status: str = "pending",
    generation: int = 0,
    is_result: bool = True,
    depends_on: tuple[UUID, ...] = (),
    input_data: dict[str, Any] | None = None,
    output_data: dict[str, Any] | None = None,
    retry_attempt: int = 0,
    dead_letter: dict[str, Any] | None = None,
) -> UUID:
    """A step of a job (a new one unless told): ready to send unless it depends on others."""
    job = job or await make_job(tx)
    step_id = new_id()
    payload = {"prompt": "a quiet harbour"} if input_data is None and not depends_on else input_data
    await tx.execute(
        """
        INSERT INTO step (id, job_id, retry_attempt, step_order, step_name, step_type, generation, is_result,
                          depends_on, template, input_data, output_data, status, dead_letter, started_at,
                          completed_at)
        VALUES (%(id)s, %(job_id)s, %(retry_attempt)s, %(order)s, %(type)s, %(type)s, %(generation)s, %(is_result)s,
                %(depends_on)s, %(template)s, %(input_data)s, %(output_data)s, %(status)s, %(dead_letter)s,
                CASE WHEN %(status)s <> 'pending' THEN now() END,
                CASE WHEN %(status)s IN ('completed', 'failed') THEN now() END)
        """,
        {
            "id": step_id,
            "job_id": job.id,
            "retry_attempt": retry_attempt,
            "order": order,
            "type": step_type,
            "generation": generation,
            "is_result": is_result,
            "depends_on": list(depends_on),
            "template": Jsonb({}) if depends_on else None,
            "input_data": None if payload is None else Jsonb(payload),
            "output_data": None if output_data is None else Jsonb(output_data),
            "status": status,
            "dead_letter": None if dead_letter is None else Jsonb(dead_letter),
        },
    )
    return step_id


async def make_pause(tx: Transaction, scope: str, name: str) -> str:
    """A pause of workers; gives the name."""
    await tx.execute("INSERT INTO worker_pause (scope, name) VALUES (%s, %s)", (scope, name))
    return name


async def make_deck(
    tx: Transaction,
    collection: Collection | None = None,
    user_id: UUID | None = None,
    *,
    name: str = "My Deck",
    status: str = "active",
    custodied_for: UUID | None = None,
    created_at: datetime | None = None,
) -> UUID:
    """An empty deck of a collection (a new one unless told), of the collection's owner unless told."""
    collection = collection or await make_collection(tx, user_id)
    user_id = await make_user(tx, user_id or collection.user_id)
    deck_id = new_id()
    await tx.execute(
        """
        INSERT INTO deck (id, user_id, collection_id, name, status, is_custodial, custodied_for, published_at,
                          created_at)
        VALUES (%(id)s, %(user_id)s, %(collection_id)s, %(name)s, %(status)s, %(custodied_for)s::uuid IS NOT NULL,
                %(custodied_for)s, CASE WHEN %(status)s = 'published' THEN now() END,
                coalesce(%(created_at)s, clock_timestamp()))
        """,
        {
            "id": deck_id,
            "user_id": user_id,
            "collection_id": collection.id,
            "name": name,
            "status": status,
            "custodied_for": custodied_for,
            "created_at": created_at,
        },
    )
    return deck_id


async def make_output(
    tx: Transaction,
    collection: Collection | None = None,
    user_id: UUID | None = None,
    *,
    deck_id: UUID | None = None,
    job: Job | None = None,
    status: str = "pending",
    generation: int = 0,
    url: str | None = None,
    mime_type: str | None = None,
    flat_file_id: int | None = None,
    custodied_for: UUID | None = None,
    source_output_id: UUID | None = None,
    error_message: str | None = None,
    input_metadata: dict[str, Any] | None = None,
) -> UUID:
    """An output of the job's owner and collection, else of those given, else of new ones; at the end of its deck.

    A completed one gets a URL unless told.
    """
    if job is not None:
        collection, user_id = job.collection, user_id or job.user_id
    collection = collection or await make_collection(tx, user_id)
    user_id = await make_user(tx, user_id or collection.user_id)
    output_id = new_id()
    if status == "completed":
        url, mime_type = url or f"http://testserver/files/generations/{output_id}.png", mime_type or "image/png"
    position = None
    if deck_id is not None:
        position = await tx.fetch_value(
            """
            UPDATE deck SET last_position = last_position + 1, output_count = output_count + %s
            WHERE id = %s RETURNING last_position
            """,
            (int(status != "hidden"), deck_id),
        )
    await tx.execute(
        """
        INSERT INTO output (id, user_id, collection_id, deck_id, position, job_id, status, generation, url, mime_type,
                            flat_file_id, is_custodial, custodied_for, source_output_id, error_message, input_metadata,
                            created_at, completed_at)
        VALUES (%(id)s, %(user_id)s, %(collection_id)s, %(deck_id)s, %(position)s, %(job_id)s, %(status)s,
                %(generation)s, %(url)s, %(mime_type)s, %(flat_file_id)s, %(custodied_for)s::uuid IS NOT NULL,
                %(custodied_for)s, %(source_output_id)s, %(error_message)s, %(input_metadata)s, clock_timestamp(),
                CASE WHEN %(status)s = 'completed' THEN now() END)
        """,
        {
            "id": output_id,
            "user_id": user_id,
            "collection_id": collection.id,
            "deck_id": deck_id,
            "position": position,
            "job_id": job and job.id,
            "status": status,
            "generation": generation,
            "url": url,
            "mime_type": mime_type,
            "flat_file_id": flat_file_id,
            "custodied_for": custodied_for,
            "source_output_id": source_output_id,
            "error_message": error_message,
            "input_metadata": None if input_metadata is None else Jsonb(input_metadata),
        },
    )
    return output_id


async def make_file(
    tx: Transaction,
    *,
    key: str | None = None,
    mime_type: str = "image/png",
    job: Job | None = None,
    step_id: UUID | None = None,
) -> int:
    """A row about a stored file; no file is written."""
    file_id: int = await tx.fetch_value(
        "INSERT INTO flat_file (url, mime_type, user_id, job_id, step_id) VALUES (%s, %s, %s, %s, %s) RETURNING id",
        (key or f"generations/{new_id()}.png", mime_type, job and job.user_id, job and job.id, step_id),
    )
    return file_id


async def make_workflow(tx: Transaction, user_id: UUID | None = None, *, name: str | None = None) -> str:
    """A workflow of nobody, unless told whose; its name. It takes a prompt and makes a picture."""
    name = name or f"workflow-{new_id()}"
    data = {
        "form": {"fields": [{"id": "prompt", "type": "prompt_editor"}]},
        "inputs": [{"id": "prompt", "pathJq": ".payload.prompt"}],
        "job": {"service_required": "local_image", "payload": {}},
    }
    await tx.execute(
        """
        INSERT INTO workflow (id, name, label, type, data, output_mime_type, user_id)
        VALUES (%s, %s, '', 'direct_job', %s, 'image/png', %s)
        """,
        (new_id(), name, Jsonb(data), user_id),
    )
    return name


async def make_model(tx: Transaction, name: str | None = None) -> str:
    """A model of the catalog; its name."""
    name = name or f"{new_id()}.safetensors"
    await tx.execute("INSERT INTO model (id, name) VALUES (%s, %s)", (new_id(), name))
    return name


async def make_custom_node(tx: Transaction, name: str | None = None) -> str:
    """A custom node of the catalog; its name."""
    name = name or f"nodes-{new_id()}"
    await tx.execute("INSERT INTO custom_node (id, name) VALUES (%s, %s)", (new_id(), name))
    return name


async def make_webhook(
    tx: Transaction,
    owner: UUID | None = None,
    *,
    url: str = "https://hooks.example.com/emprops",
    events: tuple[str, ...] = DEFAULT,
    collection_ids: list[UUID] | None = None,
    job_types: list[str] | None = None,
    secret: bytes = b"",
) -> UUID:
    """A webhook endpoint of a user, or of services. ``secret``: as it is stored; without one nothing can be signed."""
    if owner is not None:
        await make_user(tx, owner)
    webhook_id = new_id()
    await tx.execute(
        """
        INSERT INTO webhook_endpoint (id, owner_user_id, created_by, url, events, collection_ids, job_types, secret)
        VALUES (%s, %s, 'test', %s, %s, %s, %s, %s)
        """,
        (webhook_id, owner, url, list(events), collection_ids, job_types, secret),
    )
    return webhook_id


async def make_webhook_event(
    tx: Transaction, *webhook_ids: UUID, job: Job | None = None, event_type: str = "job.completed"
) -> UUID:
    """An event that waits for these endpoints."""
    event_id: UUID = await tx.fetch_value(
        "INSERT INTO webhook_event (type, job_id, data) VALUES (%s, %s, '{}') RETURNING id",
        (event_type, job.id if job else None),
    )
    for webhook_id in webhook_ids:
        await tx.execute("INSERT INTO webhook_delivery (endpoint_id, event_id) VALUES (%s, %s)", (webhook_id, event_id))
    return event_id


async def make_noop_workflow(tx: Transaction, form: dict[str, Any], *, price: Any = 0) -> str:
    """A workflow whose step nobody but a test runs, with each field of this form in its payload; its name."""
    name = f"noop_{new_id().hex}"
    data = {
        "form": form,
        "inputs": [{"id": field["id"], "pathJq": f".payload.{field['id']}"} for field in form["fields"]],
        "job": {"service_required": "noop", "payload": {}},
        "credits": price,
    }
    await tx.execute(
        """
        INSERT INTO workflow (id, name, label, type, data, output_mime_type)
        VALUES (%s, %s, '', 'direct_job', %s, 'image/png')
        """,
        (new_id(), name, Jsonb(data)),
    )
    return name
