"""Paths, and what class of path they are."""

import re
from functools import lru_cache

from runner.policy import marks
from runner.policy.following import patterns
from runner.policy.tables import words

HOME_PATH = "/home/" + marks.HOME
SYSTEM = words(
    "/ /bin /boot /boot/efi /dev /etc /home /lib /lib32 /lib64 /libx32 /media /mnt /opt /proc /root /run"
    " /sbin /snap /srv /sys /tmp /usr /var /usr/bin /usr/sbin /usr/lib /usr/lib64 /usr/libexec /usr/share"
    " /usr/local /usr/include /usr/local/bin /usr/local/sbin /usr/local/lib /usr/src /var/lib /var/log"
    " /var/spool /var/run /var/mail /var/cache /var/tmp /var/www /var/backups /var/opt /lost+found /selinux"
    " /System /Library /Users /Applications"
)
SCRATCH = words("/tmp /var/tmp /var/cache")  # noqa: S108
"""Their contents may go; they themselves may not."""
ROOTS = (frozenset(path for path in SYSTEM if path.count("/") == 1) - words("/srv /opt /tmp /snap")) | {
    *("/usr/bin", "/usr/lib", "/usr/sbin", "/var/lib", "/usr/share")
}
HOME_DIRECTORY = re.compile(r"/home/[^/]+\Z")
EVERYTHING = re.compile(f"(?:[{marks.STAR}]|\\.[{marks.STAR}]|\\.\\[!\\.\\])+\\Z|\\.[{marks.QUERY}]+[{marks.STAR}]\\Z")
CRITICAL = re.compile(
    r"/etc/(?:passwd-?|shadow-?|gshadow-?|group-?|sudoers|sudoers\.d(?:/.*)?|fstab|crypttab|hosts|hostname|resolv\.conf"
    r"|nsswitch\.conf|ssh(?:/.*)?|pam\.d(?:/.*)?|security(?:/.*)?|systemd(?:/system)?|init\.d|inittab|ld\.so\.(?:conf|cache"
    r"|preload)|login\.defs|profile|bash\.bashrc|environment|default/grub|network(?:/interfaces)?|netplan|machine-id"
    r"|securetty|shells|sysctl\.conf|rc\.local|selinux(?:/.*)?|cron\.d|crontab|ssl|ssl/(?:certs|private)|apt|yum\.repos\.d"
    r"|kubernetes|docker|systemd/network|NetworkManager)"
    r"|/boot/.*|/efi/.*|/(?:usr/)?lib(?:64)?/(?:modules|systemd|x86_64-linux-gnu|ld-[^/]*|libc[.-][^/]*|firmware)(?:/[^/]*)?"
    r"|/(?:usr/)?s?bin/[^/]+|/var/lib/(?:dpkg|rpm|apt|systemd|mysql|postgresql|docker|containerd|kubelet|etcd|mongodb"
    r"|redis)(?:/[^/]*)?|/dev/(?:null|zero|random|urandom|tty|console|mapper.*|disk.*|sd[a-z]\d*)"
    r"|/home/[^/]+/\.ssh(?:/authorized_keys)?|/root/\.ssh(?:/authorized_keys)?"
)
ACCOUNT = re.compile(
    r"/etc/(?:passwd-?|shadow-?|gshadow-?|group-?|sudoers|sudoers\.d(?:/.*)?|doas\.conf|pam\.d/.*|security/.*|polkit-1/.*"
    r"|subuid|subgid|ld\.so\.preload)"
    r"|/root/\.ssh/.*|/usr/share/polkit-1/.*"
)
SHADOW = re.compile(r"/etc/(?:g?shadow-?|security/opasswd)|/var/backups/g?shadow(?:\.bak)?")
DEVICE = re.compile(
    r"/dev/(?:(?:sd|hd|vd|xvd)[a-z]+\d*|nvme\d+(?:n\d+(?:p\d+)?)?|mmcblk\d+.*|md/?\d+.*|dm-\d+|loop\d+|mapper/(?!control).+"
    r"|disk/.+|sr\d+|nbd\d+|zd\d+|ram\d+|bcache\d+|drbd\d+|mem|kmem|port|disk\d+|rdisk\d+|mtd\d+|vg[^/]*/.+"
    r"|[^/]*vg[^/]*/.+|root|fd0|dasd[a-z]+\d*|pmem\d+|cciss/.+|nvme-fabrics)"
)
TRUNCATE = re.compile(
    r"/etc/(?:fstab|crypttab|nsswitch\.conf|inittab|ld\.so\.cache|shells|securetty)"
    r"|/boot/.*|/(?:usr/)?s?bin/[^/]+|/(?:usr/)?lib(?:64)?/.*|/var/lib/(?:dpkg|rpm)/.*"
)
"""Files that must not be written anew."""
EMPTIED = re.compile(
    r"/etc/(?:hosts|hostname|resolv\.conf|ssh/.*|systemd/.*|ld\.so\.conf|profile|bash\.bashrc|environment|default/grub"
    r"|network/interfaces|netplan/.*|machine-id|sysctl\.conf|crontab)"
)
"""Files that may be written anew but not emptied."""


