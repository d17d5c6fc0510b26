"""docs/troubleshooting.md, and its Chinese twin, have every reason, code and sentence that people are shown."""

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import pytest

from db.values import Reason, State
from resolvers.errors import ServiceError
from resolvers.provider import SignInRefused
from resolvers.signing_key import WeakKey
from sshcast.data_store import DatabaseOlder

ROOT = Path(__file__).parent.parent
DOCUMENTS = ("troubleshooting.md", "troubleshooting.zh.md")
# What in `runner/` gives no sentence to a record, to the ledger or of a credential, and why.
ELSEWHERE = {
    "scheduling/blackout": "says what is wrong with a window to who sets it",
    "bus": "its errors are caught by their kind",
    "cron/schedule": "says what is wrong with a schedule to who sets it, with an example",
    "cron/days": "describes schedules",
    "cron/foreign": "as cron",
    "cron/grammar": "as cron",
    "cron/items": "as cron",
    "cron/fields": "as cron",
    "cron/rewrites": "as cron",
    "cron/describe": "describes schedules",
    "fleet/controller": "goes into the log",
    "loop": "goes into the log",
    "output/writer": "goes into the log",
    "store_retry": "goes into the log",
    "scheduling/scheduler": "goes into the log",
    "output/encodings": "names of forms that docs/security.md has",
    "ssh/sign_in/server_messages": "looks for words of servers",
    "admission/shebang": "says what is wrong with a command to who sets it",
    "secrets/vault": "what is raised is told in the words of execution and run_secrets",
    "output/matcher": "a representation",
}
OTHERS = (
    *(f"resolvers/{name}" for name in ("queue", "rates", "sign_in", "sign_in_refusals", "throttle", "watchers")),
    *("resolvers/provider_sign_in", "resolvers/provider_sign_in_cli", "sshcast/oidc/cli_routes"),
    *("sshcast/http/hosts", "sshcast/graphql/sockets"),
    *("sshcast/data_folder", "sshcast/environment", "sshcast/master_key_check", "sshcast/commands/serve"),
    *("db/restored", "resolvers/restored", "sshcast/database_home"),
    *("db/migration_refusals", "db/server_problems", "db/sqlite_refusals", "db/transitions", "db/unavailable"),
)
# Calls whose texts people are not shown: names of tasks and threads, patterns, errors of programmers. `Invalid` begins
# with the field and says what it may be.
SILENT = re.compile(
    r"(log|re)\.\w+|cast|.*\.create_task|threading\.Thread|(Runtime|Type|Value|BrokenPipe)Error|VaultError|text\.find|_build_block|build_success_answer|write_line|partial"
    r"|Invalid|(self\.web)?socket\.close|self\.handle_invalid_message"
)
# What is sent to a shell, lines of key files, patterns, types, and keys of counts.
NO_SENTENCE = re.compile(
    r"exec /bin/sh |UPDATE |cd -- |-----BEGIN |.*\(\?[P:]|asyncio\.\w+\[|\w+ \| None$|user \{\} at", re.DOTALL
)
CHINESE = re.compile(r"[\u4e00-\u9fff]")
RAISED = {"ConnectFailed", "HostKeyRefused", "NoAnswer", "build_failure"}
ALWAYS = {"build_loss": "LOST", "ChannelRefused": "START_FAILED", "_build_unreachable": "UNREACHABLE"}
WORD = re.compile(r"\S*[A-Za-z]\S*")
PLACEHOLDER = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True)
class Sentence:
    """What is written in it, without what is filled in. `reason` where the call names it."""

    place: str
    parts: tuple[str, ...]
    reason: str | None

    def __str__(self) -> str:
        return f"{self.place}: {' {} '.join(self.parts)}"

    @property
    def words(self) -> int:
        return len(WORD.findall(" ".join(self.parts)))

    @property
    def is_chinese(self) -> bool:
        return CHINESE.search("".join(self.parts)) is not None

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """All of its parts in their order, as whole words."""
        parts = ".*".join(map(re.escape, self.parts))
        return re.compile(parts if self.is_chinese else rf"(?<!\w){parts}(?!\w)")

    def is_in(self, cell: str) -> bool:
        return self.pattern.search(cell) is not None


