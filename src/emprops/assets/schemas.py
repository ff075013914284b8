"""The shapes of replies about assets."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ConfigDict

from emprops.assets.links import content_url, signed_url
from emprops.assets.queries import Asset
from emprops.auth.file_links import FileLinks
from emprops.kit.web.schema import Schema
from emprops.settings import Settings

ASSET_ID = "0192f3a4-0000-7000-8000-000000000061"
EXAMPLE: dict[str, Any] = {
    "id": ASSET_ID,
    "name": "harbour.jpg",
    "mime_type": "image/jpeg",
    "size_bytes": 2480112,
    "width": 4032,
    "height": 3024,
    "duration": None,
    "blake3": "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
    "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "source_blake3": "d74981efa70a0c880b8d8c1985d075dbcbf679b99a5f9914e5aaf96b831a9e24",
    "url": f"https://api.example.com/assets/{ASSET_ID}/content",
    "signed_url": f"https://api.example.com/assets/{ASSET_ID}/content?expires=1768050000&signature=Zm9v",
    "signed_until": "2026-01-10T13:00:00Z",
    "created_at": "2026-01-10T12:00:00Z",
    "expires_at": None,
}


class AssetView(Schema):
    """A file that a user brought."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    id: UUID
    """What a variable that takes a file is set to, also as `asset:<id>`."""
    name: str
    mime_type: str
    """By its content."""
    size_bytes: int
    """Bytes of its content, which count for the quota of its owner."""
    width: int | None
    """Pixels, of a picture or video."""
    height: int | None
    """Pixels, of a picture or video."""
    duration: float | None
    """Seconds, of a video or sound."""
    blake3: str
    """Of the content."""
    sha256: str
    """Of the content."""
    source_blake3: str
    """Of what was sent. A picture that was turned upright, or had metadata, has another `blake3`."""
    url: str
    """Where its owner reads the content; a variable takes it too."""
    signed_url: str
    """Where anybody who has this URL reads the content, until it ends."""
    signed_until: datetime
    """When the signed URL ends; reading the asset again gives another."""
    created_at: datetime
    expires_at: datetime | None
    """When it is removed, unless something uses it then; null: when it is deleted."""


class DeletedAsset(Schema):
    """An asset that is gone."""

    id: UUID


def view_of(asset: Asset, settings: Settings, links: FileLinks) -> AssetView:
    """Show an asset to its owner."""
    return AssetView(
        id=asset.id,
        name=asset.name,
        mime_type=asset.mime_type,
        size_bytes=asset.size_bytes,
        width=asset.width,
        height=asset.height,
        duration=asset.duration,
        blake3=asset.blake3,
        sha256=asset.sha256,
        source_blake3=asset.source_blake3,
        url=content_url(settings.base_url, asset.id),
        signed_url=signed_url(settings, links, asset.id, settings.link_life),
        signed_until=links.end_of(settings.link_life),
        created_at=asset.created_at,
        expires_at=asset.expires_at,
    )
