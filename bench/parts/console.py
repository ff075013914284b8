"""The console's library with thousands of outputs in a headless Chromium: how many pictures its page has at once, how
long its frames take while one scrolls, and what a browser loads before it shows anything."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from uuid import UUID

import numpy as np
import psycopg
from PIL import Image
from playwright.async_api import Browser, Page, async_playwright

from bench.engines import both_in, folder
from bench.parts.cycles import free_port, ready
from bench.tables import p50, p99, print_table, verdict
from emprops.auth.local_user import local_user
from emprops.kit.ids import new_id
from emprops.local.process import spawn, stop

IMAGES_GOAL = 400
FRAME_GOAL = 20.0
"""Milliseconds, the median while one scrolls."""
FIRST_GOAL = 150_000
"""Compressed bytes of the first page, with its fonts."""
FILES = 60
"""Different pictures; outputs share them."""
RATIOS = ((512, 512), (512, 288), (288, 512), (512, 384))
"""Sizes of thumbnails as the server makes them."""
STEP = 120
"""Pixels that a frame scrolls by: more than 7,000 a second."""

PLANT = """
INSERT INTO app_user (id) VALUES (%(user)s);
INSERT INTO project (id, user_id, name) VALUES (%(project)s, %(user)s, 'Bench');
INSERT INTO collection (id, project_id, title, data) VALUES (%(collection)s, %(project)s, 'Bench', '{}');
WITH made AS (
    INSERT INTO flat_file (url, mime_type, user_id, width, height, thumbnail_url, inspected_at)
    SELECT 'bench/' || n || '.png', 'image/png', %(user)s, 2 * (%(widths)s::int[])[1 + n %% 4],
           2 * (%(heights)s::int[])[1 + n %% 4], 'bench/' || n %% %(files)s || '.webp', now()
    FROM generate_series(0, %(count)s - 1) n RETURNING id, thumbnail_url
)
INSERT INTO output (id, user_id, collection_id, status, url, mime_type, thumbnail_url, flat_file_id, input_metadata,
                    created_at, completed_at)
SELECT gen_random_uuid(), %(user)s, %(collection)s, 'completed', %(base)s || thumbnail_url, 'image/png',
       %(base)s || thumbnail_url, id, jsonb_build_object('variables', jsonb_build_object('prompt', 'harbour ' || id)),
       now() - id * interval '1 minute', now()
FROM made;
ANALYZE;
"""
SCROLL = """async ([step, frames]) => {
  const found = { times: [], images: 0 };
  let before = await new Promise(requestAnimationFrame);
  for (let n = 0; n < frames; n++) {
    scrollBy(0, step);
    const now = await new Promise(requestAnimationFrame);
    found.times.push(now - before);
    before = now;
    found.images = Math.max(found.images, document.images.length);
  }
  return found;
}"""
"""Scroll by so much in each of so many frames: how long each took, and the most pictures in the document."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one library took."""

    outputs: int
    first_tile: float
    """Milliseconds from opening the library to its first picture."""
    images: int
    frames: list[float]
    """Milliseconds of each."""
    rows: int
    """Rows that were scrolled past."""


def paint(place: Path) -> None:
    """Store thumbnails that cost as much to decode as real ones."""
    noise = np.random.default_rng(7)
    place.mkdir(parents=True)
    for number in range(FILES):
        width, height = RATIOS[number % len(RATIOS)]
        coarse = noise.integers(0, 255, (16, 16, 3), dtype=np.uint8)
        file = BytesIO()
        Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(file, "WEBP", quality=80)
        (place / f"{number}.webp").write_bytes(file.getvalue())


@contextmanager
def api(place: Path, database_url: str, redis_url: str, port: int) -> Iterator[None]:
    """Run ``emprops api`` for the user of this machine."""
    env = os.environ | {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "PORT": str(port),
        "EMPROPS_DATA_DIR": str(place / "data"),
        "EMPROPS_LOG_LEVEL": "WARNING",
    }
    child = spawn([sys.executable, "-m", "emprops.cli.main", "api"], folder=place, log=place / "api.log", env=env)
    try:
        yield
    finally:
        stop(child, timeout=15.0)


