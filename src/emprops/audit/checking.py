"""Checking the whole audit log: the chain, its end, and what has not joined it."""

from dataclasses import dataclass

from emprops.audit import queries
from emprops.audit.queries import Gap
from emprops.audit.verify import Check
from emprops.errors import NotFoundError
from emprops.kit.database import Transaction

BATCH = 1_000
MAX_GAPS = 100


@dataclass(frozen=True, slots=True)
class Expected:
    """An end of the chain that somebody noted down earlier."""

    position: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Report:
    """What was found."""

    entries: int
    position: int
    """Of the end of the chain."""
    hash: bytes
    problems: list[str]
    more: int
    """Problems that are not listed."""
    unchained: int
    """Entries that join the chain within seconds while an api or upkeep runs."""
    gaps: list[Gap]
    """Ids without an entry: of transactions that were rolled back, or of entries removed before they were chained."""


async def check_log(tx: Transaction, expected: Expected | None = None) -> Report:
    """Walk along the whole chain; meanwhile nothing joins or leaves it, and everything can still be recorded.

    ``expected`` must be on the chain, or have been removed because of its age.
    """
    head = await queries.hold_head(tx)
    if head is None:
        raise NotFoundError("The end of the audit log's chain (audit_head) is missing: it was removed.")
    check, seen = Check(), expected is None
    while entries := await queries.along_the_chain(tx, after=check.position, limit=BATCH):
        check.walk(entries)
        if expected is not None:
            seen = seen or any((one.position, one.hash) == (expected.position, expected.hash) for one in entries)
    check.finish()
    if check.position < head.position:
        check.found(f"The end was removed: entries {check.position + 1} to {head.position}.")
    elif (check.position, check.hash) != (head.position, head.hash):
        check.found(f"The end was exchanged: the chain should end at position {head.position} with {head.hash.hex()}.")
    if expected is not None and not seen and expected.position >= check.first:
        check.found(f"The entry at position {expected.position} is not the one whose hash you gave: it was exchanged.")
    return Report(
        entries=check.entries,
        position=head.position,
        hash=head.hash,
        problems=check.problems,
        more=check.more,
        unchained=await queries.count_unchained(tx),
        gaps=await queries.gaps(tx, MAX_GAPS),
    )
