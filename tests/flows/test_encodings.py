"""Output in the server's encoding, from a real target through every face, cut at every byte."""

import base64
import codecs
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.service import Running, running
from tests.support.targets import Target, openssh

__all__ = ["openssh"]

pytestmark = pytest.mark.anyio

TEXTS = {
    "utf-8": "héllo 世界 🏃",
    "gb18030": "价格 é€𠮷 ﹪ 文字\n",
    "gbk": "中文 文件1 丂〇\n",
    "big5": "繁體 功許蓋\n字",
    "shift_jis": "日本語 ソ表 ｱｲ\n",
    "euc-kr": "한국어 ab\n글",
    "iso-8859-1": "naïve ½ Ærø\n",
}
ERROR = "ab "
SERVER = """mutation($input: CreateServerInput!) { createServer(input: $input) {
  server { id outputEncoding } errors { code message field } } }"""
CHANGE = """mutation($input: UpdateServerInput!) { updateServer(input: $input) {
  server { id outputEncoding } errors { code message field } } }"""
RUN = """mutation($input: RunCommandInput!) { runCommand(input: $input) {
  execution { id state exitCode output { text base64 } } errors { code message field } } }"""
WATCH = """subscription($id: ID!, $after: String) { executionOutput(executionId: $id, after: $after) {
  __typename ... on OutputChunk { stream text base64 } } }"""
SLICE = """query($id: ID!, $after: String, $most: Int!) { execution(id: $id) {
  output(after: $after, maxBytes: $most, stream: STDOUT) { text base64 endCursor hasAfter } } }"""
AUDIT = "{ auditEvents(first: 20) { nodes { kind before after } } }"


@dataclass(frozen=True)
class Printed:
    """A run that has printed a text in its server's encoding to both streams.

    `order` has the stream of each byte, as the output is stored.
    """

    id: str
    charset: str
    data: dict[str, bytes]
    answered: str
    order: list[str]

    def data_from(self, start: int, stream: str) -> bytes:
        return self.data[stream][self.order[:start].count(stream) :]

    def text_from(self, start: int, stream: str) -> str:
        """The text of the whole, without what those have read who have read `start` bytes of both streams."""
        decoder = codecs.getincrementaldecoder(self.charset)("replace")
        decoder.decode(self.data[stream][: self.order[:start].count(stream)])
        return decoder.decode(self.data_from(start, stream), True)


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with running(tmp_path_factory.mktemp("encodings"), drive=True) as found:
        yield found


async def enrol(service: Running, target: Target, name: str, **more: Any) -> dict[str, Any]:
    credential = {"privateKey": target.private_key}
    where = {"host": target.host, "port": target.port, "username": target.username, "hostKeys": [target.host_key]}
    given = where | {"name": name, "credential": credential} | more
    return dict((await service.data(SERVER, "admin", input=given))["createServer"])


def escaped(data: bytes) -> str:
    return "".join(f"\\{byte:03o}" for byte in data)


def find_inside(data: bytes, charset: str) -> int:
    """Where to cut so that a character is torn; anywhere, if none has more than one byte."""
    torn = (at for at in range(1, len(data)) if len(data[:at].decode(charset, "ignore").encode(charset)) < at)
    return next(torn, 2)


async def run(service: Running, server: str, charset: str) -> Printed:
    """Print the text, with a pause inside a character, so that it comes in two chunks."""
    out, err = TEXTS[charset].encode(charset), (ERROR + TEXTS[charset][:3]).encode(charset)
    cut = find_inside(out, charset)
    command = f"printf '{escaped(out[:cut])}'; sleep 0.4; printf '{escaped(out[cut:])}'; printf '{escaped(err)}' >&2"
    found = await service.data(RUN, "operator", input={"serverId": server, "command": command, "wait": 60})
    row = found["runCommand"]["execution"]
    assert (found["runCommand"]["errors"], row["state"]) == ([], "SUCCESS")
    async with service.socket("viewer") as socket:
        chunks = [each async for each in socket.follow(WATCH, id=row["id"])]
    order = [
        chunk["stream"]
        for chunk in (each["data"]["executionOutput"] for each in chunks)
        if chunk["__typename"] == "OutputChunk"
        for _ in base64.b64decode(chunk["base64"])
    ]
    return Printed(row["id"], charset, {"STDOUT": out, "STDERR": err}, row["output"]["text"], order)


@pytest.fixture(scope="module", params=list(TEXTS))
async def printed(service: Running, openssh: Target, request: pytest.FixtureRequest) -> Printed:
    mode = "ATTACHED" if request.param in ("big5", "gb18030") else "DURABLE"
    made = await enrol(service, openssh, request.param, outputEncoding=request.param.upper(), runMode=mode)
    assert made["errors"] == []
    assert made["server"]["outputEncoding"] == request.param
    return await run(service, made["server"]["id"], request.param)


