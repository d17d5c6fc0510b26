"""Rules for passwords and accounts."""

import re
from collections.abc import Callable, Mapping

from runner.policy.rules.call import Call, Rules
from runner.policy.tables import each, words

READERS = words(
    "cat perl ruby tac head tail less more nl od xxd hexdump strings base64 base32 grep egrep fgrep zgrep rg sed awk"
    " gawk mawk cut sort uniq cp mv scp sftp rsync tar zip 7z gzip bzip2 xz zstd dd ln install diff cmp vi vim"
    " nvim nano ed view paste tee curl wget nc openssl john unshadow cpio rev bat wc fold fmt column tr pr"
    " comm join split csplit aspell jq python3 file mail mutt socat xargs source . ssh-copy-id gpg md5sum"
    " sha256sum hashcat most pg dos2unix iconv look"
)
PATTERN_FIRST = words("grep egrep fgrep zgrep rg sed awk gawk mawk jq")
PREFIX = re.compile(r"(?:[\w-]+=)?(?:@|file://|<|\w+:)?(/.*)")


def shadow(call: Call) -> Rules:
    """Any program that reads the password hashes."""
    words = call.args
    if call.name in PATTERN_FIRST and not any(word in ("-e", "-f") for word in words):
        operands = [word for word in words if not word.startswith("-")]
        words = tuple(operands[1:])
    for word in words:
        found = PREFIX.fullmatch(word)
        if call.is_shadow(found[1] if found else word):
            yield "credentials.shadow"


READS_FOUND = re.compile(
    r"-(?:exec|execdir|ok|okdir) (?:\S*/)?(?:cat|cp|head|tail|grep|tar|less|base64|sed|awk|mv|dd) "
)


def find(call: Call) -> Rules:
    """`find /etc -name shadow -exec cat {} ;`."""
    text = " ".join(call.args)
    if READS_FOUND.search(text) and re.search(r"-name g?shadow\b|-path \S*/g?shadow\b", text):
        yield "credentials.shadow"


def getent(call: Call) -> Rules:
    if call.args[:1] and call.args[0] in ("shadow", "gshadow"):
        yield "credentials.shadow"


def passwd(call: Call) -> Rules:
    found = call.options("niwxR", "--inactive --mindays --maxdays --warndays --root")
    if "root" in found.rest and not found.has("S", "--status"):
        yield "credentials.root-account"


def chpasswd(call: Call) -> Rules:
    if any(re.search(r"(?m)^\s*root:", text) for text in call.stdin):
        yield "credentials.root-account"


def of_root(call: Call) -> Rules:
    """`userdel root`, `chage … root`, `chsh … root`."""
    if call.args and call.args[-1] == "root" and not (call.name == "chage" and "-l" in call.args):
        yield "credentials.root-account"


CHECKS: Mapping[str, Callable[[Call], Rules]] = {
    "getent": getent,
    "find": find,
    "passwd": passwd,
    "chpasswd": chpasswd,
    "newusers": chpasswd,
    **each("userdel deluser chage chsh chfn pam_tally2 faillock groupdel delgroup", of_root),
}
