"""Real servers that refuse us: OpenSSH, with PAM and without, dropbear, and what they say of keys and accounts."""

import os
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

from runner.ssh.client import Credential, connect
from tests.support.accounts.accounts import needs_accounts
from tests.support.accounts.old_servers import running_dropbear
from tests.support.sign_in_servers import PATIENT, SECRET, Play, playing, refusal, sshd_with_pam
from tests.support.targets import Target, make_key, running_sshd, sign

pytestmark = pytest.mark.anyio

PAM_UNIX = "auth required pam_unix.so\naccount required pam_unix.so\npassword required pam_unix.so\n"


async def test_openssh_that_wants_a_key_and_a_password_is_told_to_have_accepted_the_key(tmp_path: Path) -> None:
    with running_sshd(tmp_path, "AuthenticationMethods publickey,password") as target:
        assert "accepted the private key" in (told := await refusal(target.endpoint()))
        assert "and wants a password too" in told
        told = await refusal(target.endpoint(credential=SECRET))
    assert "takes no password" in told
    assert "it offers publickey." in told


async def test_openssh_that_takes_no_keys_names_what_it_takes(tmp_path: Path) -> None:
    with running_sshd(tmp_path, "PubkeyAuthentication no") as target:
        told = await refusal(target.endpoint())
    assert "takes no key" in told
    assert "it offers password" in told


async def test_openssh_that_ends_after_one_attempt_is_told_by_its_words(tmp_path: Path) -> None:
    with running_sshd(tmp_path, "MaxAuthTries 1") as target:
        told = await refusal(target.endpoint(credential=SECRET))
    assert '"Too many authentication failures"' in told


async def test_a_banner_is_shown_bounded_and_on_one_line(tmp_path: Path) -> None:
    banner = tmp_path / "banner"
    banner.write_bytes(b"\x1b[31mOnly for\r\n\x1b]0;title\x07us \xff\xe2\x80\xae" + b"!" * 5000)
    with running_sshd(tmp_path, f"Banner {banner}") as target:
        told = await refusal(target.endpoint(credential=Credential("key", make_key(tmp_path / "stranger"))))
    assert "Check the user name and the private key." in told
    assert 'Its banner: "Only for us' in told
    assert len(told) < 600


async def test_a_server_that_takes_rsa_with_sha_1_alone_is_told_as_such(tmp_path: Path) -> None:
    rsa = Credential("key", make_key(tmp_path / "rsa", kind="rsa"))
    for taken in (["ssh-rsa"], ["ssh-rsa", "ssh-ed25519"]):
        async with playing(Play(signatures=taken)) as endpoint:
            told = await refusal(replace(endpoint, credential=rsa))
        assert "takes RSA keys with SHA-1 alone" in told
        assert "heck the user name" not in told


async def test_an_old_server_that_names_no_signatures_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rsa = Credential("key", make_key(tmp_path / "rsa", kind="rsa"))
    monkeypatch.setattr(asyncssh.SSHServerConnection, "_send_ext_info", lambda connection: None)
    async with playing(Play(signatures=["ssh-rsa"])) as endpoint:
        told = await refusal(replace(endpoint, credential=rsa))
    assert "names no RSA signature newer than SHA-1" in told


async def test_a_type_of_key_that_the_server_does_not_take_is_told_as_such(tmp_path: Path) -> None:
    key = Credential("key", make_key(tmp_path / "key"))
    async with playing(Play(signatures=["rsa-sha2-512", "ecdsa-sha2-nistp256"])) as endpoint:
        told = await refusal(replace(endpoint, credential=key))
    assert "no key of type ssh-ed25519" in told
    assert "ecdsa-sha2-nistp256, rsa-sha2-512" in told


async def test_a_certificate_for_others_is_told_as_such(openssh: Target, tmp_path: Path) -> None:
    private = make_key(tmp_path / "certified")
    certificate = sign(tmp_path / "certified", openssh.folder / "ca", principal="alice")
    credential = Credential("certificate", private, certificate=certificate)
    assert "the certificate is for alice" in await refusal(openssh.endpoint(credential=credential))


async def test_dropbear_refuses_a_key_and_a_password_as_such(tmp_path: Path) -> None:
    stranger = Credential("key", make_key(tmp_path / "stranger"))
    with running_dropbear(tmp_path) as (port, host_key):
        target = Target("dropbear", port, host_key, "", tmp_path)
        assert "by private key" in await refusal(target.endpoint(credential=stranger))
        assert "by password" in await refusal(target.endpoint(credential=SECRET))


@needs_accounts
async def test_an_account_that_pam_says_is_expired_is_told_by_its_words(tmp_path: Path) -> None:
    for lines in (("KbdInteractiveAuthentication no",), ("PasswordAuthentication no",)):
        folder = tmp_path / lines[0].split()[0]
        folder.mkdir()
        with sshd_with_pam(folder, PAM_UNIX, 'usermod -e 1 "$USER"', *lines) as target:
            told = await refusal(target.endpoint(credential=SECRET))
        assert "Your account has expired" in told
        assert "heck the user name" not in told


@needs_accounts
@pytest.mark.parametrize("lines", ["KbdInteractiveAuthentication no", "PasswordAuthentication no"])
async def test_what_a_nologin_file_says_is_told(tmp_path: Path, lines: str) -> None:
    (tmp_path / "nologin").write_text("Back at six\n")
    rules = f"account required pam_nologin.so file={tmp_path / 'nologin'}\n{PAM_UNIX}"
    with sshd_with_pam(tmp_path, rules, "true", lines) as target:
        told = await refusal(target.endpoint(credential=SECRET))
    assert '"Back at six"' in told
    assert "heck the user name" not in told


@needs_accounts
async def test_an_account_that_pam_denies_without_a_word_is_not_told_as_unreachable(tmp_path: Path) -> None:
    rules = f"account required pam_deny.so\n{PAM_UNIX}"
    with sshd_with_pam(tmp_path, rules, "true", "KbdInteractiveAuthentication no") as target:
        told = await refusal(target.endpoint(credential=SECRET), passing=True)
    assert "denied by PAM" in told


@needs_accounts
async def test_a_password_that_pam_wants_changed_is_told_as_such(tmp_path: Path) -> None:
    with sshd_with_pam(tmp_path, PAM_UNIX, 'passwd -e "$USER"', "PasswordAuthentication no") as target:
        assert "has to be changed" in await refusal(target.endpoint(credential=SECRET))


@needs_accounts
async def test_pam_that_asks_for_the_password_alone_is_told_it(tmp_path: Path) -> None:
    with sshd_with_pam(tmp_path, PAM_UNIX, "true", "PasswordAuthentication no") as target:
        await (await connect(target.endpoint(credential=SECRET), timeouts=PATIENT)).close()


@needs_accounts
async def test_pam_that_speaks_of_a_code_is_told_nothing(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("Enter the code that your token shows\n")
    os.chmod(tmp_path / "text", 0o644)
    rules = f"auth optional pam_echo.so file={tmp_path / 'text'}\n{PAM_UNIX}"
    with sshd_with_pam(tmp_path, rules, "true", "PasswordAuthentication no") as target:
        assert "a one-time code" in await refusal(target.endpoint(credential=SECRET))


@needs_accounts
async def test_pam_that_asks_again_after_the_password_was_accepted_is_told_nothing(tmp_path: Path) -> None:
    methods = "AuthenticationMethods password,keyboard-interactive"
    with sshd_with_pam(tmp_path, PAM_UNIX, "true", methods) as target:
        told = await refusal(target.endpoint(credential=SECRET))
    assert "accepted the password" in told
    assert 'an answer ("Password:")' in told
