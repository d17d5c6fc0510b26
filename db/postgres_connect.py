"""Connect to PostgreSQL as the URL asks: hosts in order, TLS, user and application name."""

import asyncio
import getpass
import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import asyncpg

from db.database_url import DatabaseUrl, DatabaseUrlInvalid
from db.host_lookups import HostLookups
from db.password_file import default_file, find_password
from db.url_parameters import TLS_FILES

CONNECT_SECONDS = 10.0
APPLICATION_NAME = "sshcast"
# Options that the driver accepts only in a URL.
TLS_OPTIONS = (
    *TLS_FILES,
    *("sslmode", "sslpassword", "sslnegotiation", "ssl_min_protocol_version", "ssl_max_protocol_version"),
)
# Errors after which the next host is tried. As in libpq, these include a server that is starting or of the wrong kind.
NEXT_HOST = (OSError, asyncpg.CannotConnectNowError, asyncpg.TargetServerAttributeNotMatched)


async def connect(url: DatabaseUrl, lookups: HostLookups | None = None, **overrides: Any) -> "asyncpg.Connection[Any]":
    """Connect to the first host that accepts; `connect_timeout` applies to each. Raises the last host's error."""
    lookups = lookups or HostLookups()
    arguments = _arguments(url) | overrides
    hosts: list[tuple[str | None, int | None]] = [*zip(url.hosts, url.ports, strict=True)] or [(None, None)]
    last: Exception | None = None
    for attributes in _wanted_sessions(url):
        for host, port in hosts:
            try:
                password = _password(url, host, port, arguments["user"])
                async with asyncio.timeout(arguments["timeout"]):
                    await lookups.check(host)
                place = {"host": host, "port": port, "target_session_attrs": attributes, "password": password}
                return await asyncpg.connect(**place, **arguments)
            except NEXT_HOST as error:
                last = error
    raise last or AssertionError("there is a host")


def _wanted_sessions(url: DatabaseUrl) -> list[str | None]:
    """Return the values of target_session_attrs to try in turn: a preference needs a second round."""
    attributes = url.parameters.get("target_session_attrs") or os.environ.get("PGTARGETSESSIONATTRS")
    return ["standby", "any"] if attributes == "prefer-standby" else [attributes]


def _arguments(url: DatabaseUrl) -> dict[str, Any]:
    """Return the driver's arguments, for the libpq variables that it does not read itself as well."""
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
    """Return the user. Like libpq, the default is the process's user name, which a container's user id may not have."""
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
    options = {name: value for name, value in url.parameters.items() if name in TLS_OPTIONS}
    if not options:
        return {}
    context = _load_files(options)
    if options.get("sslrootcert") == "system":
        return {"ssl": context}
    return {"dsn": f"postgresql://?{urlencode(options, quote_via=quote)}"}


def _load_files(options: dict[str, str]) -> ssl.SSLContext:
    """Return a context with the TLS files. DatabaseUrlInvalid names the parameter, which the driver does not."""
    for name in TLS_FILES:
        if name in options and options[name] != "system" and not os.access(Path(options[name]), os.R_OK):
            raise DatabaseUrlInvalid(f"{name}: there is no file {options[name]} that can be read: correct its path")
    context = ssl.create_default_context()
    for name in ("sslrootcert", "sslcrl"):
        if options.get(name, "system") != "system":
            _load(name, options[name], lambda path: context.load_verify_locations(cafile=path))
    if "sslcert" in options:
        secret = options.get("sslpassword", "")
        _load(
            "sslcert, sslkey or sslpassword",
            options["sslcert"],
            lambda path: context.load_cert_chain(path, options.get("sslkey"), password=lambda: secret),
        )
    return context


def _load(name: str, path: str, load: Callable[[str], object]) -> None:
    try:
        load(path)
    except (OSError, ValueError):
        raise DatabaseUrlInvalid(
            f"{name}: {path} cannot be used: it must be PEM, and a key its certificate's"
        ) from None
