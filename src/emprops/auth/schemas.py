"""The shapes of replies about callers and their roles."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import ConfigDict

from emprops.kit.web.schema import Schema

RoleName = Literal["author", "operator", "viewer"]


class CallerView(Schema):
    """Who is calling, as the api sees it."""

    user_id: UUID | None
    """The user, or whom a service speaks for."""
    roles: list[RoleName]
    """What the caller may do other than generate."""
    scopes: list[str]
    """Scopes of the API key that came with the request."""


class RoleGrantView(Schema):
    """A role that a user was granted."""

    model_config = ConfigDict(from_attributes=True)

    user_id: UUID
    """The user."""
    role: RoleName
    """`author` makes workflows and collections, `operator` runs the installation, `viewer` reads what they read."""
    granted_at: datetime
    """When it was granted first."""
    granted_by: str
    """The public part of the key that granted it, the id of the operator, or `cli`."""
