"""Rules for input, one function for each. An error names the field and the rule."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from resolvers.errors import Invalid, TooLarge
from runner.admission import shebang
from runner.admission.shebang import ShebangRefused
from runner.charsets import find_charset
from runner.cron.zones import list_zones

MAX_ID = 2**63 - 1
MAX_COMMAND_BYTES = 65_536
MAX_STDIN_BYTES = 1_048_576
LONGEST_KEY = 128
LONGEST_NAME = 100
LONGEST_ENV_NAME = 128
ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
LINE_END = re.compile(r"\r+(?=\n|\Z)")
TAG = re.compile(r"[\w.:/-]{1,64}\Z")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def check_text(field: str, value: str, *, shortest: int = 1, longest: int) -> str:
    """Return a line of text without control characters."""
    if not shortest <= len(value) <= longest:
        raise Invalid(
            field, f"must be {shortest} to {longest} characters.", f"长度须为 {shortest} 到 {longest} 个字符。"
        )
    if CONTROL.search(value) or not value.strip():
        raise Invalid(field, "must not be blank or hold control characters.", "不能为空白，也不能包含控制字符。")
    return check_encodable(field, value)


def check_encodable(field: str | Sequence[str], value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Invalid(field, "must be valid Unicode (it holds a lone surrogate).", "必须是有效的 Unicode。") from None
    return value


def check_between(field: str, value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise Invalid(field, f"must be {low} to {high}.", f"须在 {low} 到 {high} 之间。")
    return value


def check_id(field: str, value: int) -> int:
    if not 1 <= value <= MAX_ID:
        raise Invalid(field, "must be a positive 64-bit integer.", "必须是正的 64 位整数。")
    return value


def check_command_text(value: str, field: str = "command") -> str:
    """Return the command with newlines as line ends, so that text pasted from Windows runs as it reads."""
    value = _normalize_newlines(value)
    if "\0" in value:
        raise Invalid(field, "must not hold a NUL character.", "不能包含 NUL 字符。")
    size = len(check_encodable(field, value).encode())
    if size > MAX_COMMAND_BYTES:
        raise TooLarge(
            f"{field} is {size} bytes; the most is {MAX_COMMAND_BYTES}.",
            f"{field} 为 {size} 字节，上限为 {MAX_COMMAND_BYTES} 字节。",
            field=(field,),
        )
    if not value.strip():
        raise Invalid(field, f"must be 1 to {MAX_COMMAND_BYTES} bytes.", f"长度须为 1 到 {MAX_COMMAND_BYTES} 字节。")
    return value


def stdin(value: bytes | None) -> bytes | None:
    if value is not None and len(value) > MAX_STDIN_BYTES:
        raise TooLarge(
            f"stdin is {len(value)} bytes; the most is {MAX_STDIN_BYTES}: put more into a file on the server.",
            f"stdin 为 {len(value)} 字节，上限为 {MAX_STDIN_BYTES} 字节：更多内容请放入服务器上的文件。",
            field=("stdin",),
        )
    return value


def _normalize_newlines(text: str) -> str:
    if "\r" not in text:
        return text
    return LINE_END.sub("", text) if "\n" in text else text.replace("\r", "\n")


def find_shell(command: str) -> str | None:
    """Return the shell, with options, that the command's first line chooses; None if it chooses none."""
    try:
        return shebang.parse_shebang(command)
    except ShebangRefused as error:
        raise Invalid("command", error.en, error.zh) from None


def check_one_of(field: str, value: str, allowed: Iterable[str]) -> str:
    names = [str(name) for name in allowed]
    if value not in names:
        raise Invalid(field, f"must be one of {', '.join(names)}.", f"必须是以下之一：{', '.join(names)}。")
    return value


def check_tag(field: str, value: str) -> str:
    if not TAG.match(value):
        raise Invalid(field, "must be 1 to 64 letters, digits or . : / - _", "须为 1 到 64 个字母、数字或 . : / - _")
    return value


