"""Step records one at a time."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from tests.engines import Engines
from tests.factories import make_job, make_step

from emprops.errors import ConflictError, NotFoundError
from emprops.jobs.dispatch_store import unsent_steps
from emprops.jobs.step_store import create_step, update_step_complete
from emprops.kit.database import Database
from emprops.kit.ids import new_id

RESULT = {"files": [], "data": {"text": "done"}}


async def step_row(database: Database, step_id: Any) -> dict[str, Any]:
    async with database.reader() as reader:
        return (await reader.fetch_dicts("SELECT * FROM step WHERE id = %s", (step_id,)))[0]


async def no_sleep(seconds: float) -> None:
    pytest.fail(f"nothing to wait for, and yet {seconds} s were asked for")


class TestCreateStep:
    async def test_a_step_is_there_before_its_ticket(self, database: Database) -> None:
        step_id = new_id()
        async with database.transaction() as tx:
            job = await make_job(tx, steps=0)
            assert await create_step(tx, step_id, job.id, "Upscale", "comfyui", {"image": "a.png"}, 1)
            assert not await create_step(tx, step_id, job.id, "Upscale", "comfyui", {"image": "a.png"}, 1)
        row = await step_row(database, step_id)
        assert (row["step_name"], row["step_type"], row["input_data"]) == ("Upscale", "comfyui", {"image": "a.png"})
        assert (row["status"], row["step_order"], row["retry_attempt"]) == ("pending", 1, 0)
        async with database.reader() as reader:
            assert await reader.fetch_value("SELECT total_steps FROM job WHERE id = %s", (job.id,)) == 1
            assert [step.id for step in await unsent_steps(reader, older_than=0, limit=10)] == [step_id]

    async def test_without_an_order_it_comes_last(self, database: Database) -> None:
        async with database.transaction() as tx:
            job = await make_job(tx, retry_count=2)
            await make_step(tx, job, order=4, retry_attempt=2)
            step_id = new_id()
            await create_step(tx, step_id, job.id, "Last", "noop", retry_attempt=2)
        row = await step_row(database, step_id)
        assert (row["step_order"], row["retry_attempt"], row["input_data"]) == (5, 2, {})

    async def test_what_is_refused(self, database: Database) -> None:
        async with database.transaction() as tx:
            job, done = await make_job(tx), await make_job(tx, status="completed")
            taken = await make_step(tx, done, status="completed")
            await make_step(tx, job, order=1)
            for arguments, error in [
                ((new_id(), new_id(), "x", "noop"), NotFoundError),
                ((new_id(), done.id, "x", "noop"), ConflictError),
                ((new_id(), job.id, "x", "noop", {}, 1), ConflictError),
                ((new_id(), job.id, "x", "noop", {}, 2, 1), ConflictError),
                ((taken, job.id, "x", "noop"), ConflictError),
            ]:
                with pytest.raises(error):
                    await create_step(tx, *arguments)
            assert await tx.fetch_value("SELECT count(*) FROM step") == 2


class TestUpdateStepComplete:
    async def test_an_open_step_is_completed(self, database: Database) -> None:
        async with database.transaction() as tx:
            step_id = await make_step(tx, status="processing")
        assert await update_step_complete(database, step_id, RESULT, sleep=no_sleep)
        row = await step_row(database, step_id)
        assert (row["status"], row["progress"], row["output_data"]) == ("completed", 100, RESULT)
        assert row["completed_at"] is not None
        assert await update_step_complete(database, step_id, {"other": 1}, sleep=no_sleep), "it was completed before"
        assert await step_row(database, step_id) == row

    async def test_a_failed_step_stays_failed(self, database: Database) -> None:
        async with database.transaction() as tx:
            step_id = await make_step(tx, status="failed")
        assert not await update_step_complete(database, step_id, RESULT, sleep=no_sleep)
        assert (await step_row(database, step_id))["status"] == "failed"

    async def test_an_unknown_step(self, database: Database) -> None:
        with pytest.raises(NotFoundError, match="Step not found"):
            await update_step_complete(database, new_id(), sleep=no_sleep)

    async def test_an_outage_is_waited_out(self, database: Database, engines: Engines) -> None:
        async with database.transaction() as tx:
            step_id = await make_step(tx)
        waits: list[float] = []
        quick = Quick(database)
        async with database.reader(), database.reader(), database.reader(), database.reader(), database.reader():
            pass  # so many connections lie in the pool, and all of them die

        async def back_at_the_third(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 3:
                engines.restart_postgres()
                quick.patience.seconds = 20.0

        engines.kill_postgres()
        assert await update_step_complete(quick, step_id, RESULT, sleep=back_at_the_third)
        assert waits == [1, 2, 4]
        assert (await step_row(database, step_id))["output_data"] == RESULT

    @pytest.mark.parametrize(
        "fault", [psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected, psycopg.OperationalError]
    )
    async def test_transient_faults_are_tried_four_times(self, fault: type[Exception]) -> None:
        faulty = Faulty(lambda: fault("not just now"))
        waits: list[float] = []

        async def sleep(seconds: float) -> None:
            waits.append(seconds)

        with pytest.raises(fault):
            await update_step_complete(faulty, new_id(), RESULT, sleep=sleep)
        assert (faulty.tries, waits) == (4, [1, 2, 4])

    @pytest.mark.parametrize("fault", [psycopg.errors.UndefinedColumn, ValueError])
    async def test_other_faults_are_raised_at_once(self, fault: type[Exception]) -> None:
        faulty = Faulty(lambda: fault("a mistake"))
        with pytest.raises(fault):
            await update_step_complete(faulty, new_id(), RESULT, sleep=no_sleep)
        assert faulty.tries == 1

    async def test_a_commit_whose_answer_was_lost_counts(self, database: Database) -> None:
        async with database.transaction() as tx:
            step_id = await make_step(tx)

        async def sleep(_: float) -> None:
            return None

        assert await update_step_complete(LosesAnswer(database), step_id, RESULT, sleep=sleep)
        assert (await step_row(database, step_id))["output_data"] == RESULT


class Faulty(Database):
    """A pool whose every transaction ends in a fault."""

    def __init__(self, fault: Callable[[], Exception]) -> None:
        self._fault, self.tries = fault, 0

    def transaction(self) -> Any:
        self.tries += 1
        raise self._fault()


class Quick(Database):
    """The same pool; whoever asks it for a connection is told soon that there is none."""

    def __init__(self, database: Database) -> None:
        self.__dict__.update(database.__dict__)
        self.patience = Patience(database.pool)
        self.pool = self.patience  # type: ignore[assignment]


class Patience:
    def __init__(self, pool: Any) -> None:
        self._pool, self.seconds, self.timeout = pool, 0.1, pool.timeout

    async def getconn(self) -> Any:
        return await self._pool.getconn(timeout=self.seconds)

    async def putconn(self, connection: Any) -> None:
        await self._pool.putconn(connection)


class LosesAnswer(Database):
    """The first reading back fails, after the commit."""

    def __init__(self, database: Database) -> None:
        self.__dict__.update(database.__dict__)
        self._lost = False

    def reader(self) -> Any:
        if not self._lost:
            self._lost = True
            raise psycopg.OperationalError("the connection is gone")
        return super().reader()
