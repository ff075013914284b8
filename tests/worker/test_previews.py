"""Previews in the worker: made small, the latest wins, one a second."""

import asyncio
import io
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.media.builders import saved, swapped_profile
from tests.queue.helpers import PREFIX, Worker, make_ticket
from tests.worker.rig import DONE, PATIENCE, ReportLog, Rig

from emprops.connectors.base import Outcome, RunContext
from emprops.queue.dispatch import Queue
from emprops.queue.messages import MAX_PREVIEW_BYTES, Claim, Preview, Ticket
from emprops.queue.previews import Previews
from emprops.worker import previews
from emprops.worker.board import PREVIEW_INTERVAL, Board
from emprops.worker.previews import made_small

MakeRig = Callable[..., Rig]


def noise(size: tuple[int, int], form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise(size, 100).convert("RGB").save(buffer, form)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_large_pictures_become_small(form: str) -> None:
    made = made_small(noise((1500, 900), form), "image/png", "3")
    assert made is not None
    assert len(made.content) <= MAX_PREVIEW_BYTES
    assert (made.mime_type, made.node) == ("image/jpeg", "3")
    with Image.open(io.BytesIO(made.content)) as image:
        assert max(image.size) == previews.SIDE


def test_colours_of_every_mode_and_profile_are_right() -> None:
    deep = Image.new("I;16", (1500, 900), 32_768)
    clear = Image.new("RGBA", (1500, 900), (0, 0, 0, 0))
    swapped = saved(Image.new("RGB", (1500, 900), "red"), "PNG", icc_profile=swapped_profile())
    for content, colour in [
        (saved(deep, "PNG"), (128, 128, 128)),
        (saved(clear, "PNG"), (255, 255, 255)),
        (swapped, (0, 255, 0)),
    ]:
        made = made_small(content, "image/png", "")
        assert made is not None
        with Image.open(io.BytesIO(made.content)) as image:
            assert all(abs(a - b) < 4 for a, b in zip(image.getpixel((9, 9)), colour, strict=True))  # type: ignore[arg-type]


def test_small_pictures_stay_as_they_are_and_are_named_by_their_content() -> None:
    content = noise((16, 16))
    assert made_small(content, "image/jpeg", "") == Preview(content, "image/png")


@pytest.mark.parametrize(
    "content", [b"", b"no picture", noise((64, 64))[:300], noise((64, 64), "JPEG")[:200], b"<svg/>", "a text"]
)
def test_what_is_no_whole_picture_is_passed_over(content: bytes | str) -> None:
    assert made_small(content, "image/png", "") is None


def test_pictures_that_unpack_to_too_much_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previews, "MAX_PIXELS", 100)
    assert made_small(noise((16, 16)), "image/png", "") is None


def test_of_a_long_text_the_end_is_kept() -> None:
    made = made_small("ä" * MAX_PREVIEW_BYTES + "b", "text/plain", "")
    assert made is not None
    assert len(made.content) <= MAX_PREVIEW_BYTES
    assert made.content.decode().endswith("äb")


def test_the_latest_is_sent_once_a_second_and_again_if_it_did_not_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    board, claim = Board(), Claim(make_ticket("s"), "t", 1)
    board.add(claim, lambda: None, time.monotonic())
    now = time.monotonic()
    monkeypatch.setattr("emprops.worker.board.time.monotonic", lambda: now)
    first, second, third = (Preview(text, "text/plain") for text in (b"1", b"2", b"3"))
    board.preview(claim, first)
    board.preview(claim, second)
    (beat,) = board.beats(everything=False)
    assert (beat.preview, beat.progress) == (second, None)
    board.unsent([beat])
    board.preview(claim, third)
    assert board.beats(everything=False) == []
    assert [beat.preview for beat in board.beats(everything=True)] == [None], "a sign of life does not hurry it"
    now += PREVIEW_INTERVAL
    assert [beat.preview for beat in board.beats(everything=False)] == [third]
    board.preview(Claim(make_ticket("s"), "another", 2), first)
    now += PREVIEW_INTERVAL
    assert board.beats(everything=False) == []


@pytest.mark.parametrize("in_thread", [False, True])
async def test_a_run_shows_what_it_makes(
    queue: Queue, make_rig: MakeRig, log: ReportLog, client: Any, *, in_thread: bool
) -> None:
    seen = asyncio.Event()

    async def work(ticket: Ticket, context: RunContext) -> Outcome:
        def show() -> None:
            for n in range(50):
                context.preview(f"word {n}")

        if in_thread:
            threading.Thread(target=show).start()
        else:
            show()
        await seen.wait()
        return DONE

    rig = make_rig(body=work)
    await queue.enqueue([make_ticket("s")])
    async with rig.beating(), rig.working(), asyncio.timeout(PATIENCE):
        latest, text = Previews(client, PREFIX), b""
        while text != b"word 49":  # those before it may be seen for a second
            shown = await latest.latest("job-of-s")
            text = b"" if shown is None else shown.preview.content
            await asyncio.sleep(0.01)
        seen.set()
        await log.until("s", "completed")
        assert await latest.latest("job-of-s") is None


async def test_previews_can_be_switched_off(queue: Queue, make_rig: MakeRig, client: Any, tmp_path: Path) -> None:
    rig = make_rig()
    await queue.enqueue([make_ticket("s")])
    claim = await Worker(client).claim_one()
    rig.settings = rig.settings.model_copy(update={"previews": False})
    context = rig.context(claim)
    rig.board.add(claim, lambda: None, time.monotonic())
    assert not context.shows_previews
    context.preview("a text")
    await asyncio.to_thread(lambda: None)
    assert rig.board.beats(everything=False) == []
    await rig.http.close()
