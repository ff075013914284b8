"""How lists are printed: to be read on a terminal, and to be cut up by other programs."""

from uuid import uuid4

import pytest

from emprops.cli.tables import show, table

ID, REASON = str(uuid4()), "ComfyUI at 127.0.0.1:8188 is away or broke off (All connection attempts failed)."


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    rows = table("job", "name", "result", "error", "more")
    rows.add_row(ID, "A name of some length", REASON, REASON, REASON)
    show(rows, "Nothing.")
    return capsys.readouterr().out.splitlines()


def test_a_pipe_gets_one_line_for_each_row(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    (line,) = [line for line in printed(capsys) if ID in line]
    assert line.count(REASON) == 3


def test_a_terminal_gets_folded_texts_and_whole_ids(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # says that the output is a terminal
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "80")
    lines = printed(capsys)
    assert max(map(len, lines)) <= 80
    assert any(line.strip().startswith(ID) for line in lines)


def test_no_rows_are_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    show(table("job"), "No jobs yet.")
    assert capsys.readouterr().out == "No jobs yet.\n"
