"""Builds the run that is sent to a target, in both modes: the checked command with its shell and variables."""

from db.values import OnOutputLimit
from runner.admission import shebang
from runner.execution import run_secrets
from runner.execution.drive import Drive
from runner.remote import quoting
from runner.remote.program import TargetRun


def _choose_spool_limit(drive: Drive) -> int:
    """Return the most bytes that the run may keep on its target. If it is over, the run is ended there."""
    if drive.row.on_output_limit == OnOutputLimit.TRUNCATE:
        return max(drive.row.output_limit, drive.parts.spool_limit)
    return drive.row.output_limit


def build_target_run(drive: Drive, spool: str) -> TargetRun:
    """Return the run as its target gets it; `spool` marks its processes."""
    row = drive.row
    return TargetRun(
        spool=spool,
        script=quoting.build_script(row.command, row.working_dir),
        shell=shebang.build_argv(row.shell),
        merged=row.merge_streams,
        env=run_secrets.list_clear_variables(row) | drive.secrets.variables,
        output_limit=_choose_spool_limit(drive),
        stdin=drive.secrets.stdin,
    )
