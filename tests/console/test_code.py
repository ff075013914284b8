"""The call of a form as code: what is copied runs unchanged, and makes the same job."""

import asyncio
import sys
from pathlib import Path

import pytest
from tests.console.conftest import Console
from tests.console.creating import LARGEST, jobs_of, make_everything
from tools.console import installed

pytestmark = pytest.mark.usefixtures("console_worker")

PROGRAMS = {
    "curl": ("call.sh", "bash"),
    "Python": ("call.py", sys.executable),
}


async def test_copied_code_makes_the_same_job(console: Console, tmp_path: Path) -> None:
    # what is copied as TypeScript is JavaScript too, which every Node.js runs
    programs = PROGRAMS | {"TypeScript": ("call.mjs", str(installed().node))}
    everything = await make_everything(console)
    prompt = 'it\'s a "fox", $HOME \\ `true`\nand 🦊'
    async with console.window(permissions=["clipboard-read", "clipboard-write"]) as window:
        page = await window.open(f"/create/{everything}")
        await page.get_by_label("Prompt").fill(prompt)
        await page.get_by_role("group", name="Noise").get_by_role("button", name="Fixed").click()
        await page.get_by_label("Noise", exact=True).last.fill(str(LARGEST))
        await page.get_by_role("button", name="Show as code").click()
        for language, (name, program) in programs.items():
            await page.get_by_role("button", name=language, exact=True).click()
            await page.get_by_role("button", name="Copy", exact=True).click()
            await page.get_by_role("button", name="Copied").wait_for()
            code = tmp_path / name
            code.write_text(await page.evaluate("navigator.clipboard.readText()"))
            await page.get_by_role("button", name="Copy", exact=True).wait_for()
            said = await run(program, code)
            assert "completed" in said, said
        assert await window.faults() == []
        window.clean()
    sent = [job["data"]["variables"] for job in await jobs_of(console)]
    wanted = {"prompt": prompt, "strength": 0.5, "budget": 7, "noise_seed": LARGEST}
    assert sent == [wanted] * len(programs)


async def run(program: str, code: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        program, str(code), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return said.decode()
