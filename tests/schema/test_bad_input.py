"""Bad input for every field of every mutation: a clear error that names the field, and nothing changed."""

from typing import Any

import pytest

from db import executions, secrets, servers, tasks
from db.executions import ExecutionFilter
from db.secrets import SecretFilter
from db.servers import ServerFilter
from db.tasks import TaskFilter
from schema.build import build_schema
from tests.support.keys import ENCRYPTED, PLAIN
from tests.support.listed_rows import add_tasks
from tests.support.service import Running

pytestmark = pytest.mark.anyio

SCHEMA = build_schema()._schema
QUERY = """mutation($input: {kind}!) {{ {name}(input: $input) {{
  errors {{ __typename code message field ... on ScheduleInvalid {{ position example }} }} }} }}"""
# What cannot be wrong in a way that its type does not say, and the pair that is wrong together or not at all.
WORDS_ONLY = {"scope", "legacyAlgorithms", "enabled", "runMode", "role", "disabled", "mode"}
WORDS_ONLY |= {"onRefused", "notStarted", "onOutputLimit", "mergeStreams", "scheduleMode"}
TOGETHER = {("login", "username"), ("login", "password"), ("grantRole", "tag")}

LONG = "x" * 101
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"
NAMES = ["", " ", LONG, "a\nb", "a\0b", "\u2028x"]
HOSTS = ["", "-oProxyCommand=x", "a b", "x" * 256, "a\nb", "http://x"]
COMMANDS = ["", " \n", "a\0b", "x" * 65_537]
BAD_IDS = ["abc", "", "0", "-1", "9223372036854775808", "999999"]
SCHEDULES = ["", "* * *", "61 * * * *", "0 0 31 2 *", "@never", "x" * 500, "* * * * * * *", "@at yesterday"]
ENVS = [
    [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}],
    [{"name": f"A{n}", "value": "1"} for n in range(101)],
    [{"name": f"A{n}", "value": "x" * 30_000} for n in range(3)],
]
ENV_NAMES = ["", "1A", "\u00c4", "A-B", "A=B", "A\n", "A" * 129]
DIRS = ["", "relative", "a\0b", "/" + "x" * 4096, "/a\nb"]
SECRET_ENVS = [
    [{"name": f"A{n}", "value": "a secret"} for n in range(101)],
    [{"name": f"A{n}", "value": "a secret" * 4_000} for n in range(3)],
]
VALUES = ["", "short", "     a     ", "aaaaaabbb", "a secret\0", "a secret" * 5_000]
KEYS = ["", "x" * 129, "a\nb"]

PARAMETERS = [[{"name": f"A{n}"} for n in range(51)]]

