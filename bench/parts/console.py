"""The console's long lists in a headless Chromium, thousands of outputs and a thousand jobs: how much of them its pages
have at once, how long frames take while one scrolls, and what a browser loads before it shows anything."""

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
ROWS_GOAL = 100
JOBS = 1_000
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
PLANT_JOBS = """
INSERT INTO job (id, user_id, collection_id, name, status, total_steps, current_step, progress, data, created_at,
                 updated_at, started_at, completed_at)
SELECT gen_random_uuid(), %(user)s, %(collection)s, 'Bench ' || n, 'completed', 1, 1, 100, '{}', at, at,
       at + interval '1 s', at + interval '9 s'
FROM (SELECT n, now() - n * interval '1 minute' AS at FROM generate_series(1, %(jobs)s) n) numbered;
ANALYZE job;
"""
SCROLL = """async ([step, frames, of]) => {
  const found = { times: [], most: 0 };
  let before = await new Promise(requestAnimationFrame);
  for (let n = 0; n < frames; n++) {
    scrollBy(0, step);
    const now = await new Promise(requestAnimationFrame);
    found.times.push(now - before);
    before = now;
    found.most = Math.max(found.most, document.querySelectorAll(of).length);
  }
  return found;
}"""
"""Scroll by so much in each of so many frames: how long each took, and the most of these that the document had."""


@dataclass(frozen=True, slots=True)
class List:
    """One of the console's long lists."""

    path: str
    first: str
    """A selector of what is there once the list is."""
    counted: str
    """A selector of what there must not be many of."""
    goal: int


LIBRARY = List("/console/library", "[role=gridcell] img", "img", IMAGES_GOAL)
JOB_LIST = List("/console/jobs", "main li", "main li", ROWS_GOAL)


@dataclass(frozen=True, slots=True)
class Found:
    """What one list took."""

    first: float
    """Milliseconds from opening it to its first entry."""
    most: int
    """The most entries at once."""
    frames: list[float]
    """Milliseconds of each."""


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


async def scroll(page: Page, base: str, of: List, frames: int) -> Found:
    """Open a list and scroll down, as fast as one can turn a wheel."""
    await page.goto(f"{base}{of.path}")
    await page.locator(of.first).first.wait_for()
    first = await page.evaluate("performance.now()")
    await page.evaluate(SCROLL, [STEP, 60, of.counted])  # what is done for the first time does not count
    found = await page.evaluate(SCROLL, [STEP, frames, of.counted])
    await page.wait_for_load_state("networkidle")
    return Found(first, found["most"], found["times"])


async def measure(place: Path, outputs: int, frames: int) -> tuple[int, Found, Found]:
    """Fill a library of so many outputs and a list of jobs, and look at both."""
    port, user = free_port(), UUID(local_user(place / "data"))
    paint(place / "data" / "files" / "bench")
    with both_in(place) as (postgres, redis):
        async with await psycopg.AsyncConnection.connect(
            postgres.url, autocommit=True, cursor_factory=psycopg.AsyncClientCursor
        ) as connection:
            await connection.execute(
                PLANT + PLANT_JOBS,
                {
                    "user": user,
                    "project": new_id(),
                    "collection": new_id(),
                    "count": outputs,
                    "jobs": JOBS,
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
                library = await scroll(await context.new_page(), base, LIBRARY, frames)
                jobs = await scroll(await context.new_page(), base, JOB_LIST, frames // 3)
                await browser.close()
    return size, library, jobs


async def run(*, quick: bool) -> bool:
    """Measure and print; False if a goal is missed."""
    outputs = 500 if quick else 5_000
    with folder() as place:
        size, library, jobs = await measure(place, outputs, 300 if quick else 1_500)
    print_table(
        f"The console's lists, 1600 × 1000 pixels, scrolling {STEP} pixels a frame",
        ["list", "first entry, ms", "entries at most", "frame p50 ms", "p99 ms"],
        [
            [name, f"{found.first:.0f}", str(found.most), f"{p50(found.frames):.1f}", f"{p99(found.frames):.1f}"]
            for name, found in ((f"{outputs:,} outputs", library), (f"{JOBS:,} jobs", jobs))
        ],
    )
    goals = {
        f"fewer than {IMAGES_GOAL} images at once": library.most < IMAGES_GOAL,
        f"fewer than {ROWS_GOAL} rows of jobs at once": jobs.most < ROWS_GOAL,
        f"frames of at most {FRAME_GOAL:.0f} ms": max(p50(library.frames), p50(jobs.frames)) <= FRAME_GOAL,
        f"first page of {size / 1e3:.1f} kB, at most {FIRST_GOAL / 1e3:.0f}": size <= FIRST_GOAL,
    }
    print()
    for goal, is_met in goals.items():
        print(f"  {goal}: {verdict(is_met)}")
    return all(goals.values())
