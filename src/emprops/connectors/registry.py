"""Which services can run a job: the connectors that are installed, by name."""

import re
from collections.abc import Callable, Collection
from importlib.metadata import EntryPoint, entry_points
from typing import cast

import structlog

from emprops.connectors.base import Capabilities, Connector, FinalError, Health, Outcome, RunContext
from emprops.connectors.noop import NoopConnector
from emprops.kit.nearest import did_you_mean
from emprops.queue.bounds import JOB_TYPE
from emprops.queue.messages import Ticket
from emprops.settings import Settings, SettingsError

log = structlog.get_logger(__name__)

GROUP = "emprops.connectors"
ConnectorClass = Callable[[Settings], Connector]

# For benchmarks and tests: there when named, never by default.
HIDDEN: dict[str, ConnectorClass] = {NoopConnector.name: NoopConnector}


JOB_TYPES = frozenset({
    "comfyui", "fetch_api", "openai_chat", "openai_image", "stability_api",
    "local_image", "local_text", "local_upscale", "local_video",
})  # fmt: skip
"""What the connectors of this package serve, for code that must not load them."""


class ConnectorLoadError(Exception):
    """A connector cannot be used; the sentence says which one and what to do."""


class Unusable:
    """Stands in for a connector that cannot be loaded, so that the worker shows why, and serves what the others do."""

    job_types: frozenset[str] = frozenset()

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason

    async def check(self) -> Health:
        """Say why it cannot be used."""
        return Health(ok=False, message=self.reason)

    async def capabilities(self) -> Capabilities:
        """Offer nothing."""
        raise FinalError(self.reason)

    async def run(self, _ticket: Ticket, _context: RunContext) -> Outcome:
        """Refuse: it serves no job type."""
        raise FinalError(self.reason)

    async def close(self) -> None:
        """Nothing to give back."""


def load_connectors(settings: Settings, names: Collection[str] | None = None) -> list[Connector]:
    """Make the named connectors, in the order of the names; without names, all that are installed and configured.

    An entry of the entry-point group ``emprops.connectors`` is a class taking the settings. It may have a classmethod
    ``configured(settings) -> bool``; one that says no is left out, or is an error when it was asked for by name. So is
    one that cannot be loaded; without names, :class:`Unusable` takes its place. Raises :class:`ConnectorLoadError`,
    also when two connectors serve the same job type, and :class:`SettingsError` for settings that a connector refuses.
    """
    installed = {point.name: point for point in entry_points(group=GROUP)}
    chosen = list(dict.fromkeys(names)) if names else sorted(installed)
    unknown = [name for name in chosen if name not in installed and name not in HIDDEN]
    if unknown:
        there = sorted(installed.keys() | HIDDEN.keys())
        hint = did_you_mean(unknown[0], there)
        named = ", ".join(unknown)
        raise ConnectorLoadError(f"There is no connector named {named}.{hint} Installed: {', '.join(there)}.")
    made: list[Connector] = []
    for name in chosen:
        try:
            connector = _make(name, installed.get(name), settings)
        except ConnectorLoadError as error:
            if names:
                raise
            log.exception("connector not loaded", connector=name)
            connector = cast("Connector", Unusable(name, str(error)))
        if connector is not None:
            made.append(connector)
        elif names:
            raise ConnectorLoadError(f"Connector {name} is not configured: its settings are missing.")
    _refuse_overlap(made)
    return made


def _make(name: str, point: EntryPoint | None, settings: Settings) -> Connector | None:
    """Make one connector; None if it is not configured."""
    doing = "imported"
    try:
        make: ConnectorClass = point.load() if point else HIDDEN[name]
        doing = "made"
        ask = getattr(make, "configured", None)
        if ask is not None and not ask(settings):
            return None
        connector = make(settings)
        odd = [job_type for job_type in connector.job_types if not re.fullmatch(JOB_TYPE, job_type)]
    except SettingsError:
        raise
    except (Exception, SystemExit) as error:
        where = f" ({point.value})" if point else ""
        reason = f"{type(error).__name__}: {error}"
        raise ConnectorLoadError(f"Connector {name}{where} cannot be {doing}: {reason}.") from error
    if odd:
        raise ConnectorLoadError(
            f"Connector {name} serves {odd[0]!r}, which is no job type: use up to 100 letters, digits, dots, dashes and"
            " underscores."
        )
    return connector


def names_from_text(text: str) -> list[str] | None:
    """Read a comma-separated setting; None when it is empty, which stands for all."""
    return [name for name in re.split(r"[,\s]+", text) if name] or None


def _refuse_overlap(connectors: list[Connector]) -> None:
    served: dict[str, str] = {}
    for connector in connectors:
        for job_type in sorted(connector.job_types):
            if job_type in served:
                raise ConnectorLoadError(
                    f"Connectors {served[job_type]} and {connector.name} both serve {job_type}: name the one to use."
                )
            served[job_type] = connector.name
