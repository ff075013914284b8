"""Values on their way to PostgreSQL, and rows on their way back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest

from emprops.kit.database import Database

ONE, OTHER = UUID(int=1), UUID("a1b2c3d4-0000-4000-8000-00000000000f")


@pytest.mark.parametrize("ids", [[], [ONE], [ONE, OTHER, ONE], [ONE, None, OTHER], [None, OTHER], [[ONE], [OTHER]]])
async def test_lists_of_uuids_arrive_as_they_are(pool: Database, ids: Sequence[Any]) -> None:
    async with pool.reader() as reader:
        assert await reader.fetch_value("SELECT %s::uuid[]", (ids,)) == ids


@pytest.mark.parametrize("values", [["a", 'quo"ted', "back\\slash", "", "NULL", None], [1, 2], [True], [2.5]])
async def test_other_lists_arrive_as_they_are_beside_those_of_uuids(pool: Database, values: list[Any]) -> None:
    kind = {str: "text", int: "int", bool: "bool", float: "float8"}[type(values[0])]
    async with pool.reader() as reader:
        for _ in range(2):
            row = await reader.fetch_dicts(f"SELECT %s::{kind}[] AS some, %s::uuid[] AS ids", (values, [ONE]))
            assert row == [{"some": values, "ids": [ONE]}]


async def test_a_list_of_uuids_and_texts_is_refused(pool: Database) -> None:
    async with pool.reader() as reader:
        with pytest.raises((psycopg.DataError, AttributeError)):
            await reader.fetch_value("SELECT %s::uuid[]", ([ONE, "text"],))


@dataclass(frozen=True, slots=True)
class Item:
    id: int
    name: str
    size: int = 7


@pytest.mark.parametrize("columns", ["1 AS id, 'x' AS name, 3 AS size", "3 AS size, 'x' AS name, 1 AS id"])
async def test_rows_are_made_by_the_names_of_columns_in_any_order(pool: Database, columns: str) -> None:
    async with pool.reader() as reader:
        assert await reader.fetch_all(Item, f"SELECT {columns}") == [Item(1, "x", 3)]


async def test_what_has_no_column_keeps_its_default_and_what_has_no_field_is_an_error(pool: Database) -> None:
    async with pool.reader() as reader:
        assert await reader.fetch_all(Item, "SELECT 'x' AS name, 1 AS id") == [Item(1, "x")]
        with pytest.raises(TypeError):
            await reader.fetch_all(Item, "SELECT 1 AS id, 'x' AS name, 3 AS size, 4 AS weight")
