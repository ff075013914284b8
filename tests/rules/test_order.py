"""The files that begin first are there: a name that is gone would speed up nothing."""

from pathlib import Path

from tests.order import LONG

ROOT = Path(__file__).parents[2]


def test_the_files_that_begin_first_exist() -> None:
    assert [name for name in LONG if not (ROOT / name).is_file()] == []
