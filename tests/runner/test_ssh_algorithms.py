"""A server with old algorithms is told apart, with what both sides can do; an admin may allow some, for it alone."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from asyncssh.kex import get_default_kex_algs, get_kex_algs

from db.values import LegacyAlgorithm
from runner.ssh.algorithms import (
    GROUP14_SHA1,
    HOST_KEY_TYPES,
    KEX,
    SHOWN_CHARACTERS,
    Mismatch,
    explain_mismatches,
    list_ciphers,
    list_host_key_algorithms,
    list_key_exchanges,
    list_macs,
    list_signatures,
    parse_offers,
)
from runner.ssh.client import ConnectFailed, connect
from runner.ssh.scan import ScanOptions, scan_host_keys
from tests.support.accounts.old_servers import running_dropbear, running_tinysshd
from tests.support.targets import Target, make_key, openssh, public_line, run, running_sshd

__all__ = ["openssh"]

# The library that does the arithmetic will give up Diffie-Hellman over finite fields some day.
pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("ignore:Diffie-Hellman over finite fields")]

RSA, GROUP14, CBC = LegacyAlgorithm.SSH_RSA_SHA1, LegacyAlgorithm.DIFFIE_HELLMAN_GROUP14_SHA1, LegacyAlgorithm.AES_CBC
OLD: dict[LegacyAlgorithm, tuple[str, str, str]] = {
    GROUP14: (
        f"KexAlgorithms {GROUP14_SHA1}",
        f"Key exchange: it offers {GROUP14_SHA1}; sshcast",
        list_key_exchanges()[-1],
    ),
    RSA: ("HostKeyAlgorithms ssh-rsa", "Host key: it offers ssh-rsa; sshcast accepts", "rsa-sha2-256"),
    CBC: ("Ciphers aes128-cbc", "Cipher: it offers aes128-cbc; sshcast accepts", "aes256-ctr"),
}


@contextmanager
def old_sshd(folder: Path, *lines: str) -> Iterator[Target]:
    """OpenSSH with an RSA host key too."""
    make_key(folder / "rsa", kind="rsa")
    with running_sshd(folder, f"HostKey {folder / 'rsa'}", *lines) as target:
        yield target


async def complaint(target: Target, **changes: Any) -> ConnectFailed:
    with pytest.raises(ConnectFailed) as failed:
        await connect(target.endpoint(**changes))
    return failed.value


def both_keys(target: Target) -> dict[str, Any]:
    return {"host_keys": (target.host_key, public_line(target.folder / "rsa"))}


@pytest.mark.parametrize("old", OLD)
async def test_a_server_with_nothing_but_an_old_algorithm_is_spoken_to_when_an_admin_allows_it(
    tmp_path: Path, old: LegacyAlgorithm
) -> None:
    line, offered, accepted = OLD[old]
    with old_sshd(tmp_path, line) as target:
        failed = await complaint(target, **both_keys(target))
        assert (failed.reason, failed.passing) == ("UNREACHABLE", False)
        assert offered in failed.detail
        assert accepted in failed.detail
        assert f"an admin may allow it {old} ({old.name})" in failed.detail
        for other in set(LegacyAlgorithm) - {old}:
            assert (await complaint(target, legacy_algorithms=(other,), **both_keys(target))).detail == failed.detail
        connection = await connect(target.endpoint(legacy_algorithms=(old,), **both_keys(target)))
        assert (await run(connection, "exit 5"))[0].status == 5
        await connection.close()


async def test_a_scan_says_the_same_and_takes_what_is_allowed(tmp_path: Path) -> None:
    with old_sshd(tmp_path, *(line for line, _, _ in OLD.values())) as target:
        with pytest.raises(ConnectFailed) as failed:
            await scan_host_keys(target.host, target.port)
        for old, (_, offered, accepted) in OLD.items():
            assert offered in failed.value.detail
            assert accepted in failed.value.detail
            assert f"{old} ({old.name})" in failed.value.detail
        found = await scan_host_keys(target.host, target.port, ScanOptions(legacy=tuple(LegacyAlgorithm)))
        assert found == [public_line(tmp_path / "rsa")]


async def test_all_kinds_that_fail_are_named_in_whole(tmp_path: Path) -> None:
    kex = "KexAlgorithms diffie-hellman-group1-sha1,diffie-hellman-group-exchange-sha1"
    with old_sshd(tmp_path, kex, "Ciphers chacha20-poly1305@openssh.com,3des-cbc") as target:
        failed = await complaint(target)
    assert "it offers diffie-hellman-group1-sha1, diffie-hellman-group-exchange-sha1; sshcast" in failed.detail
    assert "it offers chacha20-poly1305@openssh.com, 3des-cbc; sshcast accepts" in failed.detail
    known = [name for name in list_key_exchanges() if name.encode() in get_kex_algs()]
    assert all(name in failed.detail for name in (*known, *list_ciphers()))
    assert "no setting of sshcast allows what it offers" in failed.detail


async def test_a_checksum_that_is_too_old_is_named(tmp_path: Path) -> None:
    with old_sshd(tmp_path, "Ciphers aes256-ctr", "MACs hmac-sha1,hmac-md5") as target:
        failed = await complaint(target)
    assert "MAC: it offers hmac-sha1, hmac-md5; sshcast accepts hmac-sha2-256-etm@openssh.com," in failed.detail


async def test_tinysshd_which_speaks_chacha20_alone_is_told_so(tmp_path: Path) -> None:
    with running_tinysshd(tmp_path) as (port, _), pytest.raises(ConnectFailed) as failed:
        await scan_host_keys("127.0.0.1", port)
    assert "Cipher: it offers chacha20-poly1305@openssh.com; sshcast accepts aes128-gcm" in failed.value.detail


async def test_dropbear_is_scanned_by_what_it_has(tmp_path: Path) -> None:
    with running_dropbear(tmp_path) as (port, host_key):
        assert await scan_host_keys("127.0.0.1", port) == [host_key]


async def test_strict_key_exchange_and_no_checksum_that_terrapin_breaks_stay_with_old_ciphers(tmp_path: Path) -> None:
    with old_sshd(tmp_path, "Ciphers aes128-cbc", "LogLevel DEBUG3") as target:
        await (await connect(target.endpoint(legacy_algorithms=(CBC,)))).close()
        log = (tmp_path / "log").read_text()
    assert "will use strict KEX ordering" in log
    assert "cipher: aes128-cbc MAC: hmac-sha2-256 compression" in log


def test_what_is_never_allowed_is_in_no_list() -> None:
    every = tuple(LegacyAlgorithm)
    names = [*list_key_exchanges(every), *list_ciphers(every), *list_macs(every), *list_signatures(every)]
    names += list_host_key_algorithms(HOST_KEY_TYPES, every)
    assert [name for name in names if any(bad in name for bad in ("none", "des", "arcfour", "rc4", "md5", "dss"))] == []
    assert [name for name in names if "sha1" in name] == [GROUP14_SHA1]
    assert set(every) == {"ssh-rsa-sha1", "diffie-hellman-group14-sha1", "aes-cbc"}


def test_without_leave_nothing_old_is_in_any_list() -> None:
    names = [
        *list_key_exchanges(),
        *list_ciphers(),
        *list_macs(),
        *list_signatures(),
        *list_host_key_algorithms(HOST_KEY_TYPES),
    ]
    assert [name for name in names if "sha1" in name or "cbc" in name or name == "ssh-rsa"] == []


def test_what_a_server_says_without_end_is_cut_and_unprintable_names_are_not_shown() -> None:
    text = explain_mismatches([Mismatch("Cipher", ("a\x1b[2J", *("x" * 50 for _ in range(10_000))), ("aes128-ctr",))])
    assert len(text) < SHOWN_CHARACTERS + 500
    assert "\x1b" not in text
    assert f"and {10_001 - 60} more" in text


class Gate:
    """Counts connections to a server, and turns the first few away as OpenSSH's penalties do."""

    def __init__(self, target_port: int, says: Sequence[bytes] = ()) -> None:
        self._target_port = target_port
        self._says = list(says)
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self._says:
            writer.write(self._says.pop(0))
            writer.close()
            return
        theirs, ours = await asyncio.open_connection("127.0.0.1", self._target_port)
        with suppress(ConnectionError):
            await asyncio.gather(pass_on(reader, ours), pass_on(theirs, writer))


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


