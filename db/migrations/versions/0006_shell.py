"""The shell that a command's first line chooses, of tasks and executions. What is there keeps /bin/sh."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLES = ("tasks", "task_executions")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("shell", sa.String(length=128), nullable=True))


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "shell")
