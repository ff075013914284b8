"""Any HTTP API as a service: a request whose answer is the result, or one that starts work and others that ask for it.

``definition.py`` says what a workflow may define, ``secrets.py`` how keys stay out of it.
"""

import asyncio
import os
from typing import Any, ClassVar

from emprops.connectors.base import BadInputError, Capabilities, Health, Outcome, RunContext
from emprops.connectors.fetch_api.answers import FileAnswer
from emprops.connectors.fetch_api.calls import MAX_ANSWER_BYTES, Caller, Pending
from emprops.connectors.fetch_api.definition import Definition, DefinitionError, Polling, read
from emprops.connectors.fetch_api.expressions import ExpressionError, Jq
from emprops.connectors.fetch_api.polling import ASKED, DONE, Pause, Poller, evaluate, remembered_params
from emprops.connectors.fetch_api.results import Collector
from emprops.connectors.fetch_api.secret_rules import User
from emprops.connectors.fetch_api.secrets import Secrets
from emprops.kit.outbound.client import GuardedClient
from emprops.kit.outbound.guard import Allowed
from emprops.queue.messages import Ticket
from emprops.settings import Settings


class FetchApi:
    """Connector for the job type ``fetch_api``. Payload: ``api``, ``body``, ``output_mime_type``."""

    name: ClassVar[str] = "fetch_api"

    def __init__(
        self,
        settings: Settings,
        *,
        client: GuardedClient | None = None,
        secrets: Secrets | None = None,
        pause: Pause = asyncio.sleep,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
    ) -> None:
        self.job_types = frozenset({"fetch_api"})
        self._client = client or GuardedClient(settings)
        self._secrets = secrets or Secrets.from_environment(os.environ, Allowed.parse(settings.outbound_allow))
        self._max_file_bytes = settings.max_result_bytes
        self._caller = Caller(self._client, self._secrets, max_answer_bytes, self._max_file_bytes)
        self._jq = Jq()
        self._pause = pause

    async def check(self) -> Health:
        """Ready as long as jq is."""
        try:
            await self._jq.evaluate(b"null", {"check": "."})
        except ExpressionError as error:
            return Health(ok=False, message=f"jq does not work: {error}")
        idle = sorted(name for name, secret in self._secrets.by_name.items() if not secret.hosts)
        more = f" Without hosts, and so of no use: {', '.join(idle)}." if idle else ""
        return Health(ok=True, message=f"{len(self._secrets.by_name)} secrets.{more}")

    async def capabilities(self) -> Capabilities:
        """Whatever the API has; model requirements are met."""
        return Capabilities()

    async def run(self, ticket: Ticket, context: RunContext) -> Outcome:
        """Call the API and bring its result here.

        Raises :class:`BadInputError` for a payload that says no proper request, :class:`RetryableError` when the API
        is away or busy, :class:`FinalError` when it refuses or fails, or must not have a secret.
        """
        try:
            definition = read(ticket.payload.get("api"))
        except DefinitionError as error:
            raise BadInputError(f"{'; '.join(error.problems[:5])}.") from None
        user = User.from_payload(ticket.payload)
        self._secrets.check(definition, user)
        caller = self._caller.on_behalf_of(user)
        wanted = str(ticket.payload.get("output_mime_type") or "")
        collector = Collector(self._client, context, wanted, self._max_file_bytes, self._secrets)
        found = await self._found(caller, definition, ticket.payload.get("body"), context, wanted)
        context.progress(DONE, "Fetching the result")
        if isinstance(found, FileAnswer):
            outcome = await collector.produced(found.path, found.mime_type)
        else:
            outcome = await collector.collect(found)
        context.progress(100.0)
        return outcome

    async def _found(
        self, caller: Caller, definition: Definition, body: Any, context: RunContext, wanted: str
    ) -> list[Any] | FileAnswer:
        """Call the API; return the file that it answers with in the end, or what the output expression gives."""
        polling = definition.polling
        begun = None if polling is None else remembered_params(context, polling)
        if polling is not None and begun is not None:
            context.progress(ASKED, "Waiting for what was begun before")
            return await self._poller(caller, polling, definition, context, wanted).poll(begun, at_once=True)
        context.progress(0.0, "Calling the API")
        answer = await caller.call(definition.request, body, file=context.folder / "answer", wanted=wanted)
        assert not isinstance(answer, Pending)  # noqa: S101 - only polls have statuses that mean it
        if polling is not None:
            context.progress(ASKED, "Waiting for the result")
            poller = self._poller(caller, polling, definition, context, wanted)
            return await poller.poll(await poller.begun(answer))
        if isinstance(answer, FileAnswer):
            return answer
        return (await evaluate(self._jq, answer.document, {"outputExprJq": definition.output}))["outputExprJq"]

    def _poller(
        self, caller: Caller, polling: Polling, definition: Definition, context: RunContext, wanted: str
    ) -> Poller:
        return Poller(caller, self._jq, context, polling, definition.output, wanted, self._pause)

    async def close(self) -> None:
        """End the jq process, and close connections."""
        await self._jq.close()
        await self._client.close()
