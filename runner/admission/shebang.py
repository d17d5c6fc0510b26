"""The shell that a command's first line chooses, by a closed grammar: other first lines are refused.

`#!/bin/sh`, or bash, dash or ksh in /bin or /usr/bin or by `/usr/bin/env`; then at most -e, -u, -x and -o pipefail.
"""

import re

INTERPRETERS = re.compile(r"/bin/sh|(?:/usr)?/bin/(?:bash|dash|ksh)")
FOUND_BY_ENV = ("bash", "dash", "ksh")
ENV = ("/usr/bin/env", "/bin/env")
SH = re.compile(r"(?:.*/)?sh")
BASH = re.compile(r"(?:.*/)?bash")
NO_LOGIN_FILES = ("--norc",)
FLAGS = re.compile(r"-[eux]+")
FLAGS_BEFORE_NAME = re.compile(r"-[eux]*o")
NAMED = ("pipefail",)
BLANKS = re.compile(r"[ \t]+")
LONGEST = 100
LONGEST_SHOWN = 80
FORMS = "#!/bin/sh, #!/bin/bash, #!/bin/dash, #!/bin/ksh, #!/usr/bin/env bash"


class ShebangRefused(ValueError):
    """A first line that names something other than a shell of the grammar; the reason is in English and Chinese."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.en = en
        self.zh = zh


def parse_shebang(command: str) -> str | None:
    """Return the shell and its options, separated by single spaces; None without such a line.

    Raises ShebangRefused.
    """
    if not command.startswith("#!"):
        return None
    line = command.partition("\n")[0]
    found = BLANKS.split(line[2:].strip(" \t"))
    if len(line) > LONGEST:
        raise ShebangRefused(f"has a first line of more than {LONGEST} characters.", f"的首行超过 {LONGEST} 个字符。")
    _check_options(_skip_shell(found))
    return " ".join(found)


def build_argv(shell: str | None) -> tuple[str, ...]:
    """Return the words that run a shell from `parse_shebang`; without a choice it is /bin/sh.

    A bash that finds SSH's variables may read the account's .bashrc even for `-c`, and a .bashrc that exits would keep
    it from running the command.
    """
    found = ("/bin/sh",) if shell is None else tuple(shell.split(" "))
    at = next((place for place, word in enumerate(found, 1) if BASH.fullmatch(word)), 0)
    return (*found[:at], *NO_LOGIN_FILES, *found[at:]) if at else found


def _skip_shell(found: list[str]) -> list[str]:
    """Return the words after the shell's name."""
    name = found[0]
    if name in ENV:
        return _skip_env(found)
    if INTERPRETERS.fullmatch(name):
        return found[1:]
    raise _build_no_shell(name)


def _skip_env(found: list[str]) -> list[str]:
    name = found[1] if len(found) > 1 else ""
    if name.startswith("-") or "=" in name:
        raise ShebangRefused(
            f"gives env {_quote(name)} in its first line: env may have no options or variables here. "
            "Write #!/usr/bin/env bash, and set variables in the task's environment.",
            f"的首行为 env 指定了 {_quote(name)}：此处 env 不能带选项或变量。请写 #!/usr/bin/env bash，"
            "变量请放入任务的环境变量。",
        )
    if name not in FOUND_BY_ENV:
        raise _build_no_shell(name)
    return found[2:]


def _build_no_shell(name: str) -> ShebangRefused:
    if SH.fullmatch(name):
        return ShebangRefused(
            f"names {_quote(name)} in its first line: write #!/bin/sh.",
            f"的首行指定了 {_quote(name)}：请写 #!/bin/sh。",
        )
    shown = _quote(name) if name else "nothing"
    return ShebangRefused(
        f"names {shown} in its first line, and only shells are run here: use one of {FORMS}, "
        "or leave that line out and call the program by its name.",
        f"的首行指定了 {_quote(name) if name else '空的解释器'}，但这里只运行 shell：请使用 {FORMS} 之一，"
        "或去掉首行并直接按名称调用该程序。",
    )


def _check_options(found: list[str]) -> None:
    rest = iter(found)
    for word in rest:
        if FLAGS.fullmatch(word):
            continue
        if FLAGS_BEFORE_NAME.fullmatch(word):
            word = f"{word} {next(rest, '')}".rstrip()
            if word.partition(" ")[2] in NAMED:
                continue
        raise ShebangRefused(
            f"gives the shell {_quote(word)} in its first line: only -e, -u, -x and -o pipefail may stand there. "
            "Use `set` in the command for others.",
            f"的首行为 shell 指定了 {_quote(word)}：首行只允许 -e、-u、-x 和 -o pipefail，其他选项请在命令中使用 set。",
        )


def _quote(text: str) -> str:
    return ascii(text[:LONGEST_SHOWN])[1:-1]