async def test_graphql_tells_it_from_every_byte(service: Running, printed: Printed) -> None:
    async with service.socket("viewer") as socket:
        for start in range(len(printed.order) + 1):
            after = f"o{start}" if start else None
            events = [each async for each in socket.follow(WATCH, id=printed.id, after=after)]
            chunks = [event["data"]["executionOutput"] for event in events]
            for stream in ("STDOUT", "STDERR"):
                found = [each for each in chunks if each.get("stream") == stream]
                assert "".join(each["text"] for each in found) == printed.text_from(start, stream), start
                data = b"".join(base64.b64decode(each["base64"]) for each in found)
                assert data == printed.data_from(start, stream)


async def test_slices_of_any_size_make_up_the_whole(service: Running, printed: Printed) -> None:
    for most in (1, 2, 3, 5, 1000):
        after, text, data, more = None, "", b"", True
        while more:
            found = (await service.data(SLICE, "viewer", id=printed.id, after=after, most=most))["execution"]["output"]
            text, data = text + found["text"], data + base64.b64decode(found["base64"])
            after, more = found["endCursor"], found["hasAfter"]
        assert (text, data) == (TEXTS[printed.charset], printed.data["STDOUT"]), most
    assert sorted(printed.answered) == sorted(TEXTS[printed.charset] + ERROR + TEXTS[printed.charset][:3]), (
        "in the answer of runCommand"
    )


async def test_rest_tells_it_from_every_byte_in_every_form(service: Running, printed: Printed) -> None:
    for start in range(len(printed.order) + 1):
        text, data = printed.text_from(start, "STDOUT"), printed.data_from(start, "STDOUT")
        cursor = f"&cursor=o{start}" if start else ""
        url = f"/api/task/{printed.id}/log?stream=stdout{cursor}"
        page = (await service.ask("GET", f"{url}&encoding=base64", "viewer")).json()
        assert (page["output"], base64.b64decode(page["output_base64"])) == (text, data), start
        assert (await service.ask("GET", f"{url}&follow=true", "viewer")).content == data
        for form in ("application/x-ndjson", "text/event-stream"):
            answer = await service.ask("GET", url, "viewer", headers={"Accept": form})
            lines = [line.removeprefix("data: ") for line in answer.text.split("\n") if "{" in line]
            assert "".join(json.loads(line).get("text", "") for line in lines) == text, (form, start)


async def test_a_change_shows_earlier_output_by_the_new_encoding_and_is_audited(
    service: Running, openssh: Target
) -> None:
    server = (await enrol(service, openssh, "changed"))["server"]
    assert server["outputEncoding"] == "utf-8"
    before = await run(service, server["id"], "gbk")
    page = (await service.ask("GET", f"/api/task/{before.id}/log", "viewer")).json()
    assert page["output"] == before.data["STDOUT"].decode("utf-8", "replace")
    given = {"id": server["id"], "outputEncoding": "GBK"}
    changed = (await service.data(CHANGE, "admin", input=given))["updateServer"]
    assert (changed["errors"], changed["server"]["outputEncoding"]) == ([], "gbk")
    page = (await service.ask("GET", f"/api/task/{before.id}/log", "viewer")).json()
    assert page["output"] == TEXTS["gbk"]
    nodes = (await service.data(AUDIT, "admin"))["auditEvents"]["nodes"]
    (entry,) = [node for node in nodes if node["kind"] == "SERVER_UPDATED"]
    assert "gbk" in str(entry["after"])
    assert "utf-8" in str(entry["before"])


@pytest.mark.parametrize("name", ["utf-7", "iso-2022-jp", "utf-16", "base64", "hz", "cp037", "nonsense", "", "x" * 999])
async def test_others_are_refused_with_some_that_can_be_used(service: Running, openssh: Target, name: str) -> None:
    (error,) = (await enrol(service, openssh, "refused", outputEncoding=name))["errors"]
    assert error["field"] == ["outputEncoding"]
    assert "gb18030" in error["message"]


SECRET = "пароль-密码-四五六"


@pytest.mark.parametrize("charset", ["gb18030", "gbk"])
@pytest.mark.parametrize("mode", ["DURABLE", "ATTACHED"])
async def test_a_secret_is_masked_in_the_servers_encoding_too(
    service: Running, openssh: Target, charset: str, mode: str
) -> None:
    made = await enrol(service, openssh, f"masked {charset} {mode}", outputEncoding=charset, runMode=mode)
    create = "mutation($i: CreateSecretInput!) { createSecret(input: $i) { errors { message } } }"
    await service.data(
        create, "admin", i={"name": f"S_{charset}_{mode}".upper(), "value": SECRET, "serverId": made["server"]["id"]}
    )
    data = SECRET.encode(charset)
    forms = [data, base64.b64encode(data), data.hex().encode(), quote(data).encode()]
    command = "; ".join(f"printf '{escaped(form[:9])}'; printf '{escaped(form[9:])}\\n'" for form in forms)
    given = {"serverId": made["server"]["id"], "command": command, "wait": 60}
    row = (await service.data(RUN, "operator", input=given))["runCommand"]["execution"]
    kept = base64.b64decode(row["output"]["base64"]).split(b"\n")
    assert kept[0] == b"*" * len(data)
    for line, form in zip(kept, forms, strict=False):
        assert len(line) == len(form)
        assert set(line) <= set(b"*=") | {line[-1], line[-2]}
