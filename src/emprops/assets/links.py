"""Where the content of an asset is."""

from uuid import UUID

from emprops.assets.references import asset_at, named
from emprops.auth.file_links import FileLinks
from emprops.media.storage import own_path
from emprops.settings import Settings


def content_url(base_url: str, asset_id: UUID) -> str:
    """Return where an asset's owner reads its content."""
    return f"{base_url}/assets/{asset_id}/content"


def signed_url(settings: Settings, links: FileLinks, asset_id: UUID, life: float) -> str:
    """Return where anybody reads an asset's content, for so many seconds."""
    return f"{content_url(settings.base_url, asset_id)}?{links.query(named(asset_id), life)}"


def asset_of_url(settings: Settings, url: str) -> UUID | None:
    """Return the asset whose content a URL of our own means, signed or not; None for any other."""
    path = own_path(settings, url)
    return None if path is None else asset_at(path)
