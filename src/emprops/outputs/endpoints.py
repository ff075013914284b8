"""Make, complete, fail, hide, move, read and count outputs, and list those of a collection."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query
from starlette.responses import Response

from emprops.auth import foreign
from emprops.auth.caller import Caller
from emprops.auth.dependencies import CurrentCaller, CurrentUser
from emprops.auth.once import Once
from emprops.auth.share import Links
from emprops.custody.service import named_identity
from emprops.decks.count_store import counts_of
from emprops.decks.queries import scope_of
from emprops.errors import ConflictError, NotFoundError
from emprops.kit.database import Transaction
from emprops.kit.web.endpoint import Reader, Shared, Tx, router
from emprops.kit.web.envelope import Envelope, failures, ok, reply
from emprops.kit.web.paging import Paging
from emprops.media.result_links import Naming, ResultLinks
from emprops.outputs import arranging, lineage_queries, queries, service
from emprops.outputs.arranging import only
from emprops.outputs.lineage_schemas import LineageView, RelativeView, relative_view
from emprops.outputs.schemas import (
    NewOutput,
    OutputCompletion,
    OutputFailure,
    OutputItem,
    OutputMove,
    OutputStats,
    OutputView,
    SocialOrg,
    Status,
    WatchableOutput,
    item_of,
    view_of,
    watchable_of,
)

routes = router(tags=["outputs"])


async def beneficiary(
    social_org: SocialOrg | None = None,
    social_identifier: Annotated[str | None, Query(min_length=1, max_length=200)] = None,
) -> tuple[str, str] | None:
    """Read the two filters of a social identity."""
    return named_identity(social_org, social_identifier)


Beneficiary = Annotated[tuple[str, str] | None, Depends(beneficiary)]


async def changed(
    tx: Transaction, caller: Caller, output_id: UUID, what: str, results: ResultLinks
) -> Envelope[OutputView]:
    """Note a change, and show what it changed."""
    output = await queries.output_of(tx, output_id)
    assert output is not None  # noqa: S101 - just written
    await foreign.note_change(tx, caller, output.user_id, f"output:{output_id}", what)
    return ok(view_of(output, results, private=True))


async def _shown(tx: Transaction, output_id: UUID, results: ResultLinks) -> Envelope[OutputView]:
    output = await queries.output_of(tx, output_id)
    assert output is not None  # noqa: S101 - just written
    return ok(view_of(output, results, private=True))


@routes.post("/outputs", status_code=201, responses=failures(_404="Collection not found"))
async def create_output(
    body: NewOutput, user_id: CurrentUser, tx: Tx, results: Naming, _once: Once
) -> Envelope[OutputView]:
    """Make a pending output, in a deck: the one named, or the newest active one, which is made if there is none."""
    request = service.Request(
        collection_id=body.collection_id,
        job_id=body.job_id,
        source=body.source,
        input_metadata=body.input_metadata,
        beneficiary=named_identity(body.social_org, body.social_identifier),
        deck_id=body.deck_id,
        auto_create_deck=body.auto_create_deck,
    )
    return await _shown(tx, await service.create_output(tx, user_id, request), results)


@routes.patch(
    "/outputs/{output_id}/complete",
    responses=failures(_409=ConflictError("Another output shows this file already; hide that one first.")),
)
async def complete_output(
    output_id: UUID, body: OutputCompletion, caller: CurrentCaller, tx: Tx, resources: Shared, results: Naming
) -> Envelope[OutputView]:
    """Complete one of the caller's outputs with a URL, which is recorded as given. Again: replaces what is sent."""
    result = service.Result(
        url=results.plain(body.url),
        fields={"mime_type": body.mime_type, "thumbnail_url": body.thumbnail_url and results.plain(body.thumbnail_url)},
        flat_file_id=body.flat_file_id,
        output_metadata=body.output_metadata,
        store_copy=body.store_copy,
    )
    await service.complete_output(tx, resources.settings, output_id, caller.user_id, result)
    return await changed(tx, caller, output_id, "complete", results)


@routes.patch("/outputs/{output_id}/fail")
async def fail_output(
    output_id: UUID, body: OutputFailure, caller: CurrentCaller, tx: Tx, results: Naming
) -> Envelope[OutputView]:
    """Fail one of the caller's outputs that has no result."""
    await service.fail_output(tx, output_id, caller.user_id, body.error_message)
    return await changed(tx, caller, output_id, "fail", results)


@routes.delete("/outputs/{output_id}")
async def hide_output(output_id: UUID, caller: CurrentCaller, tx: Tx, results: Naming) -> Envelope[OutputView]:
    """Hide one of the caller's outputs: it leaves lists and decks, and after some weeks its file is removed. A job that
    makes its result goes on. `POST /outputs/:id/unhide` brings it back."""
    only(output_id, await arranging.hide(tx, caller.user_id, [output_id]))
    return await changed(tx, caller, output_id, "hide", results)


