"""Read outputs."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query

from emprops.auth.dependencies import CurrentCaller
from emprops.decks.views import scope_of
from emprops.errors import BadRequestError, NotFoundError
from emprops.kit.envelope import Envelope, ok
from emprops.kit.paging import Paging
from emprops.kit.requests import Reader, router
from emprops.outputs import views
from emprops.outputs.schemas import OutputItem, OutputView, SocialOrg, Status, item_of, view_of

routes = router(tags=["outputs"])


def beneficiary(
    social_org: SocialOrg | None = None,
    social_identifier: Annotated[str | None, Query(min_length=1, max_length=200)] = None,
) -> tuple[str | None, str | None]:
    """Read the two filters that only make sense together (C25)."""
    if (social_org is None) != (social_identifier is None):
        raise BadRequestError("social_org and social_identifier belong together; send both or neither.")
    return social_org, social_identifier


Beneficiary = Annotated[tuple[str | None, str | None], Depends(beneficiary)]


@routes.get("/outputs/{output_id}")
async def get_output(output_id: UUID, caller: CurrentCaller, reader: Reader) -> Envelope[OutputView]:
    """Read one output: an own one, hidden or not, or one in a published deck."""
    output = await views.output_of(reader, output_id)
    if output is None:
        raise NotFoundError("Output not found")
    private = caller.is_service or output.user_id == caller.user_id
    if not (private or output.shared):
        raise NotFoundError("Output not found")
    return ok(view_of(output, private=private))


@routes.get("/collections/{collection_id}/outputs")
async def list_collection_outputs(
    collection_id: UUID,
    caller: CurrentCaller,
    reader: Reader,
    page: Paging,
    social: Beneficiary,
    deck_id: UUID | None = None,
    status: Status | None = None,
) -> Envelope[list[OutputItem]]:
    """List a collection's outputs, newest first: all for its owner, for others their own and published ones."""
    scope = await scope_of(reader, collection_id, caller.user_id)
    if scope is None or not (caller.is_service or scope.is_owner or scope.is_known):
        raise NotFoundError("Collection not found")
    wanted = views.OutputFilter(deck_id, status, *social)
    sees_all = caller.is_service or scope.is_owner
    if sees_all:
        rows = await views.all_of_collection(reader, collection_id, wanted, page)
    else:
        rows = await views.known_of_collection(reader, collection_id, caller.user_id, wanted, page)
    return ok([item_of(row, private=sees_all or row.user_id == caller.user_id) for row in rows])
