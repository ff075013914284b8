"""Who is calling."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Caller:
    """The principal of a request: a user, or a service (which may speak for a user)."""

    user_id: UUID | None
    is_service: bool = False
    scopes: frozenset[str] = frozenset()
