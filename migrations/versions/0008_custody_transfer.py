"""Who claimed a social identity, an audit row for each transfer, and indexes of what is held for whom."""

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text())
