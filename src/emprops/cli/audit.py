"""``emprops audit``: who did what to whom. The log lives in PostgreSQL, which these commands reach directly."""

import re
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import orjson
import typer

from emprops.audit import queries
from emprops.audit.chain import Entry, entry_of, exported
from emprops.audit.checking import Expected, Report, check_log
from emprops.audit.queries import Filters
from emprops.audit.verify import Check
from emprops.cli.direct import with_transaction
from emprops.cli.exits import fail
from emprops.cli.output import json_option, print_json, say
from emprops.cli.tables import Column, show
from emprops.cli.times import at
from emprops.kit.database import Transaction
from emprops.settings import Settings

FIELDS = (
    "`position`, `previous`, `id`, `at`, `actor`, `action`, `target`, `user_id`, `details`, `request_id` and `hash`"
)
REPORT = "`sound`, `entries`, `position`, `hash`, `problems`, `more`, `unchained` and `gaps`"
BATCH = 1_000
COLUMNS = (
    Column("id"),
    Column("time", at),
    Column("who", least=12),
    Column("did"),
    Column("to", least=12),
    Column("details", least=10, rank=1),
)

app = typer.Typer(help="List, export and check who did what to whom.", no_args_is_help=True, add_completion=False)

Actor = Annotated[str | None, typer.Option(help="Who: user:<id>, key:emp_<prefix>, cli:<login>.")]
ActionName = Annotated[str | None, typer.Option(help="What, such as role.granted; key. finds all that begin so.")]
Target = Annotated[str | None, typer.Option(help="To what, such as job:<id>.")]
User = Annotated[UUID | None, typer.Option(help="The user whom it concerns.")]
FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]
Since = Annotated[datetime | None, typer.Option(help="Not before this time (UTC).", formats=FORMATS)]
Until = Annotated[datetime | None, typer.Option(help="Before this time (UTC).", formats=FORMATS)]


@app.command(name="list")
def list_(
    actor: Actor = None,
    action: ActionName = None,
    target: Target = None,
    user: User = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most entries.")] = 50,
    as_json: Annotated[bool, json_option(f"a list of {FIELDS}")] = False,
) -> None:
    """List entries, newest first.

    For example:

        $ emprops audit list --user 0192f0c8-0000-7000-8000-00000000000a
        $ emprops audit list --action key. --since 2026-01-01
    """
    wanted = _filters(actor, action, target, user, since, until)

    async def read(tx: Transaction, _settings: Settings) -> list[Entry]:
        return await queries.newest(tx, wanted, limit=limit)

    found = with_transaction(read)
    if as_json:
        print_json([exported(entry) for entry in found])
        return
    show(COLUMNS, [_row(entry) for entry in found], empty="No such entries.")


@app.command()
def export(
    actor: Actor = None,
    action: ActionName = None,
    target: Target = None,
    user: User = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Print entries as lines of JSON, oldest first, with their hashes.

    `emprops audit verify --file` checks an export without filters. Entries of the
    last second may not have a hash yet; they are left out.

    For example:

        $ emprops audit export > audit.jsonl
    """
    wanted = _filters(actor, action, target, user, since, until)

    async def write(tx: Transaction, _settings: Settings) -> None:
        after = 0
        while entries := await queries.oldest(tx, wanted, after=after, limit=BATCH):
            for entry in entries:
                typer.echo(orjson.dumps(exported(entry)).decode())
            after = entries[-1].position or after

    with_transaction(write)


@app.command()
def verify(
    expect: Annotated[
        str | None, typer.Option(metavar="POSITION:HASH", help="An entry that must still be in the chain as it was.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="Check an export instead of the database.")] = None,
    as_json: Annotated[bool, json_option(REPORT)] = False,
) -> None:
    """Check the chain of hashes. Exit code 1 if an entry was changed, removed or inserted; says which.

    Note the position and hash that it prints somewhere else, and give them to a
    later check: only that finds a chain that was made anew as a whole.
    """
    expected = _expected(expect)
    if file is not None:
        report = _check_file(file, expected)
    else:

        async def check(tx: Transaction, _settings: Settings) -> Report:
            return await check_log(tx, expected)

        report = with_transaction(check)
    _tell(report, as_json=as_json)


def _tell(report: Report, *, as_json: bool) -> None:
    if as_json:
        found = asdict(report) | {"sound": not report.problems, "hash": report.hash.hex()}
        print_json(found)
    else:
        for problem in report.problems:
            typer.echo(problem)
        if report.more:
            typer.echo(f"… and {report.more} more problems.")
        for gap in report.gaps:
            ids = f"Id {gap.first} is" if gap.first == gap.last else f"Ids {gap.first} to {gap.last} are"
            say(f"{ids} missing: a transaction was rolled back, or an entry was removed before it was chained.")
        if report.unchained:
            say(f"{report.unchained} entries have not joined the chain yet: an api or `emprops upkeep` does that.")
    if report.problems:
        count = len(report.problems) + report.more
        fail(f"The audit log is not as it was written: {count} problem{'s' if count > 1 else ''}.")
    if not as_json:
        typer.echo(f"{report.entries} entries are as they were written, up to {report.position}:{report.hash.hex()}")


def _check_file(file: Path, expected: Expected | None) -> Report:
    check = Check(partial=True)
    seen = expected is None
    for entry in _entries(file):
        check.walk([entry])
        seen = seen or (expected is not None and (entry.position, entry.hash) == (expected.position, expected.hash))
    if expected is not None and not seen:
        check.found(f"The entry at position {expected.position} is not in the file with the hash you gave.")
    return Report(check.entries, check.position, check.hash, check.problems, check.more, 0, [])


def _entries(file: Path) -> Iterator[Entry]:
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield entry_of(orjson.loads(line))
                except (ValueError, KeyError, TypeError):
                    fail(f"{file}:{number} is not a line of `emprops audit export`.")
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}.")


def _expected(text: str | None) -> Expected | None:
    if text is None:
        return None
    match = re.fullmatch(r"([1-9][0-9]{0,17}):([0-9a-f]{64})", text)
    if match is None:
        fail("--expect takes what `emprops audit verify` prints: a position, a colon, and 64 hexadecimal digits.")
    return Expected(int(match[1]), bytes.fromhex(match[2]))


def _filters(
    actor: str | None,
    action: str | None,
    target: str | None,
    user: UUID | None,
    since: datetime | None,
    until: datetime | None,
) -> Filters:
    times = (moment and moment.replace(tzinfo=UTC) for moment in (since, until))
    return Filters(actor, action, target, user, *times)


def _row(entry: Entry) -> tuple[Any, ...]:
    details = orjson.dumps(entry.details).decode() if entry.details else ""
    return entry.id, entry.at, entry.actor, entry.action, entry.target, details
