"""See how one stands with one's quotas; set those of others."""

from typing import Annotated
from uuid import UUID

from fastapi import Path

from emprops.auth.caller import Caller
from emprops.auth.dependencies import CurrentCaller, CurrentUser, OperatorCaller, ViewerCaller
from emprops.errors import NotFoundError
from emprops.kit.database import Transaction
from emprops.kit.web.endpoint import Reader, Shared, Tx, router
from emprops.kit.web.envelope import Envelope, ok
from emprops.kit.web.paging import Paging
from emprops.quotas import store
from emprops.quotas.limits import NO_LIMITS, Kind, QuotaLimits, Subject, defaults_from
from emprops.quotas.schemas import MyLimitsView, QuotaBody, QuotaView, StandingView, SubjectStandingView
from emprops.quotas.service import reset_limits, result_days_of, set_quota, standings, weight_of

own_routes = router(tags=["users"])
routes = router(prefix="/quotas", tags=["quotas"])

KindOf = Annotated[Kind, Path(description="What is limited.")]
SubjectId = Annotated[UUID, Path(description="Id of the user, API key or collection.")]


@own_routes.get("/me/limits")
async def get_my_limits(
    caller: CurrentCaller, user_id: CurrentUser, reader: Reader, resources: Shared
) -> Envelope[MyLimitsView]:
    """Return what the caller may have at once and start in a time, and how much of it is used."""
    settings = resources.settings
    mine = await standings(reader, Subject("user", user_id), defaults_from(settings))
    return ok(
        MyLimitsView(
            requests_per_minute=settings.requests_a_minute or None,
            generation_requests_per_minute=settings.generations_a_minute or None,
            quotas=[StandingView.model_validate(one) for one in mine],
            key=await _key_standing(reader, caller),
        )
    )


async def _key_standing(reader: Transaction, caller: Caller) -> SubjectStandingView | None:
    if caller.key_id is None:
        return None
    subject = Subject("key", caller.key_id)
    limited = await store.set_for(reader, [subject])
    return await _standing(reader, subject, NO_LIMITS) if limited else None


async def _standing(reader: Transaction, subject: Subject, defaults: QuotaLimits) -> SubjectStandingView:
    found = [StandingView.model_validate(one) for one in await standings(reader, subject, defaults)]
    weight = await weight_of(reader, subject)
    days = await result_days_of(reader, subject)
    return SubjectStandingView(kind=subject.kind, id=subject.id, quotas=found, weight=weight, result_days=days)


@routes.get("")
async def list_quotas(_viewer: ViewerCaller, reader: Reader, page: Paging) -> Envelope[list[QuotaView]]:
    """List the limits that were set for users, API keys and collections, newest first."""
    return ok([QuotaView.model_validate(one) for one in await store.list_quotas(reader, page)])


@routes.get("/{kind}/{subject_id}")
async def get_quota(
    kind: KindOf, subject_id: SubjectId, _viewer: ViewerCaller, reader: Reader, resources: Shared
) -> Envelope[SubjectStandingView]:
    """Return how a user, an API key or a collection stands with each quota."""
    return ok(await _standing(reader, Subject(kind, subject_id), defaults_from(resources.settings)))


@routes.put("/{kind}/{subject_id}")
async def put_quota(
    kind: KindOf, subject_id: SubjectId, body: QuotaBody, operator: OperatorCaller, tx: Tx, resources: Shared
) -> Envelope[SubjectStandingView]:
    """Set the limits of a user, an API key or a collection, the weight of a user, and how long results are kept.

    What is open already stays; it counts. A new weight holds for steps that go to the queue from now on, new days for
    results made from now on.
    """
    subject = Subject(kind, subject_id)
    limits = QuotaLimits(**body.model_dump(exclude={"weight", "result_days"}))
    await set_quota(tx, subject, limits, body.weight, body.result_days, by=operator.actor)
    return ok(await _standing(tx, subject, defaults_from(resources.settings)))


@routes.delete("/{kind}/{subject_id}")
async def delete_quota(
    kind: KindOf, subject_id: SubjectId, operator: OperatorCaller, tx: Tx, resources: Shared
) -> Envelope[SubjectStandingView]:
    """Forget the limits and the weight that were set: those of the settings, and a weight of 1, hold again."""
    subject = Subject(kind, subject_id)
    if not await reset_limits(tx, subject, by=operator.actor):
        raise NotFoundError("No limits were set for it.")
    return ok(await _standing(tx, subject, defaults_from(resources.settings)))
