"""The sh programs that run on a target. They are sent to a shell that has answered."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Literal

from runner.remote.quoting import quote
from runner.ssh.protocol import Exit, RemoteShell

PARTS = {"spool": "spool.sh", "ending": "ending.sh", "supervisor": "supervise.sh", "watcher": "watch.sh"}
NO_INPUT = " </dev/null"
COMMAND = 'exec "$@"'

StartMode = Literal["start", "known", "never"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRun:
    """One run as its target knows it.

    `spool` is the prefix of its files' names, and marks its processes. `shell` is the program that reads the script,
    with its options; `stdin` is the script's standard input. With `merged`, what it writes to stderr is its stdout.
    """

    spool: str
    script: str
    env: Mapping[str, str]
    output_limit: int
    shell: tuple[str, ...] = ("/bin/sh",)
    merged: bool = False
    stdin: bytes = field(default=b"", repr=False)

    @property
    def argv(self) -> tuple[str, ...]:
        """The words to run for the script."""
        return (*self.shell, "-c", self.script)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachRequest:
    """The parameters of an attachment. See attach.sh for `how`.

    `out` and `err` are the bytes already received. `limit` is the time left, and `soon` the time within which the run
    must begin, both in seconds.
    """

    how: StartMode
    nonce: str
    out: int
    err: int
    limit: int
    soon: float = 15.0


def build_attach(run: TargetRun, want: AttachRequest) -> bytes:
    values = {
        "id": run.spool,
        "nonce": want.nonce,
        "out": str(want.out),
        "err": str(want.err),
        "limit": str(want.limit),
        "soon": str(round(want.soon * 100)),
        "cap": str(run.output_limit),
        "how": want.how,
        "merged": "1" if run.merged else "",
        "stdin": str(len(run.stdin) or ""),
        "argv": " ".join(map(quote, run.argv)),
        "exports": build_exports(run.env),
    }
    texts = {name: load_program(file) for name, file in PARTS.items()}
    reader = load_program("stdin.sh") if run.stdin else ""
    main = f"{load_program('require.sh')}{load_program('attach.sh')}"
    return f"{build_assignments(values | texts)}{reader}{main}".encode()


def build_finish(mark: str, nonce: str, pid: str = "-") -> bytes:
    """Build a program that ends all processes carrying `mark` and, if given, `pid`, and reports as attach.sh does."""
    main = f"exec 2>/dev/null\nchild={quote(pid)}\nfinish\nprintf '%s ' \"$nonce\"\nfate\nexit\n"
    return f"{build_assignments({'id': mark, 'nonce': nonce})}{load_program('ending.sh')}{main}".encode()


def build_clear(prefix: str, *, keep: bool) -> bytes:
    """Build a program that removes a run's files, except with `keep` its begin marker."""
    return f'{build_assignments({"p": prefix})}exec rm -f "$p"{"[!g]*" if keep else "*"}\n'.encode()


def build_check(nonce: str, prefix: str) -> bytes:
    """Build a program that tells what the target has for runs, as check.sh says. Its files begin with `prefix`."""
    values = build_assignments({"nonce": nonce, "id": prefix, "stdin": ""})
    return f"{values}{''.join(map(load_program, ('spool.sh', 'require.sh', 'check.sh')))}".encode()


def build_attached(run: TargetRun, nonce: str) -> bytes:
    """Build a program that runs the command on this channel, after a line on each stream that announces it.

    A program that arrives incomplete starts nothing. It sets no variables that the command could have: one that the
    account exports would reach the command changed. Standard input follows once the command has begun, so the program
    is one compound that the shell reads as a whole before.
    """
    variables = build_exports({**run.env, "SSHCAST_SPOOL": run.spool})
    main = load_program("attached.sh")
    if run.merged:
        main = main.replace(COMMAND, f"{COMMAND} 2>&1")
    if run.stdin:
        main = f"{{\n{main.replace(NO_INPUT, '')}}}\n"
    return f"{variables}set -- {quote(nonce)} {' '.join(map(quote, run.argv))}\n{main}".encode()


async def run(shell: RemoteShell, text: bytes) -> Exit:
    """Run a program that needs no further input, and wait for its exit."""
    with suppress(OSError):  # a shell that has already ended reports that by its exit
        shell.process.write(text)
        shell.process.write_eof()
    return await shell.process.wait()


def build_exports(env: Mapping[str, str]) -> str:
    return "".join(f"export {name}={quote(value)}\n" for name, value in env.items())


def build_assignments(values: Mapping[str, str]) -> str:
    return "".join(f"{name}={quote(value)}\n" for name, value in values.items())


@cache
def load_program(name: str) -> str:
    """Load a program without its comments and indentation, which every run would send along."""
    lines = (line.strip() for line in resources.files("runner.remote").joinpath(name).read_text().splitlines())
    return "".join(f"{line}\n" for line in lines if line and not line.startswith("#"))
