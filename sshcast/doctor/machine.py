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
from sshcast.doctor.finding import AS_SAID, FIRST_START, Diagnosis, fail, pass_check, warn
from sshcast.http.tls import CertificateFiles, CertificateRefused, LiveCertificate
from sshcast.page import GRAPHIQL
from sshcast.settings import Settings
from sshcast.words import Bilingual

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
        return warn("settings", strangers, Bilingual("correct or unset what is named", "请改正或取消所述设置"))
    return pass_check(
        "settings", Bilingual("every variable SSHCAST_* is a setting", "每个 SSHCAST_* 变量都是有效的设置")
    )


def _check_listening(settings: Settings) -> Iterator[Diagnosis]:
    """Look whether the settings of the address, TLS and the proxy agree."""
    is_open = settings.host not in LOOPBACK
    if is_open and not settings.behind_proxy and settings.tls_cert is None:
        yield fail(
            "address",
            Bilingual(
                f"{settings.host} is reachable, and it is plain HTTP", f"{settings.host} 可从外部访问，而它是明文 HTTP"
            ),
            Bilingual("set SSHCAST_TLS_CERT and _KEY", "请设置 SSHCAST_TLS_CERT 和 _KEY"),
        )
    if settings.tls_cert is not None and settings.tls_key is not None:
        yield _check_certificate(settings.tls_cert, settings.tls_key)
    is_fronted = settings.behind_proxy or bool(settings.trusted_proxies)
    if is_fronted and not settings.public_url and not settings.allowed_hosts:
        yield warn(
            "proxy",
            Bilingual("no host name is set under which the proxy is asked", "未设置访问代理所用的主机名"),
            Bilingual("set SSHCAST_PUBLIC_URL", "请设置 SSHCAST_PUBLIC_URL"),
        )


def _check_certificate(certificate: Path, key: Path) -> Diagnosis:
    try:
        LiveCertificate(CertificateFiles(certificate, key))
    except CertificateRefused as error:
        advice = Bilingual(
            "settle that: `sshcast serve` does not start so", "请解决此问题：否则 `sshcast serve` 无法启动"
        )
        return fail("certificate", str(error), advice)
    return pass_check("certificate", Bilingual(f"{certificate} and its key fit", f"{certificate} 与其密钥匹配"))


def _check_folder(folder: Path) -> Diagnosis:
    if not folder.exists():
        return warn(
            "data folder",
            Bilingual(f"{folder} is not there yet", f"{folder} 尚不存在"),
            FIRST_START,
        )
    if hindrance := not_writable(folder):
        return fail("data folder", hindrance, AS_SAID)
    files = [path for path in (folder, *folder.iterdir()) if stat.S_IMODE(path.lstat().st_mode) & 0o077]
    if files:
        found = Bilingual(f"others may read {files[0]}", f"其他用户可以读取 {files[0]}")
        return warn("data folder", found, f"chmod -R go= {folder}")
    return pass_check("data folder", Bilingual(f"{folder} is this user's alone", f"{folder} 只有此用户可以访问"))


def _check_room(folder: Path) -> Diagnosis:
    place = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    free = shutil.disk_usage(place).free
    size = f"{free / 2**30:.1f} GiB"
    shown = Bilingual(f"{size} are free where {folder} is", f"{folder} 所在磁盘剩余 {size}")
    if free < LEAST_FREE:
        advice = Bilingual(
            "make room: a full disk stops every run from being recorded", "请腾出空间：磁盘写满后无法记录任何执行"
        )
        return fail("disk", shown, advice)
    if free < FEW_FREE:
        advice = Bilingual(
            "make room, or set SSHCAST_KEEP_EXECUTIONS_DAYS", "请腾出空间，或设置 SSHCAST_KEEP_EXECUTIONS_DAYS"
        )
        return warn("disk", shown, advice)
    return pass_check("disk", shown)


def _check_files_limit(settings: Settings) -> Diagnosis:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FEW_FILES:
        return warn(
            "open files",
            Bilingual(f"this user may open {hard}", f"此用户最多可打开 {hard} 个"),
            Bilingual(
                "raise the hard limit (LimitNOFILE, ulimit -Hn) to 65536",
                "请将硬上限（LimitNOFILE、ulimit -Hn）提高到 65536",
            ),
        )
    if hard < 0:
        return pass_check("open files", Bilingual("the limit is high enough", "上限足够高"))
    return pass_check("open files", Bilingual(f"the limit is {hard}", f"上限为 {hard}"))


def _check_port(settings: Settings) -> Diagnosis:
    if settings.port == 0:
        return pass_check("port", Bilingual("any free port", "任意空闲端口"))
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            return _explain_port(settings, error)
    place = f"{settings.host}:{settings.port}"
    return pass_check("port", Bilingual(f"{place} is free: no service listens there", f"{place} 空闲：没有服务在监听"))


def _explain_port(settings: Settings, error: OSError) -> Diagnosis:
    place = f"{settings.host}:{settings.port}"
    if error.errno == errno.EADDRINUSE:
        return warn(
            "port",
            Bilingual(f"a program listens on {place}", f"有程序正在监听 {place}"),
            Bilingual(
                "fine if it is sshcast; else choose another --port", "若是 sshcast 则无妨，否则请用 --port 选择其他端口"
            ),
        )
    why = os.strerror(error.errno or 0)
    return fail(
        "port",
        Bilingual(f"nobody can listen on {place} ({why})", f"无法监听 {place}（{why}）"),
        Bilingual("choose another --host or --port", "请选择其他 --host 或 --port"),
    )


def _check_policy(settings: Settings) -> Diagnosis:
    if settings.policy_mode == "audit":
        return warn(
            "command policy",
            Bilingual("it refuses nothing (audit)", "不拒绝任何命令（audit）"),
            Bilingual(
                "set SSHCAST_POLICY_MODE=standard once you know what runs",
                "了解运行的内容之后，请设置 SSHCAST_POLICY_MODE=standard",
            ),
        )
    return pass_check("command policy", settings.policy_mode)


def _check_graphiql(settings: Settings) -> Diagnosis:
    if not settings.playground:
        return pass_check("playground", Bilingual("it is switched off", "已关闭"))
    if (GRAPHIQL / "yoga-graphiql.js").is_file():
        return pass_check("playground", Bilingual("GraphiQL is here", "GraphiQL 已就绪"))
    found = Bilingual(
        "GraphiQL is not here: the playground has our own query page only",
        "没有 GraphiQL：Playground 只有自带的查询页面",
    )
    return warn("playground", found, "sshcast web fetch")
