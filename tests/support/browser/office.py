"""A service that looks like a team's: servers, tasks, runs in many states, a fleet run with an outlier."""

from dataclasses import dataclass
from typing import Any

from sshcast.demo.server import ensure_key
from tests.support.service import Running
from tests.support.waiting import until_async

SERVER = "mutation($input: CreateServerInput!) { createServer(input: $input) { server { id } errors { message } } }"
TASK = "mutation($input: CreateTaskInput!) { createTask(input: $input) { task { id } errors { message } } }"
RUN = "mutation($input: RunCommandInput!) { runCommand(input: $input) { execution { id } errors { message } } }"
FLEET = "mutation($input: StartFleetRunInput!) { startFleetRun(input: $input) { fleetRun { id } errors { message } } }"
USER = "mutation($input: CreateUserInput!) { createUser(input: $input) { user { id } errors { message } } }"
GRANT = "mutation($input: GrantRoleInput!) { grantRole(input: $input) { grant { id } errors { message } } }"
SECRET = "mutation($input: CreateSecretInput!) { createSecret(input: $input) { secret { id } errors { message } } }"
POLICY = (
    "mutation($input: SetServerPolicyInput!) { setServerPolicy(input: $input) { policy { id } errors { message } } }"
)
TOKEN = """mutation($input: CreatePersonalTokenInput!) {
  createPersonalToken(input: $input) { personalToken { id } errors { message } } }"""
PAUSE = "mutation($input: PauseTaskInput!) { pauseTask(input: $input) { task { id } errors { message } } }"
CANCEL = (
    "mutation($input: CancelExecutionInput!) { cancelExecution(input: $input) { execution { id } errors { message } } }"
)
FLEET_STATE = "query($id: ID!) { fleetRun(id: $id) { state } }"

SERVERS = (
    *((f"web-{number:02}", ["web", "production"]) for number in range(1, 9)),
    ("db-01", ["database", "production"]),
    ("db-02", ["database", "production"]),
    ("build-01", ["ci"]),
)
# The first server that runs it has an older version than all others.
NGINX = """mkdir ~/.asked 2>/dev/null && echo "nginx version: nginx/1.24.0" || echo "nginx version: nginx/1.26.2"
echo "configuration file /etc/nginx/nginx.conf test is successful"
"""
DEPLOY = r"""for n in $(seq 1 60); do printf 'GET /health \033[32m200\033[0m \033[90m%s ms\033[0m\n' $n; done
printf '\033[1mDeploying shop 4.2.1 to production\033[0m\n'
for step in fetch build test migrate restart; do printf '\033[36m==>\033[0m %-8s \033[32mok\033[0m\n' $step; done
echo '连接数据库 db-01 …… 成功'
printf '\033[33mwarning:\033[0m 2 queries took longer than 1 s\n' >&2
printf '\033[42;30m DONE \033[0m shop 4.2.1 serves \033[1;35m8\033[0m servers\n'
"""
BACKUP = (
    "pg_dump --format=custom shop | gzip > /srv/backup/shop.gz; echo 'pg_dump: error: connection refused' >&2; exit 3"
)
TASKS: tuple[dict[str, Any], ...] = (
    {
        "name": "nightly backup",
        "server": "db-01",
        "command": "pg_dump shop > /srv/backup/shop.sql",
        "cronExpr": "30 2 * * *",
    },
    {"name": "rotate logs", "server": "web-01", "command": "logrotate ~/logrotate.conf", "cronExpr": "0 * * * *"},
    {
        "name": "check certificates",
        "command": "openssl x509 -checkend 604800 -in ~/cert.pem",
        "cronExpr": "0 7 * * 1-5",
    },
    {
        "name": "restart queue workers",
        "server": "build-01",
        "command": "pkill -HUP -f queue-worker",
        "cronExpr": "@manual",
    },
    {"name": "weekly vacuum", "server": "db-02", "command": "vacuumdb --analyze shop", "cronExpr": "0 4 * * 0"},
)


