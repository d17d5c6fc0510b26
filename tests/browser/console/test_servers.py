"""The pages of servers: one is added by its fingerprint, checked step by step, and pinned anew after a new key."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator, expect

from tests.support.browser.visit import Visit
from tests.support.new_host_key import give_new_host_key
from tests.support.service import Running
from tests.support.targets import Target, running_demo, running_password_server, running_sshd

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

SERVER = "query ($id: ID!) { server(id: $id) { name host tags enabled hostKeys credentialKind } }"
CREATE = "mutation ($input: CreateServerInput!) { createServer(input: $input) { server { id } errors { message } } }"
SECONDS_OF_A_CHECK = 50_000


def fingerprint(line: str) -> str:
    """As `ssh-keygen -l` shows it: the same as somebody sees on the server."""
    shown = subprocess.run(["ssh-keygen", "-lf", "-"], input=line, capture_output=True, text=True, check=True)
    return shown.stdout.split()[1]


async def read(service: Running, id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await service.data(SERVER, "admin", id=id))["server"]
    return found


def find_field(visit: Visit, name: str) -> Locator:
    return visit.find(f".field[data-field='{name}'] > :is(input, textarea, select)")


async def fill_place(visit: Visit, target: Target, name: str, **changes: str) -> None:
    values = {"name": name, "host": target.host, "port": str(target.port), "username": target.username, **changes}
    for field, value in values.items():
        await find_field(visit, field).fill(value)


async def accept_keys(visit: Visit, target: Target) -> None:
    await visit.page.get_by_role("button", name="Read the host keys").click()
    row = visit.find("tr", has_text=fingerprint(target.host_key))
    await expect(row).to_contain_text("new")
    await row.get_by_role("checkbox").check()


async def added_id(visit: Visit) -> str:
    await visit.page.get_by_role("button", name="Add the server").click()
    await expect(visit.page).to_have_url(re.compile(r"/servers/\d+$"))
    return visit.page.url.rsplit("/", 1)[1]


async def check_now(visit: Visit) -> None:
    await visit.page.get_by_role("button", name="Check now").click()
    button = visit.page.get_by_role("button", name="Check now")
    await expect(button).to_be_enabled(timeout=SECONDS_OF_A_CHECK)


def find_step(visit: Visit, name: str) -> Locator:
    return visit.find(f"tr[data-id='{name}'] .step")


async def test_a_server_is_added_by_the_fingerprint_that_it_really_has(
    visit: Visit, service: Running, tmp_path: Path
) -> None:
    async with running_demo(tmp_path) as target:
        await visit.inside("/servers?new=1", "the.admin")
        await fill_place(visit, target, "demo by page", tags="web, eu")
        await visit.page.get_by_role("button", name="Add the server").click()
        await expect(visit.find(".field[data-field='hostKeys'] > .error")).not_to_be_empty()
        await accept_keys(visit, target)
        await find_field(visit, "credential").select_option("KEY")
        await find_field(visit, "privateKey").fill(target.private_key)
        id = await added_id(visit)
        made = await read(service, id)
        assert (made["name"], made["tags"], made["credentialKind"]) == ("demo by page", ["web", "eu"], "KEY")
        assert made["hostKeys"] == [target.host_key]
        await check_now(visit)
        await expect(visit.find(".state.success", has_text="ready for runs")).to_be_visible()
        await expect(find_step(visit, "SIGN_IN")).to_have_text("OK")
        await visit.page.get_by_role("link", name="Servers").click()
        await expect(visit.find(f"tr[data-id='{id}']")).to_contain_text("ready for runs")


async def test_another_address_forgets_the_keys_that_were_accepted(visit: Visit, tmp_path: Path) -> None:
    async with running_demo(tmp_path) as target:
        await visit.inside("/servers?new=1", "the.admin")
        await fill_place(visit, target, "another address")
        await accept_keys(visit, target)
        await find_field(visit, "port").fill("1")
        await expect(visit.find(".field[data-field='hostKeys'] tr")).to_have_count(0)


async def test_a_wrong_password_is_told_at_its_step_and_can_be_replaced(
    visit: Visit, service: Running, tmp_path: Path
) -> None:
    async with running_password_server(tmp_path) as (target, told):
        await visit.inside("/servers?new=1", "the.admin")
        await fill_place(visit, target, "by password", username="somebody")
        await accept_keys(visit, target)
        await find_field(visit, "password").fill("wrong horse")
        id = await added_id(visit)
        await check_now(visit)
        await expect(find_step(visit, "HOST_KEY")).to_have_text("OK")
        await expect(find_step(visit, "SIGN_IN")).to_have_text("failed")
        await expect(find_step(visit, "CLOCK")).to_have_text("not reached")
        await expect(visit.find(".state.failed", has_text="not ready")).to_be_visible()
        await visit.page.get_by_role("link", name="Edit").click()
        await find_field(visit, "credential").select_option("PASSWORD")
        await find_field(visit, "password").fill("correct horse")
        await visit.page.get_by_role("button", name="Save").click()
        await expect(visit.page).to_have_url(re.compile(rf"/servers/{id}$"))
        await check_now(visit)
        await expect(find_step(visit, "SIGN_IN")).to_have_text("OK")
        assert told[0] == "wrong horse"
        assert told[-1] == "correct horse"


async def test_a_changed_key_is_shown_beside_the_old_one_and_pinned_after_a_question(
    visit: Visit, service: Running, tmp_path: Path
) -> None:
    with running_sshd(tmp_path) as target:
        new = {
            "name": "installed anew",
            "host": target.host,
            "port": target.port,
            "username": target.username,
            "hostKeys": [target.host_key],
            "credential": {"privateKey": target.private_key},
        }
        id = (await service.data(CREATE, "admin", input=new))["createServer"]["server"]["id"]
        changed = give_new_host_key(target)
        await visit.inside(f"/servers/{id}", "the.admin")
        await expect(visit.find(".keys").first).to_contain_text(fingerprint(target.host_key))
        await check_now(visit)
        await expect(find_step(visit, "HOST_KEY")).to_have_text("failed")
        await visit.page.get_by_role("button", name="Read the keys that it offers now").click()
        await expect(visit.page.get_by_text("shows another key than the pinned one")).to_be_visible()
        row = visit.find(".panels tr", has_text=fingerprint(changed))
        await expect(row).to_contain_text("changed")
        await row.get_by_role("checkbox").check()
        await visit.page.get_by_role("button", name="Pin the chosen keys").click()
        dialog = visit.page.get_by_role("dialog")
        await expect(dialog).to_contain_text(fingerprint(target.host_key))
        await expect(dialog).to_contain_text(fingerprint(changed))
        await dialog.get_by_role("button", name="Pin the chosen keys").click()
        await expect(visit.find(".keys").first).to_contain_text(fingerprint(changed))
        assert (await read(service, id))["hostKeys"] == [changed]
        await check_now(visit)
        await expect(visit.find(".state.success", has_text="ready for runs")).to_be_visible()


async def test_a_role_on_the_server_is_given_and_revoked(visit: Visit, service: Running) -> None:
    await visit.inside(f"/servers/{service.server.id}", "the.admin")
    await visit.find("select[name=userId]").select_option(label="the.none")
    await visit.find("select[name=role]").select_option("OPERATOR")
    await visit.page.get_by_role("button", name="Give the role").click()
    row = visit.find("tr", has_text="the.none")
    await expect(row).to_contain_text("operator")
    await row.get_by_role("button", name="Revoke").click()
    await expect(row).to_have_count(0)


async def test_an_operator_checks_a_server_and_does_not_change_it(visit: Visit, service: Running) -> None:
    await visit.inside(f"/servers/{service.server.id}", "the.operator")
    await expect(visit.page.get_by_role("button", name="Check now")).to_be_visible()
    for name in ("Disable", "Delete", "Read the keys that it offers now"):
        await expect(visit.page.get_by_role("button", name=name)).to_have_count(0)


async def test_a_server_is_disabled_and_deleted_only_after_a_question(visit: Visit, service: Running) -> None:
    new = {
        "name": "to be deleted",
        "host": "127.0.0.1",
        "port": 1,
        "username": "nobody",
        "hostKeys": list(service.server.host_keys),
        "credential": {"password": "none of yours"},
    }
    id = (await service.data(CREATE, "admin", input=new))["createServer"]["server"]["id"]
    await visit.inside(f"/servers/{id}", "the.admin")
    await visit.page.get_by_role("button", name="Disable").click()
    await expect(visit.page.get_by_role("button", name="Enable")).to_be_visible()
    assert not (await read(service, id))["enabled"]
    await visit.page.get_by_role("button", name="Delete").click()
    await visit.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(visit.page).to_have_url(re.compile("/servers$"))
    await expect(visit.find(f"tr[data-id='{id}']")).to_have_count(0)
