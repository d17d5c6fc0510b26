"""Host certificates, revoked keys and changed keys, against real OpenSSH servers."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from runner.ssh.client import ConnectFailed, connect, fingerprint
from tests.support.targets import Target, make_key, public_line, running_sshd

pytestmark = pytest.mark.anyio


def certify(key: Path, ca: Path, *options: str, principals: str = "127.0.0.1", validity: str = "+1h") -> None:
    """A host certificate for `key`, unless `options` leave out the -h."""
    names = ["-n", principals] if principals else []
    command = ["ssh-keygen", "-q", "-s", str(ca), "-I", "test", *names, "-V", validity, *(options or ["-h"])]
    subprocess.run([*command, str(key.with_name(key.name + ".pub"))], check=True)


@contextmanager
def certified(folder: Path, *options: str, kind: str = "ed25519", **signing: Any) -> Iterator[tuple[Target, str]]:
    """A server with a certificate for its host key `shown`, and the line that pins the authority."""
    make_key(folder / "authority", kind=kind)
    make_key(folder / "shown")
    certify(folder / "shown", folder / "authority", *options, **signing)
    lines = [f"HostKey {folder / 'shown'}", f"HostCertificate {folder / 'shown-cert.pub'}"]
    with running_sshd(folder, *lines) as target:
        yield target, f"@cert-authority * {public_line(folder / 'authority')}"


async def refusal(target: Target, *host_keys: str, **changes: Any) -> ConnectFailed:
    with pytest.raises(ConnectFailed) as failed:
        await connect(target.endpoint(host_keys=host_keys, **changes))
    return failed.value


async def test_a_host_certificate_of_a_pinned_authority_is_taken_for_the_host_or_its_alias(tmp_path: Path) -> None:
    with certified(tmp_path, principals="web-1.example.com,other") as (target, authority):
        for alias in ("web-1.example.com", "other"):
            await (await connect(target.endpoint(host_keys=(authority,), host_key_alias=alias))).close()
        for wrong in (None, "web-1", "example.com", "*"):
            failed = await refusal(target, authority, host_key_alias=wrong)
            assert failed.reason == "HOST_KEY_CHANGED"
            assert "is for web-1.example.com, other, not for 127.0.0.1" in failed.detail
            assert "hostKeyAlias" in failed.detail


async def test_a_host_certificate_for_the_host_is_taken(tmp_path: Path) -> None:
    with certified(tmp_path, kind="rsa") as (target, authority):
        await (await connect(target.endpoint(host_keys=(authority,), host_key_alias="elsewhere"))).close()


@pytest.mark.parametrize(
    ("options", "signing", "reason", "says"),
    [
        (["-h"], {"validity": "-2h:-1h"}, "HOST_KEY_UNKNOWN", "certificate has expired"),
        (["-h"], {"validity": "+1h:+2h"}, "HOST_KEY_UNKNOWN", "certificate is not valid yet"),
        (["-h"], {"principals": ""}, "HOST_KEY_CHANGED", "certificate is for nobody, not for 127.0.0.1"),
        (["-h"], {"principals": "127.0.0.2"}, "HOST_KEY_CHANGED", "is for 127.0.0.2, not for 127.0.0.1"),
        (["-z", "1"], {}, "HOST_KEY_CHANGED", "user certificate in place of a host certificate"),
        (["-h", "-t", "ssh-rsa"], {"kind": "rsa"}, "HOST_KEY_UNKNOWN", "signed with SHA-1"),
    ],
)
async def test_a_certificate_that_is_not_good_has_a_sentence_of_its_own(
    tmp_path: Path, options: list[str], signing: dict[str, Any], reason: str, says: str
) -> None:
    with certified(tmp_path, *options, **signing) as (target, authority):
        failed = await refusal(target, authority)
    assert failed.reason == reason
    assert says in failed.detail


async def test_a_certificate_of_another_authority_is_refused_unless_its_key_is_pinned(tmp_path: Path) -> None:
    make_key(tmp_path / "another")
    another = f"@cert-authority * {public_line(tmp_path / 'another')}"
    with certified(tmp_path) as (target, _):
        failed = await refusal(target, another)
        assert failed.reason == "HOST_KEY_CHANGED"
        assert fingerprint(public_line(tmp_path / "authority")) in failed.detail
        assert fingerprint(public_line(tmp_path / "another")) in failed.detail
        pinned = public_line(tmp_path / "shown")
        await (await connect(target.endpoint(host_keys=(another, pinned)))).close()


@pytest.mark.parametrize("revoked", ["authority", "shown"])
async def test_what_is_revoked_is_refused_whatever_else_is_pinned(tmp_path: Path, revoked: str) -> None:
    with certified(tmp_path) as (target, authority):
        pins = (authority, public_line(tmp_path / "shown"), f"@revoked * {public_line(tmp_path / revoked)}")
        failed = await refusal(target, *pins)
    assert failed.reason == "HOST_KEY_CHANGED"
    assert "revoked" in failed.detail
    assert fingerprint(public_line(tmp_path / revoked)) in failed.detail


async def test_a_plain_key_that_is_revoked_is_refused(openssh: Target) -> None:
    failed = await refusal(openssh, openssh.host_key, f"@revoked * {openssh.host_key}")
    assert (failed.reason, "revoked" in failed.detail) == ("HOST_KEY_CHANGED", True)


async def test_a_server_without_a_certificate_is_not_the_authoritys(openssh: Target, tmp_path: Path) -> None:
    make_key(tmp_path / "authority")
    failed = await refusal(openssh, f"@cert-authority * {public_line(tmp_path / 'authority')}")
    assert failed.reason == "HOST_KEY_UNKNOWN"
    assert "without a certificate" in failed.detail
    assert fingerprint(openssh.host_key) in failed.detail


async def test_a_changed_key_is_shown_with_the_pinned_ones_by_type_and_fingerprint(
    openssh: Target, tmp_path: Path
) -> None:
    for kind in ("rsa", "ecdsa"):
        make_key(tmp_path / kind, kind=kind)
    pinned = [public_line(tmp_path / kind) for kind in ("rsa", "ecdsa")]
    failed = await refusal(openssh, *pinned)
    assert failed.reason == "HOST_KEY_CHANGED"
    old = ", ".join(f"{line.split()[0]} {fingerprint(line)}" for line in pinned)
    assert f"pinned is {old}; the server now offers ssh-ed25519 {fingerprint(openssh.host_key)}." in failed.detail
