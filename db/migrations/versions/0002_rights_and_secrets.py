"""Rights, secrets and rules that admins keep."""

import json

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
    add_rights()
    add_policies()
    create_identities()


def downgrade() -> None:
    """The same, from the last to the first."""
    drop_identities()
    remove_policies()
    drop_rights()
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


def add_rights() -> None:
    create_grants()
    create_server_tags()
    op.add_column("tasks", sa.Column("updated_by", sa.BigInteger(), nullable=True))


def drop_rights() -> None:
    op.drop_column("tasks", "updated_by")
    op.drop_index("ix_slots_task", "schedule_slots")
    op.drop_table("server_tags")
    op.drop_table("grants")


def create_grants() -> None:
    op.create_table(
        "grants",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("user_id", BigId, nullable=False),
        sa.Column("server_id", BigId, nullable=True),
        sa.Column("tag", sa.String(length=64), nullable=True),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("created_by", BigId, nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"]),
        sa.ForeignKeyConstraint(["server_id"], ["servers.id"]),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("user_id", "server_id", name="uq_grants_server"),
        sa.UniqueConstraint("user_id", "tag", name="uq_grants_tag"),
        sa.CheckConstraint("(server_id IS NULL) <> (tag IS NULL)", name="ck_grants_place"),
    )
    op.create_index("ix_slots_task", "schedule_slots", ["task_id", "id"], unique=False)


def create_server_tags() -> None:
    """With the tags that servers have."""
    table = op.create_table(
        "server_tags",
        sa.Column("server_id", BigId, autoincrement=False, nullable=False),
        sa.Column("tag", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["server_id"], ["servers.id"]),
        sa.PrimaryKeyConstraint("server_id", "tag"),
    )
    op.create_index("ix_server_tags_tag", "server_tags", ["tag", "server_id"], unique=False)
    found = op.get_bind().execute(sa.text("SELECT id, tags FROM servers")).all()
    op.bulk_insert(
        table, [{"server_id": id, "tag": tag} for id, tags in found for tag in dict.fromkeys(json.loads(tags))]
    )


def add_policies() -> None:
    """What admins change of the command policy, and on executions which of it judged them and what it found."""
    op.create_table(
        "policy_versions",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("server_id", BigId, nullable=True),
        sa.Column("task_id", BigId, nullable=True),
        sa.Column("mode", sa.String(length=16), nullable=True),
        sa.Column("allow", JsonText(), nullable=False),
        sa.Column("commands", JsonText(), nullable=False),
        sa.Column("extra", sa.Text(), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=True),
        sa.Column("created_by", BigId, nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["server_id"], ["servers.id"]),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"]),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_policy_versions_server", "policy_versions", ["server_id", "id"])
    op.create_index("ix_policy_versions_task", "policy_versions", ["task_id", "id"])
    op.add_column("task_executions", sa.Column("server_policy_id", sa.BigInteger(), nullable=True))
    op.add_column("task_executions", sa.Column("task_policy_id", sa.BigInteger(), nullable=True))
    op.add_column("task_executions", sa.Column("findings", JsonText(), nullable=True))
    found = sa.text("findings IS NOT NULL")
    op.create_index("ix_executions_findings", "task_executions", ["id"], sqlite_where=found, postgresql_where=found)


def remove_policies() -> None:
    op.drop_index("ix_executions_findings", "task_executions")
    for name in ("findings", "task_policy_id", "server_policy_id"):
        op.drop_column("task_executions", name)
    op.drop_table("policy_versions")


def create_identities() -> None:
    """Whom identity providers know, and the codes that let them in."""
    op.create_table(
        "identities",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("issuer", sa.String(length=255), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("user_id", BigId, nullable=False),
        sa.Column("told_at", UtcTime(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("issuer", "subject"),
    )
    op.create_index("ix_identities_user", "identities", ["user_id", "id"], unique=False)
    op.create_table(
        "sign_in_codes",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("identity_id", BigId, nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["identity_id"], ["identities.id"]),
        sa.PrimaryKeyConstraint("hash"),
    )


def drop_identities() -> None:
    op.drop_table("sign_in_codes")
    op.drop_table("identities")
