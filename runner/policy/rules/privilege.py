"""Rules for what raises privileges."""

import re
from collections.abc import Callable, Mapping

from runner.policy import marks
from runner.policy.rules.call import Call, Rules
from runner.policy.tables import each, words

RAISES = (
    "sudo su doas pkexec run0 runuser sudoedit sudo-rs su-rs sudo.ws sudoreplay gksudo gksu kdesudo kdesu lxsudo beesu"
    " ksu sux dzdo pbrun pfexec calife userhelper usermode"
)
ADMIN_GROUPS = words("sudo wheel root admin docker lxd disk shadow libvirt incus-admin kmem google-sudoers sudoers")


def raises(call: Call) -> Rules:
    yield "privilege.sudo"


def setuid_tool(call: Call) -> Rules:
    if call.args and not (
        call.args[0] in ("--print", "--help", "--version", "-V", "-d", "--dump") and len(call.args) == 1
    ):
        yield "privilege.setuid-tool"


def new_group(call: Call) -> Rules:
    yield "privilege.setuid-tool"


def chpst(call: Call) -> Rules:
    if call.options("uUbeCnlLmdofcrtp").has("u", "U"):
        yield "privilege.setuid-tool"


def sudoers(call: Call) -> Rules:
    if not call.options("f").has("c", "--check", "V", "--version"):
        yield "privilege.sudoers"


def account_editor(call: Call) -> Rules:
    yield "fs.account-file-write"


def machinectl(call: Call) -> Rules:
    if any(word in ("shell", "login") for word in call.args):
        yield "privilege.system-manager"


def systemd_run(call: Call) -> Rules:
    ahead = call.args
    own = any(word in ("--user", "--scope") for word in ahead)
    if not own or any(word.startswith(("--uid", "--gid")) for word in ahead):
        yield "privilege.system-manager"


def bus_call(call: Call) -> Rules:
    text = " ".join(call.args)
    if "StartTransientUnit" in text or ("policykit" in text.lower() and "call" in text):
        yield "privilege.system-manager"
    if re.search(r"login1.*(?:Reboot|PowerOff|Halt|Suspend|Hibernate)|systemd1.*(?:Reboot|PowerOff|Halt|KExec)", text):
        yield "system.power"


def namespace(call: Call) -> Rules:
    if call.args and call.args[0] not in ("--help", "--version", "-V"):
        yield "privilege.namespace"


def unshare(call: Call) -> Rules:
    if any(re.match(r"--map-|--setuid|--setgid|--root|-[a-zA-Z]*[rRSGUc]", word) for word in call.args[:6]):
        yield "privilege.namespace"


LOCAL = re.compile(
    r"(?:localhost(?:\.localdomain)?|127\.\d+\.\d+\.\d+|::1|\[::1\]|0\.0\.0\.0|0|ip6-localhost|127\.1)\Z"
)


def ssh(call: Call) -> Rules:
    """To this host as another user."""
    takes = call.options("bBcDeEFIiJLlmOoPpQRSwW")
    if not takes.rest:
        return
    user, _, host = takes.rest[0].removeprefix("ssh://").rpartition("@")
    named = (
        user or takes.value("l") or next((value for _, value in takes.values if value.lower().startswith("user")), "")
    )
    if named and named != marks.UNKNOWN and LOCAL.match(host.split(":")[0] if host.count(":") == 1 else host):
        yield "privilege.local-ssh"


HOST_DIRECTORIES = words("/ /etc /root /boot /dev /usr /bin /sbin /lib /lib64 /proc /sys /var /usr/bin /home")
WIDE = re.compile(
    r"--privileged(?:=true)?\Z|--cap-add=?(?:ALL|SYS_ADMIN|SYS_PTRACE|SYS_MODULE|CAP_SYS_ADMIN)\Z", re.IGNORECASE
)
OVERRIDES = re.compile(r"\"?(?:privileged|hostPID)\"?\s*:\s*true|\"?hostPath\"?\s*:")


