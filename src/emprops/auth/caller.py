"""Who is calling."""

from dataclasses import dataclass
from uuid import UUID

SERVICE = "service"
"""Scope of a key that may do what a service may: read every object, report outcomes, grant, transfer, act for users."""
WORKER = "worker"
"""Scope of a key that may only fetch and report work."""
READ = "read"
"""Scope of a key that may only read: what its owner may, or everything if it has none."""
SCOPES = (SERVICE, WORKER, READ)

AUTHOR = "author"
"""Role of a user who makes workflows, projects and collections."""
VIEWER = "viewer"
"""Role of a user who reads how the installation does: metrics, the queue, the demand for workers."""
OPERATOR = "operator"
"""Role of a user who runs the installation: what a service may do, but for acting as users. Also author and viewer."""
ROLES = (AUTHOR, OPERATOR, VIEWER)


@dataclass(frozen=True, slots=True)
class Caller:
    """The principal of a request: a user, or a service (which may speak for a user)."""

    user_id: UUID | None
    """None: a service that speaks for no user. What it changes may be anybody's."""
    is_service: bool = False
    """Whether every user's objects are this caller's business. Changing them takes the scope ``service``."""
    scopes: frozenset[str] = frozenset()
    """Scopes of the API key that came with the request; ``read`` of a session that may only read; else empty."""
    roles: frozenset[str] = frozenset()
    """Roles that the caller's token or session names; more may have been granted, see ``roles.py``."""
    key_id: UUID | None = None
    """The API key that came with the request."""
    key_prefix: str = ""
    """The public part of that key, which no other key has."""
    session_id: UUID | None = None
    """The session whose cookie came with the request."""
    believed: bool = False
    """Whether nothing but a ``user_id`` header says who it is."""

    @property
    def principal(self) -> str:
        """Who chose what came with the request: the user, or the service's key and whom it speaks for."""
        return f"user:{self.user_id}" if self.key_id is None else f"key:{self.key_id}:{self.user_id or ''}"

    @property
    def actor(self) -> str:
        """Name the caller in the audit log."""
        user = f"user:{self.user_id}"
        if self.key_id is None:
            return user
        return f"key:emp_{self.key_prefix}" + (f" as {user}" if self.user_id else "")


def may_touch(caller: Caller, owner: UUID | None) -> bool:
    """Whether an object is the caller's business; None: there is no such object."""
    return owner is not None and (caller.is_service or owner == caller.user_id)