@asynccontextmanager
async def gate_before(target: Target, says: Sequence[bytes] = ()) -> AsyncIterator[tuple[Gate, int]]:
    """The gate, and the port that it is at."""
    gate = Gate(target.port, says)
    async with await asyncio.start_server(gate.serve, "127.0.0.1", 0) as server:
        yield gate, server.sockets[0].getsockname()[1]


async def test_a_scan_of_three_host_keys_takes_one_connection_and_the_best(tmp_path: Path) -> None:
    make_key(tmp_path / "ecdsa", kind="ecdsa")
    with old_sshd(tmp_path, f"HostKey {tmp_path / 'ecdsa'}") as target:
        async with gate_before(target) as (gate, port):
            assert await scan_host_keys("127.0.0.1", port) == [target.host_key]
            assert gate.connections == 1
        async with gate_before(target) as (gate, port):
            every = await scan_host_keys("127.0.0.1", port, ScanOptions(every=True))
            assert every == [target.host_key, public_line(tmp_path / "ecdsa"), public_line(tmp_path / "rsa")]
            assert gate.connections == 3


@pytest.mark.parametrize("says", [b"Not allowed at this time\r\n", b"Exceeded MaxStartups\r\n", b""])
async def test_a_scan_that_is_turned_away_waits_and_says_so(openssh: Target, says: bytes) -> None:
    told: list[str] = []
    async with gate_before(openssh, [says, says]) as (gate, port):
        scan = ScanOptions(waits=(0.01, 0.02, 60), on_wait=told.append)
        assert await scan_host_keys("127.0.0.1", port, scan) == [openssh.host_key]
    assert gate.connections == 3
    assert [sentence.rpartition(" in ")[2] for sentence in told] == ["0.01 s.", "0.02 s."]


