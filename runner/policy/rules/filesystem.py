"""Rules for files: what is removed, moved, opened up, unmounted."""

import re
from collections.abc import Callable, Mapping

from runner.policy import marks
from runner.policy.programs import finding
from runner.policy.rules import paths
from runner.policy.rules.call import Call, Rules
from runner.policy.tables import each, words


def rm(call: Call) -> Rules:
    found = call.options()
    recursive = found.has("r", "R", "--recursive", "--no-preserve-root")
    if found.has("--no-preserve-root"):
        yield "fs.remove-protected"
    for operand in found.rest:
        path = call.resolved(operand)
        if paths.is_protected(path, home=recursive and not operand.startswith("../")):
            yield "fs.remove-protected"
        if paths.any_of(paths.CRITICAL, path):
            yield "fs.remove-critical"
        if anything_under_protected(path):
            yield "fs.find-delete"


def anything_under_protected(path: str) -> bool:
    """Every path that `find` gives under a system directory."""
    parent, _, last = path.rpartition("/")
    parent = parent or "/"
    return last == marks.FOUND and parent not in paths.SCRATCH and paths.is_protected(parent)


def find(call: Call) -> Rules:
    if not finding.deletes(call.args):
        return
    for start in finding.starts(call.args):
        path = call.resolved(start)
        if path in paths.SCRATCH or not paths.is_protected(path):
            continue
        if not finding.is_narrow(call.args, path):
            yield "fs.find-delete"


def mv(call: Call) -> Rules:
    found = call.options("tS", "--target-directory --suffix")
    target = found.value("t", "--target-directory")
    sources = found.rest if target is not None else found.rest[:-1]
    for source in sources:
        path = call.resolved(source)
        if paths.is_protected(path) or paths.any_of(paths.CRITICAL, path):
            yield "fs.move-protected"
    yield from copies_raiser(call, sources)
    last = target or "".join(found.rest[-1:])
    if call.resolved(last) == "/dev/null":
        yield "fs.move-protected"
    yield from writes(call, last)


def cp(call: Call) -> Rules:
    """`cp`, `install`, `ln`, `scp`: what is overwritten, and copies of what raises privileges."""
    found = call.options("tSmog", "--target-directory --suffix --mode --owner --group")
    target = found.value("t", "--target-directory") or "".join(found.rest[-1:])
    yield from writes(call, target)
    mode = found.value("m", "--mode") if call.name == "install" else None
    if mode and is_setuid(mode):
        yield "privilege.setuid-bit"
    if found.rest[:1] == ("/dev/null",) and paths.any_of(paths.TRUNCATE, call.resolved(target)):
        yield "fs.truncate-critical"
    yield from copies_raiser(call, found.rest[:-1])


RAISERS = re.compile(r"/(?:usr/)?(?:local/)?s?bin/(?:sudo|su|doas|pkexec)")


def copies_raiser(call: Call, sources: tuple[str, ...]) -> Rules:
    """A program that raises privileges under another name."""
    if any(RAISERS.fullmatch(call.resolved(source)) for source in sources):
        yield "privilege.binary-copy"


def printed(call: Call) -> Rules:
    """`cat program`: a copy once it is written somewhere."""
    yield from copies_raiser(call, call.args)


def writes(call: Call, path: str) -> Rules:
    """What overwriting a path breaks."""
    if call.is_device(path):
        yield "fs.device-write"
    if call.is_account(path):
        yield "fs.account-file-write"


def written(call: Call) -> Rules:
    """`tee` and the like: every operand is written."""
    for operand in call.options().rest:
        yield from writes(call, operand)
        yield from special(call.resolved(operand))


def special(path: str) -> Rules:
    """Files of the kernel that do what is written to them."""
    if path in ("/proc/sysrq-trigger", "/proc/sys/kernel/sysrq"):
        yield "system.sysrq"
    if path.startswith("/sys/power/"):
        yield "system.power"
    if path.startswith("/sys/block/") and path.endswith("/device/delete"):
        yield "fs.device-write"
    if path in ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/modules_disabled"):
        yield "system.kernel"


def truncate(call: Call) -> Rules:
    for operand in call.options("sor", "--size --reference").rest:
        if paths.any_of(paths.CRITICAL, call.resolved(operand)):
            yield "fs.remove-critical"
        yield from writes(call, operand)


def shred(call: Call) -> Rules:
    for operand in call.options("ns", "--iterations --size --random-source").rest:
        if call.is_device(operand):
            yield "fs.device-write"
        if paths.any_of(paths.CRITICAL, call.resolved(operand)):
            yield "fs.remove-critical"


def unlink(call: Call) -> Rules:
    for operand in call.options().rest:
        if paths.any_of(paths.CRITICAL, call.resolved(operand)):
            yield "fs.remove-critical"


def chmod(call: Call) -> Rules:
    operands = [
        word
        for word in call.args
        if not word.startswith("--") and word not in ("-R", "-v", "-f", "-c", "-Rf", "-Rv", "-vR")
    ]
    if operands and is_setuid(operands[0]):
        yield "privilege.setuid-bit"
    yield from permissions(call, tuple(operands[1:]), plain=True)


def is_setuid(mode: str) -> bool:
    """Whether the mode sets the set-user-id bit; that of the group is common on directories."""
    if mode.isdigit():
        return len(mode.lstrip("0")) >= 4 and bool(int(mode.lstrip("0")[-4], 10) & 4)
    return any("s" in part and part[:1] not in ("g", "o") and "-s" not in part for part in mode.split(","))


def chown(call: Call) -> Rules:
    found = call.options("", "--from --reference")
    operands = found.rest if found.has("--reference") else found.rest[1:]
    yield from permissions(call, operands, plain=False)


