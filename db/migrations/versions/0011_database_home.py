"""Which PostgreSQL database this one is: after `pg_restore` into another one, or a copy, it is not the same."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The row itself is written by the first runner that starts."""
    op.create_table(
        "database_home",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("system_id", sa.String(length=32), nullable=True),
        sa.Column("database_oid", sa.BigInteger(), nullable=False),
        sa.Column("table_oids", sa.String(length=64), nullable=False),
        sa.Column("major", sa.Integer(), nullable=False),
        sa.CheckConstraint("id = 1", name="ck_database_home_one_row"),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    op.drop_table("database_home")
