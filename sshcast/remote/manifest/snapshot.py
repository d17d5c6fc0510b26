"""What is on a service, in the form in which a file says it: the exporter writes it, the planner compares with it."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sshcast.remote.api import Api, ApiRefused
from sshcast.remote.manifest import documents
from sshcast.remote.manifest.keys import FLEET, KINDS, TERMS
from sshcast.remote.manifest.reader import Given, Registered
from sshcast.remote.pages import read_pages
from sshcast.words import choose

Row = Mapping[str, Any]
Name = tuple[str, ...]
"""What an object is known by in its kind: `("web",)` of a server or task; see `name_policy` and `name_grant`."""
AS_IT_IS_SERVER = (
    *("name", "host", "port", "username", "hostKeys", "hostKeyAlias", "legacyAlgorithms", "tags", "enabled"),
    *("maxParallel", "runMode", "outputEncoding"),
)
AS_IT_IS_TASK = (
    *("name", "command", "cronExpr", "timezone", "enabled", "scheduleMode", "timeoutSeconds", "outputLimitBytes"),
    *("onOutputLimit", "mergeStreams", "workingDir", "runMode"),
)
FORBIDDEN = "FORBIDDEN"


@dataclass(frozen=True, slots=True)
class Known:
    """An object of the service. `holds`: of a policy, whether what it allows applies; of a task, always."""

    id: str
    values: dict[str, Any]
    holds: bool = True


@dataclass(slots=True)
class Snapshot:
    """By kind, what there is by name. `same`: tasks whose name others have too. `users`: ids by name.

    `secrets`: the names of registered secrets; None where the caller may not list them. `orphans`: ids of tasks whose
    server was deleted. `unread`: what could not be read, in words.
    """

    found: dict[str, dict[Name, Known]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    same: dict[str, list[str]] = field(default_factory=dict)
    users: dict[str, str] = field(default_factory=dict)
    secrets: set[str] | None = None
    orphans: set[str] = field(default_factory=set)
    unread: list[str] = field(default_factory=list)
    credentials: dict[str, str] = field(default_factory=dict)

    def is_orphan(self, kind: str, name: Name) -> bool:
        """Tell whether it is a task whose server was deleted, or the policy of one: it is as good as deleted too."""
        task = name if kind == "tasks" else name[1:] if kind == "policies" and name[0] == "task" else None
        known = None if task is None else self.found["tasks"].get(task)
        return known is not None and known.id in self.orphans


def name_policy(values: Row) -> Name:
    return ("server", values["server"]) if "server" in values else ("task", values["task"])


def name_grant(values: Row) -> Name:
    return (values["user"], *(("server", values["server"]) if "server" in values else ("tag", values["tag"])))


def load(api: Api, kinds: Collection[str], *, with_secrets: bool = False) -> Snapshot:
    """Read what the caller may see; servers always, since all else names them."""
    made = Snapshot()
    for row in read_pages(api, documents.SERVERS, "servers", {}):
        _add_server(made, row)
    if {"tasks", "policies"} & set(kinds):
        for row in read_pages(api, documents.TASKS, "tasks", {}):
            _add_task(api, made, row)
    if "grants" in kinds:
        for user in _load_users(api):
            _add_grants(made, user)
    if with_secrets:
        made.secrets = _load_secrets(api)
    return made


def _load_users(api: Api) -> Iterable[Row]:
    """Return all users with their grants; for others than admins only the caller."""
    try:
        return list(read_pages(api, documents.USERS, "users", {}))
    except ApiRefused as error:
        if error.code != FORBIDDEN:
            raise
        return [api.execute(documents.ME)["me"]]


def _load_secrets(api: Api) -> set[str] | None:
    try:
        return {str(each["name"]) for each in read_pages(api, documents.SECRETS, "secrets", {})}
    except ApiRefused as error:
        if error.code != FORBIDDEN:
            raise
        return None


def _add_server(made: Snapshot, row: Row) -> None:
    values = {name: row[name] for name in AS_IT_IS_SERVER}
    values["jumpServer"] = None if row["jumpServer"] is None else row["jumpServer"]["name"]
    values["blackouts"] = [_drop_missing(each) for each in row["blackouts"]]
    made.found["servers"][(row["name"],)] = Known(str(row["id"]), values)
    made.credentials[row["name"]] = row["credentialKind"]
    _add_policy(made, "server", row)


def _add_policy(made: Snapshot, owner: str, row: Row) -> None:
    """Add its policy, unless that says nothing: none is the same as an empty one."""
    policy = row["policy"]
    if policy is None or not any(policy[name] for name in ("mode", "allow", "commands", "extra")):
        return
    names = ("mode", "allow", "commands", "extra") if owner == "server" else ("mode", "allow", "extra")
    values = {owner: row["name"], **{name: policy[name] for name in names}}
    made.found["policies"][name_policy(values)] = Known(str(row["id"]), values, holds=policy["holds"])


def _add_task(api: Api, made: Snapshot, row: Row) -> None:
    id, name = str(row["id"]), row["name"]
    if row["server"] is not None and row["server"]["deletedAt"] is not None:
        made.orphans.add(id)
    if name in made.same or (name,) in made.found["tasks"]:
        first = made.found["tasks"].get((name,))
        made.same.setdefault(name, [] if first is None else [first.id]).append(id)
        return
    values = {each: row[each] for each in AS_IT_IS_TASK} | _read_place(api, made, row)
    values["env"] = {each: Given(env=each) for each in sorted(row["envNames"])}
    values["secretEnv"] = {each["name"]: _read_variable(each) for each in row["secretEnv"]}
    values["parameters"] = [_read_parameter(each) for each in row["parameters"]]
    values["parameterValues"] = _read_values(row)
    values["terms"] = {key.name: row["terms"][key.name] for key in TERMS.keys}
    made.found["tasks"][(name,)] = Known(id, values)
    _add_policy(made, "task", row)


def _read_place(api: Api, made: Snapshot, row: Row) -> dict[str, Any]:
    """Return where a task runs: on a server, or on those that it selects."""
    if row["selector"] is None:
        return {} if row["server"] is None or str(row["id"]) in made.orphans else {"server": row["server"]["name"]}
    selector = _drop_missing({key: row["selector"][key] for key in ("tagsAll", "tagsAny", "tagsNone", "nameContains")})
    if row["selector"]["byIds"]:
        selector = {"servers": _load_selected(api, made, row)} | selector
    return {"selector": selector, "fleet": _read_fleet(row["fleet"])}


def _load_selected(api: Api, made: Snapshot, row: Row) -> list[str]:
    """Return the names of the servers that a task has chosen by id: the plan of a run of it has them."""
    try:
        return sorted(_list_planned(api, row["id"]))
    except ApiRefused as error:  # one of them was deleted, or the caller is no operator on all of them
        name = row["name"]
        made.unread.append(
            choose(f"the servers of task {name}, chosen by id: {error}", f"任务 {name} 按编号选择的服务器：{error}")
        )
        return []


def _list_planned(api: Api, task_id: str) -> Iterator[str]:
    wanted: dict[str, Any] = {"input": {"work": {"taskId": task_id}}, "after": None}
    while True:
        plan = api.execute(documents.SELECTED, wanted)["fleetRunPlan"]
        yield from (each["server"]["name"] for each in plan["servers"]["nodes"] if each["server"] is not None)
        if not plan["servers"]["pageInfo"]["hasNextPage"]:
            return
        wanted["after"] = plan["servers"]["pageInfo"]["endCursor"]


def _read_fleet(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {key.name: row[key.name] for key in FLEET.keys}
    for name, word in (("batchSize", "servers"), ("stopAfter", "failures")):
        if row[name] is not None:
            found[name] = _drop_missing({word: row[name]["number"], "percent": row[name]["percent"]})
    return found


def _read_variable(row: Row) -> Given | Registered:
    return Given(env=row["name"]) if row["secret"] is None else Registered(row["secret"])


def _read_parameter(row: Row) -> dict[str, Any]:
    found = _drop_missing(row)
    return found if found["options"] else {name: value for name, value in found.items() if name != "options"}


def _read_values(row: Row) -> dict[str, Any]:
    """Return the values that differ from their parameters' defaults."""
    defaults = {each["name"]: each["default"] for each in row["parameters"]}
    return {
        each["name"]: Given(env=each["name"]) if each["secret"] else each["value"]
        for each in row["parameterValues"]
        if each["secret"] or each["value"] != defaults.get(each["name"])
    }


def _add_grants(made: Snapshot, user: Row) -> None:
    made.users[user["name"]] = str(user["id"])
    for grant in user["grants"] or ():
        server = grant["server"]
        if grant["tag"] is None and (server is None or server["deletedAt"] is not None):
            continue
        place = {"tag": grant["tag"]} if grant["tag"] is not None else {"server": server["name"]}
        values = {"user": user["name"], "role": grant["role"], **place}
        made.found["grants"][name_grant(values)] = Known(str(grant["id"]), values)


def _drop_missing(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}
