"""Who may call a route: the rows of ``route_table.py``."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Who:
    """The status that each caller gets."""

    nobody: int
    owner: int
    other: int
    service: int

    def but(self, **changes: int) -> "Who":
        """The same with other statuses: ``OWN.but(owner=201)``."""
        return Who(**{**vars(self), **changes})


PUBLIC = Who(nobody=200, owner=200, other=200, service=200)
"""Anybody may, known or not."""
USER = Who(nobody=401, owner=200, other=200, service=401)
"""Every user, for oneself; a service must say for whom."""
KNOWN = Who(nobody=401, owner=200, other=200, service=200)
"""Every known caller, and all get the same."""
OWN = Who(nobody=401, owner=200, other=404, service=200)
"""The owner of the object, and services; for others it does not exist."""
OWN_AS_USER = Who(nobody=401, owner=200, other=404, service=401)
"""The same, but a service must say for whom."""
SERVICE = Who(nobody=401, owner=401, other=401, service=200)
"""Services only."""
WORKER = Who(nobody=401, owner=401, other=401, service=403)
"""Workers on other machines only. Every route without this mark, a public one aside, refuses a worker's key."""
OPERATOR = Who(nobody=401, owner=403, other=403, service=200)
"""Who runs the installation; users are known, and it is not for them without the role that the row names."""

ROLES = ("", "author", "viewer", "operator")
"""The roles of four users to whom nothing of the world belongs; the first has none."""
SESSION_ROLES = ("user", "viewer", "operator")
"""The roles of sessions."""


@dataclass(frozen=True)
class Row:
    """A route, who may call it, and what a good request to it looks like."""

    method: str
    path: str
    who: Who
    body: Any = None
    query: str = ""
    fills: dict[str, str] = field(default_factory=dict)
    role: str = ""
    """What users need to be. Owner and other are authors; everybody without it gets 403."""

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    def stranger_gets(self, role: str) -> int:
        """The status that a user with this role gets to whom the objects do not belong.

        Default deny: a role opens the rows that name it, those of ``operator`` open all rows that name one, and for
        every other row an operator is a user like another.
        """
        if self.role and role not in (self.role, "operator"):
            return 403
        return self.who.service if self.role in ("viewer", "operator") else self.who.other

    def session_gets(self, role: str, *, reads: bool) -> int:
        """The status that a session of this role gets. ``reads``: whether the request changes nothing."""
        if self.name == "POST /session":
            return 401  # it takes what is sent for the request, and no cookie
        if role == "viewer" and not reads and self.who.nobody == 401 and self.who not in (SERVICE, WORKER):
            return 403
        return self.stranger_gets("" if role == "user" else role)


def row(method: str, path: str, who: Who, *, body: Any = None, query: str = "", role: str = "", **fills: str) -> Row:
    return Row(method, path, who, body, query, fills, role)


def author_row(method: str, path: str, who: Who, **more: Any) -> Row:
    """A route for users with the role author."""
    return row(method, path, who, role="author", **more)


def viewer_row(method: str, path: str, **more: Any) -> Row:
    """A route that shows what operators see."""
    return row(method, path, more.pop("who", OPERATOR), role="viewer", **more)


def operator_row(method: str, path: str, **more: Any) -> Row:
    """A route for those who run the installation."""
    return row(method, path, more.pop("who", OPERATOR), role="operator", **more)
