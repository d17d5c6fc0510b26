"""Private keys as people paste them are read, or they are told what was pasted instead. The keys are OpenSSH's own."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncssh
import pytest

from runner.ssh.client import BadCredential, Credential, check_credential
from runner.ssh.keys import parse_client_key
from tests.support.targets import make_key, public_line, sign

KINDS: dict[str, tuple[str, ...]] = {
    "openssh": (),
    "pem": ("-m", "PEM"),
    "pkcs8": ("-m", "PKCS8"),
}


@pytest.fixture(scope="module", params=KINDS)
def key(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_key(tmp_path_factory.mktemp("key") / "key", *KINDS[request.param], kind="ecdsa")


def lines_of(text: str) -> list[str]:
    return text.strip().split("\n")


PASTED: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "with Windows line ends": lambda text: text.replace("\n", "\r\n"),
    "with an old Mac's line ends": lambda text: text.replace("\n", "\r"),
    "with literal line ends": lambda text: text.replace("\n", "\\n"),
    "with literal Windows line ends": lambda text: text.replace("\n", "\\r\\n"),
    "with blanks for line ends": lambda text: text.replace("\n", " "),
    "in one line": lambda text: text.replace("\n", ""),
    "with a byte order mark": lambda text: "\ufeff" + text,
    "with indentation": lambda text: "".join(f"    {line}\n" for line in lines_of(text)),
    "with tabs": lambda text: "".join(f"\t{line}\t\n" for line in lines_of(text)),
    "with non-breaking blanks": lambda text: "".join(f"\u00a0{line}\n" for line in lines_of(text)),
    "with empty lines": lambda text: text.replace("\n", "\n\n"),
    "in quotes": lambda text: f'"{text.strip()}"',
    "as a variable": lambda text: "SSH_KEY='" + text.replace("\n", "\\n") + "'",
    "with text around it": lambda text: f"Here it is:\n{text}\nBest wishes",
    "without its last line end": lambda text: text.rstrip(),
}


@pytest.mark.parametrize("how", PASTED)
def test_a_key_is_read_however_it_was_pasted(key: str, how: str) -> None:
    found = parse_client_key(Credential("key", PASTED[how](key)))
    assert isinstance(found, asyncssh.SSHKey)
    assert found.public_data == asyncssh.import_private_key(key).public_data


def test_a_key_of_openssh_is_read_without_its_first_and_last_line(tmp_path: Path) -> None:
    text = make_key(tmp_path / "key")
    bare = "\n".join(lines_of(text)[1:-1])
    found = parse_client_key(Credential("key", bare))
    assert isinstance(found, asyncssh.SSHKey)
    assert found.export_public_key().split()[1].decode() == public_line(tmp_path / "key").split()[1]


@pytest.mark.parametrize("how", PASTED)
@pytest.mark.parametrize("kind", KINDS)
def test_an_encrypted_key_is_read_so_too_and_a_wrong_passphrase_is_told(tmp_path: Path, kind: str, how: str) -> None:
    given = make_key(tmp_path / "key", "-a", "1", *KINDS[kind], passphrase="open sesame", kind="ecdsa")
    text = PASTED[how](given)
    check_credential(Credential("key", text, "open sesame"))
    assert complaint(text, "wrong").field == "passphrase"
    assert complaint(text).field == complaint(text, "").field == "passphrase"


def complaint(text: str, passphrase: str | None = None) -> BadCredential:
    with pytest.raises(BadCredential) as bad:
        check_credential(Credential("key", text, passphrase))
    assert bad.value.zh
    return bad.value


PPK = """PuTTY-User-Key-File-{}: ssh-ed25519
Encryption: none
Comment: me
Public-Lines: 2
AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9
GKJl
Private-Lines: 1
AAAAIBEkQ0ZqkC
Private-MAC: 00
"""


def instead(folder: Path) -> Iterator[tuple[str, str]]:
    text = make_key(folder / "key")
    make_key(folder / "ca")
    public = public_line(folder / "key")
    first, *body, last = lines_of(text)
    yield public, "is a public key"
    yield public.split(" ", 1)[0] + " " + public.split(" ", 1)[1].replace("\n", "") + " me@host\n", "is a public key"
    rfc4716 = subprocess.run(["ssh-keygen", "-e", "-f", folder / "key"], capture_output=True, text=True, check=True)
    yield rfc4716.stdout, "is a public key"
    yield "-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n", "is a public key"
    yield sign(folder / "key", folder / "ca", principal="me"), "is a certificate: it goes in `certificate`"
    yield "-----BEGIN CERTIFICATE-----\nMCow\n-----END CERTIFICATE-----\n", "is a certificate"
    yield PPK.format(2), "`puttygen key.ppk -O private-openssh -o key`"
    yield PPK.format(3).replace("\n", "\r\n"), "`puttygen key.ppk -O private-openssh -o key`"
    yield "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nP2/5\n---- END", "`ssh-keygen -i"
    for path in ("~/.ssh/id_ed25519", "/home/me/key", "C:\\new\\id_rsa", "key.pem", "id_rsa", '"./key"'):
        yield path, "is the path of a file"
    yield "\n".join([first, *body]), "its last line, -----END OPENSSH PRIVATE KEY-----, is missing"
    yield "\n".join([*body, last]), "lacks its first line, -----BEGIN OPENSSH PRIVATE KEY-----"
    yield "MIIEowIBAAKCAQEA" * 20, "lacks its first and last line"
    yield "\n".join([first, *body[:-2], last]), "part of it is missing or changed"
    yield "hunter2 hunter2", "is not a private key"
    yield "", "is not a private key"
    dsa = asyncssh.generate_private_key("ssh-dss").export_private_key("openssh").decode()
    yield dsa, "is of type ssh-dss; use Ed25519, ECDSA or RSA"


def test_what_was_pasted_instead_of_a_private_key_is_named_and_not_repeated(tmp_path: Path) -> None:
    for text, told in instead(tmp_path):
        bad = complaint(text)
        assert (bad.field, told in bad.message) == ("private_key", True), (text, bad.message)
        assert len(text) < 10 or text.strip() not in bad.message + bad.zh


@pytest.mark.parametrize(
    "piece",
    ["-----BEGIN PRIVATE KEY-----", "-BEGIN ", "A", "\\n", "-", "sk-", "-cert-v01@openssh.com", "ssh-rsa ", "x."],
)
def test_no_text_costs_more_than_reading_it(piece: str) -> None:
    text = (piece * 65_536)[:65_536]
    complaint(text)
