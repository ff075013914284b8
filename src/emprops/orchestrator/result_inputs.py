"""Results as inputs of jobs, where they open by signed URLs only: who may use them is checked at the start, and workers
get URLs that the services they pass them to can open.

A job takes what belongs to its user, what is published, what a signed URL opens that has not ended, and what its
collection names and is the collection's owner's. Workers read the files in storage that URLs of ours mean, without
asking; so no URL of another result stays in a payload.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from emprops.assets.references import replaced, texts_in
from emprops.errors import CollectionCorruptedError, InvalidVariablesError
from emprops.jobs.dispatch_store import ReadyStep
from emprops.kit.database import Database, Transaction
from emprops.media import retention_store
from emprops.media.access_queries import Taken, access_to, taken_by
from emprops.media.result_links import ResultLinks
from emprops.media.storage import FILES, is_result, key_of
from emprops.orchestrator.files import CLOSED, LINK_LIFE

NOT_YOURS = "names a file that is not yours, or by a URL that has ended; send the URL that its owner gets now"


async def hold_results(tx: Transaction, links: ResultLinks, user_id: UUID, payloads: Iterable[Any]) -> None:
    """Have the user's outputs that a new job takes stay until the transaction ends; from then on, the job keeps
    them."""
    keys = {key_of(links.settings, text) for text in texts_in(payloads) if FILES in text}
    results = {key for key in keys if key is not None and is_result(key)}
    if results:
        await retention_store.hold(tx, user_id, results)


async def check_results(
    tx: Transaction,
    links: ResultLinks,
    user_id: UUID,
    maker: UUID,
    variables: Mapping[str, Any],
    payloads: Iterable[Any],
) -> None:
    """Raise :class:`InvalidVariablesError` or :class:`CollectionCorruptedError` if a job takes a result that it may
    not: one in the variables must be the user's, another, which the collection names, its maker's."""
    taken = _closed_in(links, payloads) if links.signed else {}
    if not taken:
        return
    given = _closed_in(links, variables.values()).values()
    access = await access_to(tx, set(taken.values()), user_id)
    refused = set()
    for key in taken.values():
        known = access.get(key)
        theirs = known is not None and (known.published or known.owned or (known.owner == maker and key not in given))
        if not theirs:
            refused.add(key)
    named = [name for name, value in variables.items() if refused & set(_closed_in(links, [value]).values())]
    if named:
        raise InvalidVariablesError(dict.fromkeys(named, NOT_YOURS))
    if refused:
        raise CollectionCorruptedError([f"{key} is no file of its owner's" for key in sorted(refused)])


async def with_results(database: Database, links: ResultLinks, steps: Sequence[ReadyStep]) -> list[ReadyStep]:
    """Return the steps with URLs of results as they open, and without those that the jobs may not take."""
    if not links.signed:
        return list(steps)
    named = {step.id: _closed_in(links, [step.input_data]) for step in steps}
    asked = {(step.job_id, key) for step in steps for key in named[step.id].values() if not _made_by(step, key)}
    taken: Mapping[tuple[UUID, str], Taken] = {}
    if asked:
        async with database.reader() as reader:
            taken = await taken_by(reader, asked)

    def located(step: ReadyStep) -> ReadyStep:
        def put(text: str) -> str:
            key = named[step.id].get(text)
            if key is None:
                return text
            known = taken.get((step.job_id, key))
            if _made_by(step, key) or (known is not None and known.granted):
                return links.of_key(key, LINK_LIFE)
            return text if known is not None and known.published else CLOSED

        return replace(step, input_data=replaced(step.input_data, put))

    return [located(step) if named[step.id] else step for step in steps]


def _closed_in(links: ResultLinks, values: Iterable[Any]) -> dict[str, str]:
    """Return the texts that are URLs of results and open nothing by themselves, with the keys that they mean."""
    return dict(_closed(links, texts_in(values)))


def _closed(links: ResultLinks, texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    for text in texts:
        key = key_of(links.settings, text) if FILES in text else None
        if key is not None and is_result(key) and not links.opens(text):
            yield text, key


def _made_by(step: ReadyStep, key: str) -> bool:
    """Return whether an earlier step of the same job made a file."""
    return key.removeprefix("thumbnails/").startswith(f"generations/{step.job_id}/")
