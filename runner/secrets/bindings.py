"""The bindings of sealed values: a value opens only in the table, row and field that it was sealed for."""

from typing import Protocol

from runner.secrets.vault import Binding

EXECUTIONS = "task_executions"
FLEET_RUNS = "fleet_runs"
RUN = "sealed_run"
"""The column with all the secrets of one run."""


class ValuesReader(Protocol):
    """An execution, as far as it says whose values it uses."""

    @property
    def id(self) -> int: ...

    @property
    def task_id(self) -> int | None: ...

    @property
    def fleet_run_id(self) -> int | None: ...


def find_values_owner(run: ValuesReader) -> tuple[str, int]:
    """Return the table and the id of the row that an execution's own values are bound to.

    Values from a task stay bound to the task, and those of a fleet run's command to the fleet run.
    """
    if run.task_id is not None:
        return "tasks", run.task_id
    return (EXECUTIONS, run.id) if run.fleet_run_id is None else (FLEET_RUNS, run.fleet_run_id)


def build_credential_binding(server_id: int) -> Binding:
    return {"table": "servers", "row": str(server_id), "field": "credential"}


def build_registered_binding(secret_id: int) -> Binding:
    return {"table": "secrets", "row": str(secret_id), "field": "value"}


def build_value_binding(table: str, id: int, name: str) -> Binding:
    """Bind a variable's value to its owner, see `find_values_owner`."""
    return {"table": table, "row": str(id), "field": f"secret_env.{name}"}


def build_run_binding(execution_id: int) -> Binding:
    return {"table": EXECUTIONS, "row": str(execution_id), "field": RUN}


def build_stdin_binding(execution_id: int) -> Binding:
    return {"table": "execution_stdin", "row": str(execution_id), "field": "sealed"}


def build_fleet_stdin_binding(fleet_run_id: int) -> Binding:
    """Bind the standard input that all executions of a fleet run share."""
    return {"table": FLEET_RUNS, "row": str(fleet_run_id), "field": "sealed_stdin"}
