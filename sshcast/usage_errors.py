"""What typer says of a command line that is written wrongly, in Chinese for who reads that."""

import re
from collections.abc import Sequence

from sshcast.words import is_chinese

KINDS = {"argument": "参数", "option": "选项", "parameter": "参数"}
SENTENCES: Sequence[tuple[str, str]] = (
    (r"No such option: (?P<name>.+?)(?: \(Possible options: (?P<near>.+)\))?", "没有选项 {name}{near}"),
    (r"No such command '(?P<name>.*?)'(?:\. Did you mean (?P<near>.+)\?)?", "没有命令 '{name}'{near}"),
    (
        r"Missing (?P<kind>argument|option|parameter)(?P<name> .+?)?(?:\. Choose from: (?P<near>.+))?",
        "缺少{kind}{name}{near}",
    ),
    (r"Missing command", "缺少命令"),
    (r"Got unexpected extra argument(?:\(?s?\)?) \((?P<name>.*)\)", "多余的参数：{name}"),
    (r"Option '(?P<name>.+)' requires an argument", "选项 '{name}' 需要一个值"),
    (r"Option '(?P<name>.+)' requires (?P<near>\d+) arguments", "选项 '{name}' 需要 {near} 个值"),
    (r"Option '(?P<name>.+)' does not take a value", "选项 '{name}' 不带值"),
    (r"Argument '(?P<name>.+)' takes (?P<near>\d+) values", "参数 '{name}' 需要 {near} 个值"),
    (r"Could not open file (?P<name>.+?): (?P<near>.+)", "无法打开文件 {name}：{near}"),
)
INVALID = re.compile(
    r"Invalid value(?: for (?P<name>'.*?'(?: / '.*?')*(?: \(env var: '.*?'\))?))?: (?P<why>.+)", re.DOTALL
)
REASONS: Sequence[tuple[str, str]] = (
    (r"Input should be a valid integer.*", "应为整数"),
    (r"Input should be a valid number.*", "应为数字"),
    (r"Input should be a valid boolean.*", "应为 true 或 false"),
    (r"Input should be a valid string.*", "应为文本"),
    (r"Input should be less than or equal to (?P<name>.+)", "不得大于 {name}"),
    (r"Input should be greater than or equal to (?P<name>.+)", "不得小于 {name}"),
    (r"Input should be less than (?P<name>.+)", "应小于 {name}"),
    (r"Input should be greater than (?P<name>.+)", "应大于 {name}"),
    (r"Input should be (?P<name>.+)", "应为 {name}"),
    (r"Value error, (?P<name>.+)", "{name}"),
    (r"(?P<name>.+) is not one of (?P<near>.+)", "{name} 不是以下之一：{near}"),
    (r"Value (?P<name>.+) is not a valid (?P<near>.+)", "{name} 不是有效的 {near}"),
    (r"(?:File|Directory|Path) (?P<name>.+) does not exist", "{name} 不存在"),
    (r"(?:File|Directory|Path) (?P<name>.+) is a file", "{name} 是文件"),
    (r"(?:File|Directory|Path) (?P<name>.+) is a directory", "{name} 是目录"),
    (r"(?:File|Directory|Path) (?P<name>.+) is not readable", "{name} 不可读"),
    (r"(?:File|Directory|Path) (?P<name>.+) is not writable", "{name} 不可写"),
)


def format_usage(message: str, command: str | None) -> str:
    """Return typer's message as one line; `command`: whose --help shows what is right."""
    text = " ".join(message.split()).rstrip(".")
    if not is_chinese():
        return text if command is None else f"{text}: see `{command} --help`"
    text = _translate(text)
    return text if command is None else f"{text}：见 `{command} --help`"


def _translate(text: str) -> str:
    invalid = INVALID.fullmatch(text)
    if invalid is not None:
        why = _find(REASONS, invalid["why"]) or invalid["why"]
        return f"值无效：{why}" if invalid["name"] is None else f"{invalid['name']} 的值无效：{why}"
    return _find(SENTENCES, text) or _find(REASONS, text) or text


def _find(sentences: Sequence[tuple[str, str]], text: str) -> str | None:
    for pattern, chinese in sentences:
        found = re.fullmatch(pattern, text, re.DOTALL)
        if found is not None:
            return chinese.format_map(_name_parts(found.groupdict(), chinese))
    return None


def _name_parts(parts: dict[str, str | None], chinese: str) -> dict[str, str]:
    """Return what is put into a sentence; at its end `near` is what may have been meant."""
    made = {name: text or "" for name, text in parts.items()}
    if "kind" in made:
        made["kind"] = KINDS[made["kind"]]
    if chinese.endswith("{name}{near}") or chinese.endswith("'{near}"):
        made["near"] = f"，可选：{made['near']}" if made.get("near") else ""
    return made
