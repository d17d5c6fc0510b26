"""The console's forms as a person fills them in, in either language."""

import subprocess
from dataclasses import dataclass

from playwright.async_api import expect

from tests.support.browser.visit import Visit
from tests.support.targets import Target


@dataclass(frozen=True, slots=True)
class Buttons:
    """What is written on the buttons of the forms."""

    read_keys: str
    add_server: str
    create_task: str


ENGLISH = Buttons("Read the host keys", "Add the server", "Create the task")
CHINESE = Buttons("读取主机密钥", "添加此服务器", "创建任务")


async def fill(visit: Visit, **values: str) -> None:
    for name, value in values.items():
        await visit.find(f".field[data-field='{name}'] > :is(input, textarea)").fill(value)


async def add_server(visit: Visit, buttons: Buttons, target: Target, name: str, tags: str = "") -> None:
    """Add a server by the page, once its fingerprint is the one that `ssh-keygen` shows."""
    await visit.find("#places a[href='/servers']").click()
    await visit.find("a[href='/servers?new=1']").click()
    await fill(visit, name=name, host=target.host, port=str(target.port), username=target.username, tags=tags)
    await visit.page.get_by_role("button", name=buttons.read_keys).click()
    await visit.find("tr", has_text=_read_fingerprint(target)).get_by_role("checkbox").check()
    await visit.find(".field[data-field='credential'] > select").select_option("KEY")
    await fill(visit, privateKey=target.private_key)
    await visit.page.get_by_role("button", name=buttons.add_server).click()
    await expect(visit.find(".head h2")).to_have_text(name)


async def create_task(visit: Visit, buttons: Buttons, name: str, command: str, server: str) -> None:
    """Create a task by the page, with a look at what its schedule and its command would do."""
    await visit.find("#places a[href='/tasks']").click()
    await visit.find("a[href='/tasks?new=1']").click()
    await fill(visit, name=name, serverId=server, command=command, cronExpr="0 9 * * 1-5")
    await expect(visit.find(".verdict .allowed")).to_be_visible()
    await expect(visit.find(".preview-said")).to_contain_text("09:00")
    await visit.page.get_by_role("button", name=buttons.create_task).click()
    await expect(visit.find(".head h2")).to_have_text(name)


def _read_fingerprint(target: Target) -> str:
    """Return the fingerprint as `ssh-keygen -l` shows it."""
    command = ["ssh-keygen", "-lf", "-"]
    return subprocess.run(command, input=target.host_key, capture_output=True, text=True, check=True).stdout.split()[1]
