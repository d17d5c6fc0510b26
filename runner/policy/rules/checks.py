"""The rules of every family, by program; and those of redirections and names."""

import re
from collections.abc import Iterator

from runner.policy import marks
from runner.policy.following.shell import Argv, Shell
from runner.policy.rules import credentials, disks, filesystem, network, paths, privilege, system
from runner.policy.rules.call import Call, Rules
from runner.policy.tables import words

FAMILIES = (privilege.CHECKS, filesystem.CHECKS, disks.CHECKS, system.CHECKS, network.CHECKS, credentials.CHECKS)
SOCKET = re.compile(r"/dev/(?:tcp|udp)/")


def broken(name: str, argv: Argv, shell: Shell) -> Iterator[str]:
    """Ids of the rules that running this breaks."""
    call = Call(name, argv[0], argv[1:], shell.state.cwd, shell.stdin)
    for family in FAMILIES:
        if (check := family.get(name)) is not None:
            yield from check(call)
    if (by_prefix := disks.by_prefix(name)) is not None:
        yield from by_prefix(call)
    if name in credentials.READERS:
        yield from credentials.shadow(call)
    if hands_on(name, call):
        yield "privilege.argument"
    if call.path.startswith("/etc/"):
        yield from network.init_script(call)


RAISERS = words("sudo doas pkexec run0 runuser")
DATA = words(
    "apt apt-get aptitude apt-cache apt-mark dpkg dpkg-query yum dnf rpm apk zypper pacman brew snap pip grep"
    " egrep fgrep rg ag ack zgrep journalctl man info apropos whatis which whereis type hash help ls stat file"
    " du df echo printf logger test [ [[ getent id groups pgrep pkill killall systemctl service git make npm"
    " yarn tldr cheat locate mlocate compgen complete basename dirname realpath readlink touch mkdir cd alias"
    " unalias export set expr let case strings wc diff cmp sort uniq cut tr head tail cat less more vi vim"
    " nano sed awk jq curl wget puppet chef ansible salt docker kubectl helm dlocate debsums rpm2cpio equery"
    " eselect emerge lsof ps top ldd nm objdump readelf last lastlog faillog ausearch aureport mail read wait"
    " trap return exit unset for in do true false : history visudo dpkg-reconfigure update-alternatives tee"
)


def hands_on(name: str, call: Call) -> bool:
    """A program that is not known here and is handed `sudo` and a command."""
    if marks.plain(name) in DATA or any(name in family for family in FAMILIES):
        return False
    pairs = zip(call.args, call.args[1:], strict=False)
    return any(word in RAISERS and not after.startswith("-") for word, after in pairs)


def redirected(operator: str, path: str, *, empty: bool = False) -> Rules:
    """What reading from or writing to a resolved path breaks. `empty` says that nothing is written."""
    if operator in ("<", "<>") and paths.any_of(paths.SHADOW, path):
        yield "credentials.shadow"
    if operator == "<":
        return
    if paths.any_of(paths.DEVICE, path):
        yield "fs.device-write"
    if paths.any_of(paths.ACCOUNT, path):
        yield "fs.account-file-write"
    if operator not in (">>", "&>>") and truncates(path, empty):
        yield "fs.truncate-critical"
    yield from filesystem.special(path)


def truncates(path: str, empty: bool) -> bool:
    if paths.any_of(paths.ACCOUNT, path) or paths.any_of(paths.TRUNCATE, path):
        return True
    return empty and paths.any_of(paths.EMPTIED, path)


HIJACKS = re.compile(
    r"LD_(?:PRELOAD|AUDIT)|BASH_ENV|GLIBC_TUNABLES|SHELLOPTS|BASHOPTS|BASH_FUNC_\w+|PROMPT_COMMAND|PS4"
)
REFUSED = re.compile(
    r"LD_\w+|DYLD_\w+|BASH_ENV|ENV|IFS|PS4|SHELLOPTS|BASHOPTS|PROMPT_COMMAND|PATH|GLIBC_TUNABLES|BASH_FUNC_.*|CDPATH|GLOBIGNORE"
)


def hijacks(name: str) -> bool:
    """Whether a variable that the text sets makes other programs run other code."""
    return HIJACKS.fullmatch(name) is not None


def is_refused(name: str) -> bool:
    """Whether a task's environment must not hold the name."""
    return REFUSED.fullmatch(name) is not None


def shown(path: str) -> str:
    return marks.shown(path)
