"""A connection to PostgreSQL as the URL asks for it: its hosts in their order, its TLS, its names."""

import getpass
import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import asyncpg

from db.database_url import DatabaseUrl, DatabaseUrlInvalid
from db.password_file import default_file, find_password
from db.url_parameters import TLS_FILES

CONNECT_SECONDS = 10.0
APPLICATION_NAME = "sshcast"
# What the driver takes from a URL only.
TLS_OPTIONS = (
    *TLS_FILES,
    *("sslmode", "sslpassword", "sslnegotiation", "ssl_min_protocol_version", "ssl_max_protocol_version"),
)
# On to the next host: as libpq, also from one that still starts or is of another kind than what was asked for.
NEXT_HOST = (OSError, asyncpg.CannotConnectNowError, asyncpg.TargetServerAttributeNotMatched)


async def connect(url: DatabaseUrl, **given: Any) -> "asyncpg.Connection[Any]":
    """The first of its hosts that takes us; `connect_timeout` is for each of them. Raises what the last one said."""
    arguments = _arguments(url) | given
    hosts: list[tuple[str | None, int | None]] = [*zip(url.hosts, url.ports, strict=True)] or [(None, None)]
    last: Exception | None = None
    for attributes in _wanted_sessions(url):
        for host, port in hosts:
            try:
                password = _password(url, host, port, arguments["user"])
                place = {"host": host, "port": port, "target_session_attrs": attributes, "password": password}
                return await asyncpg.connect(**place, **arguments)
            except NEXT_HOST as error:
                last = error
    raise last or AssertionError("there is a host")


def _wanted_sessions(url: DatabaseUrl) -> list[str | None]:
    """What a server must be. Each host is asked alone, so that a preference is a second round."""
    wanted = url.parameters.get("target_session_attrs") or os.environ.get("PGTARGETSESSIONATTRS")
    return ["standby", "any"] if wanted == "prefer-standby" else [wanted]


def _arguments(url: DatabaseUrl) -> dict[str, Any]:
    """The driver's, which reads most of libpq's variables itself, and not all."""
    given = url.parameters
    settings = {"application_name": _application_name(url)}
    options = given.get("options") or os.environ.get("PGOPTIONS")
    if options:
        settings["options"] = options
    seconds = int(given.get("connect_timeout") or os.environ.get("PGCONNECT_TIMEOUT") or CONNECT_SECONDS)
    found = {
        "user": _user(url),
        "database": url.database,
        "server_settings": settings,
        "timeout": float(seconds) if seconds > 0 else None,
    }
    return found | _tls_arguments(url)


def _user(url: DatabaseUrl) -> str:
    """libpq takes the name of the user that we run as, which a container's number may not have."""
    try:
        return url.username or os.environ.get("PGUSER") or getpass.getuser()
    except (OSError, KeyError):
        raise DatabaseUrlInvalid(
            "it names no user, and this process's has no name: write postgresql://user@…"
        ) from None


def _password(url: DatabaseUrl, host: str | None, port: int | None, user: str) -> str | None:
    found = url.password or os.environ.get("PGPASSWORD")
    file = Path(url.parameters["passfile"]) if "passfile" in url.parameters else default_file()
    if "passfile" in url.parameters and not os.access(str(file), os.R_OK):
        raise DatabaseUrlInvalid(f"passfile: there is no file {file} that can be read: correct its path")
    if found or file is None:
        return found
    host = host or os.environ.get("PGHOST") or "localhost"
    number = str(port or os.environ.get("PGPORT") or 5432)
    database = url.database or os.environ.get("PGDATABASE") or user
    return find_password(file, ("localhost" if host.startswith("/") else host, number, database, user))


def _application_name(url: DatabaseUrl) -> str:
    given = url.parameters
    return (
        given.get("application_name")
        or os.environ.get("PGAPPNAME")
        or given.get("fallback_application_name")
        or APPLICATION_NAME
    )


def _tls_arguments(url: DatabaseUrl) -> dict[str, Any]:
    given = {name: value for name, value in url.parameters.items() if name in TLS_OPTIONS}
    if not given:
        return {}
    context = _load_files(given)
    if given.get("sslrootcert") == "system":
        return {"ssl": context}
    return {"dsn": f"postgresql://?{urlencode(given, quote_via=quote)}"}


def _load_files(given: dict[str, str]) -> ssl.SSLContext:
    """The driver's errors name no file. DatabaseUrlInvalid names the parameter."""
    for name in TLS_FILES:
        if name in given and given[name] != "system" and not os.access(Path(given[name]), os.R_OK):
            raise DatabaseUrlInvalid(f"{name}: there is no file {given[name]} that can be read: correct its path")
    context = ssl.create_default_context()
    for name in ("sslrootcert", "sslcrl"):
        if given.get(name, "system") != "system":
            _load(name, given[name], lambda path: context.load_verify_locations(cafile=path))
    if "sslcert" in given:
        secret = given.get("sslpassword", "")
        _load(
            "sslcert, sslkey or sslpassword",
            given["sslcert"],
            lambda path: context.load_cert_chain(path, given.get("sslkey"), password=lambda: secret),
        )
    return context


def _load(name: str, path: str, load: Callable[[str], object]) -> None:
    try:
        load(path)
    except (OSError, ValueError):
        raise DatabaseUrlInvalid(
            f"{name}: {path} cannot be used: it must be PEM, and a key its certificate's"
        ) from None
