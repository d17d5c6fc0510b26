"""Rights, secrets and rules that admins keep."""

import sqlalchemy as sa
from alembic import op

from db.columns import BigId, JsonText, UtcTime, name_type

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Each feature's tables and columns, a function each."""
    add_secrets()


def downgrade() -> None:
    """The same, from the last to the first."""
    drop_secrets()


def add_secrets() -> None:
    """Registered secrets, and the secret variables of tasks and executions."""
    op.create_table(
        "secrets",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("name", name_type(100), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("server_id", BigId, nullable=True),
        sa.Column("created_by", BigId, nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"]),
        sa.ForeignKeyConstraint(["server_id"], ["servers.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_index("ix_secrets_server", "secrets", ["server_id", "id"], unique=False)
    op.add_column("tasks", sa.Column("secret_env", JsonText(), server_default="{}", nullable=False))
    op.add_column("tasks", sa.Column("sealed_env", JsonText(), server_default="{}", nullable=False))
    op.add_column("task_executions", sa.Column("secret_env", JsonText(), server_default="{}", nullable=False))
    op.add_column("task_executions", sa.Column("sealed_env", JsonText(), nullable=True))
    op.add_column("task_executions", sa.Column("sealed_run", sa.LargeBinary(), nullable=True))


def drop_secrets() -> None:
    for name in ("sealed_run", "sealed_env", "secret_env"):
        op.drop_column("task_executions", name)
    for name in ("sealed_env", "secret_env"):
        op.drop_column("tasks", name)
    op.drop_table("secrets")