async def first_bytes(browser: Browser, base: str) -> int:
    """Return the bytes of the first page, as they were sent."""
    page = await browser.new_page()
    sizes: list[int] = []

    async def weigh(response) -> None:  # type: ignore[no-untyped-def]
        if "/console/" in response.url:
            sizes.append(int((await response.all_headers()).get("content-length", 0)))

    page.on("response", weigh)
    await page.goto(f"{base}/console/")
    await page.wait_for_load_state("networkidle")
    await page.close()
    return sum(sizes)


async def scroll(page: Page, base: str, outputs: int, frames: int) -> Found:
    """Open the library and scroll down, as fast as one can turn a wheel."""
    await page.goto(f"{base}/console/library")
    await page.locator("[role=gridcell] img").first.wait_for()
    first_tile = await page.evaluate("performance.now()")
    await page.evaluate(SCROLL, [STEP, 60])  # what is done for the first time does not count
    found = await page.evaluate(SCROLL, [STEP, frames])
    await page.wait_for_load_state("networkidle")
    last = await page.locator("[role=row]").last.get_attribute("aria-rowindex")
    return Found(outputs, first_tile, found["images"], found["times"], int(last or 0))


async def measure(place: Path, outputs: int, frames: int) -> tuple[int, Found]:
    """Fill a library of so many outputs and look at it."""
    port, user = free_port(), UUID(local_user(place / "data"))
    paint(place / "data" / "files" / "bench")
    with both_in(place) as (postgres, redis):
        async with await psycopg.AsyncConnection.connect(
            postgres.url, autocommit=True, cursor_factory=psycopg.AsyncClientCursor
        ) as connection:
            await connection.execute(
                PLANT,
                {
                    "user": user,
                    "project": new_id(),
                    "collection": new_id(),
                    "count": outputs,
                    "files": FILES,
                    "widths": [width for width, _ in RATIOS],
                    "heights": [height for _, height in RATIOS],
                    "base": f"http://localhost:{port}/files/",
                },
            )
        with api(place, postgres.url, redis.url, port):
            await ready(port, user)
            async with async_playwright() as playwright:
                chromium = shutil.which("chromium") or shutil.which("chromium-browser")
                browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
                base = f"http://127.0.0.1:{port}"
                size = await first_bytes(browser, base)
                context = await browser.new_context(viewport={"width": 1600, "height": 1000})
                found = await scroll(await context.new_page(), base, outputs, frames)
                await browser.close()
    return size, found


async def run(*, quick: bool) -> bool:
    """Measure and print; False if a goal is missed."""
    with folder() as place:
        size, found = await measure(place, 500 if quick else 5_000, 300 if quick else 1_500)
    print_table(
        "The console's library, 1600 × 1000 pixels, scrolling 120 pixels a frame",
        ["outputs", "first picture, ms", "images at most", "rows passed", "frame p50 ms", "p99 ms"],
        [
            [
                f"{found.outputs:,}",
                f"{found.first_tile:.0f}",
                str(found.images),
                f"{found.rows:,}",
                f"{p50(found.frames):.1f}",
                f"{p99(found.frames):.1f}",
            ]
        ],
    )
    goals = {
        f"fewer than {IMAGES_GOAL} images at once": found.images < IMAGES_GOAL,
        f"frames of at most {FRAME_GOAL:.0f} ms": p50(found.frames) <= FRAME_GOAL,
        f"first page of {size / 1e3:.1f} kB, at most {FIRST_GOAL / 1e3:.0f}": size <= FIRST_GOAL,
    }
    print()
    for goal, is_met in goals.items():
        print(f"  {goal}: {verdict(is_met)}")
    return all(goals.values())
