"""Call history and registered contacts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "history",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("started", sa.Float, nullable=False),
        sa.Column("answered", sa.Float),
        sa.Column("ended", sa.Float, nullable=False),
        sa.Column("direction", sa.Text, nullable=False),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("called", sa.Text, nullable=False),
        sa.Column("executive", sa.Text),
        sa.Column("answered_by", sa.Text),
        sa.Column("on_behalf_of", sa.Text),
        sa.Column("actor", sa.Text),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("segments", sa.Text, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("parties", sa.Text, nullable=False),
        sa.Column("call_ids", sa.Text, nullable=False),
        sa.Column("trace", sa.Text),
    )
    op.create_index("history_started", "history", ["started"])
    op.create_table(
        "bindings",
        sa.Column("aor", sa.Text, primary_key=True),
        sa.Column("contact", sa.Text, primary_key=True),
        sa.Column("params", sa.Text, nullable=False),
        sa.Column("q", sa.Float, nullable=False),
        sa.Column("instance", sa.Text),
        sa.Column("reg_id", sa.Integer),
        sa.Column("expires", sa.Float, nullable=False),
        sa.Column("transport", sa.Text, nullable=False),
        sa.Column("remote_host", sa.Text, nullable=False),
        sa.Column("remote_port", sa.Integer, nullable=False),
        sa.Column("local_host", sa.Text, nullable=False),
        sa.Column("local_port", sa.Integer, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("cseq", sa.Integer, nullable=False),
        sa.Column("user_agent", sa.Text, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("bindings")
    op.drop_table("history")
