"""``openai_chat``: one chat completion, streamed; what is there so far is told as progress."""

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
from emprops.connectors.openai.messages import message, read_content
from emprops.connectors.openai.pictures import Pictures

PASSED = frozenset(
    {"frequency_penalty", "logit_bias", "logprobs", "max_completion_tokens", "max_tokens", "metadata", "moderation"}
    | {"prediction", "presence_penalty", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"}
    | {"reasoning_effort", "response_format", "safety_identifier", "seed", "service_tier", "stop", "store"}
    | {"temperature", "top_logprobs", "top_p", "user", "verbosity", "web_search_options"}
    | {"keep_alive", "min_p", "options", "repetition_penalty", "think", "top_k"}  # what vLLM and Ollama add
)
OURS = frozenset({"model", "messages", "prompt", "system", "stream", "stream_options", "n"})
MAX_MESSAGES = 1000
LONGEST_PROMPT = 200_000
MAX_PICTURES = 10
SHOWN = 400
"""Characters of the text so far in a progress message."""
PREVIEWED = 10_000
"""Characters of the text so far in a preview."""
USUAL = 1500.0
"""Characters after which a text is taken to be two thirds done: its length is not known before it ends."""


async def chat(client: AsyncOpenAI, pictures: Pictures, payload: Mapping[str, Any], context: RunContext) -> Outcome:
    """Run a chat completion. Data: ``text``, ``usage``, ``model``, ``finish_reason``; pictures become files."""
    body = {name: value for name, value in payload.items() if name in PASSED and value is not None}
    _refuse_unknown(payload)
    model = fields.text(payload, "model", longest=200)
    messages = [await message(given, number, context) for number, given in enumerate(_messages(payload))]
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
    outcome = await said.outcome(model, pictures)
    context.progress(100.0)
    return outcome


@dataclass(slots=True)
class _Said:
    """What the stream gave so far."""

    texts: list[str] = field(default_factory=list)
    pictures: dict[str, None] = field(default_factory=dict)
    """URLs, in order; some services repeat them in their last chunk."""
    refusals: list[str] = field(default_factory=list)
    length: int = 0
    finish_reason: str = ""
    model: str = ""
    usage: dict[str, Any] | None = None

    def take(self, chunk: ChatCompletionChunk) -> str:
        """Add a chunk; return the text in it. Services that only resemble OpenAI leave out what they like."""
        data = chunk.to_dict(warnings=False)
        self.model = _text(data.get("model")) or self.model
        usage = data.get("usage")
        self.usage = _without_none(usage) if isinstance(usage, dict) else self.usage
        choices = data.get("choices")
        # The last chunk has usage only; others may come before the first word.
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            return ""
        self.finish_reason = _text(choice.get("finish_reason")) or self.finish_reason
        said = choice.get("delta")
        if not said and not self.texts:  # the whole at once, as without a stream
            said = choice.get("message")
        return self._take_message(said) if isinstance(said, dict) else ""

    def _take_message(self, said: Mapping[str, Any]) -> str:
        if refusal := _text(said.get("refusal")):
            self.refusals.append(refusal)
        text, urls = read_content(said.get("content"))
        urls += read_content(said.get("images"))[1]
        self.pictures |= dict.fromkeys(urls)
        if text:
            self.texts.append(text)
            self.length += len(text)
        return text

    async def outcome(self, model: str, pictures: Pictures) -> Outcome:
        """Judge the whole. Raises for what is no result."""
        facts = {"finish_reason": self.finish_reason, "usage": self.usage, "model": self.model or model}
        if self.refusals:
            raise refused("".join(self.refusals), facts)
        if self.finish_reason == "content_filter":
            raise refused("its content filter ended the answer", facts)
        if not self.finish_reason:
            raise RetryableError(f"{NAME} broke off in the middle of its answer.")
        text = "".join(self.texts)
        if len(self.pictures) > MAX_PICTURES:
            raise FinalError(f"{NAME} gave {len(self.pictures)} pictures; at most {MAX_PICTURES} are taken.")
        files = [await pictures.at(url, number) for number, url in enumerate(self.pictures, 1)]
        if text.strip():
            return Outcome(files=files, data={"text": text, **facts})
        if not files:
            why = " within max_tokens" if self.finish_reason == "length" else ""
            raise FinalError(f"The model wrote no text{why} (it ended with {self.finish_reason}).", details=facts)
        return Outcome(files=files, data=facts)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _without_none(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {name: _without_none(value) for name, value in tree.items() if value is not None}
    return tree


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
