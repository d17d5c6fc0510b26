"""Writes the row of a run. Each write names the fence, so that a stale driver's write changes nothing."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from db.executions import FORGOTTEN
from db.models import TaskExecution
from db.output import OutputEnd
from runner.admission.decision import PolicyDecision
from runner.bus import EXECUTIONS, FLEET_RUNS, FOLLOW_UPS, execution_address
from runner.execution import run_secrets, start_check
from runner.execution.outcome import Outcome
from runner.execution.parts import Parts
from runner.execution.run_secrets import RunSecrets
from runner.execution.start_check import EndRecord
from runner.journal import write_line
from runner.log import get_logger
from runner.store_retry import retry_until_available

log = get_logger()


class TakenOver(Exception):
    """Another runner drives this execution now; nothing that this one does for it counts."""


class RunRecord:
    """The state of the run in its row, and the writes to it.

    `begun` is set if the command may have been started. `mode` is how it runs, once that is known. `secrets` are those
    of the run, once they are unsealed. `refused` is the policy's current decision, if it is a refusal. `_held` are
    columns that wait for the next write.
    """

    def __init__(self, parts: Parts, row: TaskExecution) -> None:
        self.parts = parts
        self.row = row
        self.begun = row.remote is not None
        self.mode = row.mode
        self.secrets = RunSecrets()
        self.refused: PolicyDecision | None = None
        self._held: dict[str, Any] = {}

    def choose_mode(self, default: str) -> None:
        """Set the server's mode if the run has none of its own."""
        self.mode = self.mode or default

    def keep_secrets(self, secrets: RunSecrets) -> None:
        self.secrets = secrets

    def refuse(self, decision: PolicyDecision) -> None:
        self.refused = decision

    def hold(self, values: Mapping[str, Any]) -> None:
        """Keep columns for the next write of this row: they are not worth one of their own."""
        self._held |= values

    def correct_begun(self, begun: bool) -> None:
        """Correct whether the command may have been started, once that is known better than from the row."""
        self.begun = begun

    async def update(self, values: dict[str, Any]) -> None:
        """Record progress of the running execution. `remote` must be recorded before anything is started on the target.

        The run's sealed secrets are recorded with it. Raises TakenOver if another runner drives the run now, and
        TaskStopped.
        """
        begins = not self.begun and values.get("remote") is not None
        sealed = run_secrets.seal(self.row.id, self.secrets, self.parts.vault) if begins else {}
        self.begun = self.begun or begins
        self.mode = values.get("mode", self.mode)
        kept = {"mode": self.mode} | self._held | values | sealed
        update = partial(self.parts.store.run, start_check.record_start, self.row, kept, begins=begins)
        if not await retry_until_available(update):
            raise TakenOver
        self._held = {}

    async def finish(self, outcome: Outcome, *, truncated: bool, last: OutputEnd | None = None) -> bool:
        """Record the outcome, and the last of the output with it, in one transaction.

        Return False if another runner has taken over the run and what is left on the target.
        """
        shown = {name: self.secrets.mask(getattr(outcome, name)) for name in ("message", "exit_signal")}
        refused = self.refused.build_columns() if self.refused is not None else {}
        ended = outcome.build_columns() | shown | self._build_end_columns() | {"truncated": truncated}
        gap = None if last is None else last.find_gap()
        values = self._held | ended | refused | ({} if gap is None else gap.build_columns())
        try:
            row = await self._write_end(values, last)
        except Exception as error:
            log.error("an execution's end cannot be recorded whole", execution=self.row.id, exc_info=error)
            short = {"message": "its record is not whole: see sshcast's log", "exit_signal": None}
            row = await self._write_end(values | short, last)
        if row is not None:
            self._report(row, last)
        self._announce(row)
        return row is not None

    async def _write_end(self, values: dict[str, Any], last: OutputEnd | None) -> TaskExecution | None:
        end = EndRecord(values, self.parts.clock(), last, self.refused)
        finish = partial(self.parts.store.run, start_check.finish, self.row, end)
        row = await retry_until_available(finish)
        if row is None:
            log.warning("an execution's end was recorded by another runner", execution=self.row.id)
        return row

    def _report(self, row: TaskExecution, last: OutputEnd | None) -> None:
        """Tell the log and the observer of the end. The log gets ids and figures: the message may name files."""
        stored_bytes = 0 if last is None else sum(len(chunk.data) for chunk in last.chunks)
        self.parts.observer.note_end(row, stored_bytes)
        write_line(
            "run ended",
            execution=row.id,
            task=row.task_id,
            server=row.server_id,
            state=str(row.state),
            reason=None if row.reason is None else str(row.reason),
            exit_status=row.exit_code,
            duration_ms=row.duration_ms,
            output_bytes=row.stdout_bytes + row.stderr_bytes,
        )

    def _announce(self, row: TaskExecution | None) -> None:
        """Hand the final row to its watchers; they read it themselves where another runner wrote it."""
        address, bus = execution_address(self.row.id), self.parts.bus
        if row is None:
            bus.hint(address)
        else:
            bus.publish(address, row)
        bus.hint(EXECUTIONS, *(() if self.row.task_id is None else (FOLLOW_UPS,)))
        if self.row.fleet_run_id is not None:
            bus.hint(FLEET_RUNS)

    def _build_end_columns(self) -> dict[str, Any]:
        now = self.parts.clock()
        started = self.row.start_time or now
        return {
            "mode": self.mode,
            "end_time": now,
            "duration_ms": max(0, round((now - started).total_seconds() * 1000)),
            **FORGOTTEN,
        }
