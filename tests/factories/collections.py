"""Collections."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from tests.factories.people import make_project, make_user

from emprops.kit.database import Transaction
from emprops.kit.ids import new_id

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
