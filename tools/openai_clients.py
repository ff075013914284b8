"""Run the programs of docs/how-to/use-openai-clients.md: the official clients, LiteLLM and LangChain. Part of
``python -m tools.clients``."""

import re
import sys
from pathlib import Path
from typing import Final

from tools.client_programs import PINNED, ROOT, TSC, UV, Api, BrokenError, is_png, run

PAGE: Final = ROOT / "docs" / "how-to" / "use-openai-clients.md"
NAMES: Final = ("official", "litellm", "langchain")
"""The page's programs in Python, in their order."""

QUIET: Final = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
"""What keeps clients from asking others."""


def install(scratch: Path) -> None:
    """Install the Python clients into an environment of their own."""
    python = scratch / "openai/bin/python"
    run("uv", UV, "venv", "--quiet", "--python", sys.executable, scratch / "openai")
    run("uv", UV, "pip", "sync", "--quiet", "--python", python, "--require-hashes", PINNED / "openai.lock")


def use_python(scratch: Path, api: Api) -> str:
    """Run the programs in Python; returns which."""
    programs = programs_in("python")
    if len(programs) != len(NAMES):
        raise BrokenError(f"{PAGE.name} has {len(programs)} programs in Python; {len(NAMES)} are known")
    for name, program in zip(NAMES, programs, strict=True):
        (scratch / f"use_{name}.py").write_text(program)
        printed = run(
            name, scratch / "openai/bin/python", f"use_{name}.py", f"{api.url}/v1", api.user_id, cwd=scratch, **QUIET
        )
        check(name, printed)
    return f"OpenAI's API: {', '.join(NAMES)}"


def use_typescript(scratch: Path, api: Api) -> str:
    """Check and run the program in TypeScript."""
    folder = scratch / "typescript"
    (folder / "openai.ts").write_text("\n".join(programs_in("typescript")))
    run("tsc", folder / "node_modules/.bin/tsc", *TSC, "--skipLibCheck", "openai.ts", cwd=folder)
    check("openai for node", run("openai.js", "node", "openai.js", f"{api.url}/v1", api.user_id, cwd=folder))
    return "OpenAI's API: official for node"


def programs_in(language: str) -> list[str]:
    """Return the page's programs in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)


def check(name: str, printed: str) -> None:
    """Look at the picture whose URL a program printed last."""
    urls = [line for line in printed.splitlines() if line.startswith("http")]
    if not urls or not is_png(urls[-1]):
        raise BrokenError(f"{name} printed no URL of a picture:\n{printed}")
