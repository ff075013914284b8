"""Rows for the benchmark of reads: one user who has everything, so that nothing is small because it is shared out."""

from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

import psycopg

from emprops.kit.ids import new_id

OUTPUTS_PER_DECK = 100

PEOPLE = """
INSERT INTO app_user (id) VALUES (%(user)s);
INSERT INTO project (id, user_id, name) VALUES (%(project)s, %(user)s, 'Bench');
INSERT INTO collection (id, project_id, title, data) VALUES (%(collection)s, %(project)s, 'Bench', '{}');
INSERT INTO credit_account (user_id) VALUES (%(user)s);
"""

JOBS = """
INSERT INTO job (id, user_id, collection_id, collection_version, name, status, progress, total_steps, current_step,
                 data, workflow_output, created_at, updated_at, started_at, completed_at)
SELECT gen_random_uuid(), %(user)s, %(collection)s, 1, 'Collection Generation: Bench',
       CASE WHEN n %% %(rare)s = 0 THEN 'failed' ELSE 'completed' END, 100, 1, 1,
       jsonb_build_object('collectionId', %(collection)s::text,
                          'variables', jsonb_build_object('prompt', 'harbour ' || n)),
       'http://localhost:3001/files/generations/' || n || '.png', at, at, at, at
FROM generate_series(1, %(rows)s) n, LATERAL (SELECT now() - n * interval '1 second' AS at) moment;
"""

HISTORY = """
INSERT INTO job_history (job_id, status, message)
SELECT id, 'completed', 'Job completed' FROM job;
"""

DECKS = """
INSERT INTO deck (id, user_id, collection_id, name, output_count, last_position, created_at)
SELECT gen_random_uuid(), %(user)s, %(collection)s, 'Deck ' || n, %(per_deck)s, %(per_deck)s,
       now() - n * interval '1 minute'
FROM generate_series(1, %(rows)s / %(per_deck)s) n;
"""

OUTPUTS = """
WITH numbered AS (SELECT id, row_number() OVER (ORDER BY created_at) AS deck_number FROM deck)
INSERT INTO output (id, user_id, collection_id, deck_id, position, status, source, url, mime_type, created_at,
                    completed_at)
SELECT gen_random_uuid(), %(user)s, %(collection)s, d.id, p, status, 'direct_api',
       'http://localhost:3001/files/generations/' || n || '.png', 'image/png', at,
       CASE WHEN status = 'completed' THEN at END
FROM numbered d, generate_series(1, %(per_deck)s) p,
     LATERAL (SELECT (d.deck_number - 1) * %(per_deck)s + p AS n) number,
     LATERAL (SELECT now() - n * interval '1 second' AS at,
                     CASE WHEN n %% %(rare)s = 0 THEN 'failed' ELSE 'completed' END AS status) moment;
"""

LEDGER = """
INSERT INTO credit_entry (user_id, kind, source, target, amount)
SELECT %(user)s, 'grant', 'granted', 'available', 1 FROM generate_series(1, %(rows)s);
UPDATE credit_account SET available = %(rows)s;
"""


@dataclass(frozen=True, slots=True)
class Crowd:
    """Who has it all, and one of each to ask for."""

    user: UUID
    collection: UUID
    deck: UUID
    job: UUID


def fill(database_url: str, rows: int) -> Crowd:
    """Insert ``rows`` jobs, outputs and ledger entries. Failed ones are as many in any crowd, for filters to find."""
    user, collection = new_id(), new_id()
    values = {
        "user": user,
        "project": new_id(),
        "collection": collection,
        "rows": rows,
        "rare": rows // 20,
        "per_deck": OUTPUTS_PER_DECK,
    }
    with psycopg.connect(database_url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        for statements in (PEOPLE, JOBS, HISTORY, DECKS, OUTPUTS, LEDGER):
            connection.execute(statements, values)
        connection.execute("VACUUM ANALYZE")
        middle = rows // 2
        job = _nth(connection, "SELECT id FROM job ORDER BY id OFFSET %s LIMIT 1", middle)
        deck = _nth(connection, "SELECT id FROM deck ORDER BY id OFFSET %s LIMIT 1", middle // OUTPUTS_PER_DECK)
    return Crowd(user, collection, deck, job)


def _nth(connection: psycopg.Connection, statement: LiteralString, n: int) -> UUID:
    row = connection.execute(statement, (n,)).fetchone()
    assert row is not None
    found: UUID = row[0]
    return found