RUN: dict[str, list[Any]] = {
    "serverId": [*BAD_IDS],
    "command": COMMANDS,
    "timeoutSeconds": [0, -1, 86_401],
    "outputLimitBytes": [0, 1024**3 + 1],
    "env": ENVS,
    "secretEnv": SECRET_ENVS,
    "workingDir": DIRS,
}
TASK: dict[str, list[Any]] = RUN | {
    "name": NAMES,
    "cronExpr": SCHEDULES,
    "timezone": ["", "Mars/Olympus", "../../etc/passwd"],
    "parameters": PARAMETERS,
    "parameterValues": [],
    "terms": [],
    "terms.missedCap": [{"missedCap": 0}, {"missedCap": 1001}, {"missedCap": None}],
    "terms.missedWindowSeconds": [{"missedWindowSeconds": 0}, {"missedWindowSeconds": 31 * 86_400 + 1}],
    "terms.jitterSeconds": [{"jitterSeconds": -1}, {"jitterSeconds": 86_401}],
    "terms.startDeadlineSeconds": [{"startDeadlineSeconds": 0}, {"startDeadlineSeconds": 86_401}],
    "terms.retryLimit": [{"retryLimit": -1}, {"retryLimit": 21}, {"overlap": "SKIP", "retryLimit": None}],
    "terms.retryDelaySeconds": [{"retryDelaySeconds": 0}, {"retryDelaySeconds": 3601}],
    "terms.retryOn": [{"retryOn": []}, {"retryOn": ["CANCELLED"]}, {"retryOn": ["UNREACHABLE", "DEADLINE"]}],
}
SERVER: dict[str, list[Any]] = {
    "name": NAMES,
    "host": HOSTS,
    "port": [0, -1, 65_536],
    "username": ["", "-x", "a\tb", "x" * 65],
    "hostKeys": [[], ["nonsense"], ["ssh-ed25519 AAAA"], [""], ["ssh-ed25519 \n"], "MANY", "FOREIGN", ["# none"]],
    "hostKeyAlias": ["", "a b", "x" * 256, "*"],
    "jumpServerId": BAD_IDS,
    "credential": [{}, {"password": "a", "privateKey": KEY}],
    "credential.password": [{"password": ""}, {"password": "x" * 1025}, {"password": "a", "passphrase": "b"}],
    "credential.privateKey": [{"privateKey": ""}, {"privateKey": "nonsense"}, {"privateKey": KEY}],
    "credential.passphrase": [{"privateKey": "ENCRYPTED"}, {"privateKey": "ENCRYPTED", "passphrase": "wrong"}],
    "credential.certificate": [{"privateKey": "GOOD", "certificate": "nonsense"}],
    "tags": [["a b"], [""], ["x" * 65], [f"t{n}" for n in range(33)]],
    "maxParallel": [0, 1001],
    "outputEncoding": ["", "utf-16", "utf-7", "iso-2022-jp", "base64", "x" * 999],
    "blackouts": [
        [{}],
        [{"reason": "why"}],
        [{"start": "22:00"}],
        [{"start": "25:00", "end": "06:00"}],
        [{"start": "22:00", "end": "6:00"}],
        [{"start": "22:00", "end": "06:00", "days": []}],
        [{"start": "22:00", "end": "06:00", "timezone": "Mars/Olympus"}],
        [{"start": "22:00", "end": "06:00", "reason": "x" * 201}],
        [{"from": "2026-12-24T00:00:00Z"}],
        [{"from": "2026-12-24T00:00:00Z", "until": "2026-12-24T00:00:00Z"}],
        [{"from": "2026-12-24T00:00:00Z", "until": "2026-12-25T00:00:00Z", "start": "22:00"}],
        [{"start": "22:00", "end": "06:00"}] * 33,
    ],
}
PASSWORDS = ["", "short", "x" * 1025]
POLICY: dict[str, list[Any]] = {
    "allow": [["no.such-rule"], [""]],
    "extra": ["nonsense", "[a]\nen = 1", "x" * 16_385],
}
FLEET: dict[str, list[Any]] = {
    "work": [],
    "work.command.command": [{"command": {"command": text}} for text in COMMANDS],
    "work.command.timeoutSeconds": [{"command": {"command": "df", "timeoutSeconds": 0}}],
    "work.taskId": [{"taskId": id} for id in BAD_IDS],
    "selector": [{}, {"tagsAll": ["no-such-tag"]}],
    "selector.ids": [{"ids": []}, *({"ids": [id]} for id in BAD_IDS)],
    "selector.tagsAny": [{"tagsAny": []}, {"tagsAny": ["a b"]}],
    "batchSize": [{"servers": 0}, {"servers": 10_001}, {"percent": 0}, {"percent": 101}],
    "pauseSeconds": [-1, 86_401],
    "stopAfter": [{"failures": 0}, {"percent": 101}],
    "planDigest": ["", "short"],
    "parameters": [[{"name": "A", "value": "1"}]],
}
ONCE: dict[str, list[Any]] = {"idempotencyKey": KEYS, "wait": [-1, 61, 1e9]}
TABLE: dict[str, dict[str, list[Any]]] = {
    "createServer": SERVER,
    "updateServer": {"id": BAD_IDS}
    | {name: [*values, None] for name, values in SERVER.items() if "." not in name}
    | {name: values for name, values in SERVER.items() if "." in name}
    | {"acceptFingerprints": [None, [], [""], ["SHA256:short"], [f"SHA256:{n:043}" for n in range(17)]]},
    "scanHostKeys": {"host": HOSTS, "port": SERVER["port"], "jumpServerId": BAD_IDS},
    "checkServer": {"id": BAD_IDS},
    "deleteServer": {"id": BAD_IDS},
    "createSecret": {"name": NAMES, "value": VALUES, "serverId": BAD_IDS},
    "updateSecret": {"id": BAD_IDS, "value": VALUES},
    "deleteSecret": {"id": BAD_IDS},
    "createTask": TASK | {"selector": [{}], "fleet": [{}]},
    "updateTask": {"id": BAD_IDS}
    | {name: [*values, None] for name, values in TASK.items() if "." not in name}
    | {name: values for name, values in TASK.items() if "." in name}
    | {"selector": [{}, None], "fleet": [{}, None]},
    "pauseTask": {"id": BAD_IDS, "until": ["2020-01-01T00:00:00Z"]},
    "resumeTask": {"id": BAD_IDS},
    "setTaskEnabled": {"id": BAD_IDS},
    "deleteTask": {"id": BAD_IDS},
    "runTask": {"taskId": BAD_IDS, "parameters": []} | ONCE,
    "runCommand": RUN | ONCE | {"stdin": ["%%%", "aGVsbG8", "-_-_", "aGk= aGk="]},
    "cancelExecution": {"id": BAD_IDS},
    "startFleetRun": FLEET | {"idempotencyKey": KEYS},
    "cancelFleetRun": {"id": BAD_IDS},
    "retryFleetRun": {"id": BAD_IDS, "idempotencyKey": KEYS, "reasons": [[]]},
    "createPersonalToken": {"name": NAMES, "expiresInDays": [0, -1, 367]},
    "revokePersonalToken": {"id": BAD_IDS},
    "createUser": {"name": NAMES, "password": PASSWORDS},
    "updateUser": {"id": BAD_IDS, "password": PASSWORDS},
    "grantRole": {"userId": BAD_IDS, "serverId": BAD_IDS},
    "revokeGrant": {"id": BAD_IDS},
    "setServerPolicy": POLICY | {"id": BAD_IDS, "commands": [[""], ["a\0b"], ["x" * 65_537]]},
    "setTaskPolicy": {"id": BAD_IDS} | POLICY,
    "refresh": {"refreshToken": ["", "nonsense", "a.b.c", "x" * 5000]},
}
# Null stands for the service's default here.
NULLABLE = {"hostKeyAlias", "jumpServerId", "timeoutSeconds", "outputLimitBytes", "workingDir"}


