"""What an asset is here: a file that the user brought, or a result of a job."""

from collections.abc import Collection
from uuid import UUID

from emprops.assets import queries as assets
from emprops.assets.queries import Asset
from emprops.comfy_api import queries
from emprops.comfy_api.queries import ResultRow
from emprops.errors import NotFoundError
from emprops.kit.database import Transaction


async def get(reader: Transaction, user_id: UUID, asset_id: str) -> Asset | ResultRow:
    """Return one of the user's assets. Raises :class:`~emprops.errors.NotFoundError`."""
    try:
        wanted = UUID(asset_id)
    except ValueError:
        raise no_asset() from None
    found = await assets.by_id(reader, user_id, wanted) or await queries.result_of(reader, user_id, wanted)
    if found is None:
        raise no_asset()
    return found


async def keys_of(reader: Transaction, user_id: UUID, asset_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return where those of these assets are stored that are the user's."""
    return await queries.keys_of(reader, user_id, sorted(asset_ids)) if asset_ids else {}


def no_asset() -> NotFoundError:
    """Return the error of an asset that there is not, or that is not the caller's."""
    return NotFoundError("There is no such asset.")
