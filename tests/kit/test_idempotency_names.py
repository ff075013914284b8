"""Under which names the answers to idempotency keys are stored: they must outlive the moving of files."""

import psycopg
from fastapi.routing import APIRoute, iter_route_contexts
from psycopg import sql
from tests.engines import DATABASE, Engines

from emprops.auth.once import once
from emprops.kit.ids import new_id
from emprops.kit.migrate import migrations_folder
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
    name = f"before_{new_id().hex}"
    with psycopg.connect(engines.database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    with psycopg.connect(engines.database_url.replace(DATABASE, name)) as connection:
        for file in sorted((migrations_folder() / "versions").glob("*.sql")):
            if file.name.startswith("0014_"):
                _store(connection, "generations.generate", "generations.job_endpoints.retry")
            connection.execute(file.read_text())  # type: ignore[arg-type]
        stored = connection.execute("SELECT route FROM idempotency_key ORDER BY route").fetchall()
    assert stored == [("generate",), ("retry",)]


def _store(connection: psycopg.Connection, *routes: str) -> None:
    for route in routes:
        connection.execute(
            "INSERT INTO idempotency_key (principal, route, key, request_hash, status_code, response) "
            "VALUES ('user', %s, 'k', '', 200, '{}')",
            (route,),
        )
