"""``python -m tools.style`` checks the rules of ``docs/style.md`` that a machine can check."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
CODE = ("src", "tests", "bench", "tools")
SUFFIXES = {".py", ".md", ".sql", ".lua"}
MAX_FILE, MAX_FUNCTION = 300, 50

OPENINGS = re.compile(r"(Give|Gives|Tell|Tells)\b")
"""How docstrings must not begin."""
PRIVATE = re.compile(r"\([CQ]\d{1,2}\)|;\s[CQ]\d{1,2}\)|\bdesign §|\breliability(?: row|:)|\(spec: |\(domain[:)]")
"""References to papers that readers do not have."""
SQL = re.compile(r"\s*(SELECT\s.+\sFROM\s|INSERT INTO\s|UPDATE\s\w+\s+SET\s|DELETE FROM\s|WITH\s\w+ AS)", re.DOTALL)
SQL_FILES = re.compile(r"(\w+_)?(store|queries)\.py")

SQL_ELSEWHERE = {
    "src/emprops/kit/web/idempotency.py": "a mechanism with one table",
    "src/emprops/kit/outbox.py": "a mechanism with one table",
    "src/emprops/kit/migrate.py": "runs before there are stores",
    "src/emprops/kit/database.py": "speaks to the server, not to tables",
    "src/emprops/health.py": "asks the schema's revision, which no feature owns",
    "src/emprops/local/postgres.py": "makes the database itself",
}
"""Files outside the stores that hold SQL, and why."""
LONG: dict[str, str] = {}
"""Files and functions that are longer than the limits, and why."""


def main() -> int:
    """Print every violation; returns the exit code."""
    found = sorted({problem for path in _files() for problem in _problems(path)})
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


def _files() -> Iterator[Path]:
    for folder in (*CODE, "docs", "migrations"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in SUFFIXES and not {"__pycache__", "static"} & set(path.parts):
                yield path


def _problems(path: Path) -> Iterator[str]:
    name, text = path.relative_to(ROOT).as_posix(), path.read_text()
    if name != "tools/style.py":
        for number, line in enumerate(text.splitlines(), 1):
            if PRIVATE.search(line):
                yield f"{name}:{number}: refers to a paper outside the repository"
    if path.suffix != ".py":
        return
    if text.count("\n") > MAX_FILE and name not in LONG:
        yield f"{name}: has {text.count(chr(10))} lines; at most {MAX_FILE}"
    tree = ast.parse(text)
    yield from _functions(name, tree)
    if name.startswith("src/"):
        yield from _docstrings(name, tree)
        if not SQL_FILES.fullmatch(path.name) and name not in SQL_ELSEWHERE:
            yield from _statements(name, tree)


def _functions(name: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MAX_FUNCTION and f"{name}:{node.name}" not in LONG:
                yield f"{name}:{node.lineno}: {node.name} has {lines} lines; at most {MAX_FUNCTION}"


def _docstrings(name: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            opening = OPENINGS.match(ast.get_docstring(node) or "")
            if opening:
                yield f'{name}:{node.lineno}: the docstring of {node.name} begins with "{opening[0]}"; say "Return"'


def _statements(name: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value):
            yield f"{name}:{node.lineno}: holds SQL, which belongs in store.py or queries.py"


sys.exit(main())
