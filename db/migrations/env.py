"""Alembic's environment. It runs on the connection that `db.migrate` passes, within its transaction."""

from alembic import context

from db import (  # noqa: F401 - imported to register their tables
    access_models,
    audit_models,
    event_models,
    fleet_models,
    output_models,
    policy_models,
    runner_models,
    secret_models,
    stdin_models,
    task_key_models,
)
from db.models import User
from db.rows import get_table

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=get_table(User).metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    transactional_ddl=False,
)
context.run_migrations()
