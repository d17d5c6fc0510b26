"""Every command against a service that is sound, dead, wrong, old or has ended the session: one sentence, no more."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sshcast.cli import load_commands
from sshcast.doctor import service as doctor_service
from sshcast.remote import http_api
from sshcast.words import is_chinese
from tests.support.commands import ROOT, Commands
from tests.support.every_command import CALLS, DATABASE, HERE, SECRET, SESSIONS, write_files
from tests.support.remote import Remote
from tests.support.wrong_services import ACCESS, KINDS, REFRESH, Wrong, standing_in

FOLDER = Path(__file__).parent
FEW = ("server list", "run", "tail", "watch", "task set", "apply", "export")
REMOTE = ROOT / "sshcast" / "remote"
DOCTOR = ROOT / "sshcast" / "doctor"
ERRORS = ("CommandFailed", "ApiRefused", "ConnectionLost", "NeverReached", "BrowserSignInFailed")
FINDINGS = {"pass_check": 1, "warn": 1, "fail": 1}
"""What `doctor` calls with a name, and then with sentences."""
CHINESE = {"LANG": "zh_CN.UTF-8"}


def list_leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    below = getattr(command, "commands", None)
    if below is None:
        yield " ".join(path)
        return
    for name, each in below.items():
        yield from list_leaves(each, (*path, name))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_files(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def language() -> Iterator[None]:
    """Who runs a command in another language leaves none behind."""
    is_chinese.cache_clear()
    yield
    is_chinese.cache_clear()


def sign_in(folder: Path, url: str, **variables: str) -> Commands:
    """A command line that has a session at an address, whatever is there."""
    file = folder / "config" / "sshcast" / "contexts.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    context = {"url": url, "user": "admin", "session": {"access": ACCESS, "refresh": REFRESH}}
    file.write_text(json.dumps({"version": 1, "current": "wrong", "contexts": {"wrong": context}}))
    usual = {"XDG_CONFIG_HOME": str(folder / "config"), "SSHCAST_AS": "", "LANG": "C.UTF-8", "LANGUAGE": ""}
    return Commands(folder / "nothing", usual | variables)


def make_impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_api, "CONNECT_SECONDS", 0.5)
    monkeypatch.setattr(http_api, "ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(http_api, "SILENCE_SECONDS", 0.2)
    monkeypatch.setattr(doctor_service, "SECONDS", 0.2)


def check_refusal(commands: Commands, args: list[str], stdin: str, wrong: Wrong, word: str) -> None:
    done = commands.within(*args, stdin=stdin)
    said, printed = done.stderr.decode(), done.stdout.decode()
    told = f"{' '.join(args)} at {wrong.name}: {said}{printed}"
    assert not any(secret in said + printed for secret in (ACCESS, REFRESH, SECRET)), told
    assert "Traceback" not in said, told
    if args[0] == "doctor":  # what is wrong is what it is asked for
        assert (done.returncode, said) == (1, ""), told
        assert word in printed or wrong.name in ("nothing there", "plain HTTP"), told
        return
    assert done.returncode == (1 if args[0] in ("apply", "login") else wrong.status), told
    assert said.startswith("sshcast: "), told
    assert said.count("\n") == 1, told
    assert word in said, told
    assert printed == "", told


def test_every_command_has_its_call() -> None:
    leaves = set(list_leaves(load_commands()))
    leaves -= {each for each in leaves if each.startswith("runs ")}  # the same as `execution`
    assert leaves == {call.command for call in CALLS} | HERE | DATABASE | SESSIONS


def test_where_a_call_takes_more_than_a_demo_another_test_makes_it() -> None:
    for place in {call.works_in for call in CALLS if call.works_in is not None}:
        file, _, name = place.partition("::")
        tree = ast.parse((FOLDER / file).read_text())
        assert name in {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}, place


def test_every_command_works_over_tls(remote: Remote, folder: Path) -> None:
    for call in CALLS:
        if call.works_in is None:
            done = remote.within(*call.build(folder), stdin=call.stdin)
            assert done.returncode == call.status, f"{call.command}: {done.stderr.decode()}{done.stdout.decode()}"
            assert SECRET not in done.stderr.decode() + done.stdout.decode(), call.command
    assert not remote.commands.data.exists()


@pytest.mark.sampled(every=5)
@pytest.mark.parametrize("wrong", KINDS, ids=lambda wrong: wrong.name)
def test_every_command_says_in_one_sentence_what_is_at_the_address(
    wrong: Wrong, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_impatient(monkeypatch)
    with standing_in(wrong) as url:
        commands = sign_in(folder, url)
        for call in CALLS:
            check_refusal(commands, call.build(folder), call.stdin, wrong, wrong.words[0])


@pytest.mark.parametrize("wrong", KINDS, ids=lambda wrong: wrong.name)
def test_the_sentence_is_in_the_language_of_who_reads_it(
    wrong: Wrong, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_impatient(monkeypatch)
    with standing_in(wrong) as url:
        for word, variables in zip(wrong.words, ({}, CHINESE), strict=True):
            is_chinese.cache_clear()
            commands = sign_in(folder, url, **variables)
            for call in CALLS:
                if call.command in FEW:
                    check_refusal(commands, call.build(folder), call.stdin, wrong, word)


@pytest.mark.parametrize("wrong", KINDS, ids=lambda wrong: wrong.name)
@pytest.mark.parametrize("variables", [{}, CHINESE], ids=["English", "Chinese"])
def test_signing_in_and_out_says_it_too(
    wrong: Wrong, variables: dict[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_impatient(monkeypatch)
    with standing_in(wrong) as url:
        ways = (["--token-stdin"], ["--user", "admin", "--password-stdin"], ["--browser"])
        for args in (*(["login", url, *way] for way in ways), ["logout"]):
            done = sign_in(folder, url, **variables).within(*args, stdin=f"{SECRET}\n")
            said = done.stderr.decode()
            told = f"{' '.join(args)} at {wrong.name}: {said}"
            assert not any(secret in said for secret in (ACCESS, REFRESH, SECRET)), told
            if (args, wrong.status) == (["logout"], 2):
                assert done.returncode == 0, told
                continue
            assert done.returncode in (1, wrong.status), told
            assert said.startswith("sshcast: "), told
            assert said.count("\n") == 1, told
            assert said.isascii() == (variables == {}) or said == "sshcast: Sign in first.\n", told


@pytest.mark.parametrize("command", sorted(DATABASE))
def test_what_needs_the_database_says_so_in_both_languages(command: str, folder: Path) -> None:
    more = {"token": ["a"], "user link": ["a", "b"], "user unlink": ["a"]}.get(command, [])
    for word, variables in (("through a service: add --local", {}), ("本机的数据库", CHINESE)):
        is_chinese.cache_clear()
        done = sign_in(folder, "http://127.0.0.1:1", **variables).within(*command.split(), *more)
        assert (done.returncode, done.stderr.count(b"\n")) == (1, 1), done.stderr
        assert word in done.stderr.decode()


def find_bare_sentences(file: Path) -> Iterator[str]:
    """Where an error is made of a text in one language."""
    for call in ast.walk(ast.parse(file.read_text())):
        if not isinstance(call, ast.Call) or getattr(call.func, "id", "") not in ERRORS:
            continue
        if any(isinstance(each, ast.Constant | ast.JoinedStr) for each in call.args[:1]):
            yield f"{file.name}:{call.lineno}"


def find_bare_findings(file: Path) -> Iterator[str]:
    """Where a finding of `doctor` has a sentence in one language: a text with three words, and no command."""
    for call in ast.walk(ast.parse(file.read_text())):
        first = FINDINGS.get(getattr(call.func, "id", "")) if isinstance(call, ast.Call) else None
        if first is not None and isinstance(call, ast.Call):
            texts = [each for each in call.args[first:] if isinstance(each, ast.Constant | ast.JoinedStr)]
            if any(ast.unparse(each).count(" ") > 2 and "chmod" not in ast.unparse(each) for each in texts):
                yield f"{file.name}:{call.lineno}"


def test_every_sentence_of_the_command_line_is_in_both_languages() -> None:
    assert [each for file in REMOTE.rglob("*.py") for each in find_bare_sentences(file)] == []
    assert [each for file in DOCTOR.glob("*.py") for each in find_bare_findings(file)] == []
