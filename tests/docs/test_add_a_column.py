"""``docs/how-to/add-a-column.md`` quotes the code as it is, but for the column that it adds."""

import inspect
import re

from tests.walkthrough import DOCS, file_of

from emprops.decks import queries, schemas, store
from emprops.kit.database import Database

PAGE = (DOCS / "how-to" / "add-a-column.md").read_text()


def without_the_column(block: str) -> str:
    kept = [line for line in block.splitlines() if not line.strip().startswith(("subtitle", '"""What its page'))]
    return "\n".join(kept).replace('"subtitle", ', "").replace("d.subtitle, ", "")


async def test_its_migration_runs(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute(file_of(PAGE, "sql"))
        assert await tx.fetch_value("SELECT count(subtitle) FROM deck") == 0
        await tx.execute("ALTER TABLE deck DROP COLUMN subtitle")


def test_it_quotes_the_code() -> None:
    code = "".join(inspect.getsource(module) for module in (queries, store, schemas))
    quoted = [without_the_column(file_of(PAGE, "python", number)) for number in range(3)]
    lines = [line for block in quoted for line in block.splitlines() if line.strip() not in ("", "...")]
    assert len(lines) > 6
    for line in lines:
        assert line.removesuffix(" …") in code, line


def test_it_names_files_that_exist() -> None:
    for name in re.findall(r"`((?:decks|tests|migrations(?!/NNNN))/[\w/]+\.\w+)`", PAGE):
        places = (DOCS.parent / name, DOCS.parent / "src" / "emprops" / name)
        assert any(place.exists() for place in places), name
