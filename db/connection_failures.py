"""Describe why a connection to PostgreSQL failed, in one sentence that says what to do."""

import os
import socket
import ssl

from sqlalchemy.exc import DBAPIError

from db.connection_queue import TooManyConnections
from db.database_url import DatabaseUrl, DatabaseUrlInvalid
from db.url_parameters import SSL_MODES

VARIABLE = "SSHCAST_DATABASE_URL"
AWAY = "the database is away"
UNUSABLE = "the database cannot be used"
ESCAPED = "(in it, @ is written %40, : %3A, / %2F, ? %3F, # %23 and % %25)"
POOLER_OPTIONS = (
    f"PgBouncer takes no such thing from a client: leave options out of {VARIABLE} and PGOPTIONS, or name it in "
    "PgBouncer's ignore_startup_parameters"
)
# By SQLSTATE: the heading (AWAY where a later attempt may succeed) and what to do.
ADVICE = {
    "28P01": (UNUSABLE, f"correct the user and the password in {VARIABLE} {ESCAPED}"),
    "3D000": (UNUSABLE, f"make it with CREATE DATABASE, or correct the name in {VARIABLE}"),
    "42501": (UNUSABLE, "have its owner GRANT that right to this role"),
    "42704": (UNUSABLE, f"correct options in {VARIABLE}"),
    "22023": (UNUSABLE, f"correct options in {VARIABLE}"),
    "53300": (
        AWAY,
        "wait for others to end, raise max_connections or the role's CONNECTION LIMIT, or lower "
        "SSHCAST_DATABASE_CONNECTIONS",
    ),
    "57P03": (AWAY, "try again in a moment"),
}
# The connection ended; the driver adds the server's message before that, if there was one.
ENDED = "08003"
BY_HBA = "add a line for this address, user and database to the server's pg_hba.conf"
BY_TLS = f"it wants TLS, so add sslmode=require to {VARIABLE}"
BY_CERTIFICATE = f"add sslcert and sslkey to {VARIABLE}"
BY_ROLE = f"make it with CREATE ROLE name LOGIN PASSWORD '…', or correct the user in {VARIABLE}"
BY_PEER = f"give a host, a user and a password in {VARIABLE}, or run sshcast as that user"


def describe_failure(error: BaseException, url: DatabaseUrl) -> str:
    """Return a sentence for an error while connecting. It quotes the server, and of the URL only hosts and ports."""
    cause = _cause_of(error)
    if isinstance(cause, DatabaseUrlInvalid):
        return f"{VARIABLE}: {cause}"
    if isinstance(cause, ssl.SSLError):
        return _describe_tls(cause, url)
    state = getattr(cause, "sqlstate", None)
    if isinstance(state, str):
        return _describe_answer(state, _first_line(cause), url)
    if isinstance(cause, OSError | UnicodeError):
        return _describe_network(cause, url)
    return _describe_driver(_first_line(cause), url)


def _cause_of(error: BaseException) -> BaseException:
    """Return the driver's own error, which SQLAlchemy and the connection queue wrap in theirs."""
    if isinstance(error, TooManyConnections) and error.__cause__ is not None:
        return _cause_of(error.__cause__)
    if isinstance(error, DBAPIError) and error.orig is not None:
        return error.orig.__cause__ or error.orig
    return error


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _describe_answer(state: str, said: str, url: DatabaseUrl) -> str:
    if state == ENDED and not said.partition(": ")[2]:
        return _describe_stranger(url)
    heading, advice = ADVICE.get(state, (UNUSABLE, f"correct {VARIABLE}, or see PostgreSQL's log"))
    if state == "28000":
        advice = _advise_on_authorization(said, url.parameters.get("sslmode") or os.environ.get("PGSSLMODE"))
    if "unsupported startup parameter" in said:
        advice = POOLER_OPTIONS
    return f"{heading}: {url.place} says: {said}: {advice}"


def _advise_on_authorization(said: str, mode: str | None) -> str:
    """Choose the advice for SQLSTATE 28000, which PostgreSQL uses for several causes, by the words of its message.

    An error that names pg_hba.conf was already retried with TLS, unless TLS is disabled.
    """
    advice = {
        "pg_hba.conf": BY_TLS if mode == "disable" else BY_HBA,
        "certificate": BY_CERTIFICATE,
        "Peer authentication": BY_PEER,
    }
    return next((text for words, text in advice.items() if words in said), BY_ROLE)


def _describe_tls(error: ssl.SSLError, url: DatabaseUrl) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message.rstrip(".")
        name = "ostname mismatch" in why or "IP address mismatch" in why
        advice = (
            "write the host as its certificate names it, or sslmode=verify-ca"
            if name
            else "let sslrootcert name the CA that signed it, in PEM, or sslrootcert=system for the machine's own CAs"
        )
        return f"{UNUSABLE}: the certificate of {url.place} is not trusted ({why}): {advice}, in {VARIABLE}"
    why = (error.reason or str(error)).lower().replace("_", " ")
    return f"{UNUSABLE}: TLS with {url.place} failed ({why}): {BY_CERTIFICATE}, or allow the TLS versions that it has"


def _describe_network(error: OSError | UnicodeError, url: DatabaseUrl) -> str:
    if isinstance(error, socket.gaierror | UnicodeError):
        return f"{AWAY}: there is no host of the name in {url.place}: correct the host in {VARIABLE}"
    if isinstance(error, TimeoutError):
        return f"{AWAY}: {url.place} does not answer in time: correct host and port in {VARIABLE}, or open the firewall"
    if "rejected SSL upgrade" in str(error) and url.parameters.get("sslmode") in SSL_MODES[3:]:
        return (
            f"{UNUSABLE}: {url.place} speaks no TLS, or is no PostgreSQL: turn TLS on there, correct the port, or "
            f"write sslmode=prefer in {VARIABLE}"
        )
    if isinstance(error, FileNotFoundError | PermissionError) and any(host.startswith("/") for host in url.hosts):
        return f"{AWAY}: no socket in {url.place} that we may use: start PostgreSQL, or correct host in {VARIABLE}"
    if type(error) is ConnectionError:
        return _describe_stranger(url)
    if isinstance(error, PermissionError):
        return f"{UNUSABLE}: {error.strerror}: let this user read ~/.postgresql, or set HOME to a folder of theirs"
    refused = isinstance(error, ConnectionRefusedError)
    why = "nothing listens there" if refused else _first_line(error)
    return f"{AWAY}: no connection to {url.place} ({why}): start PostgreSQL, or correct host and port in {VARIABLE}"


def _describe_stranger(url: DatabaseUrl) -> str:
    return f"{UNUSABLE}: {url.place} does not answer like PostgreSQL: correct host and port in {VARIABLE}"


def _describe_driver(said: str, url: DatabaseUrl) -> str:
    """Describe an error that the driver raised by itself, without the server."""
    if "target attribute" in said:
        return (
            f"{UNUSABLE}: {url.place} is not what target_session_attrs in {VARIABLE} asks for: name other hosts, or "
            "leave it out"
        )
    if "root certificate" in said:
        return f"{VARIABLE}: sslmode asks for a CA to trust: add sslrootcert=/path/of/ca.pem or sslrootcert=system"
    return f"{UNUSABLE}: {url.place}: {said.rstrip('.')}: correct {VARIABLE} and the PG variables"
