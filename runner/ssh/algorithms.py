"""The SSH algorithms that sshcast accepts, and how a server's offer differs.

Both sides list their algorithms in their first packets (KEXINIT, RFC 4253 section 7.1), in clear text. An admin may
allow old algorithms for one server, from a closed list: `db.values.LegacyAlgorithm`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from db.values import LegacyAlgorithm

RSA_SIGNATURES = ("rsa-sha2-512", "rsa-sha2-256")  # never ssh-rsa, which signs SHA-1
OTHER_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")
SIGNATURES = (*OTHER_TYPES, *RSA_SIGNATURES)
HOST_KEY_TYPES = (*OTHER_TYPES, "ssh-rsa")
# aes128-gcm costs half the CPU of asyncssh's default chacha20, which is left out with CBC because of Terrapin.
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
CBC = ("aes128-cbc", "aes192-cbc", "aes256-cbc")
ETM_MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com")
PLAIN_MACS = ("hmac-sha2-256", "hmac-sha2-512")
# asyncssh's defaults without GSS and SHA-1; the client drops those that the installed libraries do not support.
KEX = (
    *("mlkem768x25519-sha256", "mlkem768nistp256-sha256", "mlkem1024nistp384-sha384"),
    *("sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com"),
    *("curve25519-sha256", "curve25519-sha256@libssh.org", "curve448-sha512"),
    *("ecdh-sha2-nistp521", "ecdh-sha2-nistp384", "ecdh-sha2-nistp256", "ecdh-sha2-1.3.132.0.10"),
    *("diffie-hellman-group-exchange-sha256", "diffie-hellman-group14-sha256", "diffie-hellman-group15-sha512"),
    *("diffie-hellman-group16-sha512", "diffie-hellman-group17-sha512", "diffie-hellman-group18-sha512"),
    *("diffie-hellman-group14-sha256@ssh.com", "rsa2048-sha256"),
)
GROUP14_SHA1 = "diffie-hellman-group14-sha1"
SHOWN_CHARACTERS = 3000
# Entries in the list of key exchanges that announce other abilities.
SIGNALS = ("ext-info-c", "ext-info-s", "kex-strict-c-v00@openssh.com", "kex-strict-s-v00@openssh.com")


@dataclass(frozen=True, slots=True)
class Offer:
    """One side's KEXINIT, in its order; ciphers and MACs in the direction to the server and back."""

    kex: tuple[str, ...]
    host_keys: tuple[str, ...]
    ciphers: tuple[tuple[str, ...], tuple[str, ...]]
    macs: tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A kind of algorithm without one in common. `allowable` is what an admin may allow."""

    kind: str
    offered: tuple[str, ...]
    accepted: tuple[str, ...]
    allowable: LegacyAlgorithm | None = None

    def __str__(self) -> str:
        offered, accepted = _join(self.offered) or "none", _join(self.accepted)
        return f"{self.kind}: it offers {offered}; sshcast accepts {accepted}."


def list_key_exchanges(legacy: Collection[str] = ()) -> list[str]:
    return [*KEX, *([GROUP14_SHA1] if LegacyAlgorithm.DIFFIE_HELLMAN_GROUP14_SHA1 in legacy else [])]


def list_ciphers(legacy: Collection[str] = ()) -> list[str]:
    return [*CIPHERS, *(CBC if LegacyAlgorithm.AES_CBC in legacy else ())]


def list_macs(legacy: Collection[str] = ()) -> list[str]:
    """Return the MACs, encrypt-then-MAC first unless CBC is allowed: Terrapin attacks the two together."""
    return [*PLAIN_MACS, *ETM_MACS] if LegacyAlgorithm.AES_CBC in legacy else [*ETM_MACS, *PLAIN_MACS]


def list_signatures(legacy: Collection[str] = ()) -> list[str]:
    """Return the algorithms that the client signs with."""
    return [*SIGNATURES, *_list_old_rsa(legacy)]


def list_host_key_algorithms(kinds: Sequence[str], legacy: Collection[str] = ()) -> list[str]:
    """Return the algorithms that a server may sign with, for keys and certificates of these types."""
    found: list[str] = []
    for kind in kinds:
        found += [*RSA_SIGNATURES, *_list_old_rsa(legacy)] if kind == "ssh-rsa" else [kind]
    return found


def parse_offers(exchanged: bytes) -> tuple[Offer, Offer] | None:
    """Parse (ours, the server's) from asyncssh's `get_hash_prefix()`: both versions, then both KEXINITs.

    They are SSH strings. Return None if the server's KEXINIT is missing or malformed.
    """
    try:
        _, at = read_string(exchanged, 0)
        _, at = read_string(exchanged, at)
        ours, at = read_string(exchanged, at)
        theirs, _ = read_string(exchanged, at)
        return _parse_offer(ours), _parse_offer(theirs)
    except ValueError:
        return None


def find_mismatches(ours: Offer, theirs: Offer) -> list[Mismatch]:
    """Return each kind of algorithm of which the two have none in common."""
    found = [
        Mismatch("Key exchange", theirs.kex, ours.kex, LegacyAlgorithm.DIFFIE_HELLMAN_GROUP14_SHA1),
        Mismatch("Host key", theirs.host_keys, ours.host_keys, LegacyAlgorithm.SSH_RSA_SHA1),
        *(
            Mismatch("Cipher", offered, accepted, LegacyAlgorithm.AES_CBC)
            for offered, accepted in zip(theirs.ciphers, ours.ciphers, strict=True)
        ),
    ]
    for way in (0, 1):
        cipher = _choose(ours.ciphers[way], theirs.ciphers[way])
        if cipher is not None and "gcm" not in cipher:
            found.append(Mismatch("MAC", theirs.macs[way], ours.macs[way]))
    return list(dict.fromkeys(each for each in found if _choose(each.accepted, each.offered) is None))


def explain_mismatches(found: Sequence[Mismatch]) -> str:
    """Return a sentence with both sides' algorithms and what to do about it."""
    allowable = [each.allowable for each in found if each.allowable and _allows(each.allowable, each.offered)]
    named = " ".join(str(each) for each in found)
    if len(allowable) < len({each.kind for each in found}):
        return f"{named} Update that SSH server: no setting of sshcast allows what it offers."
    words = ", ".join(f"{each} ({each.name})" for each in dict.fromkeys(allowable))
    return f"{named} Update that SSH server; until then an admin may allow it {words} (legacyAlgorithms)."


def _allows(algorithm: LegacyAlgorithm, offered: Sequence[str]) -> bool:
    """True if allowing the algorithm would give a server with this offer one in common."""
    names = {
        LegacyAlgorithm.DIFFIE_HELLMAN_GROUP14_SHA1: (GROUP14_SHA1,),
        LegacyAlgorithm.SSH_RSA_SHA1: ("ssh-rsa",),
        LegacyAlgorithm.AES_CBC: CBC,
    }
    return any(name in offered for name in names[algorithm])


def _list_old_rsa(legacy: Collection[str]) -> tuple[str, ...]:
    return ("ssh-rsa",) if LegacyAlgorithm.SSH_RSA_SHA1 in legacy else ()


def _choose(ours: Sequence[str], theirs: Sequence[str]) -> str | None:
    """Return the client's first algorithm that the server has too, as RFC 4253 chooses."""
    return next((name for name in ours if name in theirs), None)


def _join(names: Sequence[str]) -> str:
    """Join the names up to some thousand characters: the list comes from the far side."""
    shown: list[str] = []
    for count, name in enumerate(names):
        text = "".join(char if char.isprintable() else "?" for char in name)
        if sum(map(len, shown)) + len(text) > SHOWN_CHARACTERS:
            return f"{', '.join(shown)} and {len(names) - count} more"
        shown.append(text)
    return ", ".join(shown)


def _parse_offer(packet: bytes) -> Offer:
    """Parse a KEXINIT: a type, a cookie of 16 bytes, and ten lists of names. Raises ValueError."""
    at, lists = 17, []
    for _ in range(6):
        names, at = read_string(packet, at)
        lists.append(tuple(name for name in names.decode("ascii", "replace").split(",") if name))
    kex = tuple(name for name in lists[0] if name not in SIGNALS)
    return Offer(kex, lists[1], (lists[2], lists[3]), (lists[4], lists[5]))


def read_string(data: bytes, at: int) -> tuple[bytes, int]:
    """Return an SSH string (four bytes of length, then its bytes) and the offset after it."""
    start = at + 4
    end = start + int.from_bytes(data[at:start], "big")
    if not start <= end <= len(data):
        raise ValueError("a string is cut short")
    return data[start:end], end
