"""The service's errors. GraphQL and REST show an error's `code`, and its message in the caller's language.

A class's docstring is its default English message, and `zh` is the Chinese one.
"""

from collections.abc import Mapping, Sequence
from inspect import cleandoc
from typing import Any, ClassVar, Literal

Language = Literal["en", "zh"]
ObjectName = Literal["server", "task", "execution", "fleet run", "user", "secret"]
CHINESE: Mapping[ObjectName, str] = {
    "server": "服务器",
    "task": "任务",
    "execution": "执行记录",
    "fleet run": "批量执行",
    "user": "用户",
    "secret": "机密",
}


class ServiceError(Exception):
    """The request could not be carried out."""

    code: ClassVar[str] = "ERROR"
    zh: ClassVar[str] = "请求无法完成。"

    def __init__(self, en: str | None = None, zh: str | None = None, *, field: Sequence[str] = ()) -> None:
        self.en = en or cleandoc(type(self).__doc__ or "")
        self.chinese = zh or (type(self).zh if en is None else en)
        self.field = tuple(field)
        super().__init__(self.en)

    def text(self, language: Language) -> str:
        return self.chinese if language == "zh" else self.en

    @property
    def extensions(self) -> dict[str, Any]:
        """Return the extensions that graphql-core copies into a top-level error."""
        found: dict[str, Any] = {"code": self.code}
        return found | ({"field": list(self.field)} if self.field else {})


class Unauthenticated(ServiceError):
    """Sign in first: the token is absent, expired or not valid."""

    code = "UNAUTHENTICATED"
    zh = "请先登录：令牌缺失、已过期或无效。"


class Forbidden(ServiceError):
    """Your role does not allow this."""

    code = "FORBIDDEN"
    zh = "您的角色无权执行此操作。"

    @classmethod
    def role(cls, needed: str, held: str, *, on_server: bool = False) -> "Forbidden":
        en, zh = (" on this server", "在此服务器上") if on_server else ("", "")
        return cls(
            f"This needs the role {needed}; yours{en} is {held}. Ask an admin.",
            f"此操作需要 {needed} 角色，您{zh}的角色是 {held}，请联系管理员。",
        )


class ForeignPage(Forbidden):
    """Only this service's own pages may use its cookie."""

    zh = "只有本服务自己的页面可以使用其 Cookie。"


class NotFound(ServiceError):
    """There is no such object, or you may not see it."""

    code = "NOT_FOUND"
    zh = "对象不存在，或您无权查看。"

    @classmethod
    def for_object(cls, kind: ObjectName, id: int) -> "NotFound":
        return cls(f"There is no {kind} {id}, or you may not see it.", f"{CHINESE[kind]} {id} 不存在，或您无权查看。")

    def with_field(self, field: str) -> "NotFound":
        """Return the same error with the input field that named the object."""
        return NotFound(self.en, self.chinese, field=(field,))


class Invalid(ServiceError):
    """The input is not valid."""

    code = "INVALID"
    zh = "输入无效。"

    def __init__(self, field: str | Sequence[str], en: str, zh: str) -> None:
        path = (field,) if isinstance(field, str) else tuple(field)
        super().__init__(f"{path[-1]} {en}", f"{path[-1]} {zh}", field=path)


class ScheduleInvalid(ServiceError):
    """The schedule cannot be read."""

    code = "SCHEDULE_INVALID"
    zh = "无法解析调度表达式。"

    def __init__(self, en: str, zh: str, *, field: str, position: int, example: str) -> None:
        super().__init__(en, zh, field=(field,))
        self.position = position
        self.example = example


class CommandRefused(ServiceError):
    """The command policy refuses this command."""

    code = "COMMAND_REFUSED"
    zh = "命令策略拒绝此命令。"

    def __init__(
        self, findings: Sequence[Any], *, en: str, zh: str, field: Sequence[str] = ("command",), command: str = ""
    ) -> None:
        super().__init__(en, zh, field=field)
        self.findings = tuple(findings)
        self.command = command


