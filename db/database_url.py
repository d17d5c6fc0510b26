"""Parse SSHCAST_DATABASE_URL: a SQLite file, or PostgreSQL in the form of libpq's URLs. No server is contacted here.

Messages quote only the URL's scheme and the names of its parameters: in a URL that cannot be parsed, the password may
be anywhere.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote

from db.url_parameters import DatabaseUrlInvalid, read_parameters
from db.url_scheme import read_scheme

__all__ = ["DatabaseUrl", "DatabaseUrlInvalid", "read_database_url"]

ESCAPES = (
    "in a user's name or password, write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23, % as %25, a blank as %20"
)
BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
BLANK = re.compile(r"[\x00-\x20\x7f]")
HOST = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+(?:%25[\w.-]+)?)\]|(?P<name>[^:\[\]]*))(?::(?P<port>[^:]*))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseUrl:
    """The location of the database. For a field that is None or empty, the PG… variables and libpq's defaults apply.

    `hosts` are tried in order, each with the port at the same index; a host that begins with a slash is a socket's
    folder.
    """

    dialect: Literal["sqlite", "postgresql"]
    database: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    hosts: tuple[str, ...] = ()
    ports: tuple[int | None, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def place(self) -> str:
        """Return the hosts and ports, for messages."""
        pairs = zip(self.hosts, self.ports, strict=True)
        return ", ".join(host if port is None else f"{host}:{port}" for host, port in pairs) or "the default host"


def read_database_url(text: str) -> DatabaseUrl:
    """Parse the URL. DatabaseUrlInvalid says in one sentence what is wrong and what to write instead."""
    _refuse_wrapping(text)
    dialect, rest = read_scheme(text)
    if dialect == "sqlite":
        return _read_sqlite(rest)
    _refuse_unescaped(rest)
    return _read_postgres(rest)


def _refuse_wrapping(text: str) -> None:
    if not text.strip():
        raise DatabaseUrlInvalid(
            "it is empty: write postgresql://user:password@host/name, or unset it to use SQLite in the data folder"
        )
    if text != text.strip():
        raise DatabaseUrlInvalid("there is a blank or a line break before or after the URL: take it away")
    if text[0] in "'\"`<" or text[-1] in "'\"`>":
        raise DatabaseUrlInvalid("there are quotes or brackets around the URL: take them away, also in an env file")


def _read_sqlite(rest: str) -> DatabaseUrl:
    """Parse SQLAlchemy's form: three slashes before a relative path, four before an absolute one."""
    path = rest[1:]
    if not rest.startswith("/") or path in ("", ":memory:"):
        raise DatabaseUrlInvalid(
            "it names no file: write sqlite:////absolute/path.db (with four slashes), or unset it to use SQLite in the "
            "data folder"
        )
    if "?" in path or "\0" in path:
        raise DatabaseUrlInvalid("SQLite takes no parameters here: leave out the ? and what follows")
    return DatabaseUrl(dialect="sqlite", database=path)


def _refuse_unescaped(rest: str) -> None:
    authority, tail = _split_authority(rest)
    faults = {
        "there is a #": "#" in rest,
        "there is more than one @": authority.count("@") > 1,
        "there is an @ after a /, a ? or the host": "@" in tail,
        "there is a % without two hexadecimal digits after it": BAD_PERCENT.search(rest) is not None,
        "there is a blank, a line break or a control character": BLANK.search(rest) is not None,
    }
    for fault, is_there in faults.items():
        if is_there:
            raise DatabaseUrlInvalid(f"{fault}: {ESCAPES}")


def _split_authority(rest: str) -> tuple[str, str]:
    """Split into users and hosts, and the rest from the first slash or question mark on."""
    end = re.search(r"[/?]", rest)
    return (rest, "") if end is None else (rest[: end.start()], rest[end.start() :])


def _read_postgres(rest: str) -> DatabaseUrl:
    """Parse as libpq does: a value in the query overrides the same value before it."""
    authority, tail = _split_authority(rest)
    path, _, query = tail.partition("?")
    userinfo, _, hostlist = authority.rpartition("@")
    user, _, password = userinfo.partition(":")
    hosts = list(_read_hosts(hostlist)) if hostlist else []
    parameters = read_parameters(query)
    names, ports = _place_hosts(hosts, parameters.pop("host", None), parameters.pop("port", None))
    return DatabaseUrl(
        dialect="postgresql",
        database=parameters.pop("dbname", None) or _decode(path[1:]) or None,
        username=parameters.pop("user", None) or _decode(user) or None,
        password=parameters.pop("password", None) or _decode(password) or None,
        hosts=names,
        ports=ports,
        parameters=parameters,
    )


def _read_hosts(hostlist: str) -> Iterator[tuple[str, int | None]]:
    for each in hostlist.split(","):
        found = HOST.fullmatch(each)
        if found is None:
            raise DatabaseUrlInvalid(
                "its host cannot be read: put an IPv6 address in brackets, as in postgresql://user@[::1]:5432/name; "
                f"{ESCAPES}"
            )
        name = _decode(found["v6"] or found["name"])
        if not name and ("," in hostlist or found["port"]):
            raise DatabaseUrlInvalid("a host is missing: name one before each port and comma")
        yield name, _read_port(found["port"]) if found["port"] else None


def _read_port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65_535):
        raise DatabaseUrlInvalid(
            "its port must be a number from 1 to 65535; if a password is there, the host is missing, or the password "
            f"has a / or ? in it: {ESCAPES}"
        )
    return int(text)


def _place_hosts(
    hosts: list[tuple[str, int | None]], host: str | None, port: str | None
) -> tuple[tuple[str, ...], tuple[int | None, ...]]:
    """Pair hosts with ports. Hosts and ports of the query replace those of the authority."""
    if host is not None:
        hosts = [(name, None) for name in host.split(",")]
        if not all(name for name, _ in hosts):
            raise DatabaseUrlInvalid("host: a name is missing before or after a comma")
    names = tuple(name for name, _ in hosts)
    if port is None:
        return names, tuple(number for _, number in hosts)
    ports = [_read_port(each) for each in port.split(",")]
    if not names:
        names = ("localhost",)
    if len(ports) not in (1, len(names)):
        raise DatabaseUrlInvalid(f"port: give one, or one for each of the {len(names)} hosts")
    return names, tuple(ports * len(names) if len(ports) == 1 else ports)


def _decode(text: str) -> str:
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise DatabaseUrlInvalid("its % escapes are not UTF-8: write each byte of a character's UTF-8 form") from None
    if "\0" in decoded:
        raise DatabaseUrlInvalid("it has %00 in it, which PostgreSQL does not take: leave it out")
    return decoded
