"""Quotes text for /bin/sh. The account's login shell never reads it."""


def quote(text: str) -> str:
    """Quote `text` as one word."""
    return "'" + text.replace("'", "'\\''") + "'"


def build_script(command: str, working_dir: str | None) -> str:
    """Return the command as sh is to run it, after changing to its working directory."""
    return command if working_dir is None else f"cd -- {_quote_directory(working_dir)} || exit 126\n{command}"


def _quote_directory(path: str) -> str:
    return f'"$HOME"/{quote(path[2:])}' if path.startswith("~/") else quote(path)
