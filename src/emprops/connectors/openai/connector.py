"""OpenAI's API, and services that speak it: texts and pictures. The official SDK, without its own repetitions."""

from typing import ClassVar

from openai import AsyncOpenAI

from emprops.connectors.base import BadInputError, Capabilities, ConnectorError, Health, Outcome, RunContext
from emprops.connectors.hosted import FILES, MAX_ANSWER_BYTES, Bounds, client_for, health_of, hiding
from emprops.connectors.openai.chat import chat
from emprops.connectors.openai.errors import translated
from emprops.connectors.openai.images import image
from emprops.connectors.openai.pictures import Pictures
from emprops.queue.messages import Ticket
from emprops.settings import Settings

BASE_URL = "https://api.openai.com/v1"
KINDS = ("application/json", "text/event-stream", *FILES)
IDLE_TIMEOUT = 300.0
"""Longest silence: models that think say nothing for minutes."""
CHECK_TIMEOUT = 10.0


class OpenAI:
    """Connector for ``openai_chat`` and ``openai_image``. Failed runs are repeated by the queue, not by the SDK."""

    name: ClassVar[str] = "openai"

    @classmethod
    def configured(cls, settings: Settings) -> bool:
        """Return whether there is a key, or a service of the operator's own, which may need none."""
        return bool(settings.openai_api_key.get_secret_value() or settings.openai_base_url)

    def __init__(
        self, settings: Settings, *, idle: float = IDLE_TIMEOUT, max_answer_bytes: int = MAX_ANSWER_BYTES
    ) -> None:
        self.job_types = frozenset({"openai_chat", "openai_image"})
        key = settings.openai_api_key.get_secret_value()
        base_url = settings.openai_base_url or BASE_URL
        self._hide = hiding(key)
        self._max_file_bytes = settings.max_result_bytes
        bounds = Bounds(max_answer_bytes, settings.max_result_bytes)
        self._http = client_for(base_url, KINDS, setting="EMPROPS_OPENAI_BASE_URL", idle=idle, bounds=bounds)
        # Services without keys ignore this one; the SDK wants something.
        self._client = AsyncOpenAI(
            api_key=key or "none", base_url=base_url, http_client=self._http, max_retries=0, timeout=self._http.timeout
        )

    async def check(self) -> Health:
        """Ask which models there are: the cheapest request that needs the key. How it lists them does not matter."""
        try:
            async with translated(self._hide):
                await self._client.get("/models", cast_to=object, options={"timeout": CHECK_TIMEOUT})
        except ConnectorError as error:
            return health_of(error)
        return Health(ok=True)

    async def capabilities(self) -> Capabilities:
        """Models are the service's own: requirements are met."""
        return Capabilities()

    async def run(self, ticket: Ticket, context: RunContext) -> Outcome:
        """Make a text or pictures.

        Raises :class:`BadInputError` for what the service will not take, :class:`RetryableError` when it is away or
        busy, with its ``Retry-After``, :class:`FinalError` when it refuses the content or the key.
        """
        pictures = Pictures(str(self._client.base_url), self._http, context, self._max_file_bytes)
        async with translated(self._hide):
            if ticket.job_type == "openai_chat":
                outcome = await chat(self._client, pictures, ticket.payload, context)
            elif ticket.job_type == "openai_image":
                outcome = await image(self._client, pictures, ticket.payload, context)
            else:
                raise BadInputError(f"openai runs openai_chat and openai_image, not {ticket.job_type}.")
        return Outcome(files=outcome.files, data=self._hide(dict(outcome.data)))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
