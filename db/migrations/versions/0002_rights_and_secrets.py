"""Rights, secrets and rules that admins keep."""

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Each feature's tables and columns, a function each."""


def downgrade() -> None:
    """The same, from the last to the first."""