async def test_a_scan_that_is_always_turned_away_ends_and_says_why_that_may_be(openssh: Target) -> None:
    async with gate_before(openssh, [b"Not allowed at this time\r\n"] * 9) as (gate, port):
        with pytest.raises(ConnectFailed, match=r"Tried 3 times.*PerSourcePenalties") as failed:
            await scan_host_keys("127.0.0.1", port, ScanOptions(waits=(0.01, 0.01)))
    assert (gate.connections, failed.value.passing) == (3, True)


@pytest.mark.parametrize("garbled", [b"", b"\0\0\0\1", b"\0\0\0\0" * 4, b"\xff" * 200])
def test_an_exchange_that_is_cut_short_has_no_offers(garbled: bytes) -> None:
    assert parse_offers(garbled) is None


def test_the_exchanges_of_keys_are_the_librarys_default_ones_without_sha_1_and_gss() -> None:
    defaults = [name.decode() for name in get_default_kex_algs()]
    safe = [name for name in defaults if not name.startswith("gss-") and "sha1" not in name]
    assert [name for name in KEX if name in defaults] == safe
    # What is not there needs a library that is not installed: liboqs, or a cryptography with ML-KEM.
    assert all(name.startswith(("sntrup761", "mlkem")) for name in KEX if name not in defaults)


async def test_what_the_libraries_of_an_installation_cannot_do_is_not_offered(
    openssh: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """asyncssh knows no ML-KEM with an older cryptography, and takes no name that it does not know."""
    known = [name for name in get_kex_algs() if not name.startswith(b"mlkem")]
    monkeypatch.setattr("asyncssh.kex._kex_algs", known)
    monkeypatch.setattr("asyncssh.kex._gss_kex_algs", [])
    connection = await connect(openssh.endpoint())
    await connection.close()
