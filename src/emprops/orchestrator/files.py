"""Assets on their way into jobs: who may use them is checked at the start, where they are is said to workers at last.

In between, and in everything that is stored and shown, they are ``asset:<id>``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import orjson

from emprops.assets import store
from emprops.assets.references import asset_in, assets_in, replaced
from emprops.auth.file_links import FileLinks
from emprops.errors import CollectionCorruptedError, InvalidVariablesError
from emprops.jobs.dispatch_store import ReadyStep
from emprops.kit.database import Database, Transaction
from emprops.media.storage import FILES, is_private, key_of, public_url
from emprops.settings import Settings

MARK, PLACE = b'"asset:', FILES.encode()
"""What a payload has in it that names assets, or has URLs of our files."""
CLOSED = "asset:closed"
"""What a payload has in the place of a URL that does not open; no worker fetches it."""
LINK_LIFE = 7 * 86_400.0
"""Seconds for which the URL opens that a step's payload has; workers need no URL, but services that they pass it to."""
NOT_YOURS = "names no asset of yours; upload the file with POST /assets, and send the id that it answers"


async def hold_assets(
    tx: Transaction, user_id: UUID, maker: UUID, variables: Mapping[str, Any], payloads: Iterable[Any]
) -> set[UUID]:
    """Return the assets that a job takes; they stay until the transaction ends.

    Those in the variables must be the user's, the others, which the collection names, its maker's. Raises
    :class:`InvalidVariablesError` and :class:`CollectionCorruptedError`.
    """
    taken = assets_in(payloads)
    if not taken:
        return taken
    given = assets_in(variables.values()) & taken
    missing = given - await store.hold(tx, user_id, given) if given else set()
    if missing:
        raise InvalidVariablesError(
            {name: NOT_YOURS for name, value in variables.items() if assets_in([value]) & missing}
        )
    own = taken - given
    gone = own - await store.hold(tx, maker, own) if own else set()
    if gone:
        raise CollectionCorruptedError([f"asset {asset_id} is none of its owner's" for asset_id in sorted(gone)])
    return taken


async def with_files(
    database: Database, settings: Settings, links: FileLinks, steps: Sequence[ReadyStep]
) -> list[ReadyStep]:
    """Return the steps with the URLs of the assets that their jobs take. Workers read the files in storage that these
    URLs mean, or from the gateway; so no other URL of a private file stays, unless it would open to anybody."""
    payloads = {step.id: orjson.dumps(step.input_data) for step in steps}
    marked = {step.job_id for step in steps if MARK in payloads[step.id]}
    keys = {}
    if marked:
        async with database.reader() as reader:
            keys = {(use.job_id, use.asset_id): use.key for use in await store.uses_of(reader, marked)}

    def located(step: ReadyStep) -> ReadyStep:
        def put(text: str) -> str:
            asset_id = asset_in(text)
            if asset_id is None:
                return CLOSED if _is_closed(settings, links, text) else text
            key = keys.get((step.job_id, asset_id))
            return text if key is None else f"{public_url(settings, key)}?{links.query(key, LINK_LIFE)}"

        return replace(step, input_data=replaced(step.input_data, put))

    return [located(step) if step.job_id in marked or PLACE in payloads[step.id] else step for step in steps]


def _is_closed(settings: Settings, links: FileLinks, text: str) -> bool:
    """Return whether this is the URL of a private file that does not open, or not any more."""
    key = key_of(settings, text, private=True) if FILES in text else None
    return key is not None and is_private(key) and not links.opens(key, dict(parse_qsl(urlsplit(text.strip()).query)))
