"""``openai_chat``: one chat completion, streamed; what is there so far is told as progress."""

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from openai import AsyncOpenAI, AsyncStream
from openai.types.chat import ChatCompletionChunk

from emprops.connectors.base import BadInputError, FinalError, Outcome, RetryableError, RunContext
from emprops.connectors.hosted import media_type
from emprops.connectors.local_engine import payload as fields
from emprops.connectors.openai.errors import NAME, refused

PASSED = frozenset(
    {"frequency_penalty", "logit_bias", "logprobs", "max_completion_tokens", "max_tokens", "metadata", "moderation"}
    | {"prediction", "presence_penalty", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"}
    | {"reasoning_effort", "response_format", "safety_identifier", "seed", "service_tier", "stop", "store"}
    | {"temperature", "top_logprobs", "top_p", "user", "verbosity", "web_search_options"}
    | {"keep_alive", "min_p", "options", "repetition_penalty", "think", "top_k"}  # what vLLM and Ollama add
)
OURS = frozenset({"model", "messages", "prompt", "system", "stream", "stream_options", "n"})
PARTS = frozenset({"text", "image_url", "input_audio", "refusal"})
MAX_MESSAGES = 1000
LONGEST_PROMPT = 200_000
MAX_PICTURE_BYTES = 20 * 1024 * 1024
SHOWN = 400
"""Characters of the text so far in a progress message."""
PREVIEWED = 10_000
"""Characters of the text so far in a preview."""
USUAL = 1500.0
"""Characters after which a text is taken to be two thirds done: its length is not known before it ends."""


async def chat(client: AsyncOpenAI, payload: Mapping[str, Any], context: RunContext) -> Outcome:
    """Run a chat completion. Data: ``text``, ``usage``, ``model``, ``finish_reason``."""
    body = {name: value for name, value in payload.items() if name in PASSED and value is not None}
    _refuse_unknown(payload)
    model = fields.text(payload, "model", longest=200)
    messages = [await _message(message, number, context) for number, message in enumerate(_messages(payload))]
    context.progress(0.0, "Waiting for the model")
    stream = await client.chat.completions.create(
        model=model,
        messages=cast("Any", messages),
        stream=True,
        stream_options={"include_usage": True},
        extra_body=body,
    )
    async with stream:
        if media_type(stream.response.headers) != "text/event-stream":
            raise FinalError(f"{NAME} did not stream its answer, although it was asked to.")
        said = await _listen(stream, context)
    outcome = said.outcome(model)
    context.progress(100.0)
    return outcome


@dataclass(slots=True)
class _Said:
    """What the stream gave so far."""

    texts: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    length: int = 0
    finish_reason: str = ""
    model: str = ""
    usage: dict[str, Any] | None = None

    def take(self, chunk: ChatCompletionChunk) -> str:
        """Add a chunk; gives the text in it."""
        self.model = chunk.model or self.model
        if chunk.usage is not None:
            self.usage = chunk.usage.model_dump(exclude_none=True)
        if not chunk.choices:  # the last chunk has usage only; others may come before the first word
            return ""
        choice = chunk.choices[0]
        self.finish_reason = choice.finish_reason or self.finish_reason
        if choice.delta.refusal:
            self.refusals.append(choice.delta.refusal)
        text = choice.delta.content or ""
        if text:
            self.texts.append(text)
            self.length += len(text)
        return text

    def outcome(self, model: str) -> Outcome:
        """Judge the whole. Raises for what is no result."""
        facts = {"finish_reason": self.finish_reason, "usage": self.usage, "model": self.model or model}
        if self.refusals:
            raise refused("".join(self.refusals), facts)
        if self.finish_reason == "content_filter":
            raise refused("its content filter ended the answer", facts)
        if not self.finish_reason:
            raise RetryableError(f"{NAME} broke off in the middle of its answer.")
        text = "".join(self.texts)
        if not text.strip():
            why = " within max_tokens" if self.finish_reason == "length" else ""
            raise FinalError(f"The model wrote no text{why} (it ended with {self.finish_reason}).", details=facts)
        return Outcome(data={"text": text, **facts})


async def _listen(stream: AsyncStream[ChatCompletionChunk], context: RunContext) -> _Said:
    said = _Said()
    tail = ""
    async for chunk in stream:
        if context.cancelled():
            raise RetryableError("The run was told to stop.")
        text = said.take(chunk)
        if text:
            tail = (tail + text)[-PREVIEWED:]
            context.progress(95.0 * (1 - math.exp(-said.length / USUAL)), tail[-SHOWN:])
            context.preview(tail)
    return said


def _refuse_unknown(payload: Mapping[str, Any]) -> None:
    unknown = sorted(set(payload) - PASSED - OURS)
    if unknown:
        raise BadInputError(f"{', '.join(unknown[:5])} cannot be set in openai_chat.")
    if payload.get("n") not in (None, 1):
        raise BadInputError("n must be 1: a step has one text.")


def _messages(payload: Mapping[str, Any]) -> list[Any]:
    messages = payload.get("messages")
    if messages is None and payload.get("prompt") is not None:
        system = fields.text(payload, "system", "", longest=LONGEST_PROMPT)
        first = [{"role": "system", "content": system}] if system else []
        return [*first, {"role": "user", "content": fields.text(payload, "prompt", longest=LONGEST_PROMPT)}]
    if not isinstance(messages, list) or not 1 <= len(messages) <= MAX_MESSAGES:
        raise BadInputError(f"messages is required: a list of 1 to {MAX_MESSAGES} messages; or prompt, a text.")
    return messages


async def _message(message: Any, number: int, context: RunContext) -> dict[str, Any]:
    where = f"messages[{number}]"
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise BadInputError(f"{where} must be an object with role and content.")
    content = message.get("content")
    if not isinstance(content, (str, list)):
        raise BadInputError(f"{where}.content must be a text or a list of parts.")
    if isinstance(content, str):
        return message
    parts = [await _part(part, f"{where}.content[{place}]", context) for place, part in enumerate(content)]
    return message | {"content": parts}


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
    if not isinstance(url, str) or not url.startswith(("https://", "http://", "data:image/")):
        raise BadInputError(f"{where}.image_url.url must be the http(s) or data: URL of a picture.")
    if not url.startswith("data:"):
        path, mime_type = await context.fetch(url, max_bytes=MAX_PICTURE_BYTES)
        if not mime_type.startswith("image/"):
            raise BadInputError(f"{where}.image_url.url leads to {mime_type}, not to a picture.")
        url = f"data:{mime_type};base64,{base64.b64encode(path.read_bytes()).decode()}"
    return part | {"image_url": {**cast("dict[str, Any]", given), "url": url}}
