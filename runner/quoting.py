"""Text as one word of a command line that sh, csh and fish login shells read alike."""

from collections.abc import Mapping

FED = 'eval "$(cat)"'


def quote(text: str) -> str:
    """`text` in single quotes, with quotes, backslashes and `!` (csh) set outside of them.

    Inside single quotes fish reads a backslash and csh reads `!`; both are therefore written bare after a backslash.
    A line end inside quotes stops csh, so callers keep it out or send the text another way.
    """
    if not text:
        return "''"
    parts: list[str] = []
    for char in text:
        if char in "'\\!":
            parts.append(f"\\{char}")
        elif parts and parts[-1].startswith("'"):
            parts[-1] += char
        else:
            parts.append(f"'{char}")
    return "".join(part + "'" if part.startswith("'") else part for part in parts)


def command_line(command: str, *, env: Mapping[str, str], working_dir: str | None, fed: bool = False) -> str:
    """The command run by /bin/sh, whatever the login shell is: what the policy read is what runs.

    `fed`: it gets more variables on stdin (`program.fed`), since everybody on the target may read a command line.
    """
    assigned = (f"{name}={value}" for name, value in env.items())
    text = script(command, working_dir)
    words = ["exec", "env", *assigned, "/bin/sh", "-c", *((FED, "sshcast", text) if fed else (text,))]
    return " ".join(word if word in ("exec", "env", "-c", "/bin/sh") else quote(word) for word in words)


def script(command: str, working_dir: str | None) -> str:
    """The command as sh is to read it, in its folder."""
    return command if working_dir is None else f"cd -- {directory(working_dir)} || exit 126\n{command}"


def directory(path: str) -> str:
    return f'"$HOME"/{quote(path[2:])}' if path.startswith("~/") else quote(path)
