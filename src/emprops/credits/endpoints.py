"""See what one has and where it went; give credits to users; limit what is spent."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import Path, Query
from starlette.responses import Response, StreamingResponse

from emprops.audit.actions import Action
from emprops.audit.service import record
from emprops.auth.dependencies import CurrentCaller, CurrentUser, OperatorCaller
from emprops.auth.once import Once
from emprops.credits import limit_store, limits, queries, service, statements
from emprops.credits.amounts import to_micros, to_number
from emprops.credits.limit_schemas import (
    CreditsView,
    LimitBody,
    LimitPeriod,
    OwnLimitBody,
    SpendingLimitView,
    limit_json,
)
from emprops.credits.schemas import GrantBody, Granted, LedgerEntryView, account_json, entry_json
from emprops.credits.service import terms_from
from emprops.credits.statement_formats import as_csv, as_json
from emprops.credits.statement_schemas import CSV_EXAMPLE, StatementView
from emprops.errors import ForbiddenError
from emprops.kit.web.endpoint import Reader, Shared, Tx, router
from emprops.kit.web.envelope import Envelope, failures, ok, reply
from emprops.kit.web.paging import Paging

routes = router(prefix="/credits", tags=["credits"])


@routes.get("", response_model=Envelope[CreditsView])
async def get_credits(caller: CurrentCaller, user_id: CurrentUser, tx: Tx, resources: Shared) -> Any:
    """Return how many credits the caller has, and what may be spent of them."""
    account = await service.account_of(tx, user_id, terms=terms_from(resources.settings))
    found = await limit_store.limits_of(tx, user_id, caller.key_id)
    return ok(account_json(account) | {"limits": [limit_json(limit) for limit in found]})


@routes.get(
    "/statements/{month}",
    response_model=Envelope[StatementView],
    responses={
        200: {"content": {"text/csv": {"schema": {"type": "string"}, "example": CSV_EXAMPLE}}},
        **failures(_400="month: must be a year and a month, such as 2026-01"),
    },
)
async def get_statement(
    month: Annotated[str, Path(max_length=20, description="The month, in UTC, as `2026-01`.", examples=["2026-01"])],
    user_id: CurrentUser,
    resources: Shared,
    form: Annotated[
        Literal["json", "csv"], Query(alias="format", description="Whether to answer with JSON or with CSV.")
    ] = "json",
) -> Response:
    """Write the statement of a month: what the user had when it began, what happened, and what was left.

    In CSV each entry has what the user had after it; what a spreadsheet might run as a formula gets an apostrophe.
    """
    now, connect = datetime.now(UTC), resources.database.reader
    wanted = statements.read_month(month, now=now)
    async with connect() as reader:
        statement = await statements.open_statement(reader, user_id, wanted, now=now)
    if form == "json":
        return StreamingResponse(as_json(statement, connect), media_type="application/json")
    headers = {"Content-Disposition": f'attachment; filename="credits-{wanted.name}.csv"'}
    return StreamingResponse(as_csv(statement, connect), media_type="text/csv; charset=utf-8", headers=headers)


@routes.put(
    "/limits/{period}",
    operation_id="setOwnSpendingLimit",
    response_model=Envelope[list[SpendingLimitView]],
)
async def set_own_limit(
    period: Annotated[LimitPeriod, Path(description="A day or a calendar month, in UTC.")],
    body: OwnLimitBody,
    caller: CurrentCaller,
    user_id: CurrentUser,
    tx: Tx,
) -> Any:
    """Set how much the caller may spend in a day or a month, below what the operator allows. Replies with the user's
    limits."""
    amount = None if body.amount is None else to_micros(body.amount)
    await limits.set_limit(tx, caller.actor, amount, user_id=user_id, period=period, set_by="user")
    return ok([limit_json(limit) for limit in await limit_store.limits_of(tx, user_id, None)])


@routes.put(
    "/limits",
    operation_id="setSpendingLimit",
    response_model=Envelope[list[SpendingLimitView]],
    responses=failures(_404="There is no such API key."),
)
async def set_limit(body: LimitBody, operator: OperatorCaller, tx: Tx) -> Any:
    """Set how much a user or an API key may spend in a day or a month. Replies with the limits of that
    user or key."""
    key_id = None if body.key is None else await limits.key_named(tx, body.key)
    if key_id is not None and key_id == operator.key_id:
        raise ForbiddenError("A key cannot set its own limit; use another one, or `emprops credits limit`.")
    amount = None if body.amount is None else to_micros(body.amount)
    await limits.set_limit(tx, operator.actor, amount, user_id=body.user_id, key_id=key_id, period=body.period)
    return ok([limit_json(limit) for limit in await limit_store.limits_of(tx, body.user_id, key_id)])


@routes.get(
    "/ledger",
    operation_id="getCreditLedger",
    response_model=Envelope[list[LedgerEntryView]],
)
async def get_ledger(user_id: CurrentUser, reader: Reader, page: Paging) -> Response:
    """List what happened to the caller's credits, newest first."""
    entries = await queries.entries_of(reader, user_id, limit=page.limit, offset=page.offset)
    return reply([entry_json(entry) for entry in entries])


@routes.post("/grant", status_code=201, response_model=Envelope[Granted])
async def grant_credits(body: GrantBody, operator: OperatorCaller, tx: Tx, resources: Shared, _once: Once) -> Any:
    """Grant a user credits. For operators and services."""
    terms = terms_from(resources.settings)
    entry_id = await service.grant(tx, body.user_id, to_micros(body.amount), reason=body.reason, terms=terms)
    about = {"amount": to_number(to_micros(body.amount)), "ledger_entry": str(entry_id)}
    await record(tx, operator.actor, Action.CREDITS_GRANTED, f"user:{body.user_id}", about, user_id=body.user_id)
    account = await service.account_of(tx, body.user_id, terms=terms)
    return ok({"user_id": body.user_id, "entry_id": str(entry_id), **account_json(account)})
