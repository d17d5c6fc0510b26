"""The parameters that a PostgreSQL URL may have: those of libpq that are supported. Others are refused by name."""

import os
from difflib import get_close_matches
from urllib.parse import unquote

SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
TLS_VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
CHOICES = {
    "sslmode": SSL_MODES,
    "sslnegotiation": ("postgres", "direct"),
    "ssl_min_protocol_version": TLS_VERSIONS,
    "ssl_max_protocol_version": TLS_VERSIONS,
    "target_session_attrs": ("any", "primary", "standby", "prefer-standby", "read-write", "read-only"),
}
# Accepted with the values that describe what happens anyway, and then ignored.
SETTLED = {
    "channel_binding": ("prefer", "disable"),
    "client_encoding": ("utf8", "UTF8", "utf-8", "UTF-8", "auto"),
    "gssencmode": ("prefer", "disable"),
    "load_balance_hosts": ("disable",),
    "sslcompression": ("0",),
    "sslsni": ("1",),
}
TLS_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
FREE = (
    *("host", "port", "user", "password", "dbname", "passfile"),
    *("application_name", "fallback_application_name", "connect_timeout", "options"),
    *TLS_FILES,
    "sslpassword",
)
KNOWN = (*FREE, *CHOICES, *SETTLED)
SEARCH_PATH = "write options=-csearch_path%3DNAME"
LEAVE_OUT = "leave it out"
ADVICE = {
    "schema": SEARCH_PATH,
    "currentschema": SEARCH_PATH,
    "search_path": SEARCH_PATH,
    "statement_timeout": "write options=-cstatement_timeout%3D30000",
    "database": "write dbname",
    "username": "write user",
    "pgbouncer": "leave it out, and let PgBouncer have pool_mode = session for this database",
    "statement_cache_size": LEAVE_OUT,
    "prepared_statement_cache_size": LEAVE_OUT,
    "pool_size": "leave it out, and set SSHCAST_DATABASE_CONNECTIONS",
    "connection_limit": "leave it out, and set SSHCAST_DATABASE_CONNECTIONS",
    "hostaddr": "write the address as the host",
    "service": "write what the service stands for into the URL",
    "charset": "leave it out: it is always UTF-8",
}


class DatabaseUrlInvalid(ValueError):
    """SSHCAST_DATABASE_URL is invalid: the message is one sentence that follows the variable's name."""


def read_parameters(query: str) -> dict[str, str]:
    """Return the parameters that apply. `ssl=true` becomes sslmode=require, as in libpq."""
    found: dict[str, str] = {}
    for item in query.split("&") if query else ():
        name, value = _read_one(item)
        if name in found:
            raise DatabaseUrlInvalid(f"{name} is given twice: leave one out")
        found[name] = value
    _check_tls(found)
    return {name: value for name, value in found.items() if name not in SETTLED}


def _read_one(item: str) -> tuple[str, str]:
    name, equals, raw = item.partition("=")
    if not equals or "=" in raw or not name:
        raise DatabaseUrlInvalid("its parameters must be ?name=value&name=value, with = as %3D and & as %26 in a value")
    value = _decode(name, raw)
    if name == "ssl":
        return _read_ssl(value)
    if name not in KNOWN:
        raise DatabaseUrlInvalid(_explain_unknown(name))
    if not value:
        raise DatabaseUrlInvalid(f"{name} has no value: give it one, or leave it out")
    _check_value(name, value)
    return name, value


def _decode(name: str, raw: str) -> str:
    try:
        value = unquote(raw, errors="strict")
    except UnicodeDecodeError:
        raise DatabaseUrlInvalid(f"the % escapes of {name} are not UTF-8") from None
    if "\0" in value:
        raise DatabaseUrlInvalid(f"{name} has %00 in it, which PostgreSQL does not take: leave it out")
    return value


def _read_ssl(value: str) -> tuple[str, str]:
    if value == "true":
        return "sslmode", "require"
    wanted = value if value in SSL_MODES else "require"
    raise DatabaseUrlInvalid(f"ssl may only be true: write sslmode={wanted}")


def _explain_unknown(name: str) -> str:
    if name.lower() in ADVICE:
        return f"the parameter {name} is not supported: {ADVICE[name.lower()]}"
    close = get_close_matches(name.lower(), KNOWN, n=1, cutoff=0.8)
    if close:
        return f"the parameter {name} is not known: write {close[0]}"
    return f"the parameter {name} is not supported: leave it out (docs/databases.md has those that are)"


def _check_value(name: str, value: str) -> None:
    choices = CHOICES.get(name) or SETTLED.get(name)
    if choices and value not in choices:
        raise DatabaseUrlInvalid(f"{name} may only be {' or '.join(choices)} here")
    if name == "connect_timeout" and not (value.isascii() and value.isdigit() and len(value) < 6):
        raise DatabaseUrlInvalid("connect_timeout must be a number of seconds, such as 10")


def _check_tls(options: dict[str, str]) -> None:
    """Raise DatabaseUrlInvalid for TLS parameters without effect: no protection is silently dropped."""
    if options.get("sslrootcert") == "system":
        if options.setdefault("sslmode", "verify-full") != "verify-full":
            raise DatabaseUrlInvalid("sslrootcert=system goes with sslmode=verify-full only")
        for name in ("sslcrl", "sslnegotiation", "ssl_min_protocol_version", "ssl_max_protocol_version"):
            if name in options:
                raise DatabaseUrlInvalid(f"{name} does not go with sslrootcert=system: leave one of them out")
    if {"sslkey", "sslpassword"} & options.keys() and not (options.get("sslcert") or os.environ.get("PGSSLCERT")):
        raise DatabaseUrlInvalid("sslkey and sslpassword are for a certificate: name it with sslcert")
    mode = options.get("sslmode") or os.environ.get("PGSSLMODE") or "prefer"
    if mode not in SSL_MODES[:3]:
        return
    for name in ("sslrootcert", "sslcrl"):
        if name in options:
            raise DatabaseUrlInvalid(f"{name} is for sslmode=verify-full or verify-ca, and sslmode is {mode}")
    if options.get("sslnegotiation") == "direct":
        raise DatabaseUrlInvalid(f"sslnegotiation=direct needs sslmode=require or more, and sslmode is {mode}")
    for name in ("sslcert", "sslkey"):
        if mode == "disable" and name in options:
            raise DatabaseUrlInvalid(f"{name} is for TLS, and sslmode is disable: write sslmode=verify-full")
