"""Under which names the answers to idempotency keys are stored: they must outlive the moving of files."""

import psycopg
from fastapi.routing import APIRoute, iter_route_contexts
from tests.engines import Engines
from tests.migrations import database_before, migrate

from emprops.auth.once import once
from emprops.main import create_app
from emprops.settings import Settings


def test_each_operation_that_takes_keys_has_a_name_of_its_own(settings: Settings) -> None:
    endpoints = {
        context.original_route.endpoint
        for context in iter_route_contexts(create_app(settings).routes)
        if isinstance(context.original_route, APIRoute)
        and any(dependency.call is once for dependency in context.dependant.dependencies)
    }
    assert len(endpoints) > 10
    assert len({endpoint.__name__ for endpoint in endpoints}) == len(endpoints)


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
