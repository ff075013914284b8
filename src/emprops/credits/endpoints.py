"""See what one has and where it went; give credits to users."""

from typing import Any

from emprops.auth.dependencies import CurrentUser, ServiceCaller
from emprops.auth.once import Once
from emprops.credits import service, store
from emprops.credits.amounts import to_micros
from emprops.credits.schemas import CreditAccountView, GrantBody, Granted, LedgerEntryView, account_json, entry_json
from emprops.credits.service import terms_from
from emprops.kit.web.endpoint import Reader, Shared, Tx, router
from emprops.kit.web.envelope import Envelope, ok
from emprops.kit.web.paging import Paging

routes = router(prefix="/credits", tags=["credits"])


@routes.get("", response_model=Envelope[CreditAccountView])
async def get_credits(user_id: CurrentUser, tx: Tx, resources: Shared) -> Any:
    """Say how many credits the caller has."""
    return ok(account_json(await service.account_of(tx, user_id, terms=terms_from(resources.settings))))


@routes.get(
    "/ledger",
    operation_id="getCreditLedger",
    response_model=Envelope[list[LedgerEntryView]],
)
async def get_ledger(user_id: CurrentUser, reader: Reader, page: Paging) -> Any:
    """List what happened to the caller's credits, newest first."""
    entries = await store.entries_of(reader, user_id, limit=page.limit, offset=page.offset)
    return ok([entry_json(entry) for entry in entries])


@routes.post("/grant", status_code=201, response_model=Envelope[Granted])
async def grant_credits(body: GrantBody, _service: ServiceCaller, tx: Tx, resources: Shared, _once: Once) -> Any:
    """Grant a user credits. For services."""
    terms = terms_from(resources.settings)
    entry_id = await service.grant(tx, body.user_id, to_micros(body.amount), reason=body.reason, terms=terms)
    account = await service.account_of(tx, body.user_id, terms=terms)
    return ok({"user_id": body.user_id, "entry_id": str(entry_id), **account_json(account)})
