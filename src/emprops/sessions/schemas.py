"""The shapes of requests and replies about sessions."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from emprops.kit.web.schema import Schema
from emprops.sessions.queries import SessionDetail
from emprops.sessions.ways import SessionRole, Way


class SignInBody(Schema):
    """How to sign in, if not by a key or token in the headers."""

    ticket: str | None = Field(default=None, min_length=1, max_length=100)
    """What a link has after `#ticket=`; with it, nothing else is needed."""
    role: SessionRole | None = None
    """To be less than one might: `viewer` looks only, `user` does not run the installation. `operator`: for a key that
    speaks for a user, to be more. Without it, what the way in says."""


class SessionView(Schema):
    """A session, without what makes it one."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    user_id: UUID
    """Who signed in."""
    role: SessionRole
    """What the way in made of the user; roles that were granted come on top of it."""
    reads_only: bool
    """Whether it may change nothing."""
    way: Literal["local", "key", "token", "link", "oidc"]
    """How it was made."""
    made_by: str
    """Who vouched for the user: a user, a key, or who was at the terminal."""
    name: str
    """What the identity provider calls the user; may be empty."""
    email: str
    """The user's address there; may be empty."""
    user_agent: str
    """Browser and system, as `Firefox on Linux`; may be empty."""
    created_at: datetime
    last_seen_at: datetime
    """When it was used last, to the minute."""
    expires_at: datetime
    """When it ends if it is not used again."""
    current: bool = False
    """Whether this request came with it."""


def view_of(session: SessionDetail, current: UUID | None) -> SessionView:
    """Show a session; ``current`` is the one that the request came with."""
    view = SessionView.model_validate(session)
    view.current = session.id == current
    return view


class SignInView(Schema):
    """Whether one is signed in, and how to."""

    signed_in: bool
    """Whether this request has a known caller."""
    ways: list[Way]
    """How to sign in here, the easiest first. `local`: without anything, as this is the user's own machine."""
    session: SessionView | None
    """The session that this request came with; null without one, also of those who are known by other means."""


class EndedSessionView(Schema):
    """A session that was revoked. It works for 15 seconds more at most."""

    id: UUID
    user_id: UUID
    """Who was signed in."""


class SignInFeatures(Schema):
    """What is switched on."""

    ways: list[Way]
    """How to sign in here."""
    mux: bool
    """Whether videos are played by Mux."""
    moderation: bool
    """Whether a service or a plugin judges what is asked for and made."""
    credits: bool
    """Whether generations cost credits."""
    presigned_uploads: bool
    """Whether large assets may go to the bucket directly."""
    open_catalog: bool
    """Whether users may add models and custom nodes."""


class CallerLimits(Schema):
    """Limits of requests. What one may have at once is under `GET /me/limits`."""

    asset_bytes: int
    """Largest asset."""
    body_bytes: int
    """Largest JSON body."""
    workflow_file_bytes: int
    """Largest file in which a workflow is looked for."""
    requests_a_minute: int
    """Requests of one user; 0: no limit."""
    generations_a_minute: int
    """Of those, requests that start work; 0: no limit."""
    wait_seconds: float
    """Longest wait for a job in one call."""
    user_priority: int
    """Highest priority that users get."""


class CallerView(Schema):
    """Who is calling, as the api sees it."""

    user_id: UUID | None
    """The user, or whom a service speaks for."""
    role: SessionRole
    """The highest of the roles: `operator`, `viewer`, else `user`."""
    roles: list[Literal["author", "operator", "viewer"]]
    """What the caller may do other than generate."""
    scopes: list[str]
    """Scopes of the API key that came with the request; `read` of a session that may only read."""
    reads_only: bool
    """Whether the caller may change nothing."""
    name: str = Field(examples=["Anna"])
    """What the identity provider calls the user; may be empty."""
    email: str = Field(examples=["anna@example.com"])
    """The user's address there; may be empty."""
    session: SessionView | None
    """The session that this request came with; null without one."""
    mode: Literal["local", "production", "test"]
    """How the installation tells who calls."""
    version: str
    """The version of the program."""
    features: SignInFeatures
    """What is switched on."""
    limits: CallerLimits
    """Limits of requests."""
