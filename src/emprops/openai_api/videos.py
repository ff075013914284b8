"""Jobs as OpenAI's API of videos shows them."""

from typing import Any, Final
from uuid import UUID

from emprops.errors import NotFoundError
from emprops.kit.database import Transaction
from emprops.media.result_links import ResultLinks
from emprops.media.storage import key_of
from emprops.openai_api import video_queries
from emprops.openai_api.failures import GenerationFailedError
from emprops.openai_api.schemas import VideoBody
from emprops.openai_api.video_queries import MARK, Video

STATUS: Final = {"pending": "queued", "processing": "in_progress", "completed": "completed", "failed": "failed"}
POLL: Final = {"openai-poll-after-ms": "1000"}
"""How long the official clients wait before they ask again."""


class NoVideoError(NotFoundError):
    """There is no such video, or none yet."""

    code = "video_not_found"


def asked(body: VideoBody) -> dict[str, Any]:
    """Return what a job keeps of a request."""
    return {MARK: {"model": body.model, "prompt": body.prompt, "seconds": body.seconds, "size": body.size}}


async def get(reader: Transaction, user_id: UUID, video_id: str) -> Video:
    """Return one of the user's videos. Raises :class:`NoVideoError`."""
    try:
        video = await video_queries.video_of(reader, user_id, UUID(video_id))
    except ValueError:
        video = None
    if video is None:
        raise NoVideoError("There is no such video.")
    return video


async def key_of_content(reader: Transaction, results: ResultLinks, video: Video, variant: str) -> str:
    """Return where a video's file is stored, or its ``thumbnail``. Raises :class:`NoVideoError` and
    :class:`GenerationFailedError`."""
    if video.status == "failed":
        raise GenerationFailedError(f"The generation failed: {video.error_message or 'no reason was given'}")
    stored = await video_queries.stored_of(reader, video.id)
    if stored is None:
        raise NoVideoError("This video is not there yet.")
    video_url, thumbnail_url = results.of_output(stored.url, stored.thumbnail_url, stored.flat_file_id)
    url = thumbnail_url if variant == "thumbnail" else video_url
    key = None if url is None else key_of(results.settings, url)
    if key is None or url is None or not results.opens(url):
        raise NoVideoError("This file is not stored here.")
    return key


def video_json(video: Video) -> dict[str, Any]:
    """Show a video."""
    failed = video.status == "failed"
    return {
        "id": video.id,
        "object": "video",
        "created_at": int(video.created_at.timestamp()),
        "completed_at": int(video.completed_at.timestamp()) if video.completed_at and not failed else None,
        "expires_at": None,
        "status": STATUS[video.status],
        "progress": int(video.progress),
        "model": video.asked["model"],
        "prompt": video.asked["prompt"],
        "seconds": video.asked["seconds"] or "",
        "size": video.asked["size"] or "auto",
        "remixed_from_video_id": None,
        "error": {"code": "generation_failed", "message": video.error_message or ""} if failed else None,
    }
