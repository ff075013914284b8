"""Plant the samples: a few workflows and collections that run on the local engine, so that there is something to try.

Planting again changes nothing, unless this version brings newer samples: those replace older ones, but never a
definition that somebody has replaced since, because it does not carry the mark ``sample_version`` any more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID, uuid5

from psycopg.types.json import Jsonb

from emprops.auth.store import ensure_user
from emprops.kit.database import Database, Transaction
from emprops.samples.recipes import COLLECTIONS, VERSION, WORKFLOWS, SampleCollection, SampleWorkflow

NAMESPACE = UUID("7d0b6c1e-5a7e-5c0f-9b1f-3f8d6f0f5a11")
SYSTEM_USER = UUID(int=0)
PROJECT = uuid5(NAMESPACE, "project/samples")
LOCK = 0x5A3B1E5
"""Advisory lock: one process plants at a time."""


@dataclass(frozen=True, slots=True)
class SampleIds:
    """Where the samples are: collections by slug, workflows by name. The same in every installation."""

    project: UUID
    collections: Mapping[str, UUID]
    workflows: Mapping[str, UUID]


SAMPLES = SampleIds(
    project=PROJECT,
    collections={sample.slug: uuid5(NAMESPACE, f"collection/{sample.slug}") for sample in COLLECTIONS},
    workflows={sample.name: uuid5(NAMESPACE, f"workflow/{sample.name}") for sample in WORKFLOWS},
)


async def seed(database: Database) -> SampleIds:
    """Plant what is missing or older, in one transaction. Returns the ids of all samples."""
    async with database.transaction() as tx:
        await tx.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        await ensure_user(tx, SYSTEM_USER)
        await tx.execute(
            "INSERT INTO project (id, user_id, name) VALUES (%s, %s, 'Samples') ON CONFLICT (id) DO NOTHING",
            (PROJECT, SYSTEM_USER),
        )
        for at, workflow in enumerate(WORKFLOWS):
            await _plant_workflow(tx, workflow, at)
        for collection in reversed(COLLECTIONS):  # lists begin with the newest, and a first picture needs no file
            await _plant_collection(tx, collection)
    return SAMPLES


async def _plant_workflow(tx: Transaction, sample: SampleWorkflow, order: int) -> None:
    # A workflow that somebody else called the same stays, and is used in the sample's place.
    await tx.execute(
        """
        INSERT INTO workflow (id, name, label, description, type, data, output_mime_type, "order", user_id)
        SELECT %(id)s, %(name)s, %(label)s, %(description)s, 'direct_job', %(data)s, %(mime)s, %(order)s, %(user)s
        WHERE NOT EXISTS (SELECT FROM workflow WHERE name = %(name)s AND id <> %(id)s)
        ON CONFLICT (id) DO UPDATE SET label = excluded.label, description = excluded.description,
            data = excluded.data, output_mime_type = excluded.output_mime_type, updated_at = now()
        WHERE workflow.data -> 'sample_version' < %(version)s
        """,
        {
            "id": SAMPLES.workflows[sample.name],
            "name": sample.name,
            "label": sample.label,
            "description": sample.description,
            "data": Jsonb(sample.data),
            "mime": sample.output_mime_type,
            "order": order,
            "user": SYSTEM_USER,
            "version": Jsonb(VERSION),
        },
    )


async def _plant_collection(tx: Transaction, sample: SampleCollection) -> None:
    # clock_timestamp keeps them in their order; a slug that is taken stays where it is.
    await tx.execute(
        """
        INSERT INTO collection (id, project_id, title, description, status, is_public, is_global, input_type,
                                output_type, data, slug, created_at, published_at)
        VALUES (%(id)s, %(project)s, %(title)s, %(description)s, 'published', true, %(is_global)s, %(input_type)s,
                %(output_type)s, %(data)s,
                CASE WHEN NOT EXISTS (SELECT FROM collection WHERE slug = %(slug)s AND id <> %(id)s) THEN %(slug)s END,
                clock_timestamp(), clock_timestamp())
        ON CONFLICT (id) DO UPDATE SET title = excluded.title, description = excluded.description,
            data = excluded.data, version = collection.version + 1, updated_at = now()
        WHERE collection.data -> 'sample_version' < %(version)s
        """,
        {
            "id": SAMPLES.collections[sample.slug],
            "project": PROJECT,
            "title": sample.title,
            "description": sample.description,
            "is_global": sample.input_type is not None,
            "input_type": sample.input_type,
            "output_type": sample.output_type,
            "data": Jsonb(sample.data),
            "slug": sample.slug,
            "version": Jsonb(VERSION),
        },
    )
