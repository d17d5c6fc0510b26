"""Rules for what cuts the host off, or lets others in."""

import re
from collections.abc import Callable, Mapping

from runner.policy import marks
from runner.policy.rules.call import Call, Rules
from runner.policy.tables import each, words

CLOSES = re.compile(
    r" (?:-F|--flush|-X|--delete-chain) | (?:-P|--policy) \S+ (?:DROP|REJECT) "
    r"| (?:-A|-I|--append|--insert) (?:INPUT|OUTPUT)(?: \d+)? (?:-j|--jump) (?:DROP|REJECT) "
)


def iptables(call: Call) -> Rules:
    if CLOSES.search(f" {' '.join(call.plain_args())} "):
        yield "network.firewall-flush"


def restored(call: Call) -> Rules:
    """`iptables-restore` of nothing."""
    if call.stdin == ("",) or any("/dev/null" in word for word in call.args):
        yield "network.firewall-flush"


NFT = re.compile(r"\bflush\b|\b(?:delete|destroy) (?:table|chain)\b")


def nft(call: Call) -> Rules:
    fed = call.stdin if "-" in call.args else ()
    if any(NFT.search(text) for text in (" ".join(call.plain_args()), *fed)):
        yield "network.firewall-flush"


def ufw(call: Call) -> Rules:
    words = [word for word in call.args if not word.startswith("-")]
    if words[:1] in (["disable"], ["reset"]):
        yield "network.firewall-flush"


def firewall_cmd(call: Call) -> Rules:
    if "--panic-on" in call.args:
        yield "network.firewall-flush"


def ipset(call: Call) -> Rules:
    if (
        call.args[:1]
        and call.args[0] in ("flush", "destroy", "-F", "-X", "--flush", "--destroy")
        and len(call.args) == 1
    ):
        yield "network.firewall-flush"


def pfctl(call: Call) -> Rules:
    if call.options("FfTtast").has("d", "F"):
        yield "network.firewall-flush"


def cleared(call: Call) -> Rules:
    if call.options().has("C", "--clear", "F", "--flush"):
        yield "network.firewall-flush"


def ip(call: Call) -> Rules:
    """`ip link set … down`, `ip addr flush`, `ip route del default`, with what `ip` lets one shorten."""
    words = call.options("fnBbl", "--family --netns").rest
    words = tuple(word for word in words if not word.startswith("-"))
    if len(words) < 2:
        return
    subject, verb, rest = words[0], words[1], words[2:]
    if short(subject, "link") and short(verb, "set") and "down" in rest:
        yield "network.interface-down"
    if short(subject, "link") and short(verb, "delete") and any(PHYSICAL.match(word) for word in rest):
        yield "network.interface-down"
    if short(subject, "address", "addr") and (short(verb, "flush") or (short(verb, "delete") and len(rest) > 0)):
        yield "network.interface-down"
    if short(subject, "route") and (short(verb, "flush") or (short(verb, "delete") and DEFAULTS & set(rest))):
        yield "network.interface-down"


DEFAULTS = frozenset({"default", "0.0.0.0/0", "::/0", "0/0"})
PHYSICAL = re.compile(r"(?:eth|en|em|wl|bond|br0|team|venet|ens|enp)\w*\Z")


def short(word: str, *full: str) -> bool:
    return bool(word) and any(name.startswith(word) for name in full)


def ifconfig(call: Call) -> Rules:
    if len(call.args) > 1 and "down" in call.args[1:]:
        yield "network.interface-down"


def ifdown(call: Call) -> Rules:
    if call.args and call.args[0] not in ("--help", "--version"):
        yield "network.interface-down"


def route(call: Call) -> Rules:
    if (
        call.args[:1]
        and call.args[0] in ("del", "delete", "flush")
        and (call.args[0] == "flush" or DEFAULTS & set(call.args))
    ):
        yield "network.interface-down"


def nmcli(call: Call) -> Rules:
    words = [word for word in call.args if not word.startswith("-")]
    text = " ".join(words)
    if re.match(r"n\w* off", text):
        yield "network.service-stop"
    if re.match(r"r(?:adio)? (?:all|wifi|wwan) off", text):
        yield "network.interface-down"
    if re.match(r"(?:d\w* (?:d\w*|disconnect|delete)|c\w* (?:d(?:own|elete)?))(?: |\Z)", text):
        yield "network.interface-down"


