"""``python -m tools.style`` checks the rules of ``docs/style.md`` that a machine can check."""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("src", "console/src", "tests", "bench", "tools", "docs", "migrations")
SUFFIXES = {".py", ".md", ".sql", ".lua", ".ts", ".tsx", ".css"}
LIMITED = {".py", ".ts", ".tsx", ".css"}
"""Files whose length is limited."""
GENERATED = {"console/src/api/schema.d.ts": "made by `make check`"}
MAX_FILE, MAX_FUNCTION = 300, 50

OPENINGS = re.compile(r"(Give|Tell)s?\b")
"""How docstrings must not begin."""
SENTENCES = re.compile(r"[.;:]\s+(Gives|Tells)\b")
"""How no sentence in them must begin."""
WORDS = re.compile(r"\b(whoever|whomever|beside|an\s+own|lies\s+in)\b", re.IGNORECASE)
"""What docstrings and comments must not say."""
PRIVATE = re.compile(r"\([CQ]\d{1,2}\)|;\s[CQ]\d{1,2}\)|design §|reliability(?: row|:)|\(spec: |\(domain[:)]")
"""References to papers that readers do not have."""
SQL = re.compile(r"\s*(SELECT\s.+\sFROM\s|INSERT INTO\s|UPDATE\s\w+\s+SET\s|DELETE FROM\s|WITH\s\w+ AS)", re.DOTALL)
SQL_WORDS = re.compile("SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH")
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
LONG: dict[str, str] = {
    "src/emprops/settings.py": "the one list of what can be configured",
}
"""Files and functions that are longer than the limits, and why."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def main() -> int:
    """Print every violation; returns the exit code."""
    found = problems(ROOT)
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


def problems(root: Path) -> list[str]:
    """Return every violation below a folder that is laid out as this repository is."""
    return sorted({problem for path in _files(root) for problem in _problems(path.relative_to(root), path.read_text())})


def _files(root: Path) -> Iterator[Path]:
    for folder in FOLDERS:
        for path in (root / folder).rglob("*"):
            if path.suffix in SUFFIXES and not {"__pycache__", "static"} & set(path.parts):
                yield path


def _problems(path: Path, text: str) -> Iterator[str]:
    name = path.as_posix()
    if name != "tools/style.py" and PRIVATE.search(text):
        for number, line in enumerate(text.splitlines(), 1):
            if PRIVATE.search(line):
                yield f"{name}:{number}: refers to a paper outside the repository"
    if path.suffix in LIMITED and text.count("\n") > MAX_FILE and name not in LONG | GENERATED:
        yield f"{name}: has {text.count(chr(10))} lines; at most {MAX_FILE}"
    if path.suffix != ".py":
        return
    tree = ast.parse(text)
    functions = list(_functions(tree.body))
    yield from _long(name, functions)
    if name.startswith("src/"):
        yield from _docstrings(name, functions)
        if WORDS.search(text):
            yield from _words(name, text, tree)
        if SQL_WORDS.search(text) and not SQL_FILES.fullmatch(path.name) and name not in SQL_ELSEWHERE:
            yield from _statements(name, tree)


def _functions(nodes: Iterable[ast.AST]) -> Iterator[Function]:
    """Yield the functions in statements, at any depth. Expressions are passed over: to walk them takes seconds."""
    for node in nodes:
        if isinstance(node, Function):
            yield node
        for block in ("body", "orelse", "handlers", "cases", "finalbody"):
            yield from _functions(getattr(node, block, ()))


def _long(name: str, functions: Iterable[Function]) -> Iterator[str]:
    for function in functions:
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        if lines > MAX_FUNCTION and f"{name}:{function.name}" not in LONG:
            yield f"{name}:{function.lineno}: {function.name} has {lines} lines; at most {MAX_FUNCTION}"


def _docstrings(name: str, functions: Iterable[Function]) -> Iterator[str]:
    for function in functions:
        text = ast.get_docstring(function) or ""
        where = f"{name}:{function.lineno}: the docstring of {function.name}"
        if opening := OPENINGS.match(text):
            yield f'{where} begins with "{opening[0]}"; say "Return"'
        if sentence := SENTENCES.search(text):
            yield f'{where} has a sentence that begins with "{sentence[1]}"; say "Returns"'


def _words(name: str, text: str, tree: ast.Module) -> Iterator[str]:
    comments = (
        (token.start[0], token.string)
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT
    )
    documentation = (
        (node.lineno, node.value.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    )
    for first, said in (*comments, *documentation):
        for word in WORDS.finditer(said):
            line = first + said[: word.start()].count("\n")
            yield f'{name}:{line}: says "{word[0]}"; docs/style.md has another word'


def _statements(name: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value):
            yield f"{name}:{node.lineno}: holds SQL, which belongs in store.py or queries.py"


if __name__ == "__main__":
    sys.exit(main())
