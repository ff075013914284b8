"""What stands for parameters in SQL."""

from typing import Any

import psycopg
import pytest

from emprops.kit.placeholders import in_order, numbered


@pytest.mark.parametrize(
    ("sql", "text", "names"),
    [
        ("SELECT 1", b"SELECT 1", ()),
        ("SELECT %s, %s", b"SELECT $1, $2", ("%0", "%1")),
        ("SELECT %(b)s, %(a)s, %(b)s", b"SELECT $1, $2, $1", ("b", "a")),
        ("SELECT %s LIKE 'a%%s'", b"SELECT $1 LIKE 'a%s'", ("%0",)),
        ("SELECT 5 %% %(n)s", b"SELECT 5 % $1", ("n",)),
    ],
)
def test_placeholders_get_numbers(sql: str, text: bytes, names: tuple[str, ...]) -> None:
    assert numbered(sql) == (text, names)


def test_parameters_are_put_in_order() -> None:
    assert in_order({"a": 1, "b": 2, "c": 3}, ("b", "a")) == [2, 1]
    assert in_order((1, 2), ("%0", "%1")) == (1, 2)
    assert in_order(None, ()) == ()


@pytest.mark.parametrize("parameters", [None, (), (1,), (1, 2, 3), {"a": 1}])
def test_parameters_that_do_not_fit_are_refused(parameters: Any) -> None:
    names = ("a", "b") if isinstance(parameters, dict) else ("%0", "%1")
    with pytest.raises(psycopg.ProgrammingError, match="parameters"):
        in_order(parameters, names)
