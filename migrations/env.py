"""How Alembic reaches the database: one psycopg connection, one transaction per revision."""

import psycopg
import sqlalchemy
from alembic import context


def run() -> None:
    url = context.config.attributes["database_url"]
    options = "-c lock_timeout=30000 -c statement_timeout=0 -c timezone=UTC"
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(url, options=options, application_name="emprops-migrate"),
        poolclass=sqlalchemy.NullPool,
    )
    with engine.connect() as connection:
        context.configure(connection=connection, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()


run()
