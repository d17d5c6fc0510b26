"""The sh programs that run on a target, with what they need filled in. They are sent on stdin to `/bin/sh`."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

SHELL = "exec /bin/sh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One durable run as its target knows it. `spool` is the name of its folder, and the mark of its processes."""

    spool: str
    script: str
    env: Mapping[str, str]
    timeout_seconds: int
    output_limit: int


def attach(run: Run, *, nonce: str, out: int, err: int, known: bool) -> bytes:
    """Start the run if it was never started (unless `known`: it was), else attach; stream from these offsets."""
    values = {
        "id": run.spool,
        "nonce": nonce,
        "out": str(out),
        "err": str(err),
        "limit": str(run.timeout_seconds),
        "cap": str(run.output_limit),
        "known": "1" if known else "",
        "script": run.script,
        "supervisor": text("supervise.sh"),
    }
    exports = "".join(f"export {name}={quoted(value)}\n" for name, value in run.env.items())
    return f"{assigned(values)}exports() {{\n:\n{exports}}}\n{text('attach.sh')}".encode()


def stop(folder: str, why: str) -> bytes:
    """TERM, a grace, KILL to the session of the run in this spool folder; `why` goes into its record."""
    return f"{assigned({'d': folder, 'why': why})}{text('stop.sh')}".encode()


def assigned(values: Mapping[str, str]) -> str:
    return "".join(f"{name}={quoted(value)}\n" for name, value in values.items())


def quoted(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"


@cache
def text(name: str) -> str:
    """A program without its comments and indentation, which every run would send along."""
    lines = (line.strip() for line in resources.files("runner.remote").joinpath(name).read_text().splitlines())
    return "".join(f"{line}\n" for line in lines if line and not line.startswith("#"))
