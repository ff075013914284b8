"""The contact sheet in the documentation can be made, and shows what its prompts say."""

from pathlib import Path

import numpy as np
from PIL import Image
from tests.connectors.contract import make_ticket
from tools.contact_sheet import CAPTION, COLUMNS, GAP, PROMPTS, SIDE, picture

from emprops.connectors.local_engine.image import plan_image

PICTURES = Path(__file__).parents[3] / "docs" / "pictures"


def test_the_contact_sheet_is_what_the_command_makes() -> None:
    assert len(set(PROMPTS)) == 24
    assert len(PROMPTS) % COLUMNS == 0
    with Image.open(PICTURES / "contact-sheet.jpg") as stored:
        assert stored.size == (GAP + COLUMNS * (SIDE + GAP), GAP + len(PROMPTS) // COLUMNS * (SIDE + CAPTION))
        place = (GAP, GAP, GAP + SIDE, GAP + SIDE)
        difference = np.abs(np.asarray(stored.crop(place), float) - np.asarray(picture(PROMPTS[0], SIDE), float))
    assert difference.mean() < 8, "the engine draws something else now: run `make pictures`"
    assert (PICTURES / "contact-sheet.jpg").stat().st_size < 600_000


def test_nothing_on_it_is_left_out() -> None:
    plans = [plan_image(make_ticket("local_image", {"prompt": prompt})) for prompt in PROMPTS]
    assert all(plan.left_out == [] for plan in plans)
    assert [plan.text for plan in plans if plan.text] == ["a fox", "a cat riding a bicycle", "Grand opening on Friday"]
