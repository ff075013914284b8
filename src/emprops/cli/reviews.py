"""``emprops reviews``: what moderation held for a person's decision."""

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

import typer

from emprops.audit.service import at_the_terminal
from emprops.cli.direct import Engines, with_engines, with_transaction
from emprops.cli.exits import fail
from emprops.cli.output import answer, json_option, print_json, show_fields
from emprops.cli.tables import Column, show
from emprops.cli.times import ago, dated
from emprops.errors import AppError
from emprops.kit.database import Transaction
from emprops.kit.web.paging import Page
from emprops.moderation import store
from emprops.moderation.verdicts import Question
from emprops.settings import Settings

app = typer.Typer(add_completion=False)
FIELDS = (
    "`id`, `job_id`, `user_id`, `collection_id`, `job_name`, `stage` (start or results), `reason`, `created_at`,"
    " `decision`, `note`, `decided_at`, `decided_by`"
)
COLUMNS = (
    Column("review"),
    Column("stage"),
    Column("held", ago, right=True),
    Column("job", least=12, rank=1),
    Column("reason", least=12),
)

ReviewId = Annotated[UUID, typer.Argument(metavar="REVIEW", help="The review's id.")]
Note = Annotated[str | None, typer.Option(help="A sentence for the user.", show_default=False)]
AsJson = Annotated[bool, json_option(FIELDS)]


@app.callback(invoke_without_command=True)
def list_(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many.")] = 50,
    as_json: Annotated[bool, json_option(f"a list of {FIELDS}")] = False,
) -> None:
    """List jobs that moderation held, those held longest first; release or block them.

    For example:

        $ emprops reviews release 0192f3a4-0000-7000-8000-000000000051
    """
    if context.invoked_subcommand is not None:
        return

    async def read(tx: Transaction, _settings: Settings) -> list[store.Review]:
        return await store.list_reviews(tx, Page(limit=limit), decided=False)

    found = with_transaction(read)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = [(one.id, one.stage, one.created_at, one.job_name, one.reason) for one in found]
    show(COLUMNS, rows, empty="Nothing is held for a decision.")


@app.command(name="show")
def show_(review: ReviewId, as_json: Annotated[bool, json_option(f"{FIELDS}, `texts`, `files`")] = False) -> None:
    """Show what is held: the texts, and where the files are."""

    async def read(tx: Transaction, _settings: Settings) -> tuple[store.Review, Question] | None:
        # what moves jobs takes long to import, and the list needs none of it
        from emprops.orchestrator.change.verdict import subject_of  # noqa: PLC0415

        found = await store.get(tx, review)
        if found is None:
            return None
        return found, await subject_of(tx, found)

    seen = with_transaction(read)
    if seen is None:
        fail("There is no such review: `emprops reviews` lists what is held.")
    found, subject = seen
    if as_json:
        print_json(asdict(found) | {"texts": subject.texts, "files": subject.files})
        return
    show_fields({
        "job": found.job_id,
        "user": found.user_id,
        "stage": found.stage,
        "reason": found.reason,
        "held": dated(found.created_at),
        "texts": "\n".join(subject.texts),
        "files": "\n".join(subject.files),
        "decision": found.decision and f"{found.decision} by {found.decided_by}",
    })  # fmt: skip


@app.command()
def release(review: ReviewId, note: Note = None, as_json: AsJson = False) -> None:
    """Let a job start, or show its results."""
    _decide(review, "released", note, as_json=as_json)


@app.command()
def block(review: ReviewId, note: Note = None, as_json: AsJson = False) -> None:
    """End a job. It fails with the note as its message, shows nothing, and costs nothing."""
    _decide(review, "blocked", note, as_json=as_json)


def _decide(review: UUID, decision: str, note: str | None, *, as_json: bool) -> None:
    async def decide_it(engines: Engines) -> store.Review:
        from emprops.moderation.moderator import moderator_from  # noqa: PLC0415
        from emprops.orchestrator.change.verdict import decide  # noqa: PLC0415
        from emprops.orchestrator.tickets import Dispatcher, queue_from  # noqa: PLC0415

        settings = engines.settings
        dispatcher = Dispatcher(engines.database, queue_from(engines.redis, settings), settings)
        moderator = moderator_from(settings)
        by = at_the_terminal()
        async with engines.database.transaction() as tx:
            decided = await decide(
                tx,
                review,
                decision,  # type: ignore[arg-type]
                note=note,
                by=by,
                moderator=moderator,
                dispatcher=dispatcher,
            )
        await dispatcher.flush()
        return decided

    try:
        decided = with_engines(decide_it)
    except AppError as error:
        fail(error.message)
    answer(f"{review} is {decision}.", asdict(decided), as_json=as_json)
