"""Environment variables that make programs run other code."""

import re

from runner.policy import placeholders

REFUSED = re.compile(
    r"LD_\w+|DYLD_\w+|BASH_ENV|ENV|IFS|PS4|SHELLOPTS|BASHOPTS|PROMPT_COMMAND|PATH|GLIBC_TUNABLES|BASH_FUNC_.*|CDPATH"
    r"|GLOBIGNORE|GCONV_PATH|PERL5OPT|PERL5DB|PYTHONSTARTUP|RUBYOPT",
    re.IGNORECASE,
)
TEXTS = re.compile(
    r"PS[0-4]|PROMPT_COMMAND|(?:GIT_|MAN|SYSTEMD_)?PAGER|(?:GIT_|SUDO_|SYSTEMD_|KUBE_)?EDITOR|VISUAL|GIT_SSH_COMMAND|GIT_SSH"
    r"|GIT_SEQUENCE_EDITOR|GIT_EXTERNAL_DIFF|GIT_ASKPASS|SSH_ASKPASS|RSYNC_RSH|CVS_RSH|SVN_SSH|LESSOPEN|LESSCLOSE|BROWSER"
    r"|FCEDIT|TAR_OPTIONS|FZF_DEFAULT_COMMAND|SHELL"
)
LOADS = frozenset({"LD_PRELOAD", "LD_AUDIT", "DYLD_INSERT_LIBRARIES", "BASH_ENV"})
CHANGES = re.compile(r"SHELLOPTS|BASHOPTS|BASH_FUNC_.*")
"""Variables that change a shell's behaviour, whatever their value."""
INSTALLED = re.compile(r"(?:/usr|/lib|/lib64|/opt|/nix/store)/|\Z")
SHARED = re.compile(r"(?:/tmp|/var/tmp|/dev/shm)(?:/|\Z)")
"""Matches directories that anybody may write to."""
FILE = re.compile(f"[/.~{placeholders.HOME}]")


def is_refused(name: str) -> bool:
    """True if a task's environment must not hold the variable. Case is ignored: some programs read either case."""
    return REFUSED.fullmatch(name) is not None


def loads_code(name: str, value: str) -> bool:
    """True if this value makes programs or shells load code that is not installed on the system."""
    paths = re.split(r"[: ]", value)
    if name == "LD_LIBRARY_PATH":
        return any(SHARED.match(path) for path in paths)
    if name == "ENV":
        return FILE.match(value) is not None and not INSTALLED.match(value)
    return CHANGES.fullmatch(name) is not None or (name in LOADS and any(not INSTALLED.match(path) for path in paths))


def is_run_as_command(name: str) -> bool:
    """True if programs run the variable's value as a command."""
    return TEXTS.fullmatch(name) is not None
