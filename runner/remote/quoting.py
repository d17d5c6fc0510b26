"""Text as /bin/sh is to read it. The account's login shell never sees it."""


def quote(text: str) -> str:
    """`text` as one word."""
    return "'" + text.replace("'", "'\\''") + "'"


def build_script(command: str, working_dir: str | None) -> str:
    """The command as sh is to read it, in its folder."""
    return command if working_dir is None else f"cd -- {_quote_directory(working_dir)} || exit 126\n{command}"


def _quote_directory(path: str) -> str:
    return f'"$HOME"/{quote(path[2:])}' if path.startswith("~/") else quote(path)
