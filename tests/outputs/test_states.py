"""The tables of states of outputs and decks, and the matching of files to outputs."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emprops.decks.states import DECK_TRANSITIONS, DeckStatus
from emprops.kit.ids import new_id
from emprops.media.file_store import FileRow
from emprops.outputs.results import JobOutput, match_results
from emprops.outputs.states import (
    BRING_BACK,
    FAIL,
    FINISH,
    OUTPUT_TRANSITIONS,
    REOPEN,
    REPLACE,
    START,
    VISIBLE,
    OutputStatus,
)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("pending", "processing"),
        ("pending", "completed"),
        ("pending", "failed"),
        ("processing", "completed"),
        ("processing", "failed"),
        ("failed", "completed"),
        ("failed", "pending"),
        ("completed", "completed"),
        ("completed", "hidden"),
        ("failed", "hidden"),
        ("pending", "hidden"),
        ("processing", "hidden"),
    ],
)
def test_output_may(before: str, after: str) -> None:
    assert after in OUTPUT_TRANSITIONS[OutputStatus(before)]


def test_only_an_owner_brings_back_what_is_hidden_and_success_never_regresses() -> None:
    assert OutputStatus.HIDDEN in BRING_BACK
    assert BRING_BACK.isdisjoint(START | FINISH | REPLACE | FAIL | REOPEN | VISIBLE)
    assert OUTPUT_TRANSITIONS[OutputStatus.COMPLETED] == {OutputStatus.COMPLETED, OutputStatus.HIDDEN}
    assert OutputStatus.PROCESSING not in OUTPUT_TRANSITIONS[OutputStatus.FAILED]


@pytest.mark.parametrize(
    ("after", "sources"),
    [
        (OutputStatus.PENDING, REOPEN),
        (OutputStatus.PROCESSING, START),
        (OutputStatus.COMPLETED, REPLACE),
        (OutputStatus.FAILED, FAIL),
        (OutputStatus.HIDDEN, VISIBLE),
    ],
)
def test_statements_start_from_what_the_table_allows(after: OutputStatus, sources: frozenset[OutputStatus]) -> None:
    leading = {before for before, following in OUTPUT_TRANSITIONS.items() if after in following}
    assert sources == leading - BRING_BACK
    assert FINISH < REPLACE


def test_deck_leaves_the_archive_as_active_only() -> None:
    archived = DECK_TRANSITIONS[DeckStatus.ARCHIVED]
    assert archived == {DeckStatus.ACTIVE, DeckStatus.ARCHIVED}
    for before in set(DeckStatus) - {DeckStatus.ARCHIVED}:
        assert DECK_TRANSITIONS[before] == set(DeckStatus)


# --- files to outputs

FILES = st.lists(st.integers(1, 6), unique=True, max_size=4)


def a_file(number: int) -> FileRow:
    return FileRow(id=number, url=f"http://x/{number}.png", mime_type="image/png")


@st.composite
def endings(draw: st.DrawFn) -> tuple[list[JobOutput], dict[int, list[FileRow]], set[int]]:
    """Outputs of up to three generations in any states, files for some of them, and files that others show."""
    files = {
        generation: [a_file(generation * 10 + number) for number in draw(FILES)]
        for generation in draw(st.sets(st.integers(0, 3)))
    }
    outputs = []
    for generation in range(3):
        urls = [file.url for file in files.get(generation, ())] + ["http://elsewhere/a.png", None]
        for url in draw(st.lists(st.sampled_from(urls), max_size=3)):
            states = [OutputStatus.COMPLETED, OutputStatus.HIDDEN] if url else list(OutputStatus)
            outputs.append(JobOutput(new_id(), generation, draw(st.sampled_from(states)), None, url))
    everything = [file.id for results in files.values() for file in results if file.id is not None]
    elsewhere = draw(st.sets(st.sampled_from(everything))) if everything else set()
    return outputs, files, elsewhere


@given(endings())
def test_each_file_is_shown_once_and_nothing_stays_open(
    ending: tuple[list[JobOutput], dict[int, list[FileRow]], set[int]],
) -> None:
    outputs, files, elsewhere = ending
    plan = match_results(outputs, files, elsewhere)
    shown = [file.id for _, file in plan.complete + plan.further]
    assert len(shown) == len(set(shown))
    assert not elsewhere.intersection(shown)
    assert not {output.url for output in outputs}.intersection(file.url for _, file in plan.complete + plan.further)
    changed = [output.id for output in [o for o, _ in plan.complete] + plan.give_up + plan.empty]
    assert len(changed) == len(set(changed))
    assert {output.id for output in outputs if output.status in FAIL} <= set(changed)
    assert all(output.status in FINISH for output, _ in plan.complete)
    assert all(output.generation in files and file in files[output.generation] for output, file in plan.complete)
    with_outputs = {output.generation for output in outputs}
    assert {output.generation for output, _ in plan.further} <= with_outputs


@given(endings())
def test_carrying_a_plan_out_leaves_nothing_to_plan(
    ending: tuple[list[JobOutput], dict[int, list[FileRow]], set[int]],
) -> None:
    outputs, files, elsewhere = ending
    plan = match_results(outputs, files, elsewhere)
    completed = {output.id: file.url for output, file in plan.complete}
    after: dict[UUID, str] = {output.id: output.status for output in outputs}
    after |= dict.fromkeys(completed, "completed")
    after |= {output.id: "hidden" for output in plan.give_up}
    after |= {output.id: "failed" for output in plan.empty}
    then = [
        JobOutput(output.id, output.generation, after[output.id], None, completed.get(output.id, output.url))
        for output in outputs
    ]
    then += [JobOutput(new_id(), output.generation, "completed", None, file.url) for output, file in plan.further]
    again = match_results(then, files, elsewhere)
    assert (again.complete, again.further, again.give_up, again.empty) == ([], [], [], [])
