"""The one error of the command line."""


class CommandFailed(Exception):
    """A command could not do what it was asked; the message says what to do."""
