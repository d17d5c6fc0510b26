"""What opens on the console's pages: each dialog, and each page with everything unfolded, and how one gets there."""

from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Locator, expect

from tests.support.browser.office import Office
from tests.support.browser.visit import Visit
from tests.support.service import Running
from tests.support.waiting import until_async

# On a busy machine the overview, which reads a day of runs, may take a while.
PAGE_MS = 30_000
UNFOLD = """() => {
  for (const each of document.querySelectorAll("main details")) each.open = true;
  for (const each of document.querySelectorAll("main .rows-editor > div > button")) each.click();
}"""
TASK = "mutation($input: CreateTaskInput!) { createTask(input: $input) { task { id } errors { message } } }"
RUN = "mutation($input: RunCommandInput!) { runCommand(input: $input) { execution { id } errors { message } } }"
FLEET = "mutation($input: StartFleetRunInput!) { startFleetRun(input: $input) { fleetRun { id } errors { message } } }"
STATE = "query($id: ID!) { fleetRun(id: $id) { state } }"
USERS = "{ users(first: 20) { nodes { id name } } }"
PARAMETERS = [
    {"name": "RELEASE", "required": True, "description": "The version, such as 4.2.1."},
    {"name": "REGION", "type": "CHOICE", "options": ["north", "south"]},
    {"name": "DRY_RUN", "type": "BOOLEAN", "default": "true"},
    {"name": "REPLICAS", "type": "INTEGER", "minimum": 1, "maximum": 90, "default": "3"},
    {"name": "TOKEN", "type": "SECRET"},
]


@dataclass(frozen=True, slots=True)
class Opening:
    """A dialog: the page, what is pressed there, and what is then filled in and pressed in the dialog."""

    path: str
    opener: str
    fills: dict[str, str] = field(default_factory=dict)
    presses: tuple[str, ...] = ()


def word(name: str) -> str:
    """Return the selector of the page's button with this word."""
    return f'main :is(button, a.button):has(> [data-word="{name}"])'


def inside(name: str) -> str:
    return f'dialog button:has(> [data-word="{name}"])'


DIALOGS = {
    "run a command": Opening(
        "/executions",
        word("run_command"),
        {"textarea[name=command]": "sudo rm -rf /"},
        ("dialog summary", "dialog .rows-editor >> nth=0 >> button", "dialog .rows-editor >> nth=1 >> button"),
    ),
    "run a command again": Opening("/executions/:valued", word("execution_again_asking")),
    "cancel an execution": Opening("/executions/:going", word("execution_cancel")),
    "start a fleet run": Opening(
        "/fleet-runs",
        word("fleet_start"),
        {"textarea[name=command]": "uptime", "input[name=tagsAll]": "web"},
        ("dialog summary", inside("fleet_plan")),
    ),
    "start a fleet run without servers": Opening("/fleet-runs", word("fleet_start"), {}, (inside("fleet_plan"),)),
    "cancel a fleet run": Opening("/fleet-runs/:going-fleet", word("fleet_cancel")),
    "repeat a fleet run": Opening("/fleet-runs/:failed-fleet", word("fleet_retry")),
    "run a task with values": Opening("/tasks/:valued-task", word("task_run"), {}, (inside("task_run"),)),
    "run a task on its servers": Opening("/tasks/:fleet-task", word("task_run")),
    "pause a task": Opening("/tasks/:id", word("task_pause")),
    "delete a task": Opening("/tasks/:id", word("delete")),
    "delete a server": Opening("/servers/:id", word("delete")),
    "add a user": Opening("/users", word("users_new"), {}, ("dialog button[type=submit]",)),
    "disable a user": Opening("/users?user=:user", word("users_disable")),
    "take a grant away": Opening("/users?user=:user", word("users_revoke")),
    "register a secret": Opening("/secrets", word("secrets_new"), {}, ("dialog button[type=submit]",)),
    "replace a secret": Opening("/secrets", word("secrets_replace")),
    "delete a secret": Opening("/secrets", word("delete")),
    "revoke a token": Opening("/account", word("account_revoke")),
}
"""Those that only one's own name or a large log opens have the same two makers: `openDialog` and `confirmed`."""
FORMS = ("/tasks?new=1", "/tasks/:valued-task?edit=1", "/servers?new=1", "/servers/:id?edit=1")
"""Beside the pages themselves, which are unfolded too."""


async def furnish_states(service: Running, office: Office) -> Office:
    """Add what the dialogs are about, and return the ids with those of it."""
    server = office.ids["servers"]

    async def make(document: str, **given: Any) -> str:
        [payload] = (await service.data(document, "admin", input=given)).values()
        assert payload.pop("errors") == []
        [made] = payload.values()
        return str(made["id"])

    tasks = {"cronExpr": "@manual", "command": 'echo "$RELEASE"'}
    users = {each["name"]: each["id"] for each in (await service.data(USERS, "admin"))["users"]["nodes"]}
    failed = await make(FLEET, work={"command": {"command": "exit 4"}}, selector={"tagsAll": ["ci"]})

    async def has_ended() -> bool:
        return bool((await service.data(STATE, "admin", id=failed))["fleetRun"]["state"] == "FAILED")

    await until_async(has_ended, seconds=30)
    more = {
        ":valued-task": await make(TASK, name="deploy a release", serverId=server, parameters=PARAMETERS, **tasks),
        ":fleet-task": await make(TASK, name="deploy everywhere", selector={"tagsAll": ["web"]}, **tasks),
        ":valued": await make(RUN, serverId=server, command="true", env=[{"name": "A", "value": "1"}], wait=20),
        ":going-fleet": await make(FLEET, work={"command": {"command": "sleep 600"}}, selector={"tagsAll": ["ci"]}),
        ":going": await make(RUN, serverId=server, command="echo begun; sleep 600"),
        ":failed-fleet": failed,
        ":user": str(users["lin.wei"]),
    }
    return Office(office.ids | more)


async def show(visit: Visit, address: str) -> None:
    """Open a page as the console's own links do, and wait until it has a heading."""
    await visit.page.evaluate("(address) => import('/console/router.js').then(({go}) => go(address))", address)
    await expect(visit.find("main h2").first).to_be_visible(timeout=PAGE_MS)


async def open_dialog(visit: Visit, office: Office, opening: Opening) -> Locator:
    """Open the dialog and return what opened it."""
    await show(visit, office.fill_in(opening.path))
    opener = visit.find(opening.opener).first
    await opener.click()
    await visit.find("dialog[open]").wait_for()
    for selector, text in opening.fills.items():
        await visit.find(f"dialog {selector}").fill(text)
    for selector in opening.presses:
        await visit.find(selector).first.click()
    return opener
