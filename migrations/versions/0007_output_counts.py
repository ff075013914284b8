"""Counts of outputs, indexes for their lists, and what upkeep has to do for files."""

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0005"


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text())
