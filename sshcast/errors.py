"""The errors of the command line."""


class CommandFailed(Exception):
    """A command could not do what it was asked; the message says what to do. `status` is its exit status."""

    status = 1


class ReaderGone(Exception):
    """The program that reads the output has exited."""
