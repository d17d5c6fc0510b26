"""Builds the run that is sent to a target, in both modes: the checked command with its shell and variables."""

from runner.admission import shebang
from runner.execution.drive import Drive
from runner.remote import quoting
from runner.remote.program import TargetRun


def build_target_run(drive: Drive, spool: str) -> TargetRun:
    """Return the run as its target gets it; `spool` marks its processes."""
    row = drive.row
    return TargetRun(
        spool=spool,
        script=quoting.build_script(row.command, row.working_dir),
        shell=shebang.build_argv(row.shell),
        env=row.env | drive.secrets.variables,
        output_limit=row.output_limit,
        stdin=drive.secrets.stdin,
    )
