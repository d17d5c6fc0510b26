r"""Restores a private key's text from what people paste, or tells them what they pasted instead.

Forms, mail and environment files change a key's text: literal `\n`, blanks for line ends, quotes, indentation, a byte
order mark, text around it, and missing header lines.
"""

import re

from runner.ssh.protocol import BadCredential

LABEL = r"(?P<label>(?:[A-Z0-9]+ )*PRIVATE KEY)"
BEGIN = re.compile(rf"-----BEGIN {LABEL}-----")
END = re.compile(rf"-----END {LABEL}-----")
IV = r"(?:AES-[A-Z0-9-]+,[0-9A-F]{32}|[A-Z0-9-]+,[0-9A-F]{16})"
HEADER = re.compile(rf"\s*(Proc-Type: ?4,ENCRYPTED)\s*(DEK-Info: ?{IV})")
LITERAL_END = re.compile(r"(?:\\r)?\\n|\\r")
SPACES = re.compile(r"\s+")
BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
OPENSSH = "b3BlbnNzaC1rZXktdjE"
"""The beginning of every key in OpenSSH's own format, without its header line."""
LINE = 70
PUBLIC = re.compile(
    r"(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-nistp\d+)(?:@openssh\.com)? AAAA|- ?BEGIN (?:[A-Z0-9]+ )*PUBLIC KEY"
)
CERTIFICATE = re.compile(r"-cert-v01@openssh\.com AAAA|-BEGIN (?:[A-Z0-9]+ )*CERTIFICATE-")
PATH = re.compile(r"(?:~|\.{0,2}/|[A-Za-z]:[\\/]|\\\\)\S*|\S+\.(?:pem|key|ppk|pub)|\S*id_(?:rsa|dsa|ecdsa|ed25519)")

# What was pasted instead, and what to do, in English and in Chinese. The first pattern that matches wins.
INSTEAD = (
    (
        re.compile("PuTTY-User-Key-File-"),
        "is a PuTTY key (PPK). Convert it (`puttygen key.ppk -O private-openssh -o key`), then paste the file `key`",
        "是 PuTTY 格式（PPK）：请先用 `puttygen key.ppk -O private-openssh -o key` 转换，再粘贴文件 key 的内容。",
    ),
    (
        re.compile("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----"),
        "is in the form of SSH.com. Convert it (`ssh-keygen -i -f key > key.pem`), then paste the file `key.pem`",
        "是 SSH.com 格式：请先用 `ssh-keygen -i -f key > key.pem` 转换，再粘贴文件 key.pem 的内容。",
    ),
    (
        CERTIFICATE,
        "is a certificate: it goes in `certificate`, and the private key that it belongs to goes here",
        "是证书：请填入 certificate，此处应填写对应的私钥。",
    ),
    (
        PUBLIC,
        "is a public key: paste the private one, which is in the file of the same name without .pub",
        "是公钥：请粘贴私钥，即同名但不带 .pub 的文件内容。",
    ),
)
NOT_WHOLE = ("ends too early: its last line, {}, is missing", "不完整：缺少最后一行 {}。")
NO_START = ("lacks its first line, {}: paste the whole file", "缺少第一行 {}：请粘贴整个文件。")
A_PATH = (
    "is the path of a file: paste what the file holds (`sshcast server add --key FILE` reads it)",
    "是文件路径：请粘贴文件内容（`sshcast server add --key FILE` 会读取文件）。",
)
NO_LINES = (
    'lacks its first and last line: paste the whole file, from "-----BEGIN" to "-----END"',
    "缺少首行和末行：请粘贴整个文件，从 “-----BEGIN” 到 “-----END”。",
)
NO_KEY = (
    'is not a private key: paste the whole file, from "-----BEGIN" to "-----END"',
    "不是私钥：请粘贴整个文件，从 “-----BEGIN” 到 “-----END”。",
)


def restore_key(pasted: str) -> str:
    """Return the key as its file holds it. Raises BadCredential if the file's contents cannot be told."""
    text = LITERAL_END.sub("\n", pasted)
    if (begin := BEGIN.search(text)) and (end := text.find(f"-----END {begin['label']}-----", begin.end())) > 0:
        return _build_block(begin["label"], text[begin.end() : end])
    bare = SPACES.sub("", text).strip("\ufeff\"'`")
    if bare.startswith(OPENSSH) and BASE64.fullmatch(bare):
        return _build_block("OPENSSH PRIVATE KEY", bare)
    raise _explain_paste(pasted, text, bare)


def _build_block(label: str, body: str) -> str:
    """Build the key with new line breaks: base64 may break anywhere, but the headers of old encrypted keys may not."""
    headers = HEADER.match(body)
    head = f"{headers[1]}\n{headers[2]}\n\n" if headers else ""
    data = SPACES.sub("", body[headers.end() :] if headers else body)
    lines = "\n".join(data[at : at + LINE] for at in range(0, len(data), LINE))
    return f"-----BEGIN {label}-----\n{head}{lines}\n-----END {label}-----\n"


def _explain_paste(pasted: str, text: str, bare: str) -> BadCredential:
    for pattern, en, zh in INSTEAD:
        if pattern.search(text):
            return BadCredential("private_key", en, zh)
    if begin := BEGIN.search(text):
        return _explain_missing_line(NOT_WHOLE, f"-----END {begin['label']}-----")
    if end := END.search(text):
        return _explain_missing_line(NO_START, f"-----BEGIN {end['label']}-----")
    if PATH.fullmatch(pasted.strip(" \t\r\n\"'")):
        return BadCredential("private_key", *A_PATH)
    if len(bare) > LINE and BASE64.fullmatch(bare):
        return BadCredential("private_key", *NO_LINES)
    return BadCredential("private_key", *NO_KEY)


def _explain_missing_line(told: tuple[str, str], line: str) -> BadCredential:
    en, zh = told
    return BadCredential("private_key", en.format(line), zh.format(line))
