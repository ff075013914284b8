"""The shapes of replies about users' roles."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import ConfigDict

from emprops.kit.web.schema import Schema

RoleName = Literal["author", "operator", "viewer"]


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
