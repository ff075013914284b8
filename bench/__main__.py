"""``python -m bench [part …] [--quick]``, or all parts that draw nothing; exit code 1 when a goal is missed."""

import argparse
import platform
from importlib import import_module

import psutil
import uvloop

PARTS = {
    "queue": "bench.parts.queue",
    "turns": "bench.parts.turns",
    "day": "bench.parts.day",
    "gateway": "bench.parts.gateway",
    "cycles": "bench.parts.cycles",
    "reads": "bench.parts.reads",
    "memory": "bench.parts.memory",
    "streams": "bench.parts.streams",
    "console": "bench.parts.console",
    "growth": "bench.parts.growth",
}
DRAWS = {"growth"}
"""Parts that write pictures of the documentation, so they run only when asked for."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Each figure next to a limit of the same run.")
    parser.add_argument(
        "parts", nargs="*", choices=[*PARTS, []], help=f"{', '.join(PARTS)}; all but the last by default"
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds and tickets")
    chosen = parser.parse_args()
    print(f"Python {platform.python_version()}, {psutil.cpu_count()} cores, load {psutil.getloadavg()[0]:.1f}")
    wanted = chosen.parts or [part for part in PARTS if part not in DRAWS]
    passed = [uvloop.run(import_module(PARTS[part]).run(quick=chosen.quick)) for part in wanted]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    raise SystemExit(main())