@dataclass(frozen=True)
class Row:
    """A row of a table: the reason or code, the sentence, what it means, what to do."""

    code: str
    sentence: str
    meaning: str
    advice: str


@cache
def rows(document: str) -> list[Row]:
    lines = (ROOT / "docs" / document).read_text().splitlines()
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [Row(*cells) for cells in found if cells[0].strip("-")]


def sentences_of(path: Path) -> Iterator[Sentence]:
    """Every text of two words or more that is not a docstring, a comparison or silent."""
    yield from found_in(ast.parse(path.read_text()), path.stem, None)


def found_in(node: ast.AST, place: str, reason: str | None) -> Iterator[Sentence]:
    if is_silent(node):
        return
    if isinstance(node, ast.Call):
        reason = reason_of(node)
    text = text_of(node)
    if text is not None and not NO_SENTENCE.match(text):
        parts = tuple(" ".join(part.split()).strip(";,: ") for part in PLACEHOLDER.split(text))
        sentence = Sentence(place, tuple(part for part in parts if re.search(r"\w", part)), reason)
        if sentence.words > 1 or sentence.is_chinese:
            yield sentence
    for child in inner(node):
        yield from found_in(child, place, reason)


def inner(node: ast.AST) -> list[ast.AST]:
    """What may hold a sentence of its own: of an f-string, what is filled in, without how it is formatted."""
    if isinstance(node, ast.JoinedStr):
        return [each.value for each in node.values if isinstance(each, ast.FormattedValue)]
    return list(ast.iter_child_nodes(node))


