"""Cron's `%`: the first one ends the command, what follows is its standard input, `\\%` is the sign itself."""


def split_command(text: str) -> tuple[str, str | None]:
    """Return the command, and its standard input; None where there is no `%`. From child_process() of Vixie cron."""
    command: list[str] = []
    is_escaped = False
    for at, sign in enumerate(text):
        if is_escaped:
            if sign == "%":
                command.pop()
            command.append(sign)
            is_escaped = False
        elif sign == "%":
            return "".join(command), _build_stdin(text[at + 1 :])
        else:
            command.append(sign)
            is_escaped = sign == "\\"
    return "".join(command), None


def _build_stdin(text: str) -> str:
    """Return what cron writes to the command: each `%` is a line end, and a last line without one gets it."""
    written: list[str] = []
    is_escaped = False
    for sign in text:
        if is_escaped and sign != "%":
            written.append("\\")
        shown = "\n" if sign == "%" and not is_escaped else sign
        is_escaped = sign == "\\"
        if not is_escaped:
            written.append(shown)
    if is_escaped:
        written.append("\\")
    found = "".join(written)
    return found if not found or found.endswith("\n") else f"{found}\n"


def render_script(command: str, stdin: str | None) -> str:
    """Return shell text that runs the command with that standard input, to its last byte."""
    if not stdin:
        return command
    lines, mark = stdin.split("\n"), "END"
    while mark in lines:
        mark += "_"
    return f"exec <<'{mark}'\n{stdin}{mark}\n{command}"
