"""Tasks in shadow: their schedule starts nothing, and the ledger has what would have run."""

import sqlalchemy as sa
from alembic import op

from db.columns import UtcTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tasks", sa.Column("schedule_mode", sa.String(length=16), server_default="active", nullable=False))
    op.add_column("tasks", sa.Column("schedule_mode_since", UtcTime(), nullable=True))


def downgrade() -> None:
    """The older version would run tasks in shadow, which cron runs: they are disabled. It cannot read their slots."""
    op.execute("UPDATE tasks SET enabled = false, next_run = NULL WHERE schedule_mode = 'shadow'")
    op.execute("DELETE FROM schedule_slots WHERE outcome = 'shadowed'")
    op.execute("DELETE FROM events WHERE state = 'shadowed'")
    op.drop_column("tasks", "schedule_mode_since")
    op.drop_column("tasks", "schedule_mode")
