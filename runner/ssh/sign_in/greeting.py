"""Reads the text that a server sends before its SSH version, and explains what it means.

RFC 4253 lets a server send lines before its version. Some servers refuse us that way, and a server of another protocol
is recognized by what it sends instead.
"""

import re

from runner.ssh.protocol import ConnectFailed
from runner.ssh.sign_in.server_messages import show, speaks_of_later, speaks_of_refusal

MOST_KEPT = 4096

_PROTOCOLS = (
    (rb"HTTP/\d|<!doctype html|<html", "HTTP"),
    (rb"[\x15\x16]\x03[\x00-\x04]", "TLS"),
    (rb"220[ -][^\n]*ftp", "FTP"),
    (rb"(220|421|554)[ -][^\n]*(smtp|mail|postfix|exim)|[45]\d\d [^\n]*(smtp|mail|command)", "SMTP"),
    (rb"(220|421)[ -]", "SMTP or FTP"),
    (rb"\+OK", "POP3"),
    (rb"\* (OK|BYE|PREAUTH)", "IMAP"),
    (rb"20[01] [^\n]*(nntp|news|posting)", "NNTP"),
    (rb"\xff[\xfa-\xfe]", "telnet"),
    (rb"RFB \d", "VNC"),
    (rb"-(ERR|NOAUTH|DENIED|MISCONF)\b", "Redis"),
    (rb"..\x00\x00[\x0a\xff]", "MySQL"),
    (rb"@RSYNCD", "rsync"),
    (rb"\x03\x00\x00", "RDP"),
    (rb"AMQP", "AMQP"),
    (rb"E\x00\x00..S", "PostgreSQL"),
    (rb"ERROR\r?\n", "memcached"),
    (rb"SIP/2", "SIP"),
    (rb"<\?xml|<stream", "XMPP"),
    (rb"(:\S+ )?NOTICE |ERROR :", "IRC"),
    (rb"\( success \(", "Subversion"),
    (rb"(.*\n)?[^\n]*login: ?$", "telnet"),
)
_KNOWN = tuple((re.compile(pattern, re.IGNORECASE | re.DOTALL), name) for pattern, name in _PROTOCOLS)


class Greeting:
    """Reads input up to the server's version. `before` is the beginning of the input ahead of it."""

    def __init__(self) -> None:
        self.version: str | None = None
        self._before = bytearray()
        self._line = b""

    @property
    def before(self) -> bytes:
        return bytes((self._before + self._line)[:MOST_KEPT])

    @property
    def text(self) -> str:
        """The text of `before`; empty if most of it is not text."""
        text = self.before.decode("utf-8", "replace")
        odd = sum((not char.isprintable() and char not in "\r\n\t\x1b") or char == "\ufffd" for char in text)
        return "" if 2 * odd > len(text) else text

    @property
    def protocol(self) -> str | None:
        """The name of the protocol that the server speaks instead of SSH, None if it is not recognized."""
        begun = self.before.lstrip(b"\r\n")
        return next((name for pattern, name in _KNOWN if pattern.match(begun)), None)

    def feed(self, data: bytes) -> None:
        *lines, rest = (self._line + data).split(b"\n")
        for line in lines:
            if line.startswith(b"SSH-"):
                self.version, self._line = line.decode("utf-8", "replace").strip(), b""
                return
            self._keep(line + b"\n")
        self._line = rest[:MOST_KEPT]

    def _keep(self, line: bytes) -> None:
        self._before += line[: max(0, MOST_KEPT - len(self._before))]


def explain_greeting(greeting: Greeting, where: str, *, is_endless: bool, waited: float | None) -> ConnectFailed | None:
    """Explain why no version came; None if nothing came in time.

    `waited` is how many seconds were waited on an open connection, None if the server closed it.
    """
    if greeting.protocol is not None:
        return _build_unreachable(
            f"{where} is not an SSH server: it speaks {greeting.protocol}{_quote(greeting)}. Correct the server's port."
        )
    if is_endless:
        return _build_unreachable(
            f"{where} sends lines without end and no SSH version; they begin with{_quote(greeting) or ' no text'}. "
            "Check that it is an SSH server."
        )
    if not greeting.before:
        return None if waited is not None else _explain_early_close(where)
    # A version that is only late may follow a text that greets every client.
    if waited is None and _is_refusal(greeting.text):
        return _build_refusal(greeting, where)
    ending = "closed the connection" if waited is None else f"nothing more within {waited:g} s (timeout)"
    what = _quote(greeting) or f" {len(greeting.before)} bytes that are no text"
    return _build_unreachable(
        f"Before any SSH version {where} sent{what}, then {ending}. Act on that text if it is the server's, "
        "and check that an SSH server listens on that port.",
        passing=waited is not None,
    )


def _is_refusal(text: str) -> bool:
    return speaks_of_refusal(text) or speaks_of_later(text)


def _build_refusal(greeting: Greeting, where: str) -> ConnectFailed:
    """Build the error for a refusal in words, which passes if it is temporary.

    OpenSSH refuses an address with penalties that way, and any address while too many others are signing in.
    """
    said = f"{where} refuses us: before its SSH version it said{_quote(greeting)}."
    if speaks_of_later(greeting.text):
        return ConnectFailed(
            "AUTH_FAILED",
            f"{said} Wait a while; on the server, look at MaxStartups, PerSourcePenalties and its log.",
            passing=True,
        )
    return ConnectFailed("AUTH_FAILED", f"{said} Settle that on the server, for this address or for all.")


def _explain_early_close(where: str) -> ConnectFailed:
    return _build_unreachable(
        f"{where} closed the connection before it sent an SSH version. Check that it is an SSH server; if so, it may "
        "refuse this address (hosts.deny, fail2ban, PerSourcePenalties) or have too many sign-ins at once "
        "(MaxStartups): look at its log.",
        passing=True,
    )


def _build_unreachable(detail: str, *, passing: bool = False) -> ConnectFailed:
    return ConnectFailed("UNREACHABLE", detail, passing=passing)


def _quote(greeting: Greeting) -> str:
    shown = show(greeting.text)
    return f" {shown}" if shown else ""