def permissions(call: Call, operands: tuple[str, ...], *, plain: bool) -> Rules:
    recursive = any(
        word == "--recursive" or (word[:1] == "-" and word[:2] != "--" and "R" in word) for word in call.args
    )
    for operand in operands:
        path = call.resolved(operand)
        if plain and recursive and paths.is_protected(path) and opens_all(call.args):
            yield "fs.recursive-permissions"
        if paths.is_root(path) and (recursive or path in ("/", "/etc", "/usr", "/bin", "/lib", "/boot")):
            yield "fs.recursive-permissions"
        parent, _, last = path.rpartition("/")
        if last == marks.FOUND and paths.is_root(parent or "/"):
            yield "fs.recursive-permissions"
        if plain and call.is_shadow(path) and opens_up(call.args):
            yield "credentials.shadow"


def opens_all(args: tuple[str, ...]) -> bool:
    """Whether a mode lets everyone write, or nobody read."""
    return any(re.fullmatch(r"0?(?:777|666|000)|a?[+=]rwx?X?", word) for word in args)


def opens_up(args: tuple[str, ...]) -> bool:
    return any(word[-1:] not in ("0", "") and (word.isdigit() or "+r" in word or "=r" in word) for word in args[:1])


RSYNC_TAKES = (
    "--rsh --filter --exclude --include --exclude-from --include-from --files-from --backup-dir --rsync-path"
    " --partial-dir --log-file --link-dest --compare-dest --chown --chmod --bwlimit --timeout --port --password-file"
    " --max-size --min-size --out-format"
)


def chattr(call: Call) -> Rules:
    """`chattr -R +i /`."""
    operands = tuple(word for word in call.args if word[:1] not in ("-", "+", "="))
    yield from permissions(call, operands, plain=False)


def output_file(call: Call) -> Rules:
    """`sort -o file`, `patch file`, `scp … file`: what they write."""
    found = call.options("oktSTicFlPp")
    target = (
        found.value("o")
        if call.name == "sort"
        else "".join(found.rest[:1] if call.name == "patch" else found.rest[-1:])
    )
    if target and ":" not in target:
        yield from writes(call, target)


def rsync(call: Call) -> Rules:
    found = call.options("efBTM", RSYNC_TAKES)
    target = "".join(found.rest[-1:])
    path = call.resolved(target.split(":", 1)[-1] or ".")
    if any(flag.startswith("--del") for flag in found.flags) and paths.is_protected(path):
        yield "fs.mirror-delete"
    if found.has("--remove-source-files") and any(
        paths.is_protected(call.resolved(source)) for source in found.rest[:-1]
    ):
        yield "fs.move-protected"
    yield from writes(call, target)


MOUNTED = words(
    "/ /boot /boot/efi /dev /etc /home /proc /root /run /sys /tmp /usr /var /var/lib /var/log /bin /lib /opt"
)


def umount(call: Call) -> Rules:
    found = call.options("tO", "--types --test-opts")
    paths_given = [call.resolved(operand) for operand in found.rest]
    if found.has("a", "--all") or any(path in MOUNTED for path in paths_given):
        yield "fs.unmount"


def mount(call: Call) -> Rules:
    found = call.options("otLUT", "--options --types")
    mode = (found.value("o", "--options") or "").split(",")
    target = call.resolved("".join(found.rest[-1:]) or ".")
    if "remount" in mode and "ro" in mode and target in MOUNTED:
        yield "fs.unmount"


def edited(call: Call) -> Rules:
    """Editors, and `sed -i`."""
    if call.name not in STREAMS or any(re.match(r"-[a-zA-Z]*i|--in-place", word) for word in call.args):
        for word in call.args:
            if word.startswith("/") and call.is_account(word):
                yield "fs.account-file-write"


STREAMS = frozenset({"sed", "perl", "ruby", "awk", "gawk"})
"""They write to their operands only with `-i`."""


def copies_to_device(call: Call) -> Rules:
    """Programs whose output file may be a device."""
    for word in call.args:
        path = word.split("=", 1)[-1]
        if path.startswith("/dev/") and call.is_device(path):
            yield "fs.device-write"
        if path.startswith(("/etc/", "/root/")) and call.is_account(path) and call.name in ("curl", "wget"):
            yield "fs.account-file-write"


def tar(call: Call) -> Rules:
    words = call.plain_args()
    if "--remove-files" in words and any(
        paths.is_protected(call.resolved(word)) for word in call.args if word.startswith("/")
    ):
        yield "fs.move-protected"
    created = words and "c" in words[0].lstrip("-") and not words[0].startswith("--")
    if created and len(words) > 1 and call.is_device(words[1]):
        yield "fs.device-write"


CHECKS: Mapping[str, Callable[[Call], Rules]] = {
    "rm": rm,
    "srm": rm,
    "wipe": rm,
    "trash": rm,
    "rmdir": unlink,
    "unlink": unlink,
    "find": find,
    "mv": mv,
    **each("cp install ln gcp", cp),
    **each("tee sponge", written),
    "chattr": chattr,
    **each("sort patch scp", output_file),
    **each("cat head tail base64 xxd od gzip objcopy strip", printed),
    "truncate": truncate,
    "fallocate": truncate,
    "shred": shred,
    "chmod": chmod,
    **each("chown chgrp setfacl", chown),
    "rsync": rsync,
    "umount": umount,
    "mount": mount,
    **each("sed perl ruby awk gawk vi vim nvim nano ed ex emacs pico joe micro", edited),
    **each("curl wget qemu-img pv badblocks partclone zcat", copies_to_device),
    "tar": tar,
}
