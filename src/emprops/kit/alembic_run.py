"""Run Alembic up to the newest revision; a program of its own, started by :mod:`emprops.kit.migrate`."""

import os
import sys

from alembic import command
from alembic.config import Config
from sqlalchemy.exc import DBAPIError

from emprops.kit.migrate import URL_VARIABLE, migrations_folder


def main() -> None:
    """Migrate the database named by the environment; ``migrations/env.py`` opens the connection."""
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["database_url"] = os.environ[URL_VARIABLE]
    try:
        command.upgrade(config, "head")
    except DBAPIError as error:
        sys.exit(str(error.orig))


if __name__ == "__main__":
    main()