def cases() -> list[Any]:
    found = []
    for name, fields in TABLE.items():
        for field, values in fields.items():
            for value in values:
                if value is not None or field not in NULLABLE:
                    label = f"{name}.{field}={str(value)[:30]!r}"
                    found.append(pytest.param(name, field.split("."), value, id=label))
    return found


async def good(api: Running, name: str) -> dict[str, Any]:
    """An input that works, but for one field."""
    server = str(api.server.id)
    target = {"id": server} if name.endswith("Server") else {"id": str((await add_tasks(api, 1))[0])}
    known: dict[str, dict[str, Any]] = {
        "createServer": {
            "name": "another",
            "host": "host.example",
            "username": "me",
            "hostKeys": api.server.host_keys,
            "credential": {"password": "x"},
        },
        "scanHostKeys": {"host": "127.0.0.1"},
        "createTask": {"name": "a task", "command": "df -h", "serverId": server, "cronExpr": "@manual"},
        "createSecret": {"name": "a secret", "value": "a secret"},
        "updateSecret": target | {"value": "a secret"},
        "createPersonalToken": {"name": "a token", "scope": "READ"},
        "runTask": {"taskId": target["id"]},
        "runCommand": {"serverId": server, "command": "df -h"},
        "retryFleetRun": {"id": "999999", "reasons": ["LOST"]},
        "startFleetRun": {"work": {"command": {"command": "df -h"}}, "selector": {"ids": [server]}},
        "setTaskEnabled": target | {"enabled": True},
        "createUser": {"name": "another", "password": "correct horse battery", "role": "VIEWER"},
        "updateUser": {"id": "1"},
        "grantRole": {"userId": "1", "serverId": server, "role": "VIEWER"},
        "setServerPolicy": {"id": server, "allow": [], "commands": [], "extra": ""},
        "setTaskPolicy": target | {"allow": [], "extra": ""},
        "refresh": {},
    }
    return known.get(name, target)


def meant(api: Running, value: Any) -> Any:
    """Values that only exist while the service runs."""
    if value == "FOREIGN":
        return [f"elsewhere {api.server.host_keys[0]}"]
    if value == "MANY":
        return api.server.host_keys * 17
    if isinstance(value, dict):
        known = {"ENCRYPTED": ENCRYPTED, "GOOD": PLAIN}
        return {name: known.get(item, item) if isinstance(item, str) else item for name, item in value.items()}
    return value


async def counted(api: Running) -> tuple[int, ...]:
    store = api.service.store
    return (
        await store.read(servers.count, ServerFilter()),
        await store.read(tasks.count, TaskFilter()),
        await store.read(secrets.count, SecretFilter()),
        await store.read(executions.count, ExecutionFilter()),
    )


def document(name: str) -> str:
    assert SCHEMA.mutation_type is not None
    argument: Any = SCHEMA.mutation_type.fields[name].args["input"].type
    return QUERY.format(name=name, kind=argument.of_type.name)


