"""Checking the chain: pure, over entries in order, from the table or from an export."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from emprops.audit.actions import Action
from emprops.audit.chain import BEGINNING, Entry, digest, fields_of

MAX_PROBLEMS = 100
"""After so many, the others are only counted."""


@dataclass(slots=True)
class Check:
    """What a walk along the chain has found so far."""

    partial: bool = False
    """Whether the entries may begin anywhere, as those of an export may."""
    entries: int = 0
    position: int = 0
    """Of the last entry."""
    hash: bytes = BEGINNING
    first: int = 0
    """Position of the first entry that is there."""
    first_previous: bytes = BEGINNING
    problems: list[str] = field(default_factory=list)
    more: int = 0
    """Problems beyond :data:`MAX_PROBLEMS`."""
    expired: dict[int, str] = field(default_factory=dict)
    """Position through which entries were removed because of their age → the hash of the last of them."""
    _shaky: bool = False
    """Whether the last entry's own hash is wrong, so that the next one's ``previous`` proves nothing more."""

    @property
    def sound(self) -> bool:
        """Return whether nothing was found."""
        return not self.problems

    def walk(self, entries: Iterable[Entry]) -> None:
        """Go on along the chain, with entries in the order of their positions."""
        for entry in entries:
            self._step(entry)

    def finish(self) -> None:
        """Account for what is missing at the front."""
        if not self.partial and self.first > 1 and self.expired.get(self.first - 1) != self.first_previous.hex():
            self.found(
                f"The entries before position {self.first} were removed, and not because of their age."
                if self.first - 1 not in self.expired
                else f"The entry at position {self.first} does not follow the last entry that was removed for its age."
            )

    def _step(self, entry: Entry) -> None:
        if entry.position is None or entry.previous is None or entry.hash is None:
            return
        name = f"The entry at position {entry.position} (id {entry.id})"
        genuine = digest(fields_of(entry, entry.position, entry.previous)) == entry.hash
        if not self.entries:
            self.first, self.first_previous = entry.position, entry.previous
            if entry.position == 1 and entry.previous != BEGINNING:
                self.found(f"{name} claims to follow another one, and is the first.")
        elif entry.position > self.position + 1:
            self.found(_removed(self.position + 1, entry.position - 1))
        elif entry.position <= self.position:
            self.found(f"{name} was inserted: there is another one at that position.")
            return
        elif entry.previous != self.hash and not self._shaky:
            self.found(
                f"The entry at position {self.position} was changed together with its hash, or the one after it was"
                " inserted: they do not follow each other."
            )
        if not genuine:
            self.found(f"{name} was changed.")
        self._shaky = not genuine
        if entry.action == Action.ENTRIES_EXPIRED and genuine:
            self.expired[int(entry.details.get("through", 0))] = str(entry.details.get("hash"))
        self.entries, self.position, self.hash = self.entries + 1, entry.position, entry.hash

    def found(self, problem: str) -> None:
        """Note a problem."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)
        else:
            self.more += 1


def _removed(first: int, last: int) -> str:
    return (
        f"The entry at position {first} was removed." if first == last else f"Entries {first} to {last} were removed."
    )
