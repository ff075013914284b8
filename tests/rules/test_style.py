"""``tools/style.py``: each rule finds a bad example, and lets a good one pass."""

from pathlib import Path

import pytest
from tools import style

SOURCE = "src/emprops/decks/service.py"


def found(root: Path, text: str, name: str = SOURCE) -> list[str]:
    """Check a repository that has this file alone."""
    path = root / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return style.problems(root)


def function(docstring: str = "Return.", lines: int = 2) -> str:
    """Return a function with this docstring, and with as many lines."""
    return f'async def act() -> None:\n    """{docstring}"""\n' + "    pass\n" * (lines - 2)


@pytest.mark.parametrize(
    "docstring",
    [
        "Return the deck's outputs. Giving more takes a page.",
        "Return whether it is done: what it tells is not asked.",
        "Return the collection of anyone who asks, next to the besides.",
        "",
    ],
)
def test_good_docstrings(tmp_path: Path, docstring: str) -> None:
    assert found(tmp_path, function(docstring)) == []


@pytest.mark.parametrize("opening", ["Give", "Gives", "Tell", "Tells"])
def test_how_a_docstring_must_not_begin(tmp_path: Path, opening: str) -> None:
    problem = f'{SOURCE}:1: the docstring of act begins with "{opening}"; say "Return"'
    assert found(tmp_path, function(f"{opening} whether it is done.")) == [problem]


def test_how_no_sentence_of_a_docstring_must_begin(tmp_path: Path) -> None:
    problem = f'{SOURCE}:3: the docstring of act has a sentence that begins with "Gives"; say "Returns"'
    text = "class Deck:\n    if True:\n        " + function("Store it.\n\n    Gives its id.").replace(
        "\n", "\n        "
    )
    assert found(tmp_path, text.rstrip() + "\n") == [problem]


@pytest.mark.parametrize("words", ["whoever", "Whomever", "beside", "an own", "an\n    own", "lies in"])
def test_words_that_docstrings_and_comments_do_not_say(tmp_path: Path, words: str) -> None:
    def problem(line: int) -> str:
        return f'{SOURCE}:{line}: says "{words}"; docs/style.md has another word'

    assert found(tmp_path / "docstring", function(f"Return it.\n\n    It is {words}.")) == [problem(4)]
    assert found(tmp_path / "value", f'LIMIT = 3\n"""It is {words}."""\n') == [problem(2)]
    if "\n" not in words:
        assert found(tmp_path / "comment", f"x = 3\ny = 4  # as is {words}\n") == [problem(2)]


def test_the_same_words_as_names_and_values(tmp_path: Path) -> None:
    assert found(tmp_path, 'beside = {"beside": "an own one for whoever asks"}\n') == []


@pytest.mark.parametrize("name", [SOURCE, "tests/decks/test_service.py", "docs/page.md", "migrations/0001.sql"])
@pytest.mark.parametrize(
    "reference", [f"see (C{35})", f"a; Q{16})", f"design {'§'}10", "reliability " + "row 7", "(" + "spec: decks)"]
)
def test_references_to_papers_that_readers_do_not_have(tmp_path: Path, name: str, reference: str) -> None:
    assert found(tmp_path, f"#\n# {reference}\n", name) == [f"{name}:2: refers to a paper outside the repository"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM deck",
        "\n    INSERT INTO deck (id) VALUES (1)",
        "UPDATE deck SET name = 'x'",
        "DELETE FROM deck",
        "WITH mine AS (SELECT 1) SELECT 2",
    ],
)
def test_sql_is_written_in_stores_and_queries(tmp_path: Path, sql: str) -> None:
    text = f'X = f"""{sql} {{x}}"""\n'
    elsewhere = found(tmp_path / "service", text)
    assert elsewhere == [f"{SOURCE}:1: holds SQL, which belongs in store.py or queries.py"]
    for name in ("decks/store.py", "decks/log_store.py", "decks/queries.py", "kit/outbox.py"):
        assert found(tmp_path / name, text, f"src/emprops/{name}") == []
    assert found(tmp_path / "tests", text, "tests/decks/test_service.py") == []


def test_sentences_are_not_taken_for_sql(tmp_path: Path) -> None:
    assert found(tmp_path, 'X = "Select what is shown", "UPDATE or INSERT", "With what the deck has"\n') == []


@pytest.mark.parametrize("name", [SOURCE, "tests/decks/test_service.py", "bench/x.py", "tools/x.py"])
def test_long_files(tmp_path: Path, name: str) -> None:
    assert found(tmp_path / "300", "x = 1\n" * 300, name) == []
    assert found(tmp_path / "301", "x = 1\n" * 301, name) == [f"{name}: has 301 lines; at most 300"]


@pytest.mark.parametrize(
    "around",
    ["", "class A:\n", "if x:\n    pass\nelse:\n", "try:\n    pass\nexcept A:\n", "match x:\n  case 1:\n"],
)
def test_long_functions_wherever_they_are(tmp_path: Path, around: str) -> None:
    def inside(lines: int) -> str:
        return around + "".join(
            f"    {line}\n" if around else f"{line}\n" for line in function(lines=lines).splitlines()
        )

    assert found(tmp_path / "50", inside(50)) == []
    (problem,) = found(tmp_path / "51", inside(51))
    assert problem == f"{SOURCE}:{around.count(chr(10)) + 1}: act has 51 lines; at most 50"


def test_exceptions_have_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style, "LONG", {SOURCE: "a table", f"{SOURCE}:act": "a table"})
    assert found(tmp_path, function(lines=301)) == []


def test_the_exceptions_of_this_repository_exist() -> None:
    for name in (*style.SQL_ELSEWHERE, *style.LONG):
        assert (style.ROOT / name.partition(":")[0]).exists(), name