def check_tags(value: Sequence[str]) -> list[str]:
    if len(value) > 32 or not all(TAG.match(tag) for tag in value):
        raise Invalid(
            "tags",
            "must be at most 32 words of 1 to 64 letters, digits or . : / - _",
            "最多 32 个标签，每个为 1 到 64 个字母、数字或 . : / - _",
        )
    return list(dict.fromkeys(value))


def check_env(value: Mapping[str, str], field: str = "env") -> dict[str, str]:
    """Return the variables if their names follow POSIX. Dangerous names are refused by the command policy."""
    for name, content in value.items():
        if not ENV_NAME.match(name) or len(name) > LONGEST_ENV_NAME:
            raise Invalid(
                (field, format_name(name)),
                "is not an environment name: use letters, digits and _, and no digit first.",
                "不是环境变量名：请用英文字母、数字和 _，且不以数字开头。",
            )
        if "\0" in content or len(check_encodable(field, content)) > 32_768:
            raise Invalid((field, name), "must be at most 32768 characters without NUL.", "最多 32768 字符且不含 NUL。")
    if len(value) > 100 or sum(map(len, value.values())) > MAX_COMMAND_BYTES:
        raise Invalid(field, "must hold at most 100 names and 65536 characters.", "最多 100 个变量、共 65536 个字符。")
    return dict(value)


def format_name(name: str) -> str:
    """Return a form of the caller's name that is fit for an error message."""
    return name[: LONGEST_ENV_NAME + 1].encode("utf-8", "replace").decode()


def check_working_dir(value: str | None) -> str | None:
    if value is None:
        return None
    check_text("working_dir", value, longest=4096)
    if not value.startswith(("/", "~/")):
        raise Invalid("working_dir", "must be an absolute path (or start with ~/).", "必须是绝对路径（或以 ~/ 开头）。")
    return value


def check_timezone(value: str) -> str:
    if value not in list_zones():
        raise Invalid(
            "timezone", "must be an IANA time zone such as Asia/Shanghai.", "必须是 IANA 时区，如 Asia/Shanghai。"
        )
    return value


def check_output_encoding(value: str) -> str:
    """Return the encoding's name as it is stored: the IANA name, in lower case."""
    found = find_charset(value)
    if found is None:
        raise Invalid(
            "output_encoding",
            "must be the IANA name of an encoding that holds ASCII as it is and has no states, such as utf-8, "
            "gb18030, gbk, big5, shift_jis, euc-kr or iso-8859-1.",
            "必须是 IANA 编码名称，且该编码保留 ASCII 且无状态，如 utf-8、gb18030、gbk、big5、shift_jis、euc-kr 或 "
            "iso-8859-1。",
        )
    return found


def check_time(field: str, value: datetime) -> datetime:
    """Return the time in UTC; Invalid if it has no zone."""
    try:
        if value.tzinfo is not None:
            return value.astimezone(UTC)
    except OverflowError:
        pass
    raise Invalid(field, "must be a time with its zone, of the years 1 to 9999.", "须为带时区的时间，年份 1 至 9999。")


def check_name_part(field: str, value: str) -> str:
    """Return any text that can be part of a name, even a single space."""
    if len(value) > LONGEST_NAME or CONTROL.search(value):
        raise Invalid(
            field,
            f"must be at most {LONGEST_NAME} characters, none of them a control character.",
            f"最多 {LONGEST_NAME} 个字符，且不能包含控制字符。",
        )
    return check_encodable(field, value)


def check_idempotency_key(value: str | None) -> str | None:
    return value if value is None else check_text("idempotency_key", value, longest=LONGEST_KEY)


def check_wait_seconds(value: float) -> float:
    if not 0 <= value <= 60:
        raise Invalid("wait", "must be 0 to 60 seconds.", "须在 0 到 60 秒之间。")
    return value


def apply_rules(values: dict[str, Any], rules: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values, each checked by its rule if it has one."""
    return {name: rules[name](value) if name in rules else value for name, value in values.items()}
