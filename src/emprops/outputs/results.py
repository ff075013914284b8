"""Which file goes to which output when a job ends. Pure."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from emprops.media.files import FileRow
from emprops.outputs.states import FAIL, FINISH


@dataclass(frozen=True, slots=True)
class JobOutput:
    """An output of the job that ends, as it was locked."""

    id: UUID
    generation: int
    status: str
    deck_id: UUID | None


@dataclass(slots=True)
class Plan:
    """What the end of a job does to its outputs."""

    complete: list[tuple[JobOutput, FileRow]] = field(default_factory=list)
    """Outputs that now show this file."""
    further: list[tuple[JobOutput, FileRow]] = field(default_factory=list)
    """Files that need an output of their own, beside this one."""
    give_up: list[JobOutput] = field(default_factory=list)
    """Outputs whose file another output shows already."""
    empty: list[JobOutput] = field(default_factory=list)
    """Open outputs for which there is no file."""


def match_results(
    outputs: Sequence[JobOutput], files: Mapping[int, Sequence[FileRow]], shown_elsewhere: Collection[int]
) -> Plan:
    """Give the n-th file of a generation to its n-th output; files beyond the last output get further ones.

    An output that may not be completed (hidden, or completed before) keeps its file to itself, so that calling this
    again after the plan was carried out plans nothing. A generation without outputs gets none.
    """
    by_generation: dict[int, list[JobOutput]] = defaultdict(list)
    for output in outputs:
        by_generation[output.generation].append(output)
    plan = Plan()
    for generation, members in by_generation.items():
        results = list(files.get(generation, ()))
        for output, file in zip(members, results, strict=False):
            if output.status in FINISH:
                taken = file.id is not None and file.id in shown_elsewhere
                plan.give_up.append(output) if taken else plan.complete.append((output, file))
        plan.empty += [output for output in members[len(results) :] if output.status in FAIL]
        plan.further += [(members[0], file) for file in results[len(members) :] if file.id not in shown_elsewhere]
    return plan