def container(call: Call) -> Rules:
    words = call.plain_args()
    if any(WIDE.match(word) or OVERRIDES.search(word) for word in words):
        yield "privilege.container-host-root"
    for option, value in zip(words, (*words[1:], ""), strict=False):
        name, equals, given = option.partition("=")
        text = given if equals else value
        if name == "--cap-add" and re.match(r"(?:CAP_)?(?:ALL|SYS_ADMIN|SYS_MODULE|SYS_PTRACE)\Z", text, re.IGNORECASE):
            yield "privilege.container-host-root"
        if name in ("-v", "--volume") and shares_host(call, text.split(":")):
            yield "privilege.container-host-root"
        if name == "--mount" and shares_host(call, mounted(text)):
            yield "privilege.container-host-root"
    if words[:1] == ("debug",) and any(word.startswith("node/") for word in words):
        yield "privilege.container-host-root"
    for word in words:
        if word.startswith("-v/") and shares_host(call, word[2:].split(":")):
            yield "privilege.container-host-root"


def shares_host(call: Call, volume: list[str]) -> bool:
    """Whether a volume gives a container the host's own directories to write. `[host, container, options]`."""
    read_only = len(volume) > 2 and "ro" in volume[2].split(",")
    return volume[0].startswith("/") and not read_only and call.resolved(volume[0]) in HOST_DIRECTORIES


def mounted(text: str) -> list[str]:
    fields = dict(part.partition("=")[::2] for part in text.split(","))
    source = fields.get("source") or fields.get("src") or ""
    return [source, "", "ro" if "readonly" in fields or "ro" in fields else ""]


def usermod(call: Call) -> Rules:
    found = call.options(
        "cdeFfgGlLpsuRrkKb".replace("L", ""),
        "--groups --gid --uid --comment --home --expiredate --shell --password --login",
    )
    groups = ",".join(value for name, value in found.values if name in ("G", "g", "--groups", "--gid")).split(",")
    if ADMIN_GROUPS & set(groups) or "0" in groups:
        yield "privilege.group"
    if (found.value("u", "--uid") or "").strip() in ("0", "00") or found.rest[-1:] == ("root",):
        yield "credentials.root-account"


def added_user(call: Call) -> Rules:
    if re.search(r"--uid[= ]0(?: |\Z)|-u 0(?: |\Z)", " ".join(call.args)):
        yield "credentials.root-account"
    yield from group_member(call)


def start_daemon(call: Call) -> Rules:
    if call.options("cgxpnusNPIkDrR", "--chuid --group --exec --startas --pidfile --name --user --chdir").has(
        "c", "--chuid"
    ):
        yield "privilege.setuid-tool"


def lxc(call: Call) -> Rules:
    if re.search(r"security\.privileged[= ]true|\bsource=/(?: |\Z)", " ".join(call.args)):
        yield "privilege.container-host-root"


def group_member(call: Call) -> Rules:
    """`gpasswd -a user group`, `adduser user group`, `groupmems -g group -a user`."""
    words = call.args
    adds = call.name != "gpasswd" or any(re.match(r"-[aMA]|--add|--members|--administrators", word) for word in words)
    if call.name in ("adduser", "addgroup", "addusr"):
        adds = len([word for word in words if not word.startswith("-")]) >= 2
    if adds and ADMIN_GROUPS & set(re.split(r"[ =,]", " ".join(words))):
        yield "privilege.group"


def setcap(call: Call) -> Rules:
    if call.args and not call.options().has("v", "r"):
        yield "privilege.capability"


def ansible(call: Call) -> Rules:
    if any(
        word in ("-b", "--become", "-K", "--ask-become-pass", "--sudo", "-s") or word.startswith("--become")
        for word in call.args
    ):
        yield "privilege.argument"


CHECKS: Mapping[str, Callable[[Call], Rules]] = {
    **each(RAISES, raises),
    **each("setpriv capsh gosu su-exec setuidgid s6-setuidgid s6-applyuidgid suexec", setuid_tool),
    **each("newgrp sg", new_group),
    "chpst": chpst,
    "visudo": sudoers,
    **each("vipw vigr", account_editor),
    "machinectl": machinectl,
    "systemd-run": systemd_run,
    **each("busctl dbus-send gdbus", bus_call),
    **each("chroot nsenter", namespace),
    "unshare": unshare,
    **each("ssh slogin autossh", ssh),
    **each("docker podman nerdctl kubectl oc docker-compose", container),
    **each("usermod useradd", usermod),
    **each("gpasswd addgroup groupmems", group_member),
    "adduser": added_user,
    "start-stop-daemon": start_daemon,
    **each("lxc incus", lxc),
    "setcap": setcap,
    **each("ansible ansible-playbook", ansible),
}
