"""What a record may say of a program, given what the program did."""

from collections.abc import Iterator

from db.models import TaskExecution
from db.values import Mode, Reason, State
from tests.support.sim.target import Program

NEVER_STARTED = (
    Reason.UNREACHABLE,
    Reason.AUTH_FAILED,
    Reason.HOST_KEY_UNKNOWN,
    Reason.HOST_KEY_CHANGED,
    Reason.REFUSED_BY_POLICY,
    Reason.START_FAILED,
)


def faults(row: TaskExecution, program: Program, output: tuple[bytes, bytes]) -> Iterator[str]:
    """Each promise that the record breaks."""
    told = f"{row.mode} {row.state} {row.reason} {row.message!r}"
    if program.starts > 1:
        yield f"started {program.starts} times"
    if row.reason in NEVER_STARTED and program.starts:
        yield f"started, but told as {told}"
    if row.reason == Reason.CANCELLED and "before it started" in (row.message or "") and program.starts:
        yield f"started, but told as {told}"
    if row.state == State.SUCCESS and (program.exit is None or program.exit.status != 0):
        yield f"a false success: {program.exit}"
    if row.reason == Reason.EXIT_STATUS and (program.exit is None or program.exit.status != row.exit_code):
        yield f"a wrong status: {row.exit_code}, but {program.exit}"
    if row.reason == Reason.SIGNAL and (program.exit is None or program.exit.signal != row.exit_signal):
        yield f"a wrong signal: {row.exit_signal}, but {program.exit}"
    if row.verified_gone and program.runs:
        yield f"still runs, but told as {told}"
    if row.mode == Mode.DURABLE and row.reason == Reason.LOST:
        yield f"a durable run was lost: {told}"
    yield from faults_of_output(row, program, output)


def faults_of_output(row: TaskExecution, program: Program, output: tuple[bytes, bytes]) -> Iterator[str]:
    produced = (bytes(program.produced["stdout"]), bytes(program.produced["stderr"]))
    whole = row.reason in (Reason.EXIT_STATUS, Reason.SIGNAL)
    for name, stored, all_of_it, size in zip(
        ("stdout", "stderr"), output, produced, (row.stdout_bytes, row.stderr_bytes), strict=True
    ):
        if not all_of_it.startswith(stored):
            yield f"{name} differs from what was produced"
        if whole and not row.truncated and stored != all_of_it:
            yield f"{name} has {len(stored)} of {len(all_of_it)} bytes, told as whole"
        if len(stored) != size:
            yield f"{name} has {len(stored)} bytes and the record says {size}"
