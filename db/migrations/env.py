"""Alembic's environment: runs on the connection that `db.migrate` gives it, within its transaction."""

from alembic import context

from db import access_models, audit_models, policy_models, secret_models, task_key_models  # noqa: F401 - for their tables
from db.models import User
from db.rows import table_of

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=table_of(User).metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    transactional_ddl=False,
)
context.run_migrations()
