"""A transaction, and a job in it."""

from collections.abc import AsyncIterator

import pytest
from tests.factories import (
    Job,
    make_job,
)

from emprops.kit.database import Database, Transaction


@pytest.fixture
async def tx(database: Database) -> AsyncIterator[Transaction]:
    async with database.transaction() as tx:
        yield tx


@pytest.fixture
async def job(tx: Transaction) -> Job:
    return await make_job(tx)
