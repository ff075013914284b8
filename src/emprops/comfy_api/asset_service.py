"""What an asset is here: a file that the user brought, byte for byte, or a result of a job."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from emprops.assets import queries as assets
from emprops.assets import service
from emprops.assets.queries import Asset
from emprops.assets.service import AssetInUseError, Incoming, Kept, Shelf, Wishes
from emprops.assets.uploads import last_part
from emprops.comfy_api import queries
from emprops.comfy_api.failures import AssetFieldError, HashMismatchError, KeyReusedError, UnknownBytesError
from emprops.comfy_api.queries import ResultRow
from emprops.comfy_api.schemas import KEY_HOURS
from emprops.errors import NotFoundError
from emprops.kit.database import Transaction
from emprops.kit.web import idempotency

HASH = re.compile(r"blake3:([0-9a-f]{64})")
DIGITS = re.compile(r"[0-9]{1,6}")
SHORTEST, LONGEST = 60, 604_800
"""Seconds for which an asset may be asked to be kept."""
ROUTE = "comfy_api_assets"
"""Under which used keys are kept."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a client says of a file."""

    wishes: Wishes
    expected: str | None = None
    """BLAKE3 of the file, in hexadecimal digits."""


def read_fields(fields: Mapping[str, Any], file_name: str) -> Said:
    """Read what is said of a file. It is kept as it comes, metadata included: its hash is what it is known by.

    Raises :class:`AssetFieldError`.
    """
    name = fields.get("file_path") or file_name
    if not isinstance(name, str):
        raise AssetFieldError("file_path must be a text.")
    expected = fields.get("expected_hash")
    return Said(
        Wishes(last_part(name), keep_metadata=True, expires_in=_seconds(fields.get("expires_in"))),
        None if expected is None else digest_in(expected),
    )


def digest_in(text: Any) -> str:
    """Read a hash. Raises :class:`AssetFieldError`."""
    match = HASH.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise AssetFieldError("A hash is written blake3:<64 hexadecimal digits>.")
    return match[1]


def _seconds(value: Any) -> float | None:
    if value is None:
        return None
    text = str(value)
    if not DIGITS.fullmatch(text) or not SHORTEST <= int(text) <= LONGEST:
        raise AssetFieldError(f"expires_in is a number of seconds from {SHORTEST} to {LONGEST}.")
    return float(text)


@dataclass(frozen=True, slots=True)
class Once:
    """A key that counts once. It is used by the transaction that records the asset: if none does, whatever becomes of
    the request, the key is as good as new."""

    principal: str
    key: str | None

    async def check(self, shelf: Shelf) -> None:
        """Raise :class:`KeyReusedError` if the key was used, before the file comes."""
        if self.key is None:
            return
        async with shelf.database.reader() as reader:
            if await idempotency.was_used(reader, principal=self.principal, route=ROUTE, key=self.key, hours=KEY_HOURS):
                raise KeyReusedError

    async def use(self, tx: Transaction) -> None:
        """Use the key. Raises :class:`KeyReusedError`."""
        if self.key is not None and not await idempotency.use_once(
            tx, principal=self.principal, route=ROUTE, key=self.key, hours=KEY_HOURS
        ):
            raise KeyReusedError


async def keep(shelf: Shelf, user_id: UUID, incoming: Incoming, said: Said, once: Once) -> Kept:
    """Keep a file that has arrived. Raises :class:`HashMismatchError`, :class:`KeyReusedError`, and what keeping any
    asset raises."""
    if said.expected not in (None, incoming.blake3):
        raise HashMismatchError("The file is not the one that expected_hash is of; nothing of it was kept.")
    return await service.keep(shelf, user_id, incoming, said.wishes, also=once.use)


async def keep_again(shelf: Shelf, user_id: UUID, body: Mapping[str, Any]) -> Kept:
    """Keep what the user has already. Raises :class:`UnknownBytesError`, and what reading the fields raises."""
    content = digest_in(body.get("hash"))
    kept = await service.keep_again(shelf, user_id, content, read_fields(body, "").wishes)
    if kept is None:
        raise UnknownBytesError
    return kept


async def check_hash(reader: Transaction, user_id: UUID, text: str) -> None:
    """Raise :class:`UnknownBytesError` unless the user has a file with this hash."""
    match = HASH.fullmatch(text)
    if match is None or not await queries.has_bytes(reader, user_id, match[1]):
        raise UnknownBytesError


async def get(reader: Transaction, user_id: UUID, asset_id: str) -> Asset | ResultRow:
    """Return one of the user's assets. Raises :class:`~emprops.errors.NotFoundError`."""
    wanted = _id_of(asset_id)
    found = await assets.by_id(reader, user_id, wanted) or await queries.result_of(reader, user_id, wanted)
    if found is None:
        raise _unknown()
    return found


async def delete(tx: Transaction, user_id: UUID, asset_id: str) -> None:
    """Delete a file that the user brought. Raises :class:`~emprops.errors.NotFoundError`, and
    :class:`~emprops.assets.service.AssetInUseError`, also for a result, which belongs to its job."""
    if isinstance(await get(tx, user_id, asset_id), ResultRow):
        raise AssetInUseError("This is the result of a job, and stays with it.")
    await service.delete(tx, user_id, _id_of(asset_id))


async def keys_of(reader: Transaction, user_id: UUID, asset_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return where those of these assets are stored that are the user's."""
    return await queries.keys_of(reader, user_id, sorted(asset_ids)) if asset_ids else {}


def _id_of(asset_id: str) -> UUID:
    try:
        return UUID(asset_id)
    except ValueError:
        raise _unknown() from None


def _unknown() -> NotFoundError:
    return NotFoundError("There is no such asset.")
