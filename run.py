"""Sets sshcast up in this folder, then runs it. Needs Python 3.11 or newer with pip, and nothing else.

python3 run.py [--once]              the demo: service, SSH target and one run, all on this machine
python3 run.py test [PYTEST ARGS]    the tests
python3 run.py MARKER                the tests marked thorough, clients, faults, soak or browser, in full
python3 run.py COMMAND ...           any sshcast command: serve, run, token, user, server … (COMMAND --help says more)
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
RUNTIME, DEV = "requirements.txt", "requirements-dev.txt"
SLOW = ("thorough", "clients", "faults", "soak", "browser")
UV_PIP = ("pip", "install", "-q", "--compile-bytecode", "--python", PYTHON)
PIP = (sys.executable, "-m", "pip", "--python", PYTHON, "install", "-q", "--disable-pip-version-check")
# Compiled, as uv and pip do with packages: without bytecode a start takes twice as long, and it may not write any.
OURS = ("db", "runner", "resolvers", "schema", "sshcast")
NETWORK = "check the network (or pip's settings for a mirror) and run this again: it goes on where it stopped"


class StepFailed(Exception):
    """A step of the set-up failed; the message says which, and what to do."""


def main(args):
    if args and args[0] in ("-h", "--help"):
        return print(__doc__)
    if sys.version_info < (3, 11):
        return f"sshcast needs Python 3.11 or newer, and this is {sys.version.split()[0]}: use a newer python3."
    tests = bool(args) and args[0] in ("test", *SLOW)
    try:
        set_up(DEV if tests else RUNTIME)
    except StepFailed as error:
        return str(error)
    if tests:
        return replace_by("-m", "pytest", *chosen_tests(args))
    demo = [] if args and not args[0].startswith("-") else ["demo"]
    return replace_by("-m", "sshcast", *demo, *args)


def chosen_tests(args):
    """`test` takes pytest's own arguments; a slow suite is a marker, run in full."""
    os.chdir(ROOT)
    if args[0] == "test":
        return args[1:]
    os.environ["SSHCAST_SUITE"] = "full"
    return ["-m", args[0], "-n", "auto" if args[0] == "thorough" else "0", "--timeout", "0", *args[1:]]


def replace_by(*args):
    os.execv(PYTHON, [str(PYTHON), *args])


def set_up(lock):
    """Make the environment and install what `lock` names, unless a stamp says that this was done."""
    stamp, wanted = VENV / f".{lock}.done", fingerprint(lock)
    if PYTHON.exists() and stamp.is_file() and stamp.read_text() == wanted:
        return
    if not PYTHON.exists():
        shutil.rmtree(VENV, ignore_errors=True)
        made = step("Making .venv", sys.executable, "-m", "venv", "--without-pip", VENV)
        require(made, "Making .venv", "see the message above; a full Python has the module venv (Debian: python3-venv)")
    require(install("the locked packages", "--require-hashes", "-r", lock), "Installing the packages", NETWORK)
    require(install("sshcast", "--no-deps", "--no-build-isolation", "-e", "."), "Installing sshcast", NETWORK)
    step("Compiling sshcast", PYTHON, "-m", "compileall", "-q", *OURS)
    if shutil.which("npm") and not (ROOT / "sshcast" / "console" / "graphiql").is_dir():
        step("Fetching GraphiQL (or the playground goes without)", PYTHON, "-m", "sshcast", "web", "fetch", seconds=60)
    stamp.write_text(wanted)


def fingerprint(lock):
    digest = hashlib.sha256(f"{ROOT} {sys.version}".encode())
    for name in (lock, "pyproject.toml", "run.py"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def install(name, *what):
    """With uv, which is five times faster, where it can be had; else, or if that fails, with pip."""
    os.environ.setdefault("UV_SYSTEM_CERTS", "true")  # trust what the machine trusts, as pip does
    uv = shutil.which("uv") or locked_uv()
    if uv and step(f"Installing {name} with uv", uv, *UV_PIP, *what):
        return True
    return step(f"Installing {name} with pip", *PIP, *what)


def locked_uv():
    uv, lines = VENV / "bin" / "uv", VENV / "uv.txt"
    if not uv.exists():
        locked = (ROOT / RUNTIME).read_text().split("\nuv==", 1)[1].split("\n    # via", 1)[0]
        lines.write_text("uv==" + locked + "\n")
        step("Getting uv, a fast installer", *PIP, "--require-hashes", "-r", lines, seconds=120)
    return uv if uv.exists() else None


def step(name, *command, seconds=None):
    """Run it in this folder, say so, and tell whether it succeeded within `seconds`."""
    print(f"· {name}", file=sys.stderr, flush=True)
    try:
        return subprocess.run([str(word) for word in command], cwd=ROOT, timeout=seconds).returncode == 0
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"  {error}", file=sys.stderr)
        return False


def require(succeeded, name, what_to_do):
    if not succeeded:
        raise StepFailed(f"{name} failed. What to do: {what_to_do}.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
