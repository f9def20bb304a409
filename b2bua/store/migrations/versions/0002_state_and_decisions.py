"""Settings made by phones; the whole decision about a call in place of its trace alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "state",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("object", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("until", sa.Float),
    )
    # Not in batch mode: SQLite drops a column in place, without a second table beside one of millions of calls.
    op.add_column("history", sa.Column("decision", sa.Text))
    op.drop_column("history", "trace")


def downgrade() -> None:
    op.add_column("history", sa.Column("trace", sa.Text))
    op.drop_column("history", "decision")
    op.drop_table("state")
