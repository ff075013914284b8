"""Ids are UUIDv7: ordered by time, so that indexes grow at one end and ties sort first-in first-out."""

from uuid import UUID

import uuid_utils


def new_id() -> UUID:
    """Make a fresh UUIDv7."""
    return UUID(int=uuid_utils.uuid7().int)
