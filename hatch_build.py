"""Build the web console for the wheel, which contains it."""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent))

from tools import console


class ConsoleHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs before the files of a wheel are collected; an editable installation is served from the source tree."""

    def dependencies(self) -> list[str]:
        """Name what the build needs from PyPI: Node.js where PATH has none that is new enough."""
        return [] if console.suitable_node() else [console.WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the console. Raises :class:`tools.console.ConsoleError` if that cannot be done here."""
        if version == "standard" and console.CONSOLE.is_dir():
            console.build()
        build_data["artifacts"].append("src/emprops/console/static/**")
