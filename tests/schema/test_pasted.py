"""What people paste, by GraphQL and REST: what is kept is shown, and what is wrong is told by its field."""

from typing import Any

import pytest

from tests.support.service import Running

pytestmark = pytest.mark.anyio

CREATE = """mutation($input: CreateServerInput!) { createServer(input: $input) {
  server { host username } errors { code field message } } }"""
RUN = """mutation($input: RunCommandInput!) { runCommand(input: $input) {
  execution { command shell } errors { code field message } } }"""
TASK = "query($id: ID!) { task(id: $id) { command shell } }"


def server(api: Running, name: str, **changes: Any) -> dict[str, Any]:
    usual = {"host": "192.0.2.9", "username": "me", "hostKeys": api.server.host_keys, "credential": {"password": "x"}}
    return {"name": name} | usual | changes


async def refused(api: Running, language: str, **changes: Any) -> dict[str, Any]:
    body = {"query": CREATE, "variables": {"input": server(api, "never", **changes)}}
    answer = await api.post(body, "admin", **{"Accept-Language": language})
    (error,) = answer.json()["data"]["createServer"]["errors"]
    return dict(error)


async def test_a_host_and_a_user_name_are_shown_as_they_are_kept(api: Running) -> None:
    given = server(api, "pasted", host=" münchen.example\n", username="DOMAIN\\jürgen ")
    found = (await api.data(CREATE, "admin", input=given))["createServer"]
    assert found == {"server": {"host": "xn--mnchen-3ya.example", "username": "DOMAIN\\jürgen"}, "errors": []}


@pytest.mark.parametrize(
    ("changes", "field", "en", "zh"),
    [
        ({"host": "me@web.example"}, ["host"], "`username`", "填入 username"),
        ({"host": "web.example:2222"}, ["host"], "put 2222 in `port`", "把 2222 填入 port"),
        ({"host": "169.254.169.254"}, ["host"], "SSHCAST_ALLOWED_NETWORKS", "不允许的网络"),
        ({"username": "a\u200bb"}, ["username"], "U+200B", "U+200B"),
        ({"credential": {"privateKey": "~/.ssh/id_rsa"}}, ["credential", "privateKey"], "path of a file", "文件路径"),
        ({"credential": {"privateKey": "PuTTY-User-Key-File-3: x"}}, ["credential", "privateKey"], "puttygen", "PuTTY"),
    ],
)
async def test_what_cannot_be_read_is_told_by_its_field(
    api: Running, changes: dict[str, Any], field: list[str], en: str, zh: str
) -> None:
    for language, told in (("en", en), ("zh", zh)):
        error = await refused(api, language, **changes)
        assert (error["code"], error["field"]) == ("INVALID", field)
        assert told in error["message"]


async def test_a_command_of_windows_with_a_first_line_says_its_shell(api: Running) -> None:
    given = {"serverId": str(api.server.id), "command": "#!/bin/bash -e\r\ndf -h\r\n"}
    found = (await api.data(RUN, input=given))["runCommand"]
    assert found == {"execution": {"command": "#!/bin/bash -e\ndf -h\n", "shell": "/bin/bash -e"}, "errors": []}
    (error,) = (await api.data(RUN, input=given | {"command": "#!/usr/bin/python3\n"}))["runCommand"]["errors"]
    assert (error["code"], error["field"]) == ("INVALID", ["command"])
    assert "only shells are run here" in error["message"]


async def test_a_refused_variable_is_named_with_its_field(api: Running) -> None:
    given = {"serverId": str(api.server.id), "command": "df -h", "env": [{"name": "ld_preload", "value": "./x.so"}]}
    (error,) = (await api.data(RUN, input=given))["runCommand"]["errors"]
    assert (error["code"], error["field"]) == ("COMMAND_REFUSED", ["env", "ld_preload"])
    assert "ld_preload" in error["message"]
    proxied = given | {"env": [{"name": "http_proxy", "value": "http://192.0.2.1"}]}
    assert (await api.data(RUN, input=proxied))["runCommand"]["errors"] == []


async def test_rest_reads_a_task_of_windows_and_names_the_field_of_a_line_that_is_none(api: Running) -> None:
    task = {"name": "a task", "server_id": api.server.id, "cron_expr": "@manual"}
    made = (await api.ask("POST", "/api/tasks", json=task | {"command": "#!/bin/dash\r\ndf -h\r\n"})).json()
    assert made["data"]["command"] == "#!/bin/dash\ndf -h\n"
    assert (await api.data(TASK, id=str(made["id"])))["task"]["shell"] == "/bin/dash"
    answer = await api.ask("POST", "/api/tasks", json=task | {"command": "#!/bin/bash -i\nid"})
    assert answer.status_code == 400
    assert "only -e, -u, -x and -o pipefail" in answer.json()["message"]
