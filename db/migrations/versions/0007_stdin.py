"""The standard input of a command: its size and digest in the execution's row, itself sealed in a table of its own."""

import sqlalchemy as sa
from alembic import op

from db.columns import BigId

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("task_executions", sa.Column("stdin_bytes", sa.BigInteger(), nullable=True))
    op.add_column("task_executions", sa.Column("stdin_sha256", sa.String(length=64), nullable=True))
    op.create_table(
        "execution_stdin",
        sa.Column("execution_id", BigId, autoincrement=False, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["execution_id"], ["task_executions.id"]),
        sa.PrimaryKeyConstraint("execution_id"),
    )


def downgrade() -> None:
    op.drop_table("execution_stdin")
    for name in ("stdin_sha256", "stdin_bytes"):
        op.drop_column("task_executions", name)
