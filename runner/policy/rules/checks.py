"""Checks of rules that a pattern cannot express."""

import re
from collections.abc import Callable, Mapping
from itertools import pairwise

from runner.policy import placeholders
from runner.policy.programs import find_expression
from runner.policy.rules.call import Call

RAISERS = frozenset(["sudo", "su", "doas", "pkexec", "run0", "runuser", "sudoedit"])
LOCAL = re.compile(
    r"(?:localhost(?:\.localdomain)?|127\.\d+\.\d+\.\d+|127\.1|::1|\[::1\]|0\.0\.0\.0|0|ip6-localhost)\Z", re.IGNORECASE
)
USER_OPTION = re.compile(r"user[= ](.+)", re.IGNORECASE)


def _is_given_raiser(call: Call) -> bool:
    """True if a program that the policy does not know gets `sudo command` as arguments, which it may run."""
    return any(word.rsplit("/", 1)[-1] in RAISERS and following for word, following in pairwise(call.args))


def _logs_in_locally(call: Call) -> bool:
    """True if ssh logs in to this host as another user."""
    parsed = call.parsed_arguments
    if not parsed.rest:
        return False
    user, _, host = parsed.rest[0].removeprefix("ssh://").rpartition("@")
    options = (USER_OPTION.match(value) for name, value in parsed.values if name == "o")
    named = user or parsed.get_value("l") or next((found[1] for found in options if found), "")
    host = host.split(":")[0] if host.count(":") == 1 else host
    return named not in ("", placeholders.UNKNOWN, placeholders.USER) and LOCAL.match(host) is not None


HOST_DIRECTORIES = frozenset(
    [
        "/",
        "/etc",
        "/root",
        "/boot",
        "/dev",
        "/usr",
        "/bin",
        "/sbin",
        "/lib",
        "/lib64",
        "/proc",
        "/sys",
        "/var",
        "/usr/bin",
        "/home",
        "/var/lib",
        "/etc/cron.d",
    ]
)
VOLUME = re.compile(r"(?:-v|--volume)[= ]?(/[^:\s]*):([^:\s]+)(?::(\S*))?|--mount[= ](\S+)")


def _mounts_host(call: Call) -> bool:
    """True if a container mounts a directory of the host system with write access."""
    return any(_shares_host(call, found) for found in VOLUME.finditer(call.text))


def _shares_host(call: Call, found: re.Match[str]) -> bool:
    source, options = found[1], (found[3] or "").split(",")
    if found[4]:
        fields = dict(part.partition("=")[::2] for part in found[4].split(","))
        source = fields.get("source") or fields.get("src") or ""
        options = list(fields)
    read_only = not {"ro", "readonly"}.isdisjoint(options)
    return not read_only and call.resolve_path(source) in HOST_DIRECTORIES


def _deletes_with_find(call: Call) -> bool:
    """True if `find` deletes under a protected directory and no test narrows it down."""
    return find_expression.deletes(call.args) and any(
        call.resolve_path(start) not in SCRATCH and call.is_in_class(start, PROTECTED)
        for start in find_expression.find_unnarrowed(call.args)
    )


PROTECTED = frozenset({"protected", "home"})
SCRATCH = frozenset({"/tmp", "/var/tmp", "/var/cache", "/media", "/mnt"})  # noqa: S108


def _deletes_with_fd(call: Call) -> bool:
    """True for `fd . / -x rm`."""
    runs = re.search(r" (?:-x|-X|--exec|--exec-batch) (?:\S*/)?(?:rm|unlink|shred|rmdir) ", call.text)
    return runs is not None and any(call.is_in_class(word, PROTECTED) for word in call.parsed_arguments.rest[1:])


SIGNAL = re.compile(r" (?:-s|-n|--signal) (\S+) | --signal=(\S+) | -(?!- )([A-Za-z]+[-+0-9A-Za-z]*|[0-9]+) ")


def _kills_all(call: Call) -> bool:
    """True if the signal goes to every process, or to process 1."""
    if re.match(r" (?:-l|-L|--list|--table)", call.text):
        return False
    found = SIGNAL.match(call.text)
    signal = next((group for group in found.groups() if group), "") if found else ""
    rest = call.text[found.end() - 1 :] if found and found.end() < len(call.text) else call.text
    return signal not in ("0", "EXIT") and re.search(r" (?:-0*1|0*1) ", rest) is not None


VITAL = frozenset(
    ["init", "systemd", "systemd-logind", "dbus-daemon", "dbus-broker", "containerd", "dockerd", "kubelet", "launchd"]
)
EVERY = re.compile(r"[.^$*+]*|\[a-z\]\*?|\.\+|\.\*\$?")


def _kills_many(call: Call) -> bool:
    """True for `pkill .`, `pkill -u root` and `killall init`."""
    users = call.get_option_values(frozenset({"u", "U", "--uid", "--user", "--euid"}))
    names = [word for word in call.operands if not word.startswith("-")]
    if not names:
        return any(user in ("root", "0") for user in users)
    if any(name in VITAL for name in names):
        return True
    narrows = users or not {"P", "t", "s", "g", "F", "0"}.isdisjoint(call.parsed_arguments.flags)
    patterned = call.name == "pkill" or not {"r", "--regexp"}.isdisjoint(call.parsed_arguments.flags)
    return not narrows and patterned and any(EVERY.fullmatch(name) for name in names)


NEEDED = re.compile(r"\^?(?:sshd|ssh|dropbear|NetworkManager|systemd-networkd|networkd|dhclient|dhcpcd)\$?")


def _kills_network(call: Call) -> bool:
    """True for `pkill sshd`, except for the signal that makes it reload its configuration."""
    harmless = re.search(r" (?:-0|-1|-HUP|-SIGHUP|--signal[= ](?:SIG)?HUP) ", call.text)
    return harmless is None and any(NEEDED.fullmatch(word) for word in call.operands)


def _has_empty_input(call: Call) -> bool:
    """True for `iptables-restore` with empty input."""
    return call.stdin == ("",) or "/dev/null" in call.operands


CHECKS: Mapping[str, Callable[[Call], bool]] = {
    "given-raiser": _is_given_raiser,
    "local-login": _logs_in_locally,
    "host-mount": _mounts_host,
    "find-delete": _deletes_with_find,
    "fd-delete": _deletes_with_fd,
    "kill-all": _kills_all,
    "kill-many": _kills_many,
    "kill-network": _kills_network,
    "empty-input": _has_empty_input,
}
