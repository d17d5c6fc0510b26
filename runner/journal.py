"""Writes what happened to the service's log, one line each: ends of runs, sign-ins, changes.

By the standard library's logger, which costs nothing to import and writes nothing unless a log is set up:
`sshcast/logs.py` does that for `serve`, and turns the fields into those of its own lines.
"""

import logging

from db.ended_runs import EndedRun

FIELDS = "journal_fields"
"""The attribute of a log record that holds the line's fields."""

_logger = logging.getLogger("sshcast.journal")


def write_line(event: str, **fields: object) -> None:
    """Write one line: a fixed sentence, and ids and figures. None of them may be a secret, a command or a name."""
    if _logger.isEnabledFor(logging.INFO):
        _logger.info(event, extra={FIELDS: fields})


def write_end(run: EndedRun) -> None:
    """Write the line of a run that ended without a driver."""
    ids = {"execution": run.id, "task": run.task_id, "server": run.server_id}
    write_line("run ended", **ids, state=str(run.state), reason=str(run.reason))
