"""The chain of hashes: pure, so that an exported file can be checked as the table is.

An entry's hash is SHA-256 of its fields as JSON with sorted names, without spaces, in ASCII. Among the fields are its
position and the hash of the entry before it, so changing, removing or inserting one shows at the next.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

BEGINNING = bytes(32)
"""What the first entry has in place of a hash before it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as it is stored. Without position, previous and hash, it has not joined the chain yet."""

    id: int
    at: datetime
    actor: str
    action: str
    target: str
    user_id: UUID | None
    details: dict[str, Any]
    request_id: str | None
    position: int | None = None
    previous: bytes | None = None
    hash: bytes | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """An entry's place in the chain."""

    id: int
    position: int
    previous: bytes
    hash: bytes


def fields_of(entry: Entry, position: int | None, previous: bytes | None) -> dict[str, Any]:
    """Return what is hashed, as an export shows it."""
    return {
        "position": position,
        "previous": previous.hex() if previous is not None else None,
        "id": entry.id,
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": entry.actor,
        "action": entry.action,
        "target": entry.target,
        "user_id": str(entry.user_id) if entry.user_id else None,
        "details": entry.details,
        "request_id": entry.request_id,
    }


def exported(entry: Entry) -> dict[str, Any]:
    """Return an entry as a line of an export: what is hashed, and the hash."""
    return {**fields_of(entry, entry.position, entry.previous), "hash": entry.hash.hex() if entry.hash else None}


def entry_of(line: dict[str, Any]) -> Entry:
    """Return an entry from a line of an export. Raises ``ValueError``, ``KeyError`` or ``TypeError``."""
    return Entry(
        id=line["id"],
        at=datetime.fromisoformat(line["at"]),
        actor=line["actor"],
        action=line["action"],
        target=line["target"],
        user_id=UUID(line["user_id"]) if line["user_id"] else None,
        details=line["details"],
        request_id=line["request_id"],
        position=line["position"],
        previous=bytes.fromhex(line["previous"]),
        hash=bytes.fromhex(line["hash"]),
    )


def digest(fields: dict[str, Any]) -> bytes:
    """Return the hash of an entry's fields."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).digest()


def links(entries: list[Entry], position: int, previous: bytes) -> list[Link]:
    """Return the places of entries that join a chain with this end."""
    made = []
    for entry in entries:
        position += 1
        link = Link(entry.id, position, previous, digest(fields_of(entry, position, previous)))
        made.append(link)
        previous = link.hash
    return made
