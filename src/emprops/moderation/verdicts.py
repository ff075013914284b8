"""What is asked, and what the answer may be. Pure.

Over HTTP the question is the JSON of :meth:`Question.to_json`, and the answer ``{"verdict": "allow"}``, or ``block`` or
``review`` with a ``reason``: one sentence, which the user is shown.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from emprops.assets.references import asset_in

Stage = Literal["start", "results"]
STAGES: Final[tuple[Stage, ...]] = ("start", "results")
VERDICTS: Final = ("allow", "block", "review")
MAX_TEXT: Final = 200_000
"""Characters of all texts of a question together; what comes later is left out, and the question says so."""
MAX_FILES: Final = 256
MAX_REASON: Final = 500
BLOCKED: Final = "This is not allowed here."
HELD: Final = "Somebody has to look at this first."
TOO_MUCH: Final = "This is more than can be checked at once, so somebody has to look at it first."
_ENCODED: Final = re.compile(r"data:[^,\s]{0,200};base64,[A-Za-z0-9+/=_-]*")


class NoVerdictError(ValueError):
    """An answer is no verdict; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be judged."""

    stage: Stage
    user_id: UUID
    collection_id: UUID | None
    variables: Mapping[str, Any]
    """As the user sent them."""
    texts: tuple[str, ...]
    """Of a start, the texts of all steps as they will be run; of results, the texts that were made."""
    files: tuple[str, ...]
    """URLs: of a start, of the files that go in; of results, of those that were made."""
    job_id: UUID | None = None
    """Of results, and of a retry."""
    whole: bool = True
    """Whether the texts and files are all there are."""

    def to_json(self) -> dict[str, Any]:
        """Return the question as it is sent."""
        return {
            "stage": self.stage,
            "user_id": str(self.user_id),
            "collection_id": self.collection_id and str(self.collection_id),
            "job_id": self.job_id and str(self.job_id),
            "variables": dict(self.variables),
            "texts": list(self.texts),
            "files": list(self.files),
            "whole": self.whole,
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer. ``reason`` is a sentence, empty if it is allowed."""

    kind: Literal["allow", "block", "review"]
    reason: str = ""


ALLOWED: Final = Verdict("allow")


@dataclass(frozen=True, slots=True)
class Cleared:
    """What may start. ``state`` is what has to be decided later (``job.moderation``)."""

    state: Literal["start_review", "results"] | None = None
    reason: str = ""
    """Why somebody has to look at the start first."""
    origin: str | None = None
    """What the start that was checked is made from; None: it was not checked, or is a retry, which keeps its steps."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the caller is told."""
        return (f"This is held for review. {self.reason}",) if self.state == "start_review" else ()


NOTHING_TO_CHECK: Final = Cleared()


def read_verdict(answer: Any) -> Verdict:
    """Read an answer. Raises :class:`NoVerdictError`."""
    kind = answer.get("verdict") if isinstance(answer, Mapping) else None
    if kind not in VERDICTS:
        raise NoVerdictError(f"the verdict must be {', '.join(VERDICTS[:-1])} or {VERDICTS[-1]}")
    if kind == "allow":
        return ALLOWED
    reason = answer.get("reason")
    text = " ".join(reason.split())[:MAX_REASON] if isinstance(reason, str) else ""
    return Verdict(kind, text or (BLOCKED if kind == "block" else HELD))


class Seen(NamedTuple):
    """What there is to judge in some values."""

    texts: tuple[str, ...]
    files: tuple[str, ...]
    whole: bool
    """Whether nothing was left out."""


def seen_in(values: Iterable[Any]) -> Seen:
    """Return the texts and the URLs that are anywhere in these values, each once, in order; of too much, the
    beginning."""
    texts: dict[str, None] = {}
    files: dict[str, None] = {}
    room, whole = MAX_TEXT, True
    for text in _strings(values):
        if asset_in(text) or (text.startswith(("http://", "https://", "/files/")) and len(text.split()) == 1):
            files.setdefault(text)
        elif text.strip() and text not in texts and not _ENCODED.fullmatch(text):
            whole = whole and len(text) <= room
            if room > 0:
                texts[text[:room]] = None
                room -= len(text)
    return Seen(tuple(texts), tuple(files)[:MAX_FILES], whole and len(files) <= MAX_FILES)


def _strings(values: Iterable[Any]) -> Iterable[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            yield from _strings(value.values())
        elif isinstance(value, (list, tuple)):
            yield from _strings(value)
