"""Idempotency keys that tasks are created under."""

import sqlalchemy as sa
from alembic import op

from db.columns import BigId

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "task_keys",
        sa.Column("created_by", BigId, autoincrement=False, nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("task_id", BigId, nullable=True),
        sa.Column("execution_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"]),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"]),
        sa.PrimaryKeyConstraint("created_by", "key"),
    )


def downgrade() -> None:
    op.drop_table("task_keys")