class ServersRefused(ServiceError):
    """The fleet run may not run on some of its servers, so nothing was started."""

    code = "SERVERS_REFUSED"
    zh = "部分服务器不允许此批量执行，因此没有启动任何执行。"

    def __init__(self, refused: Sequence[Any], *, en: str, zh: str) -> None:
        super().__init__(en, zh, field=("selector",))
        self.refused = tuple(refused)


class Conflict(ServiceError):
    """This clashes with what is there already."""

    code = "CONFLICT"
    zh = "与现有数据冲突。"


class CursorExpired(ServiceError):
    """Events after this cursor were removed, or it is of another database: begin anew, with no cursor or a new one."""

    code = "CURSOR_EXPIRED"
    zh = "此游标之后的事件已被删除，或此游标来自另一个数据库：请重新开始，不带游标，或使用新的游标。"


class TooLarge(ServiceError):
    """The request is larger than the limit."""

    code = "TOO_LARGE"
    zh = "请求超过大小限制。"


class Unreachable(ServiceError):
    """The server could not be reached, or did not answer as an SSH server."""

    code = "UNREACHABLE"
    zh = "无法连接服务器，或其未以 SSH 服务器应答。"


class RateLimited(ServiceError):
    """Too many requests: wait, then try again."""

    code = "RATE_LIMITED"
    zh = "请求过于频繁，请稍后再试。"

    def __init__(self, retry_after: int, en: str | None = None, zh: str | None = None) -> None:
        super().__init__(en, zh)
        self.retry_after = retry_after

    @property
    def extensions(self) -> dict[str, Any]:
        return super().extensions | {"retryAfterSeconds": self.retry_after}


class Unavailable(ServiceError):
    """The database cannot be reached: try again shortly."""

    code = "UNAVAILABLE"
    zh = "数据库暂不可用，请稍后再试。"


class OutcomeUnknown(ServiceError):
    """The database went away before it said whether this was done: look whether it was before you repeat it."""

    code = "OUTCOME_UNKNOWN"
    zh = "数据库在确认之前中断，无法得知此操作是否已完成：重复之前请先查看是否已完成。"

    def __init__(self, key: str | None = None) -> None:
        super().__init__(*(() if key is None else self.build_messages(key)))
        self.idempotency_key = key

    @staticmethod
    def build_messages(key: str) -> tuple[str, str]:
        return (
            "The database went away before it said whether this was done: repeat with this idempotency key"
            f" ({key}), and it is done once.",
            f"数据库在确认之前中断，无法得知此操作是否已完成：请使用此幂等键（{key}）重复请求，操作只会执行一次。",
        )

    @property
    def extensions(self) -> dict[str, Any]:
        key = self.idempotency_key
        return super().extensions | ({} if key is None else {"idempotencyKey": key})


class AnswerIncomplete(OutcomeUnknown):
    """This was done, but part of the answer could not be read: read that part anew, and do not repeat the change."""

    zh = "操作已完成，但部分结果无法读取：请重新读取该部分，不要重复此操作。"


class SignInUnknown(OutcomeUnknown):
    """The database went away before it said whether you are signed in: sign in again, which does no harm."""

    zh = "数据库在确认之前中断，无法得知您是否已登录：请重新登录，不会有任何影响。"


class RefreshUnknown(OutcomeUnknown):
    """The database went away before it said whether this was done: repeat within 10 s, or sign in again."""

    zh = "数据库在确认之前中断，无法得知令牌是否已刷新：请在 10 秒内重试，或重新登录。"


class SignOutUnknown(OutcomeUnknown):
    """The database went away before it said whether you are signed out: sign out again; if refused, you are."""

    zh = "数据库在确认之前中断，无法得知您是否已退出：请再次退出；若令牌被拒绝，则表示已退出。"