def networkctl(call: Call) -> Rules:
    if call.args[:1] and call.args[0] in ("down", "delete"):
        yield "network.interface-down"


def tc(call: Call) -> Rules:
    if re.search(r"loss (?:random )?100%", " ".join(call.args)):
        yield "network.interface-down"


def dhclient(call: Call) -> Rules:
    if call.options("pdecsflnt").has("r", "x", "k"):
        yield "network.interface-down"


NEEDED = re.compile(
    r"(?:sshd?|dropbear|networking|network|network-manager|NetworkManager|systemd-networkd|dhcpcd|wicked|sshd?@.*|net\.eth0|connman)"
    r"(?:\.(?:service|socket|target))?\Z"
)
FIREWALL = re.compile(r"(?:firewalld|ufw|nftables|iptables|ip6tables|netfilter-persistent|shorewall)(?:\.service)?\Z")
STOPS = words("stop disable mask kill freeze")


def stops(unit: str) -> Rules:
    if NEEDED.match(unit) or (marks.WILD.search(unit) and unit[:1] in (marks.STAR, "s", "n")):
        yield "network.service-stop"
    if FIREWALL.match(unit):
        yield "network.firewall-flush"


def systemctl(call: Call) -> Rules:
    words = call.options(
        "HMtpPons", "--host --machine --type --property --output --lines --signal --kill-whom --root --state"
    ).rest
    if words and words[0] in STOPS:
        for unit in words[1:]:
            yield from stops(unit)
            if marks.plain(unit) in ("*", "*.service", "ssh*", "net*"):
                yield "network.service-stop"


def service(call: Call) -> Rules:
    """`service name stop`, `rc-service name stop`, `initctl stop name`."""
    words = [word for word in call.args if not word.startswith("-")]
    if len(words) >= 2 and words[1] in ("stop", "zap"):
        yield from stops(words[0])
    if len(words) >= 2 and words[0] in ("stop", "down", "exit", "force-stop", "shutdown"):
        yield from stops(words[1].rsplit("/", 1)[-1])


def init_script(call: Call) -> Rules:
    """`/etc/init.d/ssh stop`."""
    if re.match(r"/etc/(?:init\.d|rc\.d)/", call.path) and "stop" in call.args:
        yield from stops(call.name)


NEEDED_PACKAGES = re.compile(r"openssh-server|openssh\Z|sudo\Z|systemd\Z|libc6|network-manager\Z|ifupdown\Z")
REMOVALS = words("remove purge autoremove erase del")


def package(call: Call) -> Rules:
    """Removing what the connection needs."""
    operands = [word for word in call.args if not word.startswith("-")]
    removes = REMOVALS & set(operands[:1]) or {"-P", "--purge"} & set(call.args) or "-r" in call.args[:1]
    if removes and any(NEEDED_PACKAGES.match(word) for word in operands):
        yield "network.service-stop"


def netcat(call: Call) -> Rules:
    found = call.options(
        "pswiqxXOTIVgGmMC".replace("C", ""), "--source --wait --idle-timeout --exec --sh-exec --lua-exec --proxy"
    )
    if found.has("e", "--exec", "--sh-exec", "--lua-exec") or (found.has("c") and call.name != "netcat-openbsd"):
        yield "network.reverse-shell"


def socat(call: Call) -> Rules:
    if any(re.search(r"\b(?:EXEC|SYSTEM|SHELL):", word, re.IGNORECASE) for word in call.args):
        yield "network.reverse-shell"


CHECKS: Mapping[str, Callable[[Call], Rules]] = {
    **each(
        "iptables ip6tables iptables-nft iptables-legacy ip6tables-legacy ip6tables-nft ebtables arptables", iptables
    ),
    **each("iptables-restore ip6tables-restore", restored),
    "nft": nft,
    "ufw": ufw,
    "firewall-cmd": firewall_cmd,
    "ipset": ipset,
    "pfctl": pfctl,
    "ipvsadm": cleared,
    "ip": ip,
    "ifconfig": ifconfig,
    "ifdown": ifdown,
    "route": route,
    "nmcli": nmcli,
    "networkctl": networkctl,
    "tc": tc,
    "dhclient": dhclient,
    "systemctl": systemctl,
    **each("service rc-service initctl sv invoke-rc.d stop rc-update", service),
    **each("apt apt-get yum dnf apk zypper dpkg rpm pacman aptitude", package),
    **each("nc ncat netcat nc.traditional nc.openbsd", netcat),
    "socat": socat,
}
