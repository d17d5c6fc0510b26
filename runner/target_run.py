"""What a target is told of an execution, in both modes: what was judged, with its shell, variables and secrets."""

from runner import quoting, shebang
from runner.execution import Drive
from runner.remote.program import Run


def describe(drive: Drive, spool: str) -> Run:
    """The run as its target is to know it; `spool` marks its processes."""
    row = drive.row
    return Run(
        spool=spool,
        script=quoting.script(row.command, row.working_dir),
        shell=shebang.words(row.shell),
        env=row.env | drive.secrets.variables,
        output_limit=row.output_limit,
        stdin=drive.secrets.stdin,
    )
