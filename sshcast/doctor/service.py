"""Checks of a service through its API, and of one of its servers by its check and by a real run of `true`."""

import importlib
import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from sshcast.commands import version
from sshcast.doctor.finding import Diagnosis, fail, pass_check, warn
from sshcast.errors import CommandFailed
from sshcast.remote.api import Api, ApiRefused
from sshcast.remote.contexts import Context
from sshcast.remote.names import find_server_id

SECONDS = 10.0
MOST_CLOCK_SECONDS = 30.0
MOST_RUN_SECONDS = 90.0
FEW_DAYS = 14
ME = "query DoctorMe { me { name role } }"
CHECK = """
mutation DoctorCheck($id: ID!) {
  checkServer(input: {id: $id}) {
    errors { code field message }
    check { ready server { name } steps { step status found message } }
  }
}
"""
RUN = """
mutation DoctorRun($id: ID!) {
  runCommand(input: {serverId: $id, command: "true", timeoutSeconds: 60}) {
    errors { code field message } execution { id }
  }
}
"""
ENDED = "query DoctorRunEnded($id: ID!) { execution(id: $id) { id state reason message } }"


def check_site(context: Context) -> Iterator[Diagnosis]:
    """Look at the address itself: whether it answers, its certificate, its version and its clock."""
    httpx2: Any = importlib.import_module("httpx2")
    verify = context.ca_file and ssl.create_default_context(cafile=context.ca_file)
    try:
        with httpx2.Client(timeout=SECONDS, verify=verify or True) as client:
            sent = datetime.now(UTC)
            ready = client.get(f"{context.url}/readyz")
            spec = client.get(f"{context.url}/openapi.json")
    except (httpx2.HTTPError, OSError) as error:
        yield fail("reachable", f"{context.url} does not answer ({error})", "look whether it runs, and at the network")
        return
    if ready.status_code == 200:
        yield pass_check("reachable", f"{context.url} answers and is ready")
    else:
        yield fail("reachable", f"{context.url}/readyz answers {ready.status_code}: {ready.text[:200]}", "see its log")
    yield from _check_certificate(context)
    yield _check_version(spec)
    yield _check_clock(ready.headers.get("date"), sent)


def _check_certificate(context: Context) -> Iterator[Diagnosis]:
    parts = urlsplit(context.url)
    if parts.scheme != "https":
        if parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            yield fail("TLS", "the address is plain HTTP: tokens and output can be read on the way", "use https://")
        return
    tls = ssl.create_default_context(cafile=context.ca_file)
    place = (parts.hostname or "", parts.port or 443)
    with socket.create_connection(place, SECONDS) as plain, tls.wrap_socket(plain, server_hostname=place[0]) as held:
        shown = held.getpeercert() or {}
        used = held.version()
    days = (ssl.cert_time_to_seconds(str(shown["notAfter"])) - time.time()) / 86_400
    found = f"{used}, certificate valid for {days:.0f} days"
    yield warn("TLS", found, "renew the certificate") if days < FEW_DAYS else pass_check("TLS", found)


def _check_version(spec: Any) -> Diagnosis:
    own = version.find_version()
    try:
        theirs = str(spec.json()["info"]["version"])
    except (ValueError, KeyError, TypeError):
        return warn(
            "version", f"the service does not tell its version; this command line is {own}", "compare them there"
        )
    if theirs != own:
        return warn("version", f"the service is {theirs}, this command line {own}", "bring both to the same version")
    return pass_check("version", f"the service and this command line are {own}")


def _check_clock(date: str | None, sent: datetime) -> Diagnosis:
    if date is None:
        return warn("clock", "the service's answers have no Date", "look at the proxy in front")
    apart = abs((parsedate_to_datetime(date) - sent).total_seconds())
    if apart > MOST_CLOCK_SECONDS:
        return fail("clock", f"the service's and this machine's are {apart:.0f} s apart", "set both by NTP")
    return pass_check("clock", f"the service's and this machine's agree within {max(1, round(apart))} s")


def check_access(api: Api) -> Iterator[Diagnosis]:
    """Look whether the session is valid, and what its user may do."""
    try:
        me = api.execute(ME)["me"]
    except CommandFailed as error:
        yield fail("sign-in", str(error), "sign in anew with `sshcast login`")
        return
    yield pass_check("sign-in", f"valid, as {me['name']}, whose role is {me['role']}")


def check_server(api: Api, server: str) -> Iterator[Diagnosis]:
    """Have the service check the server step by step, and run `true` there."""
    try:
        id = find_server_id(api, server)
        check = api.execute(CHECK, {"id": id})["checkServer"]["check"]
        for step in check["steps"]:
            yield _tell_step(step)
        if check["ready"]:
            yield _run_true(api, id)
    except (ApiRefused, CommandFailed) as error:
        yield fail(f"server {server}", str(error), "settle what the sentence says")


def _tell_step(step: dict[str, Any]) -> Diagnosis:
    name, found = f"server {step['step'].lower()}", step["found"] or step["status"].lower()
    if step["status"] == "FAILED":
        return fail(name, found, step["message"] or "see docs/check-server.md")
    if step["status"] in ("OK", "SKIPPED"):
        return pass_check(name, found)
    return warn(name, found, step["message"] or "see docs/check-server.md")


def _run_true(api: Api, id: str) -> Diagnosis:
    begun = time.monotonic()
    run = api.execute(RUN, {"id": id})["runCommand"]["execution"]
    while time.monotonic() < begun + MOST_RUN_SECONDS:
        found = api.execute(ENDED, {"id": run["id"]})["execution"]
        if found["state"] == "SUCCESS":
            return pass_check(
                "run", f"`true` ran to its end in {time.monotonic() - begun:.1f} s (execution {run['id']})"
            )
        if found["state"] not in ("PENDING", "RUNNING"):
            return fail(
                "run", f"`true` ended as {found['state']}, {found['reason']}", found["message"] or "see its log"
            )
        time.sleep(0.2)
    return fail(
        "run", f"execution {run['id']} has not ended after {MOST_RUN_SECONDS:.0f} s", "look whether a runner works"
    )
