"""The contact sheet in the documentation can be made, and shows what its prompts say."""

import runpy
from pathlib import Path

from PIL import Image
from tests.connectors.contract import make_ticket

from emprops.connectors.local_engine.image import plan_image

PICTURES = Path(__file__).parents[3] / "docs" / "pictures"


def test_the_contact_sheet_is_what_the_command_makes() -> None:
    script = runpy.run_path(str(PICTURES / "contact_sheet.py"))
    prompts = script["PROMPTS"]
    assert len(set(prompts)) == 24
    with Image.open(PICTURES / "contact-sheet.jpg") as stored:
        side, gap, caption, columns = (script[name] for name in ("SIDE", "GAP", "CAPTION", "COLUMNS"))
        assert stored.size == (gap + columns * (side + gap), gap + 4 * (side + caption))
    assert (PICTURES / "contact-sheet.jpg").stat().st_size < 600_000
    assert script["picture"](prompts[0], 128).size == (128, 128)


def test_nothing_on_it_is_left_out() -> None:
    prompts = runpy.run_path(str(PICTURES / "contact_sheet.py"))["PROMPTS"]
    plans = [plan_image(make_ticket("local_image", {"prompt": prompt})) for prompt in prompts]
    assert all(plan.left_out == [] for plan in plans)
    assert [plan.text for plan in plans if plan.text] == ["a fox", "a cat riding a bicycle", "Grand opening on Friday"]