def is_silent(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    is_called_silently = isinstance(node, ast.Call) and SILENT.fullmatch(ast.unparse(node.func)) is not None
    return isinstance(node, ast.Compare) or is_called_silently


def reason_of(call: ast.Call) -> str | None:
    name, first = ast.unparse(call.func), call.args[0] if call.args else None
    if name in RAISED and isinstance(first, ast.Constant):
        return str(first.value)
    if name in RAISED and isinstance(first, ast.Attribute):
        return first.attr
    return ALWAYS.get(name)


def text_of(node: ast.AST) -> str | None:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(each.value) if isinstance(each, ast.Constant) else "{}" for each in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def error_classes(root: type[ServiceError] = ServiceError) -> Iterator[type[ServiceError]]:
    yield root
    for each in root.__subclasses__():
        yield from error_classes(each)


def all_sentences() -> list[Sentence]:
    runner = ROOT / "runner"
    apart = {runner / f"{name}.py" for name in ELSEWHERE} | {*(runner / "policy").rglob("*.py")}
    told = sorted(path for path in runner.rglob("*.py") if path not in apart and path.parent.name != "remote")
    found = [each for path in (*told, *(ROOT / f"{name}.py" for name in OTHERS)) for each in sentences_of(path)]
    return found + [Sentence(each.__name__, (str(each.__doc__),), None) for each in (DatabaseOlder, WeakKey)]


importlib.import_module("sshcast.http_app")  # and with it every face, with its errors
SENTENCES = all_sentences()
ERRORS = sorted(
    # A test may have made errors of its own; SignInRefused always has a sentence that is given.
    (each for each in error_classes() if not each.__module__.startswith("tests") and each is not SignInRefused),
    key=lambda each: each.__qualname__,
)


def test_what_has_no_sentence_is_there() -> None:
    assert len(SENTENCES) > 150
    assert sorted(name for name in ELSEWHERE if not (ROOT / "runner" / f"{name}.py").exists()) == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_sentence_has_a_row_with_its_reason(document: str) -> None:
    missing = [
        f"{sentence.reason or ''} {sentence}"
        for sentence in SENTENCES
        if not (sentence.is_chinese and document == DOCUMENTS[0])
        and not any(
            sentence.is_in(row.sentence) and (sentence.reason is None or f"`{sentence.reason}`" in row.code)
            for row in rows(document)
        )
    ]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_reason_has_a_row_with_its_states_and_one_with_what_to_do(document: str) -> None:
    first = {row.code: row.sentence for row in rows(document)[: len(Reason) + 1]}
    ending = {"EXIT_STATUS": f"{State.SUCCESS}, {State.FAILED}", "TIMEOUT": "TIMEOUT", "CANCELLED": "CANCELLED"}
    assert {f"`{reason}`": ending.get(reason, "FAILED") for reason in Reason} == dict(list(first.items())[1:])
    told = [row.code for row in rows(document)[len(Reason) + 1 :]]
    assert [reason for reason in Reason if not any(f"`{reason}`" in code for code in told)] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_error_of_the_faces_has_a_row_with_its_code_and_message(document: str) -> None:
    languages = ("zh", "en") if document == DOCUMENTS[1] else ("en",)
    assert [
        f"{error.__qualname__}: {message}"
        for error in ERRORS
        for message in (message_of(error, language) for language in languages)
        if not any(row.code.startswith(f"`{error.code}`") and message in row.sentence for row in rows(document))
    ] == []


def message_of(error: type[ServiceError], language: str) -> str:
    """Its docstring, or what it says in Chinese, up to what is filled in."""
    if error.code == "INTERNAL":
        return {"en": "Internal error; look up", "zh": "内部错误，日志编号"}[language]
    return " ".join((error.__doc__ or "").split()) if language == "en" else error.zh


def test_every_row_says_what_it_means_and_what_to_do() -> None:
    assert [row for document in DOCUMENTS for row in rows(document) if not (row.meaning and row.advice)] == []


def test_both_languages_have_the_same_rows() -> None:
    english, chinese = (rows(document) for document in DOCUMENTS)
    headings = [index for index, row in enumerate(english) if row.sentence in ("sentence", "state")]
    assert len(headings) == 12
    for index, (row, other) in enumerate(zip(english, chinese, strict=True)):
        if index not in headings and row.sentence != "*(none)*":
            assert other.sentence.partition("<br>")[0] == row.sentence
            assert re.findall(r"`[\w-]+`", other.code) == re.findall(r"`[\w-]+`", row.code)


def test_no_row_is_of_a_sentence_that_nothing_says_any_more() -> None:
    stale = []
    for row in rows(DOCUMENTS[0])[len(Reason) + 1 :]:
        if row.sentence in ("sentence", "*(none)*"):
            continue
        said = {sentence.parts: sentence.words for sentence in SENTENCES if sentence.is_in(row.sentence)}
        is_of_the_faces = any(
            f"`{error.code}`" in row.code and message_of(error, "en") in row.sentence for error in ERRORS
        )
        words = len(WORD.findall(PLACEHOLDER.sub(" ", row.sentence)))
        if 2 * sum(said.values()) < words and not is_of_the_faces:
            stale.append(row.sentence)
    assert stale == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_to_a_heading(document: str) -> None:
    links = re.findall(r"\]\(([\w.-]*)#([^)]+)\)", (ROOT / "docs" / document).read_text())
    assert len(links) > 20
    assert [link for link in links if link[1] not in anchors(link[0] or document)] == []


def anchors(document: str) -> list[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.*)$", (ROOT / "docs" / document).read_text(), re.MULTILINE)
    return [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]


def test_the_readme_and_the_targets_lead_there() -> None:
    for source, target in (("README.md", "docs/"), ("README.zh.md", "docs/"), ("docs/targets.md", "")):
        name = DOCUMENTS[source.endswith("zh.md")]
        assert f"]({target}{name}" in (ROOT / source).read_text()
