"""Old algorithms that an admin allows a server, and the name that its host certificate is for."""

import sqlalchemy as sa
from alembic import op

from db.columns import JsonText

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("servers", sa.Column("legacy_algorithms", JsonText(), server_default="[]", nullable=False))
    op.add_column("servers", sa.Column("host_key_alias", sa.String(length=255), nullable=True))


def downgrade() -> None:
    for name in ("host_key_alias", "legacy_algorithms"):
        op.drop_column("servers", name)
