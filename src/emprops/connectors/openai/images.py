"""``openai_image``: pictures from a prompt, or, with ``image``, from a prompt and pictures."""

import asyncio
import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import httpx2
from openai import AsyncOpenAI
from openai.types import Image, ImagesResponse

from emprops.connectors.base import BadInputError, FinalError, Outcome, Produced, RetryableError, RunContext
from emprops.connectors.hosted import input_picture, picked_up, same_origin, saved, status_error
from emprops.connectors.local_engine import payload as fields
from emprops.connectors.openai.errors import NAME

DEFAULT_MODEL = "gpt-image-1"
PASSED = frozenset(
    {"background", "input_fidelity", "moderation", "negative_prompt", "output_compression", "output_format"}
    | {"quality", "response_format", "seed", "size", "steps", "style", "user"}
)
OURS = frozenset({"prompt", "model", "n", "image", "mask"})
ONLY_EDITS = frozenset({"input_fidelity"})
LONGEST_PROMPT = 32_000
MAX_PICTURES = 10
MAX_INPUTS = 16
MAX_INPUT_BYTES = 50 * 1024 * 1024
MAX_RESULT_BYTES = 100 * 1024 * 1024


async def image(
    client: AsyncOpenAI, http: httpx2.AsyncClient, payload: Mapping[str, Any], context: RunContext
) -> Outcome:
    """Make or edit pictures. Data: ``model``, ``usage`` where told, ``revised_prompt`` where the service changed it."""
    unknown = sorted(set(payload) - PASSED - OURS)
    if unknown:
        raise BadInputError(f"{', '.join(unknown[:5])} cannot be set in openai_image.")
    prompt = fields.text(payload, "prompt", longest=LONGEST_PROMPT)
    model = fields.text(payload, "model", DEFAULT_MODEL, longest=200)
    count = fields.integer(payload, "n", 1, 1, MAX_PICTURES)
    body = {name: value for name, value in payload.items() if name in PASSED and value not in (None, "")}
    addresses = _addresses(payload)
    if not addresses:
        if payload.get("mask"):
            raise BadInputError("mask needs image: the URL of the picture to edit.")
        if odd := sorted(ONLY_EDITS & body.keys()):
            raise BadInputError(f"{odd[0]} needs image: the URL of the picture to edit.")
        context.progress(5.0, "Waiting for the picture")
        answer = await client.images.generate(prompt=prompt, model=model, n=count, extra_body=body)
    else:
        inputs = [await input_picture(context, "image", address, MAX_INPUT_BYTES) for address in addresses]
        mask = (
            {"mask": await input_picture(context, "mask", _mask(payload), MAX_INPUT_BYTES)}
            if payload.get("mask")
            else {}
        )
        context.progress(5.0, "Waiting for the picture")
        answer = await client.images.edit(
            image=inputs if len(inputs) > 1 else inputs[0],
            prompt=prompt,
            model=model,
            n=count,
            extra_body=body,
            **cast("Any", mask),
        )
    context.progress(90.0, "Fetching the picture")
    outcome = await _Results(str(client.base_url), http, context).collect(answer, model)
    context.progress(100.0)
    return outcome


@dataclass(frozen=True, slots=True)
class _Results:
    base_url: str
    http: httpx2.AsyncClient
    context: RunContext

    async def collect(self, answer: ImagesResponse, model: str) -> Outcome:
        items = answer.data or []
        if not items:
            raise FinalError(f"{NAME} gave no picture.")
        if len(items) > MAX_PICTURES:
            raise FinalError(f"{NAME} gave {len(items)} pictures; at most {MAX_PICTURES} are taken.")
        files = [await self._file(item, number) for number, item in enumerate(items, 1)]
        data: dict[str, Any] = {"model": model}
        if answer.usage is not None:
            data["usage"] = answer.usage.model_dump(exclude_none=True)
        if revised := [item.revised_prompt for item in items if item.revised_prompt]:
            data["revised_prompt"] = revised[0] if len(items) == 1 else revised
        return Outcome(files=files, data=data)

    async def _file(self, item: Image, number: int) -> Produced:
        if item.b64_json:
            try:
                content = await asyncio.to_thread(base64.b64decode, item.b64_json, validate=True)
            except (binascii.Error, ValueError):
                raise FinalError(f"{NAME} gave a picture that is not valid base64.") from None
            return await picked_up(content, number, wanted="image", name=NAME)
        if not item.url:
            raise FinalError(f"{NAME} gave a picture without content and without URL.")
        return await picked_up(await self._download(item.url, number), number, wanted="image", name=NAME)

    async def _download(self, url: str, number: int) -> Path:
        # Only the operator's own service may be private; a URL that leads elsewhere is a stranger's.
        if same_origin(url, self.base_url):
            return await self._own(url, self.context.folder / f"result-{number}")
        try:
            return (await self.context.fetch(url, max_bytes=MAX_RESULT_BYTES))[0]
        except BadInputError:  # its sentence has the URL, whose query is often a signature
            raise FinalError(f"The picture cannot be had from {_host(url)}.") from None
        except RetryableError:
            raise RetryableError(f"The picture cannot be had from {_host(url)} now.") from None

    async def _own(self, url: str, target: Path) -> Path:
        async with self.http.stream("GET", url) as response:
            if not response.is_success:
                raise status_error(NAME, response.status_code, response.headers, "The picture cannot be had.", {})
            return await saved(response, target, name=NAME)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "the URL that it was given with"
    except ValueError:
        return "the URL that it was given with"


def _addresses(payload: Mapping[str, Any]) -> list[str]:
    given = payload.get("image")
    if given in (None, "", []):
        return []
    several = given if isinstance(given, list) else [given]
    if len(several) > MAX_INPUTS:
        raise BadInputError(f"image must be at most {MAX_INPUTS} URLs.")
    return [fields.url({"image": one}, "image", purpose="the picture to edit") for one in several]


def _mask(payload: Mapping[str, Any]) -> str:
    return fields.url(payload, "mask", purpose="a PNG that is transparent where the picture is to change")
