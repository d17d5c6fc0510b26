"""Accounts as people have them, and how a run on each has to end."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from db.values import Reason, State
from tests.support.accounts.accounts import Wish, can_unshare, found
from tests.support.accounts.login_files import BASHRC, HEARD, OTHER_FILES, End

ENDED = "the account's login shell ended without running the command"
UNANSWERED = "gave a session, but no shell answered"
SHELLS = {
    **{name: name for name in ("bash", "dash", "zsh", "ksh93", "mksh", "tcsh", "bsd-csh", "fish", "yash", "sh")},
    "busybox ash": "busybox",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """`ends`: a run `runs`; is `told` to have been ended by the login shell; found the account `silent`, and did not
    start; was `honest`, which is any end but success; found the server `unopened`, or the sign-in `refused`.

    `prints`: what has to be in the output of a run that was not started. `keeps`: a word in the command lines of the
    processes that are the account's own, and that SSH gives nobody a way to end. `plain`: the command uses no programs.
    """

    name: str
    ends: End
    wish: Wish
    prints: str = ""
    keeps: str | None = None
    plain: bool = False

    @property
    def missing(self) -> str | None:
        """What this machine would need for it."""
        if self.wish.nologin and not can_unshare():
            return "this machine lets nobody have mounts of their own"
        return None if found(self.wish.shell) else f"no {self.wish.shell} on this machine"

    @property
    def end(self) -> tuple[State, Reason, str]:
        """The state, the reason, and what is in the message; of a run that did not succeed."""
        return {
            "told": (State.FAILED, Reason.START_FAILED, ENDED),
            "silent": (State.FAILED, Reason.START_FAILED, UNANSWERED),
            "unopened": (State.FAILED, Reason.START_FAILED, "opened no channel"),
            "refused": (State.FAILED, Reason.AUTH_FAILED, ""),
        }[self.ends]


def _login_shells() -> Iterator[Setup]:
    for name, program in SHELLS.items():
        yield Setup(name=f"{name} as login shell", ends="runs", wish=shell_wish(program))
    scripts = {
        "a script that becomes bash": ("runs", 'exec /bin/bash "$@"', ""),
        "a script that greets, and becomes bash": ("runs", 'echo Welcome; exec /bin/bash "$@"', ""),
        "a menu": ("silent", f"echo '1) restart 2) quit'; {HEARD}", "1) restart"),
        "a script that starts a shell without arguments": ("silent", "exec /bin/sh", ""),
        "a script without an interpreter that is there": ("told", None, ""),
    }
    for name, (ends, text, prints) in scripts.items():
        program = "#!/nonexistent\n" if text is None else f"#!/bin/sh\n{text}\n"
        wish = Wish(files={"shell": program}, prepare='usermod -s "$HOME/shell" "$USER"')
        yield Setup(name=f"{name} as login shell", ends=ends, wish=wish, prints=prints)  # type: ignore[arg-type]
    for program in ("/bin/true", "/bin/false", "/bin/cat", "git-shell", "rbash", "python3", "perl", "env"):
        yield Setup(name=f"{program} as login shell", ends="told", wish=Wish(shell=program))
    nologin = Wish(shell="/usr/sbin/nologin")
    yield Setup(name="nologin as login shell", ends="told", wish=nologin, prints="not available")
    gone = Wish(prepare='usermod -s /nonexistent/shell "$USER"')
    yield Setup(name="a login shell that is gone", ends="refused", wish=gone)


def shell_wish(program: str) -> Wish:
    """busybox is what it is called, so its ash needs a name of its own."""
    if program != "busybox":
        return Wish(shell=program)
    link = f'ln -s {found(program)} "$HOME/ash"; usermod -s "$HOME/ash" "$USER"'
    return Wish(shell=program, prepare=link)


KEPT = {"hangs and heeds no TERM": "sleep 1000", "leaves a process behind": "sleep 1000"}
PRINTED = {"exits with 7": "locked", "hangs": "waiting", "has a function in place of exec": "no"}


def _bashrc() -> Iterator[Setup]:
    for name, (ends, text) in BASHRC.items():
        yield Setup(
            name=f".bashrc {name}",
            ends=ends,
            wish=Wish(files={".bashrc": f"{text}\n"}),
            prints=PRINTED.get(name, ""),
            keeps=KEPT.get(name),
            plain=name in ("has no PATH", "lets nothing fork"),
        )


def _other_files() -> Iterator[Setup]:
    for shell, (file, kinds) in OTHER_FILES.items():
        for name, (ends, text) in kinds.items():
            wish = Wish(shell=shell, files={file: f"{text}\n"})
            yield Setup(name=f"{file} {name}", ends=ends, wish=wish)


ASKED = '"$SSH_ORIGINAL_COMMAND"'
FORCED: dict[str, tuple[End, str]] = {
    "true": ("told", "true"),
    "false": ("told", "false"),
    "cat": ("silent", "cat"),
    "echo": ("told", "echo only this"),
    "a reader": ("silent", f"printf 'mysql> '; {HEARD}"),
    "a reader of one line": ("silent", 'read x; echo "$x" >"$HOME/heard"'),
    "a shell": ("silent", "sh"),
    "sleep": ("silent", "sleep 1000"),
    "sh with what was asked": ("runs", f"sh -c {ASKED}"),
    "a login bash with what was asked": ("runs", f"exec bash -lc {ASKED}"),
    "what was asked, split": ("told", "$SSH_ORIGINAL_COMMAND"),
    "eval of what was asked": ("runs", f"eval {ASKED}"),
    "echo of what was asked": ("told", f"echo {ASKED}"),
    "printf of what was asked": ("told", f"printf '%s' {ASKED}; exit 0"),
    "echo of what was asked, and a reader": ("silent", f"echo {ASKED}; {HEARD}"),
    "a pipe of what was asked to sh": ("honest", f"echo {ASKED} | sh"),
    "a filter that allows it": (
        "runs",
        f"case {ASKED} in 'exec /bin/sh -c'*) eval {ASKED};; *) echo refused; exit 1;; esac",
    ),
    "a filter that rejects it": ("told", f"case {ASKED} in git-*) eval {ASKED};; *) echo refused; exit 1;; esac"),
    "a filter that rejects it with 0": ("told", f"case {ASKED} in git-*) eval {ASKED};; *) echo refused;; esac"),
    "a log of what was asked": ("runs", f'echo {ASKED} >>"$HOME/log"; exec sh -c {ASKED}'),
    "no environment": ("runs", f"env -i sh -c {ASKED}"),
    "a time limit": ("runs", f"timeout 50 sh -c {ASKED}"),
    "a pipe of its output": ("honest", f'sh -c {ASKED} | tee -a "$HOME/log"'),
    "noise around it": ("honest", f"echo before; sh -c {ASKED}; s=$?; echo after; exit $s"),
    "it twice": ("honest", f"sh -c {ASKED}; sh -c {ASKED}"),
    "it with no input": ("honest", f"sh -c {ASKED} </dev/null"),
    "its status swallowed": ("honest", f"sh -c {ASKED}; true"),
}
SAYS = {"echo": "only this\n", "a filter that rejects it": "refused", "a filter that rejects it with 0": "refused"}


def _forced() -> Iterator[Setup]:
    for name, (ends, command) in FORCED.items():
        keeps = "sleep 1000" if name == "sleep" else None
        wish = Wish(forced=command)
        prints = SAYS.get(name, "")
        yield Setup(name=f"forced: {name}", ends=ends, wish=wish, prints=prints, keeps=keeps)


CONFIG: dict[str, tuple[End, str]] = {
    "ignores what was asked": ("told", "ForceCommand echo down for maintenance"),
    "gives sftp only": ("told", "ForceCommand internal-sftp"),
    "gives no sessions": ("unopened", "MaxSessions 0"),
    "gives one session": ("runs", "MaxSessions 1"),
    "gives no terminal": ("runs", "PermitTTY no"),
    "takes variables": ("runs", "AcceptEnv *"),
    "gives an empty root": ("told", "ChrootDirectory /run/sshd"),
    "gives a PATH": ("runs", "SetEnv PATH=/usr/bin:/bin"),
}
HOMES: dict[str, tuple[End, str]] = {
    "that is missing": ("runs", 'rm -r "$HOME"'),
    "that cannot be written": ("runs", 'chown root: "$HOME"; chmod 555 "$HOME"'),
    "that cannot be entered": ("runs", 'chown root: "$HOME"; chmod 000 "$HOME"'),
    "that is a file": ("runs", 'rm -r "$HOME"; touch "$HOME"'),
    "where a file is in the way": ("runs", 'touch "$HOME/.sshcast"'),
}


def _rest() -> Iterator[Setup]:
    for name, (ends, line) in CONFIG.items():
        yield Setup(name=f"sshd {name}", ends=ends, wish=Wish(config=(line,)))
    for name, (ends, line) in HOMES.items():
        yield Setup(name=f"a home {name}", ends=ends, wish=Wish(prepare=line))
    yield Setup(name="a key with few rights", ends="runs", wish=Wish(options="restrict"))
    yield Setup(name="an account that has expired", ends="refused", wish=Wish(prepare='usermod -e 1 "$USER"'))
    yield Setup(name="a nologin file", ends="told", wish=Wish(nologin=True), prints="down for maintenance")
    dead = replace(shell_wish("bash"), prepare='usermod -L "$USER"')
    yield Setup(name="an account that is locked", ends="refused", wish=dead)


SETUPS = {setup.name: setup for group in (_login_shells, _bashrc, _other_files, _forced, _rest) for setup in group()}
