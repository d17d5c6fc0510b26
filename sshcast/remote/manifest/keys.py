"""Which keys a file may have, and what is written under each. docs/apply.md lists the same; a test compares them."""

from dataclasses import dataclass

from sshcast.remote import enums
from sshcast.words import choose

WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
LEGACY_ALGORITHMS = ("AES_CBC", "DIFFIE_HELLMAN_GROUP14_SHA1", "SSH_RSA_SHA1")
KIND_NAMES = {"server": "服务器", "task": "任务", "user": "用户"}
GRANTABLE = ("VIEWER", "OPERATOR", "ADMIN")


@dataclass(frozen=True, slots=True)
class Text:
    """A text, also one that YAML would take for a number, a time or a yes."""

    def __str__(self) -> str:
        return choose("a text", "文本")


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number."""

    def __str__(self) -> str:
        return choose("a whole number", "整数")


@dataclass(frozen=True, slots=True)
class Flag:
    """A truth value."""

    def __str__(self) -> str:
        return choose("true or false", "true 或 false")


@dataclass(frozen=True, slots=True)
class Word:
    """One of the API's words, in upper or lower case."""

    words: tuple[str, ...]

    def __str__(self) -> str:
        words = ", ".join(self.words)
        return choose(f"one of {words}", f"以下之一：{words}")


