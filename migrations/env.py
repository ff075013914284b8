"""How Alembic reaches the database: one psycopg connection, one transaction per revision.

Settings are made in each transaction and nothing is prepared: a pooler in transaction mode may be in between.
"""

import sqlalchemy
from alembic import context

from emprops.kit.migrate import connect

SETTINGS = "SET LOCAL lock_timeout = 30000; SET LOCAL statement_timeout = 0; SET LOCAL timezone = 'UTC'"


def run() -> None:
    url = context.config.attributes["database_url"]
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: connect(url, autocommit=False), poolclass=sqlalchemy.NullPool
    )
    sqlalchemy.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(SETTINGS))
    with engine.connect() as connection:
        context.configure(connection=connection, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()


run()
