"""Policies over GraphQL: set by admins, read by all, named by runs, and heard by `checkCommand`."""

from typing import Any

import pytest

from tests.support.service import Running

pytestmark = pytest.mark.anyio

POLICY = "id serverId taskId mode allow commands extra holds createdById createdAt"
SET_SERVER = f"""mutation($input: SetServerPolicyInput!) {{ setServerPolicy(input: $input) {{
  policy {{ {POLICY} }} errors {{ code message field }} }} }}"""
SET_TASK = f"""mutation($input: SetTaskPolicyInput!) {{ setTaskPolicy(input: $input) {{
  policy {{ {POLICY} }} errors {{ code message field }} }} }}"""
CREATE = """mutation($input: CreateTaskInput!) { createTask(input: $input) {
  task { id policy { id } } errors { code message } } }"""
UPDATE = """mutation($input: UpdateTaskInput!) { updateTask(input: $input) {
  task { policy { id holds } } errors { code message } } }"""
RUN = """mutation($input: RunCommandInput!) { runCommand(input: $input) {
  execution { id policyVersion policies { id mode } findings { rule severity message } } errors { code } } }"""
CHECK = """query($command: String!, $server: ID, $task: ID, $env: [EnvironmentVariable!], $dir: String) {
  checkCommand(command: $command, serverId: $server, taskId: $task, env: $env, workingDir: $dir) {
    allowed policyVersion findings { rule severity } errors { code field } } }"""


async def set_server(api: Running, **given: Any) -> dict[str, Any]:
    found = await api.data(SET_SERVER, "admin", input={"id": str(api.server.id)} | given)
    return dict(found["setServerPolicy"])


async def check(api: Running, command: str, **given: Any) -> dict[str, Any]:
    return dict((await api.data(CHECK, "viewer", command=command, **given))["checkCommand"])


async def test_a_servers_policy_is_set_by_an_admin_and_seen_on_the_server_and_its_runs(fresh: Running) -> None:
    server = str(fresh.server.id)
    made = (await set_server(fresh, mode="AUDIT", allow=["fs.*"]))["policy"]
    assert (made["mode"], made["allow"], made["commands"], made["holds"]) == ("AUDIT", ["fs.*"], [], True)
    assert (made["serverId"], made["taskId"], made["createdById"]) == (server, None, str(fresh.users["admin"].id))

    seen = await fresh.data(f"query($id: ID!) {{ server(id: $id) {{ policy {{ {POLICY} }} }} }}", "viewer", id=server)
    assert seen["server"]["policy"] == made
    run = (await fresh.data(RUN, input={"serverId": server, "command": "sudo id"}))["runCommand"]["execution"]
    assert run["policies"] == [{"id": made["id"], "mode": "AUDIT"}]
    assert [(item["rule"], item["severity"]) for item in run["findings"]] == [("privilege.sudo", "DENY")]
    flagged = await fresh.data("{ executions(filter: {hasFindings: true}) { nodes { id } } }", "viewer")
    assert flagged["executions"]["nodes"] == [{"id": run["id"]}]

    later = (await set_server(fresh, mode="STRICT"))["policy"]
    history = "query($id: ID!) { commandPolicies(filter: {serverId: $id}) { totalCount nodes { id mode allow } } }"
    found = (await fresh.data(history, "admin", id=server))["commandPolicies"]
    assert [(row["id"], row["mode"]) for row in found["nodes"]] == [(later["id"], "STRICT"), (made["id"], "AUDIT")]
    assert found["totalCount"] == 2


async def test_a_check_hears_the_servers_and_the_tasks_policy_the_environment_and_the_folder(fresh: Running) -> None:
    server = str(fresh.server.id)
    await set_server(fresh, allow=["fs.dd"])
    assert (await check(fresh, "dd if=a of=b", server=server))["allowed"] is True
    assert (await check(fresh, "dd if=a of=b"))["allowed"] is False
    assert (await check(fresh, "ls", env=[{"name": "LD_PRELOAD", "value": "/x"}]))["allowed"] is False
    assert (await check(fresh, "rm -rf ./*", dir="/etc"))["allowed"] is False
    assert (await check(fresh, "rm -rf ./*", dir="/srv/app/old"))["allowed"] is True
    assert (await check(fresh, "ls", env=[{"name": "a-b", "value": ""}]))["errors"][0]["field"] == ["env", "a-b"]
    assert (await check(fresh, "ls", task="999999"))["errors"] == [{"code": "NOT_FOUND", "field": ["taskId"]}]

    new = {"name": "t", "command": "ls", "serverId": server, "cronExpr": "@manual"}
    task = (await fresh.data(CREATE, input=new))["createTask"]["task"]
    assert task["policy"] is None
    await fresh.data(SET_TASK, "admin", input={"id": task["id"], "mode": "STRICT"})
    assert (await check(fresh, "$TOOL", task=task["id"]))["allowed"] is False
    assert (await check(fresh, "$TOOL", server=server))["allowed"] is True
    assert (await check(fresh, "dd if=a of=b", task=task["id"]))["allowed"] is True


async def test_a_task_shows_whether_what_it_is_allowed_still_counts(fresh: Running) -> None:
    new = {"name": "t", "command": "ls", "serverId": str(fresh.server.id), "cronExpr": "@manual"}
    id = (await fresh.data(CREATE, input=new))["createTask"]["task"]["id"]
    made = (await fresh.data(SET_TASK, "admin", input={"id": id, "allow": ["*"]}))["setTaskPolicy"]["policy"]
    assert (made["taskId"], made["holds"]) == (id, True)

    renamed = (await fresh.data(UPDATE, input={"id": id, "name": "n"}))["updateTask"]["task"]
    assert renamed["policy"] == {"id": made["id"], "holds": True}
    changed = (await fresh.data(UPDATE, input={"id": id, "command": "ls -l"}))["updateTask"]["task"]
    assert changed["policy"] == {"id": made["id"], "holds": False}


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"allow": ["privilege.sudoo"]}, "allow", "did you mean privilege.sudo"),
        ({"extra": '["site.x"]\nen = "x"'}, "extra", "rule 'site.x' (line 1)"),
    ],
)
async def test_a_policy_that_cannot_be_kept_is_a_mistake_that_names_its_field(
    api: Running, given: dict[str, Any], field: str, words: str
) -> None:
    found = await set_server(api, **given)

    assert found["policy"] is None
    (error,) = found["errors"]
    assert (error["code"], error["field"]) == ("INVALID", [field])
    assert words in error["message"]


async def test_the_rules_are_listed_with_their_severities_in_both_languages(api: Running) -> None:
    rules = {
        rule["id"]: rule for rule in (await api.data("{ policyRules { id standard strict en zh } }"))["policyRules"]
    }

    assert rules.keys() == api.service.policy.rulebook.rules.keys()
    assert (rules["dynamic.code"]["standard"], rules["dynamic.code"]["strict"]) == ("WARN", "DENY")
    assert rules["fs.dd"]["zh"].startswith("不允许使用 dd")