@dataclass(frozen=True, slots=True)
class Office:
    """The ids that a page's address needs, by the first part of the address, or by a place in it such as `:user`."""

    ids: dict[str, str]

    def fill_in(self, path: str) -> str:
        """Return the address of a route, such as `/tasks/:id`, with the id of something that is there."""
        for place in sorted((each for each in self.ids if each.startswith(":")), key=len, reverse=True):
            path = path.replace(place, self.ids[place])
        return path.replace(":id", self.ids.get(path.split("/")[1], "1"))


async def furnish(service: Running) -> Office:
    """Fill a service that has a runner, and wait until what ends has ended."""
    servers = {name: await _add_server(service, name, tags) for name, tags in SERVERS}
    await _add_people(service, servers)
    tasks = [await _add_task(service, servers, **task) for task in TASKS]
    await _do(service, PAUSE, id=tasks[-1])
    home = service.settings.data.parent / "home"
    (home / "nginx-check").write_text(NGINX)
    (home / "deploy").write_text(DEPLOY)
    fleet = await _do(service, FLEET, work={"command": {"command": "sh ~/nginx-check"}}, selector={"tagsAll": ["web"]})
    execution = await _run(service, servers["web-01"], "sh ~/deploy shop 4.2.1", wait=20)
    for name, command in (
        ("db-01", BACKUP),
        ("web-02", "uptime"),
        ("web-03", "df -h /"),
        ("build-01", "make -C ~/shop test"),
    ):
        await _run(service, servers[name], command, wait=20)
    await _run(service, servers["db-02"], "vacuumdb --full shop & sleep 60", timeoutSeconds=1, wait=20)
    await _do(service, CANCEL, id=await _run(service, servers["web-04"], "tail -f ~/access.log & sleep 600"))
    for _ in range(2):  # db-02 runs one at a time: the second waits
        await _run(service, servers["db-02"], "echo 'reindexing shop.orders …'; sleep 600")

    async def has_ended() -> bool:
        return bool((await service.data(FLEET_STATE, "admin", id=fleet))["fleetRun"]["state"] != "RUNNING")

    await until_async(has_ended, seconds=60)
    return Office({"executions": execution, "fleet-runs": fleet, "tasks": tasks[0], "servers": servers["web-01"]})


async def _do(service: Running, document: str, **input: Any) -> str:
    """Do a mutation as the admin; return the id of what it made or changed."""
    [payload] = (await service.data(document, "admin", input=input)).values()
    assert payload.pop("errors") == []
    [made] = payload.values()
    return str(made["id"])


async def _add_server(service: Running, name: str, tags: list[str]) -> str:
    """All are our demo server, by other names."""
    known = service.server
    private_key, _ = ensure_key(service.settings.data.parent / "user")
    where = {"host": known.host, "port": known.port, "username": known.username, "hostKeys": list(known.host_keys)}
    limit = 1 if name == "db-02" else 10
    given = where | {"credential": {"privateKey": private_key}, "tags": tags, "maxParallel": limit}
    return await _do(service, SERVER, name=name, **given)


async def _add_task(service: Running, servers: dict[str, str], *, server: str | None = None, **task: Any) -> str:
    where = {"serverId": servers[server]} if server else {"selector": {"tagsAll": ["web"]}}
    return await _do(service, TASK, timezone="Europe/Berlin", **where, **task)


async def _run(service: Running, server: str, command: str, **more: Any) -> str:
    return await _do(service, RUN, serverId=server, command=command, **more)


async def _add_people(service: Running, servers: dict[str, str]) -> None:
    ada = await _do(service, USER, name="ada.lovelace", password="a-long-password", role="OPERATOR")
    lin = await _do(service, USER, name="lin.wei", password="a-long-password", role="NONE")
    await _do(service, GRANT, userId=lin, tag="web", role="OPERATOR")
    await _do(service, GRANT, userId=lin, serverId=servers["db-01"], role="VIEWER")
    await _do(service, GRANT, userId=ada, serverId=servers["build-01"], role="ADMIN")
    await _do(service, SECRET, name="shop-database", value="correct-horse-battery")
    await _do(service, SECRET, name="registry-token", value="correct-horse-battery", serverId=servers["build-01"])
    await _do(service, POLICY, id=servers["db-01"], mode="STRICT", allow=["fs.volume-*"])
    await _do(service, TOKEN, name="nightly report", scope="READ")
