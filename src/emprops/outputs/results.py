"""Which file goes to which output when a job ends. Pure."""

from collections import defaultdict, deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from emprops.media.file_store import FileRow
from emprops.outputs.states import FAIL, FINISH


@dataclass(frozen=True, slots=True)
class JobOutput:
    """An output of the job that ends, as it was locked."""

    id: UUID
    generation: int
    status: str
    deck_id: UUID | None
    url: str | None = None
    """What it shows already."""
    flat_file_id: int | None = None
    """The row of that file, if it is one of ours."""

    def shows(self, file: FileRow) -> bool:
        """Whether it shows this file already."""
        return self.url == file.url or (file.id is not None and self.flat_file_id == file.id)


@dataclass(slots=True)
class Plan:
    """What the end of a job does to its outputs."""

    complete: list[tuple[JobOutput, FileRow]] = field(default_factory=list)
    """Outputs that now show this file."""
    further: list[tuple[JobOutput, FileRow]] = field(default_factory=list)
    """Files that need separate outputs, next to this one."""
    give_up: list[JobOutput] = field(default_factory=list)
    """Outputs left without a file because outputs outside the job show theirs."""
    empty: list[JobOutput] = field(default_factory=list)
    """Open outputs for which there is no file."""

    def add(self, other: "Plan") -> None:
        """Do what another plan does, too."""
        self.complete += other.complete
        self.further += other.further
        self.give_up += other.give_up
        self.empty += other.empty


def match_results(
    outputs: Sequence[JobOutput], files: Mapping[int, Sequence[FileRow]], shown_elsewhere: Collection[int]
) -> Plan:
    """Assign each generation's files, in order, to its outputs, in order; files left over get further outputs.

    A file that is shown already, here or elsewhere, is given to nobody. An output that was hidden before it showed
    anything, or was completed with something else, still takes one file's place: what its owner decided is not undone
    by showing that file as well. A generation without outputs gets none. Once a plan was carried out, the same call
    plans nothing.
    """
    by_generation: dict[int, list[JobOutput]] = defaultdict(list)
    for output in outputs:
        by_generation[output.generation].append(output)
    plan = Plan()
    for generation, members in by_generation.items():
        _match_generation(plan, members, files.get(generation, ()), shown_elsewhere)
    return plan


def _match_generation(
    plan: Plan, members: Sequence[JobOutput], files: Sequence[FileRow], shown_elsewhere: Collection[int]
) -> None:
    def is_shown(file: FileRow) -> bool:
        return file.id in shown_elsewhere or any(output.shows(file) for output in members)

    left = deque(file for file in files if not is_shown(file))
    taken = any(file.id in shown_elsewhere for file in files)
    for output in members:
        if output.status in FINISH:
            if left:
                plan.complete.append((output, left.popleft()))
            elif taken:
                plan.give_up.append(output)
            elif output.status in FAIL:
                plan.empty.append(output)
        elif left and not any(output.shows(file) for file in files):
            left.popleft()
    plan.further += [(members[0], file) for file in left]
