"""Showing a picture while it is painted."""

import io
import time
from collections.abc import Callable
from typing import Final

from emprops.connectors.base import RunContext
from emprops.connectors.local_engine.canvas import Canvas

EVERY: Final = 0.3
"""Seconds between two sketches, which cost a few milliseconds each."""
SIDE: Final = 384
"""Pixels of the longer side."""


def sketches(context: RunContext) -> Callable[[Canvas], None]:
    """Return what shows a canvas as it is, now and then; nothing where previews cannot be seen."""
    shown_at = float("-inf")

    def show(canvas: Canvas) -> None:
        nonlocal shown_at
        now = time.monotonic()
        if not context.shows_previews or now - shown_at < EVERY:
            return
        shown_at = now
        file = io.BytesIO()
        canvas.sketch(SIDE).save(file, "JPEG", quality=80)
        context.preview(file.getvalue(), "image/jpeg")

    return show
