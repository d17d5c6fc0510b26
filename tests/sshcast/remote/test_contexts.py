"""Signing in to services, and which of them commands speak to."""

import json
import stat
from pathlib import Path

import pytest

from tests.support.certificates import Authority
from tests.support.commands import Commands
from tests.support.ports import free_port
from tests.support.remote import Remote, serving_tls


def test_tokens_are_in_a_file_that_only_its_owner_reads(remote: Remote) -> None:
    file = remote.config / "sshcast" / "contexts.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert remote.password not in file.read_text()


def test_commands_speak_to_the_context_and_touch_no_local_database(remote: Remote) -> None:
    listed = json.loads(remote.output("execution", "list", "--json"))
    assert [each["server"]["name"] for each in listed] == ["demo"]
    assert not remote.commands.data.exists()


def test_an_expired_session_is_renewed_and_the_new_tokens_are_kept(remote: Remote) -> None:
    file = remote.config / "sshcast" / "contexts.json"
    stored = json.loads(file.read_text())
    before = dict(stored["contexts"]["localhost"]["session"])
    stored["contexts"]["localhost"]["session"]["access"] = "expired.token.here"
    file.write_text(json.dumps(stored))
    assert remote.output("execution", "show", "1", "--json")
    after = json.loads(file.read_text())["contexts"]["localhost"]["session"]
    assert after["access"] not in ("expired.token.here", before["access"])
    assert after["refresh"] != before["refresh"]


def test_a_session_that_has_ended_says_how_to_sign_in(remote: Remote) -> None:
    remote.output("login", remote.url, "--name", "short", "--user", "admin", "--password-stdin", "--ca-file",
                  str(remote.ca_file), stdin=f"{remote.password}\n")  # fmt: skip
    remote.output("logout", "--context", "short")
    said = remote.refusal("execution", "list", "--context", "short")
    assert "signed out" in said
    assert f"sshcast login {remote.url}" in said
    remote.output("context", "use", "localhost")
    remote.output("context", "rm", "short")


def test_an_unknown_context_is_named_with_those_that_there_are(remote: Remote) -> None:
    said = remote.refusal("execution", "list", "--context", "elsewhere")
    assert "no context elsewhere (there are: localhost)" in said


def test_with_a_context_the_local_database_needs_a_word(remote: Remote) -> None:
    said = remote.refusal("execution", "list", "--data", "/tmp/data")
    assert said.endswith("--data is for the database of this machine, and you use a context: add --local")
    assert remote.refusal("execution", "list", "--local", "--context", "localhost").endswith(
        "give either --local or --context NAME"
    )


def test_a_certificate_that_is_not_trusted_is_refused(remote: Remote) -> None:
    said = remote.refusal("login", remote.url, "--user", "admin", "--password-stdin", stdin="secret\n")
    assert "is not trusted" in said
    assert "--ca-file" in said


def test_a_certificate_for_another_host_is_refused(remote: Remote, tmp_path: Path) -> None:
    other = Authority.make(tmp_path, "other")
    with serving_tls(1, other, "elsewhere.example") as port:
        said = remote.refusal(
            "login", f"https://localhost:{port}", "--token-stdin", "--ca-file", str(other.file), stdin="x\n"
        )
    assert "is not trusted" in said
    assert "elsewhere.example" in said or "Hostname mismatch" in said


def test_a_service_that_is_not_there_is_said_to_be_so(remote: Remote) -> None:
    said = remote.refusal("login", f"http://127.0.0.1:{free_port()}", "--token-stdin", stdin="x\n")
    assert "cannot be reached" in said
    assert "Connection refused" in said


def test_a_wrong_password_is_told_in_the_service_s_words(remote: Remote) -> None:
    options = ("--user", "admin", "--password-stdin", "--ca-file", str(remote.ca_file))
    said = remote.refusal("login", remote.url, *options, status=2, stdin="wrong\n")
    assert said == "sshcast: The user name or the password is wrong."


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("http://example.com", "--allow-http"),
        ("ftp://example.com", "https://HOST"),
        ("https://me:secret@example.com", "without a user"),
        ("https://example.com/?x=1", "without"),
        ("https://[::1", "no address"),
    ],
)
def test_what_is_no_address_of_a_service_is_refused_before_a_password_is_read(
    remote: Remote, url: str, word: str
) -> None:
    said = remote.refusal("login", url, "--token-stdin", stdin="x\n")
    assert word in said
    assert "secret" not in said


def test_without_an_identity_provider_there_is_no_sign_in_with_the_browser(remote: Remote) -> None:
    said = remote.refusal("login", remote.url, "--name", "other", "--browser", "--ca-file", str(remote.ca_file))
    assert said.endswith("has no identity provider: sign in with --user NAME, or with --token-stdin")


def test_without_any_context_the_local_database_is_used(tmp_path: Path) -> None:
    commands = Commands(tmp_path / "data", {"XDG_CONFIG_HOME": str(tmp_path / "config")})
    commands.output("user", "add", "alice", "--role", "admin", "--password-stdin", stdin="correct horse battery\n")
    assert commands.output("execution", "list") == ""
    assert commands.output("execution", "list", "--json") == "[]"