@routes.post(
    "/outputs/{output_id}/unhide",
    responses=failures(_409="An operator hid it, its time is over, its file was removed, or another output shows it."),
)
async def unhide_output(
    output_id: UUID, caller: CurrentCaller, tx: Tx, resources: Shared, results: Naming
) -> Envelope[OutputView]:
    """Bring back one of the caller's outputs that its owner hid: to its place in its deck, and with the result that its
    job has made meanwhile."""
    only(output_id, await arranging.bring_back(tx, resources.settings, caller.user_id, [output_id]))
    return await changed(tx, caller, output_id, "unhide", results)


@routes.patch("/outputs/{output_id}/deck")
async def move_output(
    output_id: UUID, body: OutputMove, caller: CurrentCaller, tx: Tx, results: Naming
) -> Envelope[OutputView]:
    """Put an output at the end of another of the caller's decks of its collection, or take it out of its deck."""
    only(output_id, await arranging.move(tx, caller.user_id, [output_id], body.deck_id))
    return await changed(tx, caller, output_id, "move", results)


@routes.get("/outputs/{output_id}")
async def get_output(
    output_id: UUID, caller: CurrentCaller, reader: Reader, resources: Shared, links: Links, results: Naming
) -> Envelope[WatchableOutput]:
    """Read one output: the caller's, hidden or not, or one in a published deck."""
    output = await queries.output_of(reader, output_id)
    if output is None:
        raise NotFoundError("Output not found")
    private = caller.is_service or output.user_id == caller.user_id
    if not (private or output.shared):
        raise NotFoundError("Output not found")
    await foreign.note_service(reader, caller, output.user_id)
    page = links.url(resources.settings.base_url, output.id, shared=output.shared)
    watch_url = None if output.status == "hidden" else page
    return ok(watchable_of(output, results, watch_url, private=private))


@routes.get("/outputs/{output_id}/lineage", operation_id="getOutputLineage")
async def get_lineage(output_id: UUID, caller: CurrentCaller, reader: Reader, results: Naming) -> Envelope[LineageView]:
    """Show what an output was developed from and what was developed from it, as far as the caller may see it."""
    output = await queries.output_of(reader, output_id)
    if output is None or not (caller.is_service or output.user_id == caller.user_id or output.shared):
        raise NotFoundError("Output not found")
    await foreign.note_service(reader, caller, output.user_id)
    ancestors = await lineage_queries.ancestors_of(reader, output_id)
    descendants = await lineage_queries.descendants_of(reader, output_id)

    def seen(relatives: list[lineage_queries.Relative]) -> list[RelativeView]:
        return [
            relative_view(one, results)
            for one in relatives
            if one.status != "hidden" and (caller.is_service or one.shared or one.user_id == caller.user_id)
        ]

    return ok(
        LineageView(
            output_id=output_id,
            ancestors=seen(ancestors),
            descendants=seen(descendants),
            truncated=len(descendants) >= lineage_queries.MAX_DESCENDANTS,
        )
    )


@routes.get("/collections/{collection_id}/outputs", response_model=Envelope[list[OutputItem]])
async def list_collection_outputs(
    collection_id: UUID,
    caller: CurrentCaller,
    reader: Reader,
    page: Paging,
    social: Beneficiary,
    results: Naming,
    deck_id: UUID | None = None,
    status: Status | None = None,
) -> Response:
    """List a collection's outputs, newest first: all for its owner, for others their own and published ones."""
    scope = await scope_of(reader, collection_id, caller.user_id)
    if scope is None or not (caller.is_service or scope.is_owner or scope.is_known):
        raise NotFoundError("Collection not found")
    wanted = queries.OutputFilter(deck_id, status, social)
    sees_all = caller.is_service or scope.is_owner
    if sees_all:
        rows = await queries.all_of_collection(reader, collection_id, wanted, page)
    else:
        rows = await queries.known_of_collection(reader, collection_id, caller.user_id, wanted, page)
    return reply([item_of(row, results, private=sees_all or row.user_id == caller.user_id) for row in rows])


@routes.get(
    "/collections/{collection_id}/outputs/stats",
    operation_id="getCollectionOutputStats",
)
async def get_collection_stats(collection_id: UUID, caller: CurrentCaller, reader: Reader) -> Envelope[OutputStats]:
    """Count everyone's outputs of a collection by status, for anyone who may know the collection."""
    scope = await scope_of(reader, collection_id, caller.user_id)
    if scope is None or not (caller.is_service or scope.is_owner or scope.is_known):
        raise NotFoundError("Collection not found")
    counts = await counts_of(reader, collection_id)
    return ok(OutputStats(total=counts.total, byStatus=counts.by_status()))
