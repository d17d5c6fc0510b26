"""docs/api.md and docs/api.zh.md: every document and every command on them runs as it is written.

A document is a ```graphql block; its variables are the ```json block right after it. Documents run in the order of the
page, in a service with a runner, so that one may use what an earlier one made.
"""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from graphql import OperationDefinitionNode, OperationType, parse, validate

from resolvers.errors import ServiceError
from schema.build import build_schema
from schema.enums import ErrorCode
from schema.errors import TOP_LEVEL
from tests.support.rest import PASSWORD
from tests.support.service import Running, running

pytestmark = pytest.mark.anyio

DOCS = Path(__file__).parent.parent / "docs"
PAGES = ("api.md", "api.zh.md")
USER, SHOWN_USER, SHOWN_PASSWORD = "the.operator", "alice", "correct horse battery"
DOCUMENT = re.compile(
    r"^```graphql\n(?P<text>.*?)^```\n(?:\n```json\n(?P<variables>.*?)^```\n)?", re.DOTALL | re.MULTILINE
)
BLOCK = re.compile(r"^```(sh|graphql|js)\n(.*?)^```", re.DOTALL | re.MULTILINE)
# As written, but a command stops at an error's status, and passes any proxy of this machine by.
BEFORE = "set -eo pipefail\ncurl() { command curl --fail --noproxy '*' \"$@\"; echo; }\n"


@dataclass(frozen=True, slots=True)
class Example:
    """A document of the page."""

    text: str
    variables: dict[str, Any]

    @property
    def operation(self) -> OperationDefinitionNode:
        """The only operation of the document."""
        (found,) = parse(self.text).definitions
        assert isinstance(found, OperationDefinitionNode)
        return found

    @property
    def name(self) -> str:
        assert self.operation.name is not None
        return self.operation.name.value


@dataclass(slots=True)
class Tour:
    """A service, and what the documents before have answered, by their names."""

    service: Running
    seen: dict[str, Any] = field(default_factory=dict)

    def fill_variables(self, example: Example) -> dict[str, Any]:
        """Return the variables with what only this service knows in place of what the page shows."""
        filled = json.loads(json.dumps(example.variables).replace(SHOWN_PASSWORD, PASSWORD).replace(SHOWN_USER, USER))
        if example.name == "Renew":
            filled["refreshToken"] = self.seen["SignIn"]["login"]["tokens"]["refreshToken"]
        if example.name == "StartFleet":
            filled["input"]["planDigest"] = self.seen["Plan"]["fleetRunPlan"]["digest"]
        return dict(filled)

    async def execute(self, example: Example) -> Any:
        """Return the data of the answer; of a subscription, that of each event."""
        variables = self.fill_variables(example)
        if example.operation.operation is not OperationType.SUBSCRIPTION:
            role = None if example.name in ("SignIn", "Renew") else "operator"
            return await self.service.data(example.text, role, **variables)
        async with self.service.socket() as socket:
            events = socket.follow(example.text, **variables)
            if example.name == "FollowEvents":  # it has no end
                return [(await anext(events))["data"]]
            return [event["data"] async for event in events]


EXPECTED: dict[str, Callable[[Any], Any]] = {
    "SignIn": lambda data: data["login"]["tokens"]["accessToken"],
    "Renew": lambda data: data["refresh"]["tokens"]["accessToken"],
    "AnyObject": lambda data: data["node"]["name"] == "a server",
    "CreateTask": lambda data: data["createTask"]["task"]["id"] == "1",
    "Refused": lambda data: [error["code"] for error in data["runCommand"]["errors"]] == ["COMMAND_REFUSED"],
    "ByCursor": lambda data: len(data["tasks"]["nodes"]) == 1,
    "ByPage": lambda data: data["executions"]["totalCount"] == 0,
    "RunTask": lambda data: data["runTask"]["execution"]["state"] == "SUCCESS",
    "ReadOutput": lambda data: [match["number"] for match in data["execution"]["outputMatches"]["nodes"]] == [1],
    "Watch": lambda events: events[-1]["executionOutput"]["exitCode"] == 0,
    "PastEvents": lambda data: (
        [event["kind"] for event in data["events"]["nodes"]] == ["EXECUTION_STARTED", "EXECUTION_ENDED"]
    ),
    "FollowEvents": lambda events: events[0]["events"]["kind"] == "SERVER_CREATED",
    "Schedules": lambda data: len(data["schedulePreview"]["runs"]) == 3,
    "Plan": lambda data: data["fleetRunPlan"]["size"] == 1,
    "StartFleet": lambda data: data["startFleetRun"]["fleetRun"]["counts"]["size"] == 1,
    "Answers": lambda data: len(data["fleetRun"]["outputGroups"]["nodes"]) == 1,
    "CreateWithParameters": lambda data: data["createTask"]["task"]["id"] == "2",
    "RunWithParameters": lambda data: (
        [each["value"] for each in data["runTask"]["execution"]["parameters"]] == ["/tmp", "10"]
    ),
    "Deprecated": lambda data: [each["name"] for each in data["__type"]["fields"] if each["isDeprecated"]],
}
MISTAKEN = {"Refused"}


