"""`stdin` by GraphQL: base64 of a MiB in a variable is taken, and what is wrong with it is told by its field."""

import base64
import hashlib
import json
from typing import Any

import pytest

from resolvers.errors import TooLarge
from sshcast.graphql import requests
from sshcast.http.body import MAX_BYTES
from tests.support.service import Running

pytestmark = pytest.mark.anyio

RUN = """mutation($input: RunCommandInput!) { runCommand(input: $input) {
  execution { id stdinBytes stdinSha256 } errors { code field message } } }"""
NAMED = """mutation($server: ID!, $what: String) {
  runCommand(input: {serverId: $server, command: "cat", stdin: $what}) {
    execution { stdinBytes } errors { code field message } } }"""
CHECK = """query($command: String!, $stdin: String) { checkCommand(command: $command, stdin: $stdin) {
  allowed findings { rule } errors { code field message } } }"""
MOST = bytes(range(256)) * 4096


def packed(data: bytes) -> str:
    return base64.b64encode(data).decode()


async def run(api: Running, stdin: str | None, language: str = "en") -> dict[str, Any]:
    given = {"serverId": str(api.server.id), "command": "cat", "stdin": stdin}
    answer = await api.post({"query": RUN, "variables": {"input": given}}, **{"Accept-Language": language})
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["data"]["runCommand"])


@pytest.mark.parametrize(
    ("stdin", "data"),
    [
        (None, None),
        ("", b""),
        ("AA==", b"\0"),
        ("+/8=", b"\xfb\xff"),
        ("aGVs\nbG8=\n", b"hello"),
        ("aGVs\r\nbG8=\r\n", b"hello"),
        (packed(MOST), MOST),
        (base64.encodebytes(MOST).decode(), MOST),
        (base64.encodebytes(MOST).decode().replace("\n", "\r\n"), MOST),
    ],
    ids=["none", "empty", "zero", "alphabet", "lines", "mime", "most", "most in lines", "most in MIME"],
)
async def test_it_is_taken_and_told_by_its_size_and_digest(api: Running, stdin: str | None, data: bytes | None) -> None:
    found = await run(api, stdin)
    assert found["errors"] == []
    size = None if data is None else len(data)
    digest = None if data is None else hashlib.sha256(data).hexdigest()
    assert (found["execution"]["stdinBytes"], found["execution"]["stdinSha256"]) == (size, digest)


@pytest.mark.parametrize(
    ("stdin", "code", "en", "zh"),
    [
        ("aGVsbG8", "INVALID", "padded with =", "补足"),
        ("aGVs bG8=", "INVALID", "MIME's line breaks", "MIME 换行"),
        ("aGVs\tbG8=", "INVALID", "standard alphabet", "标准字母表"),
        ("aGVsbG8=aGVs", "INVALID", "standard alphabet", "标准字母表"),
        ("a", "INVALID", "standard alphabet", "标准字母表"),
        ("=", "INVALID", "standard alphabet", "标准字母表"),
        ("héllo===", "INVALID", "standard alphabet", "标准字母表"),
        ("plain text!", "INVALID", "standard alphabet", "标准字母表"),
        ("-_8=", "INVALID", "URL-safe alphabet", "URL 安全字母表"),
        (packed(MOST + b"x"), "TOO_LARGE", "1048577 bytes; the most is 1048576", "上限为 1048576"),
    ],
)
async def test_what_is_wrong_with_it_is_told_by_its_field(
    api: Running, stdin: str, code: str, en: str, zh: str
) -> None:
    for language, words in (("en", en), ("zh", zh)):
        found = await run(api, stdin, language)
        assert found["execution"] is None
        (error,) = found["errors"]
        assert (error["code"], error["field"]) == (code, ["stdin"])
        assert words in error["message"]
    checked = (await api.data(CHECK, command="cat", stdin=stdin))["checkCommand"]
    assert [(error["code"], error["field"]) for error in checked["errors"]] == [(code, ["stdin"])]


async def test_a_variable_of_any_name_may_hold_it(api: Running) -> None:
    found = await api.data(NAMED, server=str(api.server.id), what=packed(MOST))
    assert found["runCommand"] == {"execution": {"stdinBytes": len(MOST)}, "errors": []}


async def test_slashes_may_be_escaped(api: Running) -> None:
    given = {"serverId": str(api.server.id), "command": "cat", "stdin": packed(b"\xff" * len(MOST))}
    body = json.dumps({"query": RUN, "variables": {"input": given}}).replace("/", "\\/")
    headers = {"Content-Type": "application/json"}
    answer = await api.ask("POST", "/graphql", "operator", content=body.encode(), headers=headers)
    assert answer.json()["data"]["runCommand"]["execution"]["stdinBytes"] == len(MOST)


@pytest.mark.parametrize(
    "variables",
    [
        {"a": "x " * (MAX_BYTES // 2)},
        {"a": ["x" * 4000] * (MAX_BYTES // 4000 + 2)},
        {"a": packed(MOST), "b": "x " * (MAX_BYTES // 2)},
        {"a": [packed(MOST[:900_000])] * 3},
        {"a": packed(MOST * 3)[:3_600_000]},
        {"a": [[]] * 200_000},
    ],
    ids=["text", "many", "both", "several", "long", "lists"],
)
async def test_nothing_else_may_be_as_large(api: Running, variables: dict[str, Any]) -> None:
    answer = await api.post({"query": "{ __typename }", "variables": variables})
    assert answer.status_code == 413
    assert answer.json()["errors"][0]["extensions"]["code"] == "TOO_LARGE"


def test_a_body_is_looked_through_once() -> None:
    """However many quotes and long texts it has."""
    most = MAX_BYTES + requests.MOST_PACKED
    for piece in (b'"', b'"' + b"A" * 4095, b'"' + b"A" * 5000, b"A", b'\\"', b'""'):
        body = (piece * (most // len(piece) + 1))[:most]
        with pytest.raises(TooLarge):
            requests.check_size(body)


async def test_a_check_judges_what_a_shell_would_read(api: Running) -> None:
    for stdin, allowed, rules in ((b"rm -rf /\n", False, ["fs.remove-protected"]), (b"echo hi\n", True, [])):
        found = (await api.data(CHECK, command="bash -s", stdin=packed(stdin)))["checkCommand"]
        assert (found["allowed"], [each["rule"] for each in found["findings"]]) == (allowed, rules)
