"""The errors of the command line."""


class CommandFailed(Exception):
    """A command could not do what it was asked; the message says what to do."""


class ReaderGone(Exception):
    """The program that reads the output has exited."""
