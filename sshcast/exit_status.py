"""Runs the command line and decides its exit status and last words. docs/command-line.md lists the statuses."""

import errno
import sys

import typer
from typer.exceptions import Abort, TyperException

from sshcast import commands, standard_streams
from sshcast.errors import CommandFailed, ReaderGone
from sshcast.notes import Notes
from sshcast.usage_errors import format_usage
from sshcast.words import choose

FAILED = 1
INTERRUPTED = 130
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
READER_GONE = 141  # as of who dies of SIGPIPE


def run(app: typer.Typer) -> int:
    """Run the command line and return its exit status. Unexpected errors are raised again."""
    outputs = (sys.stdout, sys.stderr)  # typer may put others in their place
    if not sys.stdout.isatty() or not sys.stderr.isatty():
        app.rich_markup_mode = None  # no boxes, no colours, and nothing folded
    try:
        status = int(app(prog_name="sshcast", standalone_mode=False) or 0)
    except BaseException as error:
        status = _tell(error, outputs)
    return _check_written(status, outputs)


def _tell(error: BaseException, outputs: standard_streams.Outputs) -> int:
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, TyperException):
        return _tell_usage(error)
    if isinstance(error, Abort):
        told = choose("the input ended before all was answered, so nothing was done", "输入提前结束，因此未作任何更改")
        Notes().say(f"sshcast: {told}", "red")
        return FAILED
    cause = error.__context__ if isinstance(error, SystemExit) else error  # typer ends so at any EPIPE
    if isinstance(cause, ReaderGone) or (isinstance(cause, BrokenPipeError) and standard_streams.are_unread(outputs)):
        return READER_GONE
    if isinstance(cause, OSError) and cause.errno in NO_SPACE:
        return _tell_no_space(cause)
    if isinstance(cause, CommandFailed):  # said here, so that what reports the others need not be imported for it
        Notes().say(f"sshcast: {cause}", "red")
        return cause.status
    if not isinstance(cause, Exception):
        raise error
    return commands.failure.report_failure(cause)


def _tell_no_space(error: OSError) -> int:
    told = choose(f"what is to be written cannot be: {error.strerror}", f"无法写出内容：{error.strerror}")
    Notes().say(f"sshcast: {told}", "red")
    return FAILED


def _tell_usage(error: TyperException) -> int:
    """Print a usage error in one line; without any command, print the list of commands."""
    context = getattr(error, "ctx", None)
    text = error.format_message()
    if text.startswith("Usage: "):
        print(text, file=sys.stderr)
    elif text:
        command = None if context is None else context.command_path
        Notes().say(f"sshcast: {format_usage(text, command)}", "red")
    return error.exit_code


def _check_written(status: int, outputs: standard_streams.Outputs) -> int:
    """Flush the output, and report it if that fails because the reader is gone or the disk is full."""
    lost = standard_streams.flush(outputs)
    standard_streams.discard(outputs)
    if isinstance(lost, BrokenPipeError):
        return READER_GONE
    if lost is not None and status == 0:
        return _tell_no_space(lost)
    return status
