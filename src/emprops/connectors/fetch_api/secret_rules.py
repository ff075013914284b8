"""Where a secret may be sent, how, and by whom. Pure.

``EMPROPS_SECRET_<NAME>_HOSTS``, ``_METHODS``, ``_PATHS``, ``_WORKFLOWS`` and ``_ROLES`` are comma-separated lists. A
secret goes nowhere without hosts; each of the others is a limit only if it is set.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from emprops.connectors.fetch_api.definition import METHODS
from emprops.settings import SettingsError

PREFIX = "EMPROPS_SECRET_"
HOSTS, METHODS_OF, PATHS, WORKFLOWS, ROLES = "_HOSTS", "_METHODS", "_PATHS", "_WORKFLOWS", "_ROLES"
LIMITS = (METHODS_OF, PATHS, WORKFLOWS, ROLES)
OVERRIDES = frozenset({"x-http-method-override", "x-http-method", "x-method-override"})
"""Headers in which some servers read another method than the one that is sent."""
REWRITES = frozenset({"x-original-url", "x-rewrite-url", "x-forwarded-prefix"})
"""Headers in which some servers read another path."""
MOST_DECODED = 5


@dataclass(frozen=True, slots=True)
class User:
    """The workflow for which a request is sent, as the api wrote it into the step."""

    id: str = ""
    name: str = ""
    roles: frozenset[str] = frozenset()
    """What its owner was granted, or ``service`` for a service's."""

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> "User":
        """Read a payload; one that was planned by an earlier version does not say."""
        said = payload.get("workflow")
        if not isinstance(said, dict):
            return NOBODY
        return cls(str(said.get("id", "")), str(said.get("name", "")), frozenset(map(str, said.get("roles", ()))))


NOBODY = User()


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be done with a secret at its hosts. Empty: anything, by anybody."""

    methods: frozenset[str] = frozenset()
    paths: tuple[str, ...] = ()
    """Prefixes, by whole segments: ``/v1/videos`` has ``/v1/videos/7`` in it, and not ``/v1/videos-admin``."""
    workflows: frozenset[str] = frozenset()
    """Names or ids."""
    roles: frozenset[str] = frozenset()

    def fault(self, user: User, method: str, path: str, headers: Mapping[str, str]) -> tuple[str, str] | None:
        """Return which of the lists forbids a use, and the rest of a sentence that says so; None if none does.

        ``path``: with placeholders in the place of secrets.
        """
        if (self.workflows or self.roles) and not ({user.id, user.name} & self.workflows or user.roles & self.roles):
            lists = [suffix for suffix, names in ((WORKFLOWS, self.workflows), (ROLES, self.roles)) if names]
            return " or ".join(lists), f"must not be used by the workflow {user.name or 'of this step'}"
        names = {name.lower() for name in headers}
        if self.methods and (method not in self.methods or names & OVERRIDES):
            return METHODS_OF, f"must not be sent with {method if method not in self.methods else 'another method'}"
        if self.paths and (names & REWRITES or not any(_is_below(path, prefix) for prefix in self.paths)):
            return PATHS, f"must not be sent to the path {path[:100]}"
        return None


def read_limits(environment: Mapping[str, str], key: str) -> Limits:
    """Read the limits of the secret in a variable. Raises ``SettingsError`` for what no request can meet."""
    methods = frozenset(word.upper() for word in words_in(environment, key + METHODS_OF))
    if odd := sorted(methods.difference(METHODS)):
        raise SettingsError(f"{key}{METHODS_OF} has {odd[0][:20]}: it must name some of {', '.join(METHODS)}.")
    paths = words_in(environment, key + PATHS)
    if any(not path.startswith("/") or _has_dots(path) for path in paths):
        raise SettingsError(f"{key}{PATHS} must name prefixes of paths such as /v1/videos, without dots as segments.")
    return Limits(
        methods,
        tuple(paths),
        frozenset(words_in(environment, key + WORKFLOWS)),
        frozenset(word.lower() for word in words_in(environment, key + ROLES)),
    )


def words_in(environment: Mapping[str, str], name: str) -> list[str]:
    """Return the items of a comma-separated variable."""
    return [word.strip() for word in environment.get(name, "").split(",") if word.strip()]


def is_limit(environment: Mapping[str, str], key: str) -> bool:
    """Return whether a variable limits another secret, and is none itself: a secret may be called ``…_PATHS``."""
    return key.endswith(HOSTS) or any(
        key.endswith(suffix) and key.removesuffix(suffix) in environment for suffix in LIMITS
    )


def _is_below(path: str, prefix: str) -> bool:
    """Return whether a path is one that a prefix allows, however a server reads it."""
    if _has_dots(path):
        return False
    return path == prefix or path.startswith(prefix if prefix.endswith("/") else f"{prefix}/")


def _has_dots(path: str) -> bool:
    """Return whether a server may read a path as leading up, or as another one than it looks."""
    for _ in range(MOST_DECODED):
        decoded = unquote(path)
        if decoded == path:
            break
        path = decoded
    else:
        return True
    return "\\" in path or any(re.fullmatch(r"\.{1,2}(?:;.*)?", part) is not None for part in path.split("/"))
