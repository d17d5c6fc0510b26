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
from sshcast.words import Bilingual

SECONDS = 10.0
MOST_CLOCK_SECONDS = 30.0
MOST_RUN_SECONDS = 90.0
FEW_DAYS = 14
SEE_LOG = Bilingual("see its log", "请查看其日志")
SEE_STEPS = Bilingual("see docs/check-server.md", "见 docs/check-server.zh.md")
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
        yield fail(
            "reachable",
            Bilingual(f"{context.url} does not answer ({error})", f"{context.url} 没有应答（{error}）"),
            Bilingual("look whether it runs, and at the network", "请检查它是否在运行，以及网络"),
        )
        return
    if ready.status_code == 200:
        yield pass_check("reachable", Bilingual(f"{context.url} answers and is ready", f"{context.url} 有应答且已就绪"))
    else:
        what = f"{ready.status_code}: {ready.text[:200]}"
        found = Bilingual(f"{context.url}/readyz answers {what}", f"{context.url}/readyz 的应答是 {what}")
        yield fail("reachable", found, SEE_LOG)
    yield from _check_certificate(context)
    yield _check_version(spec)
    yield _check_clock(ready.headers.get("date"), sent)


def _check_certificate(context: Context) -> Iterator[Diagnosis]:
    parts = urlsplit(context.url)
    if parts.scheme != "https":
        if parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            found = Bilingual(
                "the address is plain HTTP: tokens and output can be read on the way",
                "该地址是明文 HTTP：令牌和输出可能在途中被读取",
            )
            yield fail("TLS", found, Bilingual("use https://", "请使用 https://"))
        return
    tls = ssl.create_default_context(cafile=context.ca_file)
    place = (parts.hostname or "", parts.port or 443)
    with socket.create_connection(place, SECONDS) as plain, tls.wrap_socket(plain, server_hostname=place[0]) as held:
        shown = held.getpeercert() or {}
        used = held.version()
    days = (ssl.cert_time_to_seconds(str(shown["notAfter"])) - time.time()) / 86_400
    found = Bilingual(f"{used}, certificate valid for {days:.0f} days", f"{used}，证书还有 {days:.0f} 天有效期")
    renew = Bilingual("renew the certificate", "请更新证书")
    yield warn("TLS", found, renew) if days < FEW_DAYS else pass_check("TLS", found)


def _check_version(spec: Any) -> Diagnosis:
    own = version.find_version()
    try:
        theirs = str(spec.json()["info"]["version"])
    except (ValueError, KeyError, TypeError):
        return warn(
            "version",
            Bilingual(
                f"the service does not tell its version; this command line is {own}",
                f"服务没有告知其版本；此命令行为 {own}",
            ),
            Bilingual("compare them there", "请在服务所在处比较"),
        )
    if theirs != own:
        return warn(
            "version",
            Bilingual(f"the service is {theirs}, this command line {own}", f"服务为 {theirs}，此命令行为 {own}"),
            Bilingual("bring both to the same version", "请将两者升级到同一版本"),
        )
    return pass_check("version", Bilingual(f"the service and this command line are {own}", f"服务与此命令行均为 {own}"))


def _check_clock(date: str | None, sent: datetime) -> Diagnosis:
    if date is None:
        return warn(
            "clock",
            Bilingual("the service's answers have no Date", "服务的应答中没有 Date"),
            Bilingual("look at the proxy in front", "请检查其前面的代理"),
        )
    apart = abs((parsedate_to_datetime(date) - sent).total_seconds())
    if apart > MOST_CLOCK_SECONDS:
        return fail(
            "clock",
            Bilingual(
                f"the service's and this machine's are {apart:.0f} s apart", f"服务与本机的时钟相差 {apart:.0f} 秒"
            ),
            Bilingual("set both by NTP", "请用 NTP 校准两者"),
        )
    most = max(1, round(apart))
    return pass_check(
        "clock",
        Bilingual(f"the service's and this machine's agree within {most} s", f"服务与本机的时钟相差不超过 {most} 秒"),
    )


def check_access(api: Api) -> Iterator[Diagnosis]:
    """Look whether the session is valid, and what its user may do."""
    try:
        me = api.execute(ME)["me"]
    except CommandFailed as error:
        advice = Bilingual("sign in anew with `sshcast login`", "请用 `sshcast login` 重新登录")
        yield fail("sign-in", str(error), advice)
        return
    name, role = me["name"], me["role"]
    yield pass_check("sign-in", Bilingual(f"valid, as {name}, whose role is {role}", f"有效，用户 {name}，角色 {role}"))


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
        advice = Bilingual("settle what the sentence says", "请解决所述问题")
        yield fail(f"server {server}", str(error), advice)


def _tell_step(step: dict[str, Any]) -> Diagnosis:
    name, found = f"server {step['step'].lower()}", step["found"] or step["status"].lower()
    if step["status"] == "FAILED":
        return fail(name, found, step["message"] or SEE_STEPS)
    if step["status"] in ("OK", "SKIPPED"):
        return pass_check(name, found)
    return warn(name, found, step["message"] or SEE_STEPS)


def _run_true(api: Api, server_id: str) -> Diagnosis:
    begun = time.monotonic()
    id = str(api.execute(RUN, {"id": server_id})["runCommand"]["execution"]["id"])
    while time.monotonic() < begun + MOST_RUN_SECONDS:
        found = api.execute(ENDED, {"id": id})["execution"]
        if found["state"] == "SUCCESS":
            took = f"{time.monotonic() - begun:.1f}"
            return pass_check(
                "run",
                Bilingual(
                    f"`true` ran to its end in {took} s (execution {id})", f"`true` 在 {took} 秒内运行结束（执行 {id}）"
                ),
            )
        if found["state"] not in ("PENDING", "RUNNING"):
            ending = f"{found['state']}, {found['reason']}"
            said = Bilingual(f"`true` ended as {ending}", f"`true` 的结果为 {ending}")
            return fail("run", said, found["message"] or SEE_LOG)
        time.sleep(0.2)
    return fail(
        "run",
        Bilingual(
            f"execution {id} has not ended after {MOST_RUN_SECONDS:.0f} s",
            f"执行 {id} 在 {MOST_RUN_SECONDS:.0f} 秒后仍未结束",
        ),
        Bilingual("look whether a runner works", "请检查是否有执行器在工作"),
    )
