"""Secrets of HTTP APIs: known to the worker alone, by name, each for the hosts it may be sent to.

``EMPROPS_SECRET_<NAME>`` is the value and ``EMPROPS_SECRET_<NAME>_HOSTS`` the hosts, comma-separated. Anybody may write
a workflow, and a workflow names the host it calls; without the list, any secret could be sent anywhere.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from emprops.connectors.base import FinalError
from emprops.connectors.fetch_api.definition import PLACEHOLDER
from emprops.connectors.redaction import each_text, first_in, forms_of
from emprops.kit.outbound.guard import PORTS, Allowed
from emprops.settings import SettingsError

PREFIX = "EMPROPS_SECRET_"
HOSTS = "_HOSTS"
SHORTEST = 6
"""A shorter value would be found in texts that have nothing to do with it."""
PLAIN = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret. Never shown, not even by ``repr``."""

    value: str = field(repr=False)
    hosts: frozenset[str]
    """``host``, or ``host:port``."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """All secrets of this worker. ``allowed``: hosts that the operator opened may be called without TLS."""

    by_name: Mapping[str, Secret]
    allowed: Allowed = field(default_factory=Allowed)
    _forms: Mapping[str, str] = field(init=False, repr=False, compare=False)
    """Every way in which a value may be written, longest first, since one may contain another → name."""

    def __post_init__(self) -> None:
        forms = [(form, name) for name, secret in self.by_name.items() for form in forms_of(secret.value)]
        object.__setattr__(self, "_forms", dict(sorted(forms, key=lambda item: -len(item[0]))))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], allowed: Allowed) -> "Secrets":
        """Read ``EMPROPS_SECRET_…``. Raises ``SettingsError``, without the value, for one that no header can hold."""
        found: dict[str, Secret] = {}
        for key, text in environment.items():
            name = key.removeprefix(PREFIX)
            value = text.strip()
            if name == key or name.endswith(HOSTS) or not value:
                continue
            if not PLAIN.fullmatch(value) or len(value) < SHORTEST:
                raise SettingsError(f"{key} must be one line of at least {SHORTEST} ASCII characters.")
            hosts = environment.get(key + HOSTS, "").lower().split(",")
            found[name] = Secret(value, frozenset(host.strip() for host in hosts if host.strip()))
        return cls(found, allowed)

    def fill(self, text: str, url: str, *, params: Mapping[str, str] | None = None, quoted: bool = False) -> str:
        """Put secrets, and ``params``, in the place of their names, in one pass: a value never names another.

        ``url`` is where the text will be sent. ``quoted``: for a URL. Raises :class:`FinalError` for a secret that this
        worker does not have, or that must not go there.
        """
        own = params or {}

        def value_of(match: re.Match[str]) -> str:
            name = match[1]
            value = own[name] if name in own else self._value_for(name, url)
            return quote(value, safe="") if quoted else value

        return PLACEHOLDER.sub(value_of, text)

    def _value_for(self, name: str, url: str) -> str:
        secret = self.by_name.get(name)
        if secret is None:
            raise FinalError(f"This worker has no secret {name}: set {PREFIX}{name} and {PREFIX}{name}{HOSTS}.")
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port or PORTS.get(parts.scheme, 0)
        if not {host, f"{host}:{port}"} & secret.hosts:
            raise FinalError(f"The secret {name} must not be sent to {host}: {PREFIX}{name}{HOSTS} does not name it.")
        if parts.scheme != "https" and not self.allowed.has(host, port):
            raise FinalError(f"The secret {name} must not be sent to {host} without TLS: use an https:// URL.")
        return secret.value

    def hide(self, tree: Any) -> Any:
        """Return a text, or JSON, with every secret value in it replaced by its name."""
        return each_text(tree, self._hidden) if self.by_name else tree

    def found_in(self, content: bytes | Path) -> str | None:
        """Return the name of a secret whose value is in a file; None if none is. Blocks while it reads."""
        found = first_in(content, self._forms)
        return None if found is None else self._forms[found]

    def _hidden(self, text: str) -> str:
        for form, name in self._forms.items():
            text = text.replace(form, f"{{{{{name}}}}}")
        return text