@pytest.mark.parametrize(("name", "field", "value"), cases())
async def test_a_bad_value_is_refused_by_the_name_of_its_field(
    api: Running, name: str, field: list[str], value: Any
) -> None:
    wanted = await good(api, name) | {field[0]: meant(api, value)}
    before = await counted(api)
    body = await api.graphql(document(name), "admin", input=wanted)
    assert "errors" not in body, body["errors"]
    (error,) = body["data"][name]["errors"]
    assert error["field"] == field, error
    assert error["code"] in ("INVALID", "NOT_FOUND", "TOO_LARGE", "SCHEDULE_INVALID", "UNAUTHENTICATED")
    assert len(error["message"]) > 10
    assert await counted(api) == before


@pytest.mark.parametrize("value", ENV_NAMES)
@pytest.mark.parametrize("name", ["createTask", "updateTask", "runCommand"])
async def test_a_bad_environment_name_is_named_as_it_was_given(api: Running, name: str, value: str) -> None:
    wanted = await good(api, name) | {"env": [{"name": value, "value": "1"}]}
    (error,) = (await api.data(document(name), "admin", input=wanted))[name]["errors"]
    assert error["field"] == ["env", value]


async def test_a_bad_environment_value_is_named_by_its_variable(api: Running) -> None:
    for value in ("a\0b", "x" * 32_769):
        wanted = await good(api, "runCommand") | {"env": [{"name": "AN_ENV", "value": value}]}
        (error,) = (await api.data(document("runCommand"), input=wanted))["runCommand"]["errors"]
        assert error["field"] == ["env", "AN_ENV"]


@pytest.mark.parametrize("name", ["createTask", "updateTask", "runCommand"])
async def test_a_bad_secret_variable_is_named_and_its_value_is_not(api: Running, name: str) -> None:
    given = [
        *({"value": value} for value in VALUES),
        {"value": "hunter2 hunter2", "secret": "prod-db"},
        {"secret": "no such secret"},
        {},
    ]
    for variable in ({"name": "A_NAME"} | each for each in given):
        wanted = await good(api, name) | {"secretEnv": [variable]}
        (error,) = (await api.data(document(name), "admin", input=wanted))[name]["errors"]
        assert error["field"] == ["secretEnv", "A_NAME"], variable
        assert variable.get("value") in (None, "", "short") or variable["value"] not in error["message"]
    secret = {"name": "A_NAME", "value": "a secret"}
    for twice in ({"env": [{"name": "A_NAME", "value": "1"}]}, {"secretEnv": [secret, secret]}):
        wanted = await good(api, name) | {"secretEnv": [secret]} | twice
        (error,) = (await api.data(document(name), "admin", input=wanted))[name]["errors"]
        assert error["field"] == ["secretEnv", "A_NAME"]


@pytest.mark.parametrize("name", ["createTask", "updateTask"])
async def test_a_bad_parameter_is_named_by_its_place_and_its_field(api: Running, name: str) -> None:
    first = {"name": "GOOD", "required": True}
    for parameter, field in (
        ({"name": "1A"}, "name"),
        ({"name": "GOOD"}, "name"),
        ({"name": "A", "pattern": "("}, "pattern"),
        ({"name": "A", "type": "CHOICE"}, "options"),
        ({"name": "A", "type": "INTEGER", "default": "x"}, "default"),
    ):
        wanted = await good(api, name) | {"parameters": [first, parameter]}
        (error,) = (await api.data(document(name), "admin", input=wanted))[name]["errors"]
        assert (error["field"], error["code"]) == (["parameters", "1", field], "INVALID")
    wanted = await good(api, name) | {"parameters": [first], "cronExpr": "@daily"}
    (error,) = (await api.data(document(name), "admin", input=wanted))[name]["errors"]
    assert (error["field"], error["code"]) == (["parameterValues"], "INVALID")
    wanted["parameterValues"] = [{"name": "BAD", "value": "1"}]
    (error,) = (await api.data(document(name), "admin", input=wanted))[name]["errors"]
    assert (error["field"], error["code"]) == (["parameterValues", "0", "name"], "INVALID")


async def test_a_bad_value_of_a_parameter_is_named_by_its_place(api: Running) -> None:
    made = await good(api, "createTask") | {"parameters": [{"name": "COUNT", "type": "INTEGER"}]}
    query = "mutation($input: CreateTaskInput!) { createTask(input: $input) { task { id } } }"
    id = (await api.data(query, "admin", input=made))["createTask"]["task"]["id"]
    for given, field in (({"name": "COUNT", "value": "x"}, "value"), ({"name": "COUNTS", "value": "1"}, "name")):
        wanted = {"taskId": id, "parameters": [given]}
        (error,) = (await api.data(document("runTask"), "admin", input=wanted))["runTask"]["errors"]
        assert (error["field"], error["code"]) == (["parameters", "0", field], "INVALID")


