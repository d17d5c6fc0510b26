"""The bindings of sealed values: a value opens only in the table, row and field that it was sealed for."""

from runner.secrets.vault import Binding

EXECUTIONS = "task_executions"
RUN = "sealed_run"
"""The column with all the secrets of one run."""


def build_credential_binding(server_id: int) -> Binding:
    return {"table": "servers", "row": str(server_id), "field": "credential"}


def build_registered_binding(secret_id: int) -> Binding:
    return {"table": "secrets", "row": str(secret_id), "field": "value"}


def build_value_binding(table: str, id: int, name: str) -> Binding:
    """Bind a variable's value. A task's executions use values bound to the task."""
    return {"table": table, "row": str(id), "field": f"secret_env.{name}"}


def build_run_binding(execution_id: int) -> Binding:
    return {"table": EXECUTIONS, "row": str(execution_id), "field": RUN}


def build_stdin_binding(execution_id: int) -> Binding:
    return {"table": "execution_stdin", "row": str(execution_id), "field": "sealed"}
