"""``migrations/schema.sql`` is what the migrations make."""

import pytest
from typer.testing import CliRunner

from emprops.cli.main import app
from emprops.local import schema
from emprops.local.schema import clean_dump, dump_schema, schema_file

DUMP = r"""\restrict x9
--
-- Dumped from 18.4

SET lock_timeout = 0;
SELECT pg_catalog.set_config('search_path', '', false);



CREATE TABLE a (
    b text
);

\unrestrict x9
"""


def test_the_file_matches_the_migrations() -> None:
    assert schema_file().read_text() == dump_schema(), "run `emprops db schema`"


def test_the_check_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "emprops.cli.db.dump_schema", lambda: schema_file().read_text() + "CREATE TABLE forgotten ();\n"
    )
    result = CliRunner().invoke(app, ["db", "schema", "--check"])
    assert result.exit_code == 1
    assert "run `emprops db schema`" in result.stderr


def test_noise_is_dropped_and_statements_stay() -> None:
    assert clean_dump(DUMP) == schema.HEADER + "\nCREATE TABLE a (\n    b text\n);\n"
