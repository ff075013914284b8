"""Under which names the answers to idempotency keys are stored: they must outlive the moving of files."""

from hashlib import sha256

import httpx2
import orjson
import psycopg
from fastapi.routing import APIRoute, iter_route_contexts
from psycopg.types.json import Jsonb
from tests.apps import as_user
from tests.engines import Engines
from tests.migrations import database_before, migrate

from emprops.auth.once import once, once_alone
from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.main import create_app
from emprops.settings import Settings

STORED = {
    *("generate", "retry", "develop_output", "offer_dead_letter", "create_output", "create_deck", "create_project"),
    *("create_collection", "create_collection_in_project", "create_simple_collection", "create_workflow"),
    *("create_model", "create_custom_node", "grant_credits"),
    "create_image",
    "create_video",
    *("send_test_webhook", "replay_webhook", "replay_webhook_delivery"),
}
"""Names that databases hold. One that is taken away needs a migration, as 0014 was; what OpenAPI calls an operation may
change."""


def test_each_operation_that_takes_keys_has_a_name_of_its_own(settings: Settings) -> None:
    endpoints = {
        context.original_route.endpoint
        for context in iter_route_contexts(create_app(settings).routes)
        if isinstance(context.original_route, APIRoute)
        and any(dependency.call in {once, once_alone} for dependency in context.dependant.dependencies)
    }
    names = {endpoint.__name__ for endpoint in endpoints}
    assert len(names) == len(endpoints)
    assert names >= STORED


async def test_an_answer_is_replayed_by_the_name_it_was_stored_under(
    client: httpx2.AsyncClient, database: Database
) -> None:
    """Whatever OpenAPI calls the operation by now: ``createProject``."""
    user_id, at = new_id(), "2026-01-10T12:00:00Z"
    times = {"created_at": at, "updated_at": at}
    answer = {"id": str(new_id()), "name": "Harbours", "is_default": False, "version": "v2", **times}
    async with database.transaction() as tx:
        asked = orjson.dumps([{}, [], {"name": "Harbours"}], option=orjson.OPT_SORT_KEYS)
        await tx.execute(
            "INSERT INTO idempotency_key (principal, route, key, request_hash, status_code, response) "
            "VALUES (%s, 'create_project', 'k', %s, 201, %s)",
            (f"user:{user_id}", sha256(asked).digest(), Jsonb({"data": answer, "error": None})),
        )
    headers = as_user(user_id) | {"Idempotency-Key": "k"}
    replayed = await client.post("/api/projects", json={"name": "Harbours"}, headers=headers)
    assert (replayed.json()["data"], replayed.headers["Idempotent-Replayed"]) == (answer, "true")


def test_names_stored_by_earlier_versions_become_operations(engines: Engines) -> None:
    with psycopg.connect(database_before(engines, "0014")) as connection:
        _store(connection, "generations.generate", "generations.job_endpoints.retry")
        migrate(connection, "0014")
        stored = connection.execute("SELECT route FROM idempotency_key ORDER BY route").fetchall()
    assert stored == [("generate",), ("retry",)]


def _store(connection: psycopg.Connection, *routes: str) -> None:
    for route in routes:
        connection.execute(
            "INSERT INTO idempotency_key (principal, route, key, request_hash, status_code, response) "
            "VALUES ('user', %s, 'k', '', 200, '{}')",
            (route,),
        )
