"""Messages of a chat: those that are sent, with their pictures, and what is in those that come back."""

import asyncio
from pathlib import Path
from typing import Any, cast

from emprops.connectors.base import BadInputError, RunContext
from emprops.connectors.encoded import Encoded, data_url, decoded, is_data_url

PARTS = frozenset({"text", "image_url", "input_audio", "refusal"})
MAX_PICTURE_BYTES = 20 * 1024 * 1024


async def message(given: Any, number: int, context: RunContext) -> dict[str, Any]:
    """Check a message of the payload; return it with its pictures in it. Raises :class:`BadInputError`."""
    where = f"messages[{number}]"
    if not isinstance(given, dict) or not isinstance(given.get("role"), str):
        raise BadInputError(f"{where} must be an object with role and content.")
    content = given.get("content")
    if not isinstance(content, (str, list)):
        raise BadInputError(f"{where}.content must be a text or a list of parts.")
    if isinstance(content, str):
        return given
    parts = [await _part(part, f"{where}.content[{place}]", context) for place, part in enumerate(content)]
    return given | {"content": parts}


def read_content(content: Any) -> tuple[str, list[str]]:
    """Read what a model said, a text or a list of parts: its text, and the URLs of its pictures. Other parts, such as
    the model's thoughts, are passed over."""
    texts: list[str] = []
    urls: list[str] = []
    for part in content if isinstance(content, list) else [content]:
        match part:
            case str(text) | {"type": "text" | "output_text", "text": str(text) | {"value": str(text)}}:
                texts.append(text)
            case {"type": "image_url" | "output_image", "image_url": str(url) | {"url": str(url)}} if url:
                urls.append(url)
    return "".join(texts), urls


async def _part(part: Any, where: str, context: RunContext) -> dict[str, Any]:
    """Check a part of a message; a picture's URL becomes the picture.

    The service would fetch it itself: not from our storage, which it may not reach, and, where it runs in the
    operator's network, from addresses that the user must not reach.
    """
    if not isinstance(part, dict) or part.get("type") not in PARTS:
        raise BadInputError(f"{where}.type must be one of {', '.join(sorted(PARTS))}.")
    if part["type"] != "image_url":
        return part
    picture = part.get("image_url")
    given = {"url": picture} if isinstance(picture, str) else picture
    url = given.get("url") if isinstance(given, dict) else None
    if not isinstance(url, str) or not (is_data_url(url) or url.startswith(("https://", "http://"))):
        raise BadInputError(f"{where}.image_url.url must be the http(s) or data: URL of a picture.")
    file = await asyncio.to_thread(decoded, url) if is_data_url(url) else await _fetched(url, context)
    if file is None or not file.content or len(file.content) > MAX_PICTURE_BYTES:
        raise BadInputError(
            f"{where}.image_url.url must be a picture of at most {MAX_PICTURE_BYTES} bytes, in valid base64."
        )
    if not file.mime_type.startswith("image/"):
        raise BadInputError(f"{where}.image_url.url leads to {file.mime_type or 'an unnamed type'}, not to a picture.")
    return part | {"image_url": {**cast("dict[str, Any]", given), "url": await asyncio.to_thread(data_url, file)}}


async def _fetched(url: str, context: RunContext) -> Encoded:
    path, mime_type = await context.fetch(url, max_bytes=MAX_PICTURE_BYTES)
    return Encoded(await asyncio.to_thread(Path.read_bytes, path), mime_type)
