"""How lists are printed: to be read on a terminal, and to be cut up by other programs."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from rich.cells import cell_len
from tests.cli.terminal import in_terminal

from emprops.cli.output import show_fields
from emprops.cli.tables import Column, lay_out, show, show_log
from emprops.cli.times import ago

ID, REASON = str(uuid4()), "ComfyUI at 127.0.0.1:8188 is away or broke off (All connection attempts failed)."
COLUMNS = (
    Column("job"),
    Column("machine", rank=2),
    Column("made", ago, right=True, rank=1),
    Column("user"),
    Column("error", least=10),
)
WHEN = datetime(2026, 1, 10, 12, 0, tzinfo=UTC)


def test_other_programs_get_everything_between_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    show(COLUMNS, [(ID, "gpu-1", WHEN, None, REASON)], empty="Nothing.")
    assert capsys.readouterr().out.splitlines() == [
        "job\tmachine\tmade\tuser\terror",
        f"{ID}\tgpu-1\t2026-01-10T12:00:00Z\t\t{REASON}",
    ]


def test_what_others_have_written_is_one_cell_and_steers_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    nasty = "\x1b[31mred\x1b[0m [/bold] [red]\r\nnext\tcell\u202e"
    show((Column("id"), Column("title")), [("1", nasty)], empty="Nothing.")
    heading, row = capsys.readouterr().out.splitlines()
    assert row == "1\t [31mred [0m [/bold] [red]  next cell "
    assert heading == "id\ttitle"


@pytest.mark.parametrize(("width", "left_out"), [(60, ["machine"]), (80, []), (100, []), (200, [])])
def test_a_terminal_gets_lines_that_fit_and_whole_ids(width: int, left_out: list[str]) -> None:
    lines, missing = lay_out(COLUMNS, [[ID, "gpu-1", "3 min ago", "", REASON], [ID, "", "just now", "", ""]], width)
    assert max(map(cell_len, lines)) <= width
    assert [line[:36] for line in lines[1:]] == [ID, ID]
    assert missing == left_out
    assert "user" not in lines[0]  # nobody has one
    assert lines[1].endswith("…" if width < 200 else REASON)


def test_a_terminal_that_is_too_narrow_loses_no_id() -> None:
    lines, missing = lay_out(COLUMNS, [[ID, "gpu-1", "3 min ago", "", REASON]], 20)
    assert lines[1].startswith(f"{ID}  ComfyUI")
    assert missing == ["machine", "made"]


def test_numbers_end_together_and_wide_letters_count_twice() -> None:
    columns = (Column("title", least=6), Column("done", right=True), Column("more"))
    lines, _ = lay_out(columns, [["漢字漢字漢字", "7", "x"], ["ab", "12345", "y"]], 22)
    assert [cell_len(line) for line in lines] == [max(map(cell_len, lines))] + [max(map(cell_len, lines[1:]))] * 2
    assert lines[1].split() == ["漢字漢字…", "7", "x"]
    assert lines[1].index("7") - lines[1].index("x") == lines[2].index("5") - lines[2].index("y")


def test_no_rows_are_a_sentence_that_is_no_data(capsys: pytest.CaptureFixture[str]) -> None:
    show((Column("job"),), [], empty="No jobs yet.")
    assert capsys.readouterr() == ("", "No jobs yet.\n")


def test_one_thing_is_a_line_for_each_field_that_it_has(capsys: pytest.CaptureFixture[str]) -> None:
    show_fields({"job": ID, "error": None, "files": "a\nb", "since": WHEN, "user": ""})
    assert capsys.readouterr().out.splitlines() == [
        f"job    {ID}",
        "files  a",
        "       b",
        "since  2026-01-10T12:00:00Z",
    ]


def test_what_happened_is_a_line_for_each_event(capsys: pytest.CaptureFixture[str]) -> None:
    failed = (WHEN + timedelta(seconds=1), "failed", "It failed:\nno memory")
    show_log([(WHEN, "pending", "Job created"), failed], empty="Nothing.")
    assert capsys.readouterr().out.splitlines() == [
        "time\tstatus\tmessage",
        "2026-01-10T12:00:00Z\tpending\tJob created",
        "2026-01-10T12:00:01Z\tfailed\tIt failed: no memory",
    ]


def test_a_real_terminal(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "from datetime import UTC, datetime\n"
        "from tests.cli.test_tables import COLUMNS, ID, REASON, WHEN, show, show_log\n"
        "show(COLUMNS, [(ID, 'gpu-1', datetime.now(UTC), None, REASON)], empty='Nothing.')\n"
        "show_log([(WHEN, 'failed', REASON)], empty='Nothing.')\n"
    )
    root = str(Path(__file__).parents[2])
    lines = in_terminal(str(program), env={"PYTHONPATH": root, "TZ": "UTC"}, command=(sys.executable,))
    heading, row, *log = lines
    assert heading.split() == ["job", "machine", "made", "error"]
    assert row[36:57] == "  gpu-1    just now  "
    assert max(map(len, lines)) <= 80
    assert [line[:21].strip() for line in log] == ["2026-01-10 12:00:00", ""]
    assert " ".join(line[21:] for line in log) == REASON
