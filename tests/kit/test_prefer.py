"""``Prefer: wait=30``, as RFC 7240 has it."""

import pytest

from emprops.kit.web.prefer import preferred_wait


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], None),
        (["wait=30"], 30),
        (["WAIT = 30"], 30),
        (['wait="30"'], 30),
        (["respond-async, wait=10"], 10),
        (["wait=10;foo=bar, return=minimal"], 10),
        (["return=minimal", "wait=5"], 5),
        (["wait=5, wait=20"], 5),
        (["wait=0"], 0),
        (["wait=3600"], 60),
        (["wait=99999999999999999999"], None),
        (["wait"], None),
        (["wait=-1"], None),
        (["wait=1.5"], None),
        (["wait=soon"], None),
        (["wait=٣"], None),
        (['foo="a, wait=x"'], None),
        (["awaits=30"], None),
        ([",,;,="], None),
    ],
)
def test_what_a_header_asks_for(headers: list[str], seconds: int | None) -> None:
    assert preferred_wait(headers) == seconds