@dataclass(frozen=True, slots=True)
class Reference:
    """The name of another object, of a kind such as `server`."""

    kind: str

    def __str__(self) -> str:
        return choose(f"the name of a {self.kind}", f"{KIND_NAMES[self.kind]}名称")


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret is: it never stands in the file."""

    def __str__(self) -> str:
        return choose("{env: NAME} or {file: PATH}", "{env: NAME} 或 {file: PATH}")


@dataclass(frozen=True, slots=True)
class Value:
    """A text, or where it is."""

    def __str__(self) -> str:
        return choose("a text, {env: NAME} or {file: PATH}", "文本、{env: NAME} 或 {file: PATH}")


@dataclass(frozen=True, slots=True)
class Variable:
    """A secret variable: the name of a registered secret, or where its own value is."""

    def __str__(self) -> str:
        return choose("{secret: NAME}, {env: NAME} or {file: PATH}", "{secret: NAME}、{env: NAME} 或 {file: PATH}")


@dataclass(frozen=True, slots=True)
class ListOf:
    """Any number of something."""

    item: "Form"

    def __str__(self) -> str:
        return choose(f"a list, each {self.item}", f"列表，每一项为：{self.item}")


@dataclass(frozen=True, slots=True)
class MapOf:
    """Something by name."""

    item: "Form"

    def __str__(self) -> str:
        return choose(f"a mapping of names, each {self.item}", f"名称的映射，每一项为：{self.item}")


@dataclass(frozen=True, slots=True)
class KeyGroup:
    """Keys of its own."""

    keys: "tuple[Key, ...]"

    def __str__(self) -> str:
        names = ", ".join(key.name for key in self.keys)
        return choose(f"a mapping of {names}", f"以下键的映射：{names}")

    def find(self, name: str) -> "Key | None":
        return next((key for key in self.keys if key.name == name), None)


Form = Text | Number | Flag | Word | Reference | Secret | Value | Variable | ListOf | MapOf | KeyGroup


@dataclass(frozen=True, slots=True)
class Key:
    """A key. `is_nullable`: null takes its value away. `is_for_new`: an object that is added needs it."""

    name: str
    form: Form
    is_nullable: bool = False
    is_for_new: bool = False


BLACKOUT = KeyGroup((
    Key("start", Text()), Key("end", Text()), Key("days", ListOf(Word(WEEKDAYS))), Key("timezone", Text()),
    Key("from", Text()), Key("until", Text()), Key("reason", Text()),
))  # fmt: skip
CREDENTIAL = KeyGroup(tuple(Key(name, Secret()) for name in ("privateKey", "passphrase", "certificate", "password")))
SERVER = KeyGroup((
    Key("name", Text(), is_for_new=True),
    Key("host", Text(), is_for_new=True),
    Key("port", Number()),
    Key("username", Text(), is_for_new=True),
    Key("jumpServer", Reference("server"), is_nullable=True),
    Key("hostKeys", ListOf(Text()), is_for_new=True),
    Key("hostKeyAlias", Text(), is_nullable=True),
    Key("legacyAlgorithms", ListOf(Word(LEGACY_ALGORITHMS))),
    Key("credential", CREDENTIAL, is_for_new=True),
    Key("tags", ListOf(Text())),
    Key("enabled", Flag()),
    Key("maxParallel", Number()),
    Key("runMode", Word(enums.RUN_MODES)),
    Key("outputEncoding", Text()),
    Key("blackouts", ListOf(BLACKOUT)),
))  # fmt: skip
SELECTOR = KeyGroup((
    Key("servers", ListOf(Reference("server"))),
    *(Key(name, ListOf(Text())) for name in ("tagsAll", "tagsAny", "tagsNone")),
    Key("nameContains", Text()),
))  # fmt: skip
FLEET = KeyGroup((
    Key("batchSize", KeyGroup((Key("servers", Number()), Key("percent", Number()))), is_nullable=True),
    Key("pauseSeconds", Number()),
    Key("stopAfter", KeyGroup((Key("failures", Number()), Key("percent", Number()))), is_nullable=True),
    Key("onRefused", Word(enums.ON_REFUSED)),
))  # fmt: skip
PARAMETER = KeyGroup((
    Key("name", Text(), is_for_new=True),
    Key("type", Word(enums.PARAMETER_TYPES)),
    Key("description", Text()),
    Key("required", Flag()),
    Key("default", Text()),
    Key("options", ListOf(Text())),
    Key("pattern", Text()),
    Key("minimum", Number()),
    Key("maximum", Number()),
))  # fmt: skip
TERMS = KeyGroup((
    Key("overlap", Word(enums.OVERLAPS)),
    Key("missed", Word(enums.MISSED)),
    Key("missedCap", Number()),
    Key("missedWindowSeconds", Number()),
    Key("dst", Word(enums.DST)),
    Key("jitterSeconds", Number()),
    Key("startDeadlineSeconds", Number(), is_nullable=True),
    Key("retryLimit", Number()),
    Key("retryDelaySeconds", Number()),
    Key("retryOn", ListOf(Word(enums.REASONS))),
))  # fmt: skip
TASK = KeyGroup((
    Key("name", Text(), is_for_new=True),
    Key("server", Reference("server")),
    Key("selector", SELECTOR),
    Key("fleet", FLEET),
    Key("command", Text(), is_for_new=True),
    Key("cronExpr", Text(), is_for_new=True),
    Key("timezone", Text()),
    Key("enabled", Flag()),
    Key("scheduleMode", Word(enums.SCHEDULE_MODES)),
    Key("timeoutSeconds", Number()),
    Key("outputLimitBytes", Number()),
    Key("onOutputLimit", Word(enums.ON_OUTPUT_LIMIT)),
    Key("mergeStreams", Flag()),
    Key("workingDir", Text(), is_nullable=True),
    Key("runMode", Word(enums.RUN_MODES), is_nullable=True),
    Key("env", MapOf(Value())),
    Key("secretEnv", MapOf(Variable())),
    Key("parameters", ListOf(PARAMETER)),
    Key("parameterValues", MapOf(Value())),
    Key("terms", TERMS),
))  # fmt: skip
POLICY = KeyGroup((
    Key("server", Reference("server")),
    Key("task", Reference("task")),
    Key("mode", Word(enums.POLICY_MODES), is_nullable=True),
    Key("allow", ListOf(Text())),
    Key("commands", ListOf(Text())),
    Key("extra", Text()),
))  # fmt: skip
GRANT = KeyGroup((
    Key("user", Reference("user"), is_for_new=True),
    Key("role", Word(GRANTABLE), is_for_new=True),
    Key("server", Reference("server")),
    Key("tag", Text()),
))  # fmt: skip
KINDS = {"servers": SERVER, "policies": POLICY, "tasks": TASK, "grants": GRANT}
"""By the key at the top of a file, in the order in which they are written and applied."""
