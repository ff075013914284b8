"""``python -m tools.contact_sheet`` makes ``docs/pictures/contact-sheet.jpg``: what the built-in engine makes of 24
prompts. Another path may follow.
"""

import io
import sys
from pathlib import Path

from PIL import Image, ImageDraw

from emprops.connectors.local_engine.fonts import BOOK, OWN, font
from emprops.connectors.local_engine.image import paint, plan_image
from emprops.queue.messages import Ticket, WorkflowContext

PROMPTS = (
    *("sunset over the mountains", "a lighthouse at dusk", "a fox in the snow", "a quiet harbour at dawn"),
    *("autumn forest", "moon over the sea", "city skyline at night", "northern lights over a lake"),
    *("desert dunes at sunset", "wildflowers in spring", "hot air balloons at sunrise", "campfire under the stars"),
    *("thunderstorm over the sea", "a cabin in the winter forest", "cherry blossom", "a rainbow over green hills"),
    *("forest in the fog", "a red boat on a calm lake", "a planet with rings", "ocean in watercolour"),
    *("stained glass sunset over the sea", "abstract gold and blue", "a cat riding a bicycle on the beach"),
    "Grand opening on Friday",
)
COLUMNS, SIDE, GAP, CAPTION = 6, 256, 12, 34
SEED = 3
TARGET = Path(__file__).parents[1] / "docs" / "pictures" / "contact-sheet.jpg"


def picture(prompt: str, side: int) -> Image.Image:
    """Make one picture, at twice the size that is shown."""
    payload = {"prompt": prompt, "seed": SEED, "width": 2 * side, "height": 2 * side}
    chunks = paint(
        plan_image(Ticket("sheet", "local_image", payload, WorkflowContext("sheet", 50, 0, 1, 1))), lambda _: None
    )
    while True:
        try:
            next(chunks)
        except StopIteration as done:
            content = done.value.files[0].content
            break
    with Image.open(io.BytesIO(content)) as made:
        return made.convert("RGB").reduce(2)


def sheet(side: int = SIDE) -> Image.Image:
    """Put all pictures on one sheet, each over its prompt."""
    rows = -(-len(PROMPTS) // COLUMNS)
    size = GAP + COLUMNS * (side + GAP), GAP + rows * (side + CAPTION)
    whole = Image.new("RGB", size, "#fbfaf7")
    pen = ImageDraw.Draw(whole)
    for at, prompt in enumerate(PROMPTS):
        left, top = GAP + at % COLUMNS * (side + GAP), GAP + at // COLUMNS * (side + CAPTION)
        whole.paste(picture(prompt, side), (left, top))
        pen.text((left + side / 2, top + side + 11), prompt, fill="#3a3a42", font=font(OWN, 14, BOOK), anchor="mm")
    return whole


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    sheet().save(target, quality=86, optimize=True, progressive=True)
