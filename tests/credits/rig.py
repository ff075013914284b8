"""Users with credits, and jobs that hold some."""

from uuid import UUID

from tests.factories import make_user

from emprops.credits import service
from emprops.credits.service import Terms
from emprops.credits.store import NewHold
from emprops.kit.database import Transaction
from emprops.kit.ids import new_id

TERMS = Terms()
FREE = Terms(enforced=False)


async def user_with(tx: Transaction, amount: int) -> UUID:
    user_id = await make_user(tx)
    if amount:
        await service.grant(tx, user_id, amount, reason="test", terms=TERMS)
    return user_id


async def hold(
    tx: Transaction, user_id: UUID, amount: int, *, job_id: UUID | None = None, terms: Terms = TERMS
) -> UUID:
    job_id = job_id or new_id()
    await service.hold(tx, [NewHold(user_id, job_id, amount, "test")], terms=terms)
    return job_id


async def kinds_of(tx: Transaction, job_id: UUID) -> list[str]:
    return await tx.fetch_values("SELECT kind FROM credit_entry WHERE job_id = %s ORDER BY id", (job_id,))
