"""Which small pictures are signed with the file that they show."""

import pytest

from emprops.media.result_links import result_links_from
from emprops.media.storage import public_url
from emprops.settings import Settings

SETTINGS = Settings(mode="test", result_links="signed")
JOB, STEP, OTHER = "01a23100-0000-7000-8000-000000000001", "01a23100-0000-7000-8000-00000000000a", "01a23100-b"
RESULT = f"generations/{JOB}/{STEP}-1-0123abcd-0.mp4"
OLD = f"generations/{JOB}/{STEP}/1-0123abcd-0.mp4"
IMPORT = f"imports/{STEP}/aa.mp4"


def signs(key: str, small: str) -> bool:
    _, named = result_links_from(SETTINGS).of_output(public_url(SETTINGS, key), public_url(SETTINGS, small), 1)
    return "?expires=" in str(named)


@pytest.mark.parametrize(
    ("key", "small"),
    [
        (RESULT, f"thumbnails/{RESULT}.webp"),
        (RESULT, f"generations/{JOB}/{STEP}-1-0123abcd-1.webp"),
        (OLD, f"generations/{JOB}/{STEP}/1-0123abcd-1.webp"),
        (IMPORT, f"imports/{STEP}/aa-small.webp"),
    ],
)
def test_what_the_same_maker_stored_is_signed(key: str, small: str) -> None:
    assert signs(key, small)


@pytest.mark.parametrize(
    ("key", "small"),
    [
        (RESULT, f"thumbnails/{OLD}.webp"),
        (RESULT, f"generations/{JOB}/{STEP}-2-4567abcd-0.webp"),
        (RESULT, f"generations/{JOB}/{OTHER}-1-0123abcd-0.webp"),
        (OLD, f"generations/{JOB}/{STEP}/2-4567abcd-0.webp"),
        (IMPORT, f"imports/{STEP[:-1]}b/aa.webp"),
        ("generations/a.png", "generations/b.png"),
        ("generations/a.png", "c.png"),
    ],
)
def test_files_of_other_runs_and_imports_are_not(key: str, small: str) -> None:
    assert not signs(key, small)
