"""What migration 0005 does to an installation that has collections already."""

import psycopg
import pytest
from tests.engines import Engines
from tests.migrations import database_before, migrate

from emprops.kit.ids import new_id


@pytest.fixture
def before(engines: Engines) -> str:
    """A database at revision 0004: the URL of it."""
    return database_before(engines, "0005")


def test_published_collections_get_their_version(before: str) -> None:
    user, project, published, draft = (new_id() for _ in range(4))
    with psycopg.connect(before) as connection:
        connection.execute("INSERT INTO app_user (id) VALUES (%s)", (user,))
        connection.execute("INSERT INTO project (id, user_id, name) VALUES (%s, %s, 'P')", (project, user))
        for collection, status, version in ((published, "published", 3), (draft, "draft", 1)):
            connection.execute(
                "INSERT INTO collection (id, project_id, title, status, version, published_at, data) "
                "VALUES (%s, %s, 'T', %s, %s, '2026-01-01Z', '{}')",
                (collection, project, status, version),
            )
        own = new_id()
        connection.execute(
            "INSERT INTO workflow (id, name, label, type, data, output_mime_type) "
            "VALUES (%s, 'flexible_prompt', 'Ours', 'direct_job', '{}', 'image/png')",
            (own,),
        )
        migrate(connection, "0005")
        rows = connection.execute(
            "SELECT collection_id, version, data, created_at = '2026-01-01Z' FROM collection_version"
        ).fetchall()
        assert rows == [(published, 3, {}, True)]
        kept = connection.execute("SELECT id, label FROM workflow WHERE name = 'flexible_prompt'").fetchall()
        assert kept == [(own, "Ours")], "a workflow that has the name keeps it"
