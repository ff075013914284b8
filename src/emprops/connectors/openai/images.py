"""``openai_image``: pictures from a prompt, or, with ``image``, from a prompt and pictures."""

from collections.abc import Mapping
from typing import Any

from openai import AsyncOpenAI
from openai.types import Image, ImagesResponse
from openai.types.images_response import Usage

from emprops.connectors.base import BadInputError, FinalError, Outcome, Produced, RetryableError, RunContext
from emprops.connectors.hosted import input_picture, media_type
from emprops.connectors.local_engine import payload as fields
from emprops.connectors.openai.errors import NAME
from emprops.connectors.openai.pictures import Pictures, picture_of

DEFAULT_MODEL = "gpt-image-2.5-flare"
PASSED = frozenset(
    {"background", "complexity", "frame_count", "frame_duration_ms", "input_fidelity", "moderation", "negative_prompt"}
    | {"output_compression", "output_format", "quality", "response_format", "safety_identifier", "seed", "size"}
    | {"steps", "style", "svg", "user"}
)
OVERLAYS = {
    "mask": "a PNG that is transparent where the picture is to change",
    "markup": "a transparent PNG with marks that guide the change",
}
OURS = frozenset({"prompt", "model", "n", "image", "partial_images", *OVERLAYS})
LONGEST_PROMPT = 32_000
MAX_PICTURES = 10
MAX_PARTIAL = 3
MAX_INPUTS = 16
MAX_INPUT_BYTES = 50 * 1024 * 1024


async def image(client: AsyncOpenAI, pictures: Pictures, payload: Mapping[str, Any], context: RunContext) -> Outcome:
    """Make or edit pictures. Data: ``model``, ``usage`` where told, ``revised_prompt`` where the service changed it.

    ``partial_images`` (1 to 3; each costs its tokens) asks for unfinished pictures, which are shown as previews."""
    request = await _request(payload, context)
    context.progress(5.0, "Waiting for the picture")
    make: Any = client.images.edit if "image" in request else client.images.generate
    if "stream" in request:
        answer = await _streamed(await make(**request), context)
    else:
        answer = await make(**request)
    context.progress(90.0, "Fetching the picture")
    outcome = await _collected(answer, request["model"], pictures)
    context.progress(100.0)
    return outcome


async def _request(payload: Mapping[str, Any], context: RunContext) -> dict[str, Any]:
    """Read the payload, and bring the pictures it names: arguments of the SDK."""
    unknown = sorted(set(payload) - PASSED - OURS)
    if unknown:
        raise BadInputError(f"{', '.join(unknown[:5])} cannot be set in openai_image.")
    body = {name: value for name, value in payload.items() if name in PASSED and value not in (None, "")}
    request: dict[str, Any] = {
        "prompt": fields.text(payload, "prompt", longest=LONGEST_PROMPT),
        "model": fields.text(payload, "model", DEFAULT_MODEL, longest=200),
        "n": fields.integer(payload, "n", 1, 1, MAX_PICTURES),
        "extra_body": body,
    }
    partial = fields.integer(payload, "partial_images", 0, 0, MAX_PARTIAL)
    if partial and context.shows_previews:
        request |= {"stream": True, "partial_images": partial}
    addresses = _addresses(payload)
    if not addresses:
        odd = [name for name in ("mask", "markup", "input_fidelity") if payload.get(name)]
        if odd:
            raise BadInputError(f"{odd[0]} needs image: the URL of the picture to edit.")
        return request
    inputs = [await input_picture(context, "image", address, MAX_INPUT_BYTES) for address in addresses]
    request["image"] = inputs if len(inputs) > 1 else inputs[0]
    for name, purpose in OVERLAYS.items():
        if payload.get(name):
            address = fields.url(payload, name, purpose=purpose)
            request[name] = await input_picture(context, name, address, MAX_INPUT_BYTES)
    return request


async def _streamed(stream: Any, context: RunContext) -> ImagesResponse:
    """Show unfinished pictures as they come; give the finished ones as if they had come at once."""
    done: list[Image] = []
    usage: dict[str, Any] | None = None
    async with stream:
        if media_type(stream.response.headers) != "text/event-stream":
            raise FinalError(f"{NAME} did not stream its answer, although it was asked to (partial_images).")
        async for event in stream:
            if context.cancelled():
                raise RetryableError("The run was told to stop.")
            if event.type.endswith(".partial_image"):
                context.preview(await picture_of(event.b64_json), f"image/{event.output_format}")
                context.progress(5.0 + 80.0 * (event.partial_image_index + 1) / (MAX_PARTIAL + 1), "Painting")
            elif event.type.endswith(".completed"):
                done.append(Image(b64_json=event.b64_json))
                usage = event.usage.model_dump(exclude_none=True) if event.usage else usage
    if not done:
        raise RetryableError(f"{NAME} broke off in the middle of its answer.")
    return ImagesResponse.construct(created=0, data=done, usage=usage and Usage.construct(**usage))


async def _collected(answer: ImagesResponse, model: str, pictures: Pictures) -> Outcome:
    items = answer.data or []
    if not items:
        raise FinalError(f"{NAME} gave no picture.")
    if len(items) > MAX_PICTURES:
        raise FinalError(f"{NAME} gave {len(items)} pictures; at most {MAX_PICTURES} are taken.")
    files = [await _file(item, number, pictures) for number, item in enumerate(items, 1)]
    data: dict[str, Any] = {"model": model}
    if answer.usage is not None:
        data["usage"] = answer.usage.model_dump(exclude_none=True)
    if revised := [item.revised_prompt for item in items if item.revised_prompt]:
        data["revised_prompt"] = revised[0] if len(items) == 1 else revised
    return Outcome(files=files, data=data)


async def _file(item: Image, number: int, pictures: Pictures) -> Produced:
    if item.b64_json:
        return await pictures.encoded(item.b64_json, number)
    if not item.url:
        raise FinalError(f"{NAME} gave a picture without content and without URL.")
    return await pictures.at(item.url, number)


def _addresses(payload: Mapping[str, Any]) -> list[str]:
    given = payload.get("image")
    if given in (None, "", []):
        return []
    several = given if isinstance(given, list) else [given]
    if len(several) > MAX_INPUTS:
        raise BadInputError(f"image must be at most {MAX_INPUTS} URLs.")
    return [fields.url({"image": one}, "image", purpose="the picture to edit") for one in several]
