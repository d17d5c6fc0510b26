"""Rules for disks: what formats, partitions and overwrites them."""

from collections.abc import Callable, Mapping

from runner.policy.rules.call import Call, Rules
from runner.policy.tables import each

HELP = frozenset({"--help", "--version", "-V", "-h"})


def dd(call: Call) -> Rules:
    if not (len(call.args) == 1 and call.args[0] in HELP):
        yield "fs.dd"


def format_always(call: Call) -> Rules:
    if not (len(call.args) == 1 and call.args[0] in HELP):
        yield "fs.format"


def wipefs(call: Call) -> Rules:
    if call.options("ot", "--offset --types").has("a", "o", "--all", "--offset"):
        yield "fs.format"


def fdisk(call: Call) -> Rules:
    """Listing is harmless."""
    found = call.options("bcoutwWLCHS")
    if found.rest and not found.has(
        "l", "--list", "x", "s", "d", "--dump", "F", "--list-free", "v", "--version", "V", "J", "--json"
    ):
        yield "fs.format"


PARTED_READS = frozenset({"print", "p", "unit", "align-check", "help", "quit"})


def parted(call: Call) -> Rules:
    found = call.options("a", "--align")
    words = [word for word in found.rest[1:] if word.isalpha()]
    if found.has("l", "--list") or (words and words[0] in PARTED_READS and not CHANGES & set(words)):
        return
    if found.rest:
        yield "fs.format"


CHANGES = frozenset({"mklabel", "mktable", "mkpart", "rm", "resizepart", "set", "name", "rescue", "toggle", "disk_set"})


def sgdisk(call: Call) -> Rules:
    found = call.options("ndtcurAa")
    if found.rest and found.flags - {"p", "--print", "i", "v", "-p", "L", "O", "F", "f", "E", "D", "V"}:
        yield "fs.format"


def cryptsetup(call: Call) -> Rules:
    if any(word in ("luksFormat", "erase", "luksErase", "reencrypt", "luksKillSlot", "format") for word in call.args):
        yield "fs.format"


def hdparm(call: Call) -> Rules:
    if any(
        word.startswith(("--security-erase", "--trim-sector", "--make-bad-sector", "--write-sector", "--repair-sector"))
        for word in call.args
    ):
        yield "fs.format"


def nvme(call: Call) -> Rules:
    if call.args[:1] and call.args[0] in ("format", "sanitize", "write", "write-zeroes", "delete-ns", "dsm"):
        yield "fs.format"


def subcommands(rule: str, *texts: str) -> Callable[[Call], Rules]:
    """A check of the first words that are not options."""

    def check(call: Call) -> Rules:
        words = " ".join(word for word in call.plain_args() if not word.startswith("-")) + " "
        if any(words.startswith(text + " ") for text in texts):
            yield rule

    return check


def volume(call: Call) -> Rules:
    yield "fs.volume-remove"


def mdadm(call: Call) -> Rules:
    if "--zero-superblock" in call.args or {"--create", "-C"} & set(call.args):
        yield "fs.format"
    if {"--stop", "-S", "--remove", "--fail"} & set(call.args):
        yield "fs.volume-remove"


def zpool(call: Call) -> Rules:
    words = [word for word in call.args if not word.startswith("-")][:1]
    if words and words[0] in ("create", "destroy", "labelclear", "add", "replace"):
        yield "fs.format"
    if words and words[0] in ("remove", "offline", "detach"):
        yield "fs.volume-remove"


def badblocks(call: Call) -> Rules:
    if call.options("bcdeiop").has("w"):
        yield "fs.format"


FORMATS = (
    "mkfs mke2fs mkswap mkdosfs mkntfs blkdiscard cfdisk pvcreate mkudffs newfs bcache-super-show format sg_format"
)
CHECKS: Mapping[str, Callable[[Call], Rules]] = {
    **each("dd dcfldd dc3dd ddrescue sg_dd", dd),
    **each(FORMATS, format_always),
    "wipefs": wipefs,
    "fdisk": fdisk,
    "sfdisk": fdisk,
    "gdisk": fdisk,
    "parted": parted,
    "sgdisk": sgdisk,
    "cryptsetup": cryptsetup,
    "hdparm": hdparm,
    "nvme": nvme,
    **each("lvremove vgremove pvremove lvreduce", volume),
    "mdadm": mdadm,
    "zpool": zpool,
    "badblocks": badblocks,
    "zfs": subcommands("fs.volume-remove", "destroy", "rollback"),
    "btrfs": subcommands("fs.volume-remove", "subvolume delete", "device remove", "device delete"),
    "dmsetup": subcommands("fs.volume-remove", "remove", "remove_all", "wipe_table"),
    "docker": subcommands("fs.volume-remove", "volume rm", "volume prune", "volume remove"),
    "podman": subcommands("fs.volume-remove", "volume rm", "volume prune"),
}


def by_prefix(name: str) -> Callable[[Call], Rules] | None:
    """`mkfs.ext4`, `mkfs.xfs`, …"""
    return format_always if name.startswith(("mkfs.", "newfs_")) else None
