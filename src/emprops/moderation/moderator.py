"""Who judges: the operator's service over HTTP, or a plugin; and what holds while neither answers."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from importlib.metadata import entry_points
from typing import Final
from urllib.parse import urlsplit

import orjson
import structlog

from emprops.assets.links import signed_url
from emprops.assets.references import asset_in
from emprops.auth.file_links import FileLinks
from emprops.errors import UnavailableError
from emprops.kit.outbound.client import GuardedClient, OutboundError, OutboundUnavailableError
from emprops.kit.telemetry.metrics import counter
from emprops.kit.web.parts import Part
from emprops.media.result_links import ResultLinks
from emprops.media.storage import key_of
from emprops.moderation.verdicts import (
    ALLOWED,
    STAGES,
    TOO_MUCH,
    NoVerdictError,
    Question,
    Stage,
    Verdict,
    read_verdict,
)
from emprops.settings import Settings, SettingsError

log = structlog.get_logger(__name__)

GROUP: Final = "emprops.moderation"
"""Entry-point group of plugins: functions that take a question as it is sent over HTTP, and return such an answer."""
LINK_LIFE: Final = 3600.0
"""Seconds for which the judge can open assets and results."""
MAX_ANSWER: Final = 64 * 1024
VERDICTS = counter("moderation_verdicts", "Answers of moderation; outage: there was none.", "stage", "verdict")

Judge = Callable[[Question], Awaitable[Verdict]]
"""Return the verdict. Whatever it raises is an outage."""


class ModerationAwayError(UnavailableError):
    """What is asked for cannot be checked at the moment, and must not start unchecked."""

    code = "moderation_unavailable"

    def __init__(self) -> None:
        super().__init__("This cannot be checked at the moment; try again in a few seconds.")


class Moderator:
    """Asks, if there is anybody to ask."""

    def __init__(
        self,
        judge: Judge | None,
        *,
        stages: Collection[Stage],
        opens: bool,
        patience: float,
        client: GuardedClient | None = None,
        openable: Callable[[Question], Question] = lambda question: question,
    ) -> None:
        """Ask ``judge``, about questions as ``openable`` makes them: with files that the judge can open."""
        self._judge = judge
        self._openable = openable
        self._client = client
        self._stages = frozenset(stages)
        self._opens = opens
        self._patience = patience

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()

    @property
    def on(self) -> bool:
        """Whether anything is ever checked."""
        return self._judge is not None

    def applies(self, stage: Stage, own: Collection[str] | None) -> bool:
        """Return whether a stage is checked, for a collection with these checks of its own (None: it has none)."""
        return self.on and stage in (self._stages if own is None else own)

    async def ask(self, question: Question) -> Verdict:
        """Return the verdict. One about a part allows nothing. While nobody answers, everything is allowed if the
        settings say so; else raises :class:`ModerationAwayError`."""
        if self._judge is None:  # asked about what another process, or an earlier setting, wants checked
            if self._opens:
                return ALLOWED
            log.warning("moderation not set", job_id=str(question.job_id))
            raise ModerationAwayError
        try:
            async with asyncio.timeout(self._patience):
                verdict = await self._judge(self._openable(question))
        except Exception as error:
            VERDICTS.labels(question.stage, "outage").inc()
            log.warning("moderation away", error=f"{type(error).__name__}: {error}", allowed=self._opens)
            if self._opens:
                return ALLOWED
            raise ModerationAwayError from None
        if verdict.kind == "allow" and not question.whole:
            verdict = Verdict("review", TOO_MUCH)
        VERDICTS.labels(question.stage, verdict.kind).inc()
        return verdict


def moderator_from(settings: Settings) -> Moderator:
    """Make the moderator of the settings. Raises :class:`~emprops.settings.SettingsError` for a plugin that is not
    there, or that cannot be loaded."""
    if settings.moderation_url and settings.moderation_plugin:
        raise SettingsError("Set EMPROPS_MODERATION_URL or EMPROPS_MODERATION_PLUGIN, not both.")
    judge: Judge | None = None
    client: GuardedClient | None = None
    if settings.moderation_url:
        own = urlsplit(settings.moderation_url).netloc  # the operator named it, so it may be private
        client = GuardedClient(settings.model_copy(update={"outbound_allow": f"{settings.outbound_allow},{own}"}))
        judge = _over_http(settings, client)
    elif settings.moderation_plugin:
        judge = _plugin(settings.moderation_plugin)
    stages = [stage for stage in STAGES if settings.moderation_stages in ("both", stage)]
    opens, patience = settings.moderation_outage == "open", settings.moderation_timeout
    return Moderator(judge, stages=stages, opens=opens, patience=patience, client=client, openable=_opener(settings))


def _opener(settings: Settings) -> Callable[[Question], Question]:
    links = FileLinks(settings)
    results = ResultLinks(settings, links)

    def url(file: str) -> str:
        asset_id = asset_in(file)
        if asset_id is not None:
            return signed_url(settings, links, asset_id, LINK_LIFE)
        key = key_of(settings, file)
        return file if key is None or results.opens(file) else results.of_key(key, LINK_LIFE)

    return lambda question: replace(question, files=tuple(map(url, question.files)))


def _over_http(settings: Settings, client: GuardedClient) -> Judge:
    headers = {"Content-Type": "application/json"}
    if secret := settings.moderation_secret.get_secret_value():
        headers["Authorization"] = f"Bearer {secret}"

    async def judge(question: Question) -> Verdict:
        answer = await client.request(
            "POST",
            settings.moderation_url,
            headers=headers,
            content=orjson.dumps(question.to_json()),
            max_bytes=MAX_ANSWER,
            timeout=settings.moderation_timeout,
        )
        if answer.status != 200:
            raise OutboundUnavailableError(f"the service answered {answer.status}")
        try:
            return read_verdict(orjson.loads(answer.body))
        except (orjson.JSONDecodeError, NoVerdictError) as error:
            raise OutboundError(f"the service's answer is no verdict: {error}") from None

    return judge


def _plugin(name: str) -> Judge:
    found = {point.name: point for point in entry_points(group=GROUP)}
    if name not in found:
        there = ", ".join(sorted(found)) or "none"
        raise SettingsError(f"EMPROPS_MODERATION_PLUGIN: there is no plugin {name}. Installed: {there}.")
    try:
        function = found[name].load()
    except Exception as error:
        raise SettingsError(
            f"EMPROPS_MODERATION_PLUGIN: {name} cannot be loaded: {type(error).__name__}: {error}"
        ) from error

    async def judge(question: Question) -> Verdict:
        return read_verdict(await function(question.to_json()))

    return judge


MODERATOR: Part[Moderator] = Part("moderator")
