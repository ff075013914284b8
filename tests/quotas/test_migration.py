"""What the migrations from 0021 on do to an installation that has users, jobs and files already."""

import psycopg
from tests.engines import Engines
from tests.migrations import database_before, migrate

from emprops.kit.ids import new_id
from emprops.kit.migrate import revision_files


def test_what_is_there_is_counted_and_goes_on(engines: Engines) -> None:
    user, project, collection, job, step = (new_id() for _ in range(5))
    with psycopg.connect(database_before(engines, "0021")) as connection:
        connection.execute("INSERT INTO app_user (id) VALUES (%s)", (user,))
        connection.execute("INSERT INTO user_role (user_id, role, granted_by) VALUES (%s, 'viewer', 'cli')", (user,))
        connection.execute("INSERT INTO project (id, user_id, name) VALUES (%s, %s, 'P')", (project, user))
        connection.execute(
            "INSERT INTO collection (id, project_id, title, data) VALUES (%s, %s, 'T', '{}')", (collection, project)
        )
        connection.execute(
            "INSERT INTO job (id, user_id, collection_id, name, total_steps, data) VALUES (%s, %s, %s, 'J', 1, '{}')",
            (job, user, collection),
        )
        connection.execute(
            "INSERT INTO step (id, job_id, step_order, step_name, step_type, input_data)"
            " VALUES (%s, %s, 1, 'S', 'noop', '{}')",
            (step, job),
        )
        connection.execute("INSERT INTO credit_account (user_id, available, held) VALUES (%s, 5, 7)", (user,))
        connection.execute("INSERT INTO credit_hold (job_id, user_id, amount) VALUES (%s, %s, 7)", (job, user))
        connection.execute(
            "INSERT INTO credit_entry (user_id, kind, source, target, amount, job_id, round)"
            " VALUES (%s, 'hold', 'available', 'held', 7, %s, 1)",
            (user, job),
        )
        for key, size, owner, made_by in (("a", 3, user, job), ("b", None, user, job), ("c", 4, None, None)):
            connection.execute(
                "INSERT INTO flat_file (url, mime_type, size_bytes, user_id, job_id)"
                " VALUES (%s, 'image/png', %s, %s, %s)",
                (key, size, owner, made_by),
            )
        for number in (name for name in revision_files() if name >= "0021"):
            migrate(connection, number)
        stored = connection.execute("SELECT kind, subject, bytes FROM stored_bytes ORDER BY kind").fetchall()
        assert stored == [("collection", collection, 3), ("user", user, 3)]
        connection.execute("DELETE FROM flat_file WHERE url IN ('a', 'b')")
        noted = connection.execute("SELECT kind, bytes FROM stored_bytes_change ORDER BY kind").fetchall()
        assert noted == [("collection", -3), ("user", -3)]
        waiting = connection.execute("SELECT held_back_for, builders FROM step").fetchall()
        assert waiting == [(None, [])], "steps that wait may go to the queue"
        assert connection.execute("SELECT key_id, price, moderation FROM job").fetchall() == [(None, None, None)]
        assert connection.execute("SELECT charged, key_id FROM credit_hold").fetchall() == [(None, None)]
        connection.execute("INSERT INTO user_role (user_id, role, granted_by) VALUES (%s, 'operator', 'cli')", (user,))
