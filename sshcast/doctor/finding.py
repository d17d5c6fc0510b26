"""What a check found: one line, and what to do where something is not as it should be."""

from dataclasses import dataclass
from typing import Literal

from sshcast.words import Bilingual, choose, translate

Status = Literal["ok", "warning", "failed"]
MARKS: dict[Status, str] = {"ok": "✓", "warning": "!", "failed": "✗"}
COLOURS: dict[Status, str] = {"ok": "green", "warning": "yellow", "failed": "red"}


AS_SAID = Bilingual("as the sentence says", "按上文所述处理")
FIRST_START = Bilingual(
    "the first start makes it; or give another --data", "首次启动时会创建；或用 --data 指定其他目录"
)
NAMES = {
    "address": "地址",
    "certificate": "证书",
    "clock": "时钟",
    "command policy": "命令策略",
    "data folder": "数据目录",
    "database": "数据库",
    "disk": "磁盘",
    "key files": "密钥文件",
    "master key": "主密钥",
    "open files": "打开文件数",
    "origin": "来源",
    "playground": "Playground",
    "port": "端口",
    "proxy": "代理",
    "reachable": "可达",
    "run": "执行",
    "settings": "设置",
    "sign-in": "登录",
    "TLS": "TLS",
    "version": "版本",
    "writing": "写入",
}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One check. `check` is its stable name, `found` one sentence, `advice` what to do, if anything.

    Both are Bilingual, but for the words of others: JSON has the English in every language.
    """

    check: str
    status: Status
    found: str
    advice: str | None = None

    def format(self) -> str:
        advice = "" if self.advice is None else f" — {translate(self.advice)}"
        return f"{MARKS[self.status]} {self._name()}{choose(': ', '：')}{translate(self.found)}{advice}"

    def _name(self) -> str:
        """Return the name in the reader's language. That of a server's check begins with `server`."""
        kind, _, rest = self.check.partition(" ")
        if kind == "server" and rest:
            return choose(self.check, f"服务器 {rest}")
        return choose(self.check, NAMES.get(self.check, self.check))


def pass_check(check: str, found: str) -> Diagnosis:
    return Diagnosis(check, "ok", found)


def warn(check: str, found: str, advice: str) -> Diagnosis:
    return Diagnosis(check, "warning", found, advice)


def fail(check: str, found: str, advice: str) -> Diagnosis:
    return Diagnosis(check, "failed", found, advice)