async def test_a_grant_holds_on_a_server_or_on_a_well_formed_tag(api: Running) -> None:
    granted = await good(api, "grantRole")
    alone = {name: value for name, value in granted.items() if name != "serverId"}
    bad = [(granted | {"tag": "web"}, "serverId"), (alone, "serverId")]
    for wanted, field in [*bad, *((alone | {"tag": tag}, "tag") for tag in ("", "a b", "x" * 65))]:
        (error,) = (await api.data(document("grantRole"), "admin", input=wanted))["grantRole"]["errors"]
        assert (error["field"], error["code"]) == ([field], "INVALID")


async def test_a_bad_schedule_says_where_and_shows_a_good_one(api: Running) -> None:
    wanted = await good(api, "createTask") | {"cronExpr": "0 25 * * *"}
    (error,) = (await api.data(document("createTask"), input=wanted))["createTask"]["errors"]
    assert (error["__typename"], error["code"]) == ("ScheduleInvalid", "SCHEDULE_INVALID")
    assert error["position"] == 2
    wanted["cronExpr"] = error["example"]
    assert (await api.data(document("createTask"), input=wanted))["createTask"]["errors"] == []


def test_the_table_has_every_field_of_every_mutation() -> None:
    assert SCHEMA.mutation_type is not None
    missing = []
    for name, field in SCHEMA.mutation_type.fields.items():
        for argument in field.args.values():
            kind: Any = argument.type
            for item in kind.of_type.fields:
                if item not in TABLE.get(name, {}) and item not in WORDS_ONLY and (name, item) not in TOGETHER:
                    missing.append(f"{name}.{item}")
    assert missing == []


@pytest.mark.parametrize(
    ("name", "changes", "word"),
    [
        ("createServer", {"port": "22"}, "port"),
        ("createServer", {"port": 2**31}, "port"),
        ("createServer", {"runMode": "SOMEHOW"}, "runMode"),
        ("createServer", {"name": None}, "name"),
        ("createServer", {"credential": None}, "credential"),
        ("createServer", {"hostKeys": [1]}, "hostKeys"),
        ("createServer", {"created_by": 1}, "created_by"),
        ("createTask", {"enabled": "yes"}, "enabled"),
        ("createTask", {"runMode": "SOMEHOW"}, "runMode"),
        ("createTask", {"scheduleMode": "HIDDEN"}, "scheduleMode"),
        ("updateTask", {"scheduleMode": 1}, "scheduleMode"),
        ("updateTask", {"runMode": 1}, "runMode"),
        ("createTask", {"outputLimitBytes": 2**63}, "outputLimitBytes"),
        ("createTask", {"outputLimitBytes": 1.5}, "outputLimitBytes"),
        ("createTask", {"serverId": 1.5}, "serverId"),
        ("createTask", {"env": [{"name": "A"}]}, "env"),
        ("createTask", {"uid": 0}, "uid"),
        ("runTask", {"wait": "long"}, "wait"),
        ("login", {"username": 1, "password": "x"}, "username"),
        ("login", {"username": "x"}, "password"),
    ],
)
async def test_a_value_of_the_wrong_type_is_refused_by_its_name(
    api: Running, name: str, changes: dict[str, Any], word: str
) -> None:
    wanted = (await good(api, name) if name != "login" else {}) | changes
    body = await api.graphql(document(name), "admin", input=wanted)
    assert set(body) == {"errors"}
    assert body["errors"][0]["extensions"]["code"] == "DOCUMENT_INVALID"
    assert word in body["errors"][0]["message"]


@pytest.mark.parametrize("value", ["2026-11-24", "2026-11-24T10:00:00", "tomorrow", 5, "2026-02-30T00:00:00Z", ""])
async def test_a_time_without_its_zone_or_that_does_not_exist_is_refused(api: Running, value: Any) -> None:
    query = "query($f: TaskFilter) { tasks(filter: $f) { totalCount } }"
    body = await api.graphql(query, f={"lastRunFrom": value})
    assert "lastRunFrom" in body["errors"][0]["message"]


async def test_a_name_that_is_taken_is_a_conflict_on_the_name(api: Running) -> None:
    wanted = await good(api, "createServer") | {"name": "a server"}
    (error,) = (await api.data(document("createServer"), "admin", input=wanted))["createServer"]["errors"]
    assert (error["__typename"], error["code"], error["field"]) == ("ObjectConflict", "CONFLICT", ["name"])
