"""Which services can run a job: the connectors that are installed, by name."""

import re
from collections.abc import Callable, Collection
from importlib.metadata import EntryPoint, entry_points

from emprops.connectors.base import Connector
from emprops.connectors.noop import NoopConnector
from emprops.settings import Settings

GROUP = "emprops.connectors"
ConnectorClass = Callable[[Settings], Connector]

# For benchmarks and tests: there when named, never by default.
HIDDEN: dict[str, ConnectorClass] = {NoopConnector.name: NoopConnector}


class ConnectorLoadError(Exception):
    """A connector cannot be used; the sentence says which one and what to do."""


def load_connectors(settings: Settings, names: Collection[str] | None = None) -> list[Connector]:
    """Make the named connectors, in the order of the names; without names, all that are installed and configured.

    An entry of the entry-point group ``emprops.connectors`` is a class taking the settings. It may have a classmethod
    ``configured(settings) -> bool``; one that says no is left out, or is an error when it was asked for by name.
    Raises :class:`ConnectorLoadError`; also when two connectors serve the same job type.
    """
    installed = {point.name: point for point in entry_points(group=GROUP)}
    chosen = list(dict.fromkeys(names)) if names else sorted(installed)
    unknown = [name for name in chosen if name not in installed and name not in HIDDEN]
    if unknown:
        there = ", ".join(sorted(installed.keys() | HIDDEN.keys()))
        raise ConnectorLoadError(f"There is no connector named {', '.join(unknown)}. Installed: {there}.")
    made: list[Connector] = []
    for name in chosen:
        make = _class_of(installed[name]) if name in installed else HIDDEN[name]
        if _configured(make, settings):
            made.append(make(settings))
        elif names:
            raise ConnectorLoadError(f"Connector {name} is not configured: its settings are missing.")
    _refuse_overlap(made)
    return made


def names_from_text(text: str) -> list[str] | None:
    """Read a comma-separated setting; None when it is empty, which stands for all."""
    return [name for name in re.split(r"[,\s]+", text) if name] or None


def _class_of(point: EntryPoint) -> ConnectorClass:
    try:
        loaded: ConnectorClass = point.load()
    except (ImportError, AttributeError) as error:
        raise ConnectorLoadError(f"Connector {point.name} ({point.value}) cannot be imported: {error}.") from error
    return loaded


def _configured(make: ConnectorClass, settings: Settings) -> bool:
    ask = getattr(make, "configured", None)
    return ask is None or bool(ask(settings))


def _refuse_overlap(connectors: list[Connector]) -> None:
    served: dict[str, str] = {}
    for connector in connectors:
        for job_type in sorted(connector.job_types):
            if job_type in served:
                raise ConnectorLoadError(
                    f"Connectors {served[job_type]} and {connector.name} both serve {job_type}: name the one to use."
                )
            served[job_type] = connector.name
