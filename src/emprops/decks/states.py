"""The states of a deck, what each allows, and who may change them. Pure.

::

              ┌────────────────────────────────────────────┐
              ▼                                            │
           active ◄────────► published ◄────────► locked   │ unarchive
              │                  │                  │      │
              └──────────────────┴──────────────────┴──► archived

    PATCH moves freely between active, published and locked; all of them may be archived; an archived deck only comes
    back as active, so publishing and locking refuse it. Repeating a transition changes nothing.

=========  ==================  =====================  ==================  ==========================
state      chosen by itself    takes named additions  lets outputs go     readable by
=========  ==================  =====================  ==================  ==========================
active     yes (the newest)    yes                    yes                 its owner
published  no                  yes                    yes                 every caller with the id
locked     no                  no                     no                  its owner
archived   no                  no                     yes                 its owner
=========  ==================  =====================  ==================  ==========================

An output may be hidden in any deck: withdrawing what one made is always possible.

Every write is one conditional ``UPDATE`` on these sets; adding outputs is one too, so it cannot overtake a lock.
"""

from enum import StrEnum
from typing import Final


class DeckStatus(StrEnum):
    """Status of a deck."""

    ACTIVE = "active"
    ARCHIVED = "archived"
    PUBLISHED = "published"
    LOCKED = "locked"


DECK_TRANSITIONS: Final = {
    DeckStatus.ACTIVE: frozenset(DeckStatus),
    DeckStatus.PUBLISHED: frozenset(DeckStatus),
    DeckStatus.LOCKED: frozenset(DeckStatus),
    DeckStatus.ARCHIVED: frozenset({DeckStatus.ACTIVE, DeckStatus.ARCHIVED}),
}
"""Status → statuses that may follow."""


def sources_of(after: DeckStatus) -> frozenset[DeckStatus]:
    """Return the statuses from which one may be reached."""
    return frozenset(before for before, following in DECK_TRANSITIONS.items() if after in following)


TAKES_NAMED: Final = frozenset({DeckStatus.ACTIVE, DeckStatus.PUBLISHED})
"""Accept outputs when the request names the deck."""
LETS_GO: Final = frozenset(DeckStatus) - {DeckStatus.LOCKED}
"""Let outputs be moved elsewhere; docs/decisions/0011-locked-decks.md."""
TAKES_ANY: Final = frozenset({DeckStatus.ACTIVE})
"""Are chosen when no deck is named."""
SHARED: Final = frozenset({DeckStatus.PUBLISHED})
"""Readable by callers other than the owner."""
