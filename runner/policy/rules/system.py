"""Rules for the running system: power, processes, the kernel."""

import re
from collections.abc import Callable, Mapping

from runner.policy.rules import paths
from runner.policy.rules.call import Call, Rules
from runner.policy.tables import each, words


def shutdown(call: Call) -> Rules:
    if not call.options().has("c", "--help"):
        yield "system.power"


def reboot(call: Call) -> Rules:
    if call.args[:1] not in (("--help",), ("--version",)):
        yield "system.power"


def init(call: Call) -> Rules:
    if call.path.startswith(("./", "../")):
        return
    if call.args[:1] and re.fullmatch("[0-6sSaAbBcCuUqQ]", call.args[0]) and call.args[0] not in "qQ":
        yield "system.power"


POWER = words(
    "poweroff reboot halt kexec suspend hibernate hybrid-sleep suspend-then-hibernate emergency rescue"
    " default isolate soft-reboot switch-root exit"
)
POWER_UNITS = re.compile(
    r"(?:poweroff|reboot|halt|kexec|emergency|rescue|runlevel[016]|suspend|hibernate|shutdown)\.(?:target|service)\Z"
)


def systemctl(call: Call) -> Rules:
    words = call.options(
        "HMtpPons", "--host --machine --type --property --output --lines --signal --kill-whom --root --state"
    ).rest
    if not words:
        return
    if words[0] in POWER:
        yield "system.power"
    if words[0] in ("start", "restart", "isolate") and any(POWER_UNITS.match(word) for word in words[1:]):
        yield "system.power"


def loginctl(call: Call) -> Rules:
    if any(word in ("poweroff", "reboot", "suspend", "hibernate", "halt") for word in call.args):
        yield "system.power"


def ipmitool(call: Call) -> Rules:
    if re.search(r"(?:chassis )?power (?:off|cycle|reset|soft|diag)", " ".join(call.args)):
        yield "system.power"


def kill(call: Call) -> Rules:
    """To every process, or to the first."""
    words, signal = list(call.args), "TERM"
    if not words or words[0] in ("-l", "-L", "--list", "--table"):
        return
    if words[0] in ("-s", "-n", "--signal") and len(words) > 1:
        signal, words = words[1], words[2:]
    elif words[0].startswith("-") and words[0] != "--" and len(words) > 1:
        signal, words = words[0][1:], words[1:]
    if signal not in ("0", "EXIT") and any(word.strip() in ("-1", "1", "-01") for word in words):
        yield "system.kill-all"


def kill_all(call: Call) -> Rules:
    yield "system.kill-all"


VITAL = frozenset({"init", "systemd", "systemd-logind", "dbus-daemon", "containerd", "dockerd", "kubelet", "launchd"})
EVERY = re.compile(r"[.^$*+]*\Z|\[a-z\]\*?\Z|\.\+\Z")


def pkill(call: Call) -> Rules:
    words = call.plain_args()
    found = call.options("ugUGPtsFr", "--uid --user --euid --group --parent --signal --ns")
    users = [value for name, value in found.values if name in ("u", "U", "--uid", "--user", "--euid")]
    if any(user in ("root", "0") for user in users) and not found.rest:
        yield "system.kill-all"
    patterns = [word for word in found.rest if not word.startswith("-")]
    if any(word in VITAL for word in patterns) or any(word == "-1" for word in words[1:]):
        yield "system.kill-all"
    if (
        call.name == "pkill"
        and not users
        and not found.has("P", "t", "s", "g", "F", "0")
        and any(EVERY.match(word) for word in patterns)
    ):
        yield "system.kill-all"
    if any(NEEDED.fullmatch(word) for word in patterns) and not {"-0", "-HUP", "-1", "-SIGHUP"} & set(words):
        yield "network.service-stop"


NEEDED = re.compile(r"\^?(?:sshd|ssh|dropbear|NetworkManager|systemd-networkd|networkd)\$?")


COMMON_MODULES = re.compile(
    r"(?:br_netfilter|overlay|ip_vs\w*|nf_\w+|ip6?_tables|ip6?table_\w+|xt_\w+|nfsd?|fuse|loop|tun|bonding|bridge|8021q"
    r"|vxlan|veth|macvlan|dm_\w+|kvm\w*|wireguard|vfio\w*|zram|tcp_bbr|sch_\w+|cifs|iscsi_tcp|rbd|nbd|xfs|btrfs)\Z"
)


def modprobe(call: Call) -> Rules:
    """Loading what containers and networks need is common; `-r` takes a module away."""
    found = call.options("CdS")
    names = found.rest if found.has("a", "--all") else found.rest[:1]
    if found.has("r", "--remove") or not all(COMMON_MODULES.match(name) for name in names):
        yield from module(call)


def kmod(call: Call) -> Rules:
    if call.args[:1] and call.args[0] in ("insmod", "rmmod", "modprobe", "remove", "insert"):
        yield "system.kernel"


def fuser(call: Call) -> Rules:
    found = call.options("nN")
    if found.has("k") and any(paths.resolved(word, call.cwd) in MOUNTS for word in found.rest):
        yield "system.kill-all"


MOUNTS = words("/ /home /usr /var /etc /dev /run /boot")


def module(call: Call) -> Rules:
    if not call.args or call.options().has(
        "n", "--dry-run", "--show-depends", "D", "c", "--showconfig", "V", "--version", "--help", "R"
    ):
        return
    yield "system.kernel"


def kexec(call: Call) -> Rules:
    if call.args[:1] not in (("--help",), ("--version",), ("-v",)):
        yield "system.kernel"


SYSCTL = re.compile(r"kernel\.(?:sysrq|core_pattern|modprobe|modules_disabled|panic\w*|kexec\w*)\s*=")


def sysctl(call: Call) -> Rules:
    for word in call.plain_args():
        if found := SYSCTL.match(word):
            yield "system.sysrq" if "sysrq" in found.group() else "system.kernel"


def crontab(call: Call) -> Rules:
    if call.options("us").has("r"):
        yield "system.crontab-remove"


def grub(call: Call) -> Rules:
    yield "system.kernel"


CHECKS: Mapping[str, Callable[[Call], Rules]] = {
    "shutdown": shutdown,
    **each("reboot halt poweroff pm-suspend pm-hibernate pm-powersave rtcwake fasthalt fastboot", reboot),
    **each("init telinit", init),
    "systemctl": systemctl,
    "loginctl": loginctl,
    "ipmitool": ipmitool,
    "kill": kill,
    "killall5": kill_all,
    **each("pkill killall skill slay", pkill),
    **each("insmod rmmod", module),
    "modprobe": modprobe,
    "kmod": kmod,
    "fuser": fuser,
    "kexec": kexec,
    **each("grub-install grub2-install efibootmgr", grub),
    "sysctl": sysctl,
    "crontab": crontab,
}
