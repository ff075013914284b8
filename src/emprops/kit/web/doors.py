"""Doors: paths that speak another API than our own, for clients that people already have. A request that fails behind
one, in whatever layer, gets a failure in the form of that API, see ``kit/web/envelope.py``."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Scope

from emprops.kit.web.parts import Part

API = "/api"


@dataclass(frozen=True, slots=True)
class Failed:
    """A failure, as our own API tells of it."""

    path: str
    status: int
    code: str
    sentence: str
    extra: Mapping[str, Any]
    """Further keys of our envelope."""
    request_id: str


@dataclass(frozen=True, slots=True)
class Told:
    """A failure in the words of another API."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    """In addition to those that the failure has anyway."""


@dataclass(frozen=True, slots=True)
class Door:
    """One other API."""

    prefix: str
    """Of its paths, without ``/api`` in front, such as ``/v2``; nothing of our own is below it."""
    translate: Callable[[Failed], Told]


KEY_WANTED = "Send an API key of this installation, as the header 'Authorization: Bearer <key>'."


def sentence_of(failed: Failed) -> str:
    """Return what to tell people who use another API: of our header for the caller they know nothing."""
    return KEY_WANTED if failed.status == 401 and "user_id" in failed.sentence else failed.sentence


DOORS: Part[Sequence[Door]] = Part("doors")


def door_of(path: str, doors: Sequence[Door]) -> Door | None:
    """Return the door that a path is behind; None: it is our own API's."""
    plain = path[len(API) :] if path.startswith(f"{API}/") else path
    return next((door for door in doors if f"{plain}/".startswith(f"{door.prefix}/")), None)


def translated(failed: Failed, scope: Scope) -> Told | None:
    """Return a failure as the API tells of it that the request is for; None: that is our own."""
    app = scope.get("app")
    door = None if app is None else door_of(failed.path, getattr(app.state, DOORS.name, ()))
    return None if door is None else door.translate(failed)
