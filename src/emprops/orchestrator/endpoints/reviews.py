"""Decide about what moderation held, and say which collections are checked."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Query

from emprops.audit import service as audit
from emprops.audit.actions import Action
from emprops.auth import foreign
from emprops.auth.dependencies import OperatorCaller, ViewerCaller
from emprops.collections import store as collections
from emprops.errors import NotFoundError
from emprops.kit.database import Transaction
from emprops.kit.web.endpoint import Reader, Tx, router
from emprops.kit.web.envelope import Envelope, failures, ok
from emprops.kit.web.paging import Paging
from emprops.media.result_links import Naming
from emprops.moderation import store
from emprops.moderation.moderator import Moderator
from emprops.moderation.schemas import DecisionBody, HeldJobView, ReviewView, StagesBody
from emprops.orchestrator.change.verdict import Decision, decide, subject_of
from emprops.orchestrator.endpoints.generations import Moderating, Sending
from emprops.orchestrator.tickets import Dispatcher

routes = router(prefix="/moderation", tags=["moderation"])

DECIDED = failures(_409="This review has been decided already.")

ReviewId = Annotated[UUID, Path(description="The review's id.")]
CollectionId = Annotated[UUID, Path(description="The collection's id.")]
Decided = Annotated[bool, Query(description="List what was decided, newest first, instead of what is open.")]


@routes.get("/reviews")
async def list_reviews(
    _viewer: ViewerCaller, reader: Reader, page: Paging, decided: Decided = False
) -> Envelope[list[ReviewView]]:
    """List what is held for a decision, oldest first."""
    return ok([ReviewView.model_validate(one) for one in await store.list_reviews(reader, page, decided=decided)])


@routes.get("/reviews/{review_id}")
async def get_review(review_id: ReviewId, operator: ViewerCaller, tx: Tx, results: Naming) -> Envelope[HeldJobView]:
    """Show what is held: what the user sent, and what goes in or was made."""
    review = await store.get(tx, review_id)
    if review is None:
        raise NotFoundError("Review not found")
    await foreign.note_read(tx, operator, review.user_id, f"job:{review.job_id}", "review")
    subject = await subject_of(tx, review)
    shown = ReviewView.model_validate(review).model_dump()
    files = [results.in_job(file, review.job_id) for file in subject.files]
    return ok(HeldJobView(**shown, variables=dict(subject.variables), texts=list(subject.texts), files=files))


@dataclass(frozen=True, slots=True)
class Deciding:
    """Who decides about which review, and what it takes."""

    tx: Transaction
    review_id: UUID
    by: str
    moderator: Moderator
    dispatcher: Dispatcher

    async def decide(self, decision: Decision, note: str | None) -> Envelope[ReviewView]:
        """Decide, and show the review as it is then."""
        decided = await decide(
            self.tx,
            self.review_id,
            decision,
            note=note,
            by=self.by,
            moderator=self.moderator,
            dispatcher=self.dispatcher,
        )
        return ok(ReviewView.model_validate(decided))


async def _deciding(
    review_id: ReviewId, operator: OperatorCaller, tx: Tx, moderator: Moderating, dispatcher: Sending
) -> Deciding:
    return Deciding(tx, review_id, operator.actor, moderator, dispatcher)


Decider = Annotated[Deciding, Depends(_deciding)]


@routes.post("/reviews/{review_id}/release", responses=DECIDED)
async def release(body: DecisionBody, decider: Decider) -> Envelope[ReviewView]:
    """Let a job that is held start, or show its results."""
    return await decider.decide("released", body.note)


@routes.post("/reviews/{review_id}/block", responses=DECIDED)
async def block(body: DecisionBody, decider: Decider) -> Envelope[ReviewView]:
    """End a job that is held: it fails with the note as its message, shows nothing, and costs nothing."""
    return await decider.decide("blocked", body.note)


@routes.put("/collections/{collection_id}")
async def set_checks(
    collection_id: CollectionId, body: StagesBody, operator: OperatorCaller, tx: Tx
) -> Envelope[StagesBody]:
    """Set which checks a collection has, whatever the installation's settings say."""
    if await collections.get(tx, collection_id) is None:
        raise NotFoundError("Collection not found")
    await store.set_stages(tx, collection_id, body.stages, by=operator.actor)
    target, details = f"collection:{collection_id}", {"stages": body.stages}
    await audit.record(tx, operator.actor, Action.MODERATION_CHANGED, target, details)
    return ok(body)
