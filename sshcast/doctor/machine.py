"""Checks of this machine and of the settings, without the database. Nothing is created or changed."""

import errno
import os
import resource
import shutil
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from db.sqlite_refusals import not_writable
from sshcast import settings as settings_module
from sshcast.doctor.finding import Diagnosis, fail, pass_check, warn
from sshcast.http.tls import CertificateFiles, CertificateRefused, LiveCertificate
from sshcast.page import GRAPHIQL
from sshcast.settings import Settings

LEAST_FREE, FEW_FREE = 64 * 2**20, 1024 * 2**20
FEW_FILES = 4096
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def check_machine(settings: Settings) -> Iterator[Diagnosis]:
    yield _check_names()
    yield from _check_listening(settings)
    yield _check_folder(settings.data)
    yield _check_room(settings.data)
    yield _check_files_limit(settings)
    yield _check_port(settings)
    yield _check_policy(settings)
    yield _check_graphiql(settings)


def _check_names() -> Diagnosis:
    if strangers := settings_module.unknown():
        return warn("settings", strangers, "correct or unset what is named")
    return pass_check("settings", "every variable SSHCAST_* is a setting")


def _check_listening(settings: Settings) -> Iterator[Diagnosis]:
    """Look whether the settings of the address, TLS and the proxy agree."""
    is_open = settings.host not in LOOPBACK
    if is_open and not settings.behind_proxy and settings.tls_cert is None:
        yield fail("address", f"{settings.host} is reachable, and it is plain HTTP", "set SSHCAST_TLS_CERT and _KEY")
    if settings.tls_cert is not None and settings.tls_key is not None:
        yield _check_certificate(settings.tls_cert, settings.tls_key)
    is_fronted = settings.behind_proxy or bool(settings.trusted_proxies)
    if is_fronted and not settings.public_url and not settings.allowed_hosts:
        yield warn("proxy", "no host name is set under which the proxy is asked", "set SSHCAST_PUBLIC_URL")


def _check_certificate(certificate: Path, key: Path) -> Diagnosis:
    try:
        LiveCertificate(CertificateFiles(certificate, key))
    except CertificateRefused as error:
        return fail("certificate", str(error), "settle that: `sshcast serve` does not start so")
    return pass_check("certificate", f"{certificate} and its key fit")


def _check_folder(folder: Path) -> Diagnosis:
    if not folder.exists():
        return warn("data folder", f"{folder} is not there yet", "the first start makes it; or give another --data")
    if hindrance := not_writable(folder):
        return fail("data folder", hindrance, "as the sentence says")
    files = [path for path in (folder, *folder.iterdir()) if stat.S_IMODE(path.lstat().st_mode) & 0o077]
    if files:
        return warn("data folder", f"others may read {files[0]}", f"chmod -R go= {folder}")
    return pass_check("data folder", f"{folder} is this user's alone")


def _check_room(folder: Path) -> Diagnosis:
    place = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    free = shutil.disk_usage(place).free
    shown = f"{free / 2**30:.1f} GiB are free where {folder} is"
    if free < LEAST_FREE:
        return fail("disk", shown, "make room: a full disk stops every run from being recorded")
    if free < FEW_FREE:
        return warn("disk", shown, "make room, or set SSHCAST_KEEP_EXECUTIONS_DAYS")
    return pass_check("disk", shown)


def _check_files_limit(settings: Settings) -> Diagnosis:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FEW_FILES:
        return warn(
            "open files", f"this user may open {hard}", "raise the hard limit (LimitNOFILE, ulimit -Hn) to 65536"
        )
    return pass_check("open files", "the limit is high enough" if hard < 0 else f"the limit is {hard}")


def _check_port(settings: Settings) -> Diagnosis:
    if settings.port == 0:
        return pass_check("port", "any free port")
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            return _explain_port(settings, error)
    return pass_check("port", f"{settings.host}:{settings.port} is free: no service listens there")


def _explain_port(settings: Settings, error: OSError) -> Diagnosis:
    place = f"{settings.host}:{settings.port}"
    if error.errno == errno.EADDRINUSE:
        return warn("port", f"a program listens on {place}", "fine if it is sshcast; else choose another --port")
    return fail(
        "port", f"nobody can listen on {place} ({os.strerror(error.errno or 0)})", "choose another --host or --port"
    )


def _check_policy(settings: Settings) -> Diagnosis:
    if settings.policy_mode == "audit":
        return warn(
            "command policy", "it refuses nothing (audit)", "set SSHCAST_POLICY_MODE=standard once you know what runs"
        )
    return pass_check("command policy", settings.policy_mode)


def _check_graphiql(settings: Settings) -> Diagnosis:
    if not settings.playground:
        return pass_check("playground", "it is switched off")
    if (GRAPHIQL / "yoga-graphiql.js").is_file():
        return pass_check("playground", "GraphiQL is here")
    return warn("playground", "GraphiQL is not here: the playground has our own query page only", "sshcast web fetch")