def read_examples() -> list[Example]:
    found = DOCUMENT.finditer((DOCS / PAGES[0]).read_text(encoding="utf-8"))
    return [Example(each["text"], json.loads(each["variables"] or "{}")) for each in found]


def read_blocks(page: str) -> list[tuple[str, str]]:
    """Return the language and the text of each block that does something, without comments."""
    found = BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))
    return [(language, re.sub(r" // .*", "", text)) for language, text in found]


def read_variables(page: str) -> list[str]:
    return [each["variables"] for each in DOCUMENT.finditer((DOCS / page).read_text(encoding="utf-8"))]


def list_codes(error: type[ServiceError] = ServiceError) -> set[str]:
    return {error.code}.union(*map(list_codes, error.__subclasses__()))


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path, drive=True) as found:
        yield found


def test_both_pages_have_the_same_documents_variables_commands_and_sections() -> None:
    assert read_blocks(PAGES[0]) == read_blocks(PAGES[1])
    assert read_variables(PAGES[0]) == read_variables(PAGES[1])
    texts = [(DOCS / page).read_text(encoding="utf-8") for page in PAGES]
    levels = [[line.partition(" ")[0] for line in text.splitlines() if re.match(r"#+ ", line)] for text in texts]
    assert levels[0] == levels[1]


def test_every_document_is_valid_and_expected_to_do_something() -> None:
    examples = read_examples()
    schema = build_schema()._schema
    assert [(example.name, validate(schema, parse(example.text))) for example in examples] == [
        (name, []) for name in EXPECTED
    ]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_every_code_of_a_mistake_and_the_errors_beside_them(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    mistakes = re.search(r"`ErrorCode`[:：](.*?)[.。]", text, re.DOTALL)
    assert mistakes is not None
    assert set(re.findall(r"`([A-Z_]+)`", mistakes[1])) == set(ErrorCode)
    rows = re.findall(r"^\| (`[A-Z_]+`(?:(?:, |、)`[A-Z_]+`)*) \|", text, re.MULTILINE)
    others = {code for row in rows for code in re.findall(r"[A-Z_]+", row)} - {"SSHCAST_OPERATIONS_ONLY"}
    assert TOP_LEVEL <= others <= list_codes()


async def test_every_document_does_what_the_page_says(service: Running) -> None:
    tour = Tour(service)
    for example in read_examples():
        tour.seen[example.name] = found = await tour.execute(example)
        if example.operation.operation is OperationType.MUTATION and example.name not in MISTAKEN:
            assert [payload["errors"] for payload in found.values()] == [[]], (example.name, found)
        assert EXPECTED[example.name](found), (example.name, found)


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="no curl or bash on this machine")
async def test_the_commands_run_as_written_and_answer_as_shown(service: Running, tmp_path: Path) -> None:
    page = (DOCS / PAGES[0]).read_text(encoding="utf-8")
    script = "\n".join(text for language, text in read_blocks(PAGES[0]) if language == "sh")
    script = script.replace("http://127.0.0.1:8000", service.url)
    script = script.replace(SHOWN_PASSWORD, PASSWORD).replace(SHOWN_USER, USER)
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", BEFORE + script),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    shown = (await asyncio.wait_for(process.communicate(), 60))[0].decode()
    assert process.returncode == 0, shown
    answers = [line for line in shown.splitlines() if line.startswith('{"data":{"')]
    told = re.findall(r'^```json\n(\{"data":\{"me.*)$', page, re.MULTILINE)
    assert [answers[0]] == [each.replace(SHOWN_USER, USER) for each in told]
    assert json.loads(answers[1])["data"] == {"servers": {"nodes": [{"id": "1", "name": "a server"}]}}
    streamed, parts = shown.count("event: next\n"), shown.count("--graphql\r\n")
    assert shown.count("OutputEnd") == 2
    assert streamed >= 4
    assert parts >= 4
    assert "event: complete\n" in shown
    assert "--graphql--" in shown