@lru_cache(maxsize=1024)
def resolved(path: str, cwd: str) -> str:
    """The absolute path, without `.`, `..` and doubled slashes. A home directory is `/home/` and the mark HOME."""
    path = path.replace(marks.HOME, HOME_PATH) if path.startswith(marks.HOME) else path
    if not path.startswith("/"):
        if not path or marks.TEXT.match(path):
            return path
        path = (HOME_PATH + cwd[1:] if cwd.startswith(marks.HOME) else cwd) + "/" + path
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            parts[-1:] = []
        elif part not in ("", "."):
            parts.append(part)
    return real("/" + "/".join(parts))


def real(path: str) -> str:
    """Through the links of /proc to the root, and those of merged directories."""
    found = re.match(r"/proc/(?:self|thread-self|\d+)/(?:root|cwd)(?=/|\Z)", path)
    return path[found.end() :] or "/" if found else path


def is_protected(path: str, *, home: bool = True) -> bool:
    """Whether a resolved path is a system directory, a home directory, or all that is in one."""
    parent, _, last = path.rpartition("/")
    parent = parent or "/"
    if not path.startswith("/"):
        return False
    if EVERYTHING.match(last):
        return parent not in SCRATCH and is_protected(parent, home=home)
    if path in SYSTEM or (home and HOME_DIRECTORY.match(path) and marks.known(path)):
        return True
    return marks.WILD.search(path) is not None and marks.known(path) and names_system(path)


def names_system(pattern: str) -> bool:
    """Whether the pattern matches a system directory."""
    depth = pattern.count("/")
    return any(system.count("/") == depth and system != "/" and patterns.matches(pattern, system) for system in SYSTEM)


def is_root(path: str) -> bool:
    """Whether a resolved path is a directory that the system stands on, or all that is in one."""
    parent, _, last = path.rpartition("/")
    if EVERYTHING.match(last):
        path = parent or "/"
    return path in ROOTS - SCRATCH or (marks.WILD.search(path) is not None and is_protected(path, home=False))


def any_of(kind: "re.Pattern[str]", path: str) -> bool:
    """Whether the path is of that class, or a pattern that looks like it might name one."""
    if kind.fullmatch(path):
        return True
    if marks.WILD.search(path) is None or not marks.known(path):
        return False
    return any(patterns.matches(path, sample) for sample in SAMPLES if kind.fullmatch(sample))


SAMPLES = [
    "/etc/passwd",
    "/etc/shadow",
    "/etc/gshadow",
    "/etc/group",
    "/etc/sudoers",
    "/etc/fstab",
    "/etc/hosts",
    "/dev/sda",
    "/dev/sda1",
    "/dev/sdb",
    "/dev/vda",
    "/dev/nvme0n1",
    "/root/.ssh/authorized_keys",
    "/boot/vmlinuz",
    "/usr/bin/sudo",
    "/bin/sh",
    "/etc/ssh/sshd_config",
]
