"""Secrets of HTTP APIs: known to the worker alone, by name, each for the hosts it may be sent to.

``EMPROPS_SECRET_<NAME>`` is the value and ``EMPROPS_SECRET_<NAME>_HOSTS`` the hosts, comma-separated. An author of a
workflow names the host it calls; without the list, any secret could be sent anywhere. ``secret_rules.py`` has what else
may be said about a secret.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import structlog

from emprops.connectors.base import FinalError
from emprops.connectors.fetch_api.definition import PLACEHOLDER, Definition, Request
from emprops.connectors.fetch_api.secret_rules import (
    HOSTS,
    PREFIX,
    Limits,
    User,
    is_limit,
    read_limits,
    words_in,
)
from emprops.connectors.redaction import each_text, first_in, forms_of
from emprops.kit.outbound.guard import PORTS, Allowed
from emprops.settings import SettingsError

log = structlog.get_logger(__name__)

NO_PARAMS: Mapping[str, str | None] = {}

SHORTEST = 6
"""A shorter value would be found in texts that have nothing to do with it."""
PLAIN = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret. Never shown, not even by ``repr``."""

    value: str = field(repr=False)
    hosts: frozenset[str]
    """``host``, or ``host:port``."""
    limits: Limits = field(default_factory=Limits)


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
            if name == key or not value or is_limit(environment, key):
                continue
            if not PLAIN.fullmatch(value) or len(value) < SHORTEST:
                raise SettingsError(f"{key} must be one line of at least {SHORTEST} ASCII characters.")
            hosts = frozenset(host.lower() for host in words_in(environment, key + HOSTS))
            if not hosts:
                log.warning("secret without hosts", secret=name, hint=f"it is sent nowhere: set {key}{HOSTS}")
            found[name] = Secret(value, hosts, read_limits(environment, key))
        return cls(found, allowed)

    def check(self, definition: Definition, user: User) -> None:
        """Raise :class:`FinalError` if one of a definition's requests must not have a secret that it names.

        Before the first is sent: work that was begun, and must not be asked for, would be paid for nothing.
        """
        polling = definition.polling
        result = None if polling is None else polling.result
        first = {} if polling is None else dict.fromkeys(polling.params)
        self.check_request(definition.request, user)
        if polling is not None:
            self.check_request(polling.request, user, first)
        if result is not None:
            self.check_request(result.request, user, first | dict.fromkeys(result.params))

    def check_request(self, request: Request, user: User, params: Mapping[str, str | None] = NO_PARAMS) -> None:
        """Raise :class:`FinalError` if a request must not have a secret that it names.

        ``params``: what fills its URL besides secrets; None: not known yet.
        """
        path = urlsplit(PLACEHOLDER.sub(lambda match: _shown(match[1], params), request.url)).path
        for name in dict.fromkeys(_names_in(request, params)):
            self._value_for(name, request.url)
            fault = self.by_name[name].limits.fault(user, request.method, path, request.headers)
            if fault is not None:
                lists, said = fault
                named = lists.replace("_", f"{PREFIX}{name}_")
                raise FinalError(f"The secret {name} {said}: {named} does not allow it.")

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


def _names_in(request: Request, params: Collection[str]) -> Iterator[str]:
    """Yield the names of the secrets that a request has."""
    yield from (name for name in PLACEHOLDER.findall(request.url) if name not in params)
    for value in request.headers.values():
        yield from PLACEHOLDER.findall(value)


def _shown(name: str, params: Mapping[str, str | None]) -> str:
    """Return what stands in the place of a name in a URL that may be shown."""
    value = params.get(name)
    return f"{{{{{name}}}}}" if value is None else quote(value, safe="")
