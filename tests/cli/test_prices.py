"""How commands print a price."""

from typing import Any

import pytest

from emprops.cli.prices import price_line

FLAT = {"name": "draw", "price": 0.25, "why": "flat"}
CHAT = {"name": "chat", "price": 0.25, "why": "total_tokens at 0.000002 each, at most 0.25"}
MANY = [{"name": f"step {n}", "price": n, "why": "flat"} for n in range(7)]


@pytest.mark.parametrize(
    ("price", "line"),
    [
        ({"price": 0, "least": 0, "collection": 0, "steps": [FLAT | {"price": 0}]}, "0 credits"),
        ({"price": 0.25, "least": 0.25, "collection": 0, "steps": [FLAT]}, "0.25 credits: draw 0.25 (flat)"),
        (
            {"price": 0.6, "least": 0.6, "collection": 0.1, "steps": [FLAT, FLAT]},
            "0.6 credits: collection 0.1, 2 x draw 0.25 (flat)",
        ),
        (
            {"price": 0.25, "least": 0, "collection": 0, "steps": [CHAT]},
            "at most 0.25 credits: chat 0.25 (total_tokens at 0.000002 each, at most 0.25)",
        ),
        (
            {
                "state": "captured",
                "price": 0.25,
                "least": 0,
                "charged": 0.000002,
                "collection": 0,
                "steps": [CHAT | {"charged": 0.000002}],
            },
            "0.000002 credits captured: chat 0.000002 (total_tokens at 0.000002 each, at most 0.25)",
        ),
        (
            {"price": 21, "least": 21, "collection": 0, "steps": MANY},
            "21 credits: step 1 1 (flat), step 2 2 (flat), step 3 3 (flat), step 4 4 (flat), 2 more",
        ),
        (
            {"price": 1, "least": 1, "collection": 0, "steps": [{"name": "a\x1b[2J\nb", "price": 1, "why": "flat"}]},
            "1 credits: a [2J b 1 (flat)",
        ),
    ],
)
def test_a_price_is_one_line(price: dict[str, Any], line: str) -> None:
    assert price_line(price) == line
