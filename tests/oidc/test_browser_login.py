"""`sshcast login URL --browser` as a person types it: a process of its own, its context, and a command with that."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.commands import ROOT
from tests.support.oidc.command_line import go_through, write_browser
from tests.support.oidc.forger import Forger
from tests.support.service import Running
from tests.support.waiting import until

pytestmark = pytest.mark.anyio


@dataclass(frozen=True, slots=True)
class Desk:
    """Somebody's machine: a configuration folder, and a browser that notes the page it is to show."""

    folder: Path
    language: str = "C.UTF-8"

    @property
    def page(self) -> Path:
        return self.folder / "page"

    async def start(self, *args: str) -> Process:
        browser, _ = write_browser(self.folder)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SSHCAST_")}
        changed = {"BROWSER": f"{browser} %s", "XDG_CONFIG_HOME": str(self.folder), "LANG": self.language}
        environment = kept | changed | {"LANGUAGE": "", "NO_COLOR": "1", "SSHCAST_DATA": str(self.folder / "nothing")}
        command = (sys.executable, "-m", "sshcast", *args)
        return await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, stdout=PIPE, stderr=PIPE)

    async def run(self, *args: str) -> tuple[int | None, str, str]:
        return await self.wait(await self.start(*args))

    async def wait(self, process: Process) -> tuple[int | None, str, str]:
        out, err = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode, out.decode(), err.decode()

    async def sign_in(self, api: Running, forger: Forger, **claims: object) -> tuple[int | None, str, str]:
        process = await self.start("login", api.url, "--browser")
        await until(self.page.exists, 60)
        await go_through(self.page.read_text(), forger, api.url, **claims)
        return await self.wait(process)


async def test_commands_go_on_in_the_name_of_who_signed_in(api: Running, forger: Forger, tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    status, out, err = await desk.sign_in(api, forger, sub="login-1", preferred_username="lena")
    assert (status, out) == (0, ""), err
    assert desk.page.read_text() in err, "for machines without a browser"
    assert err.splitlines()[-1] == f"signed in to {api.url} as lena (operator); context 127.0.0.1"
    _, contexts, _ = await desk.run("context", "list", "--json")
    assert json.loads(contexts) == [
        {"name": "127.0.0.1", "url": api.url, "user": "lena", "signedIn": True, "current": True}
    ]
    assert await desk.run("execution", "list", "--json") == (0, "[]\n", "")
    stored = json.loads((tmp_path / "sshcast" / "contexts.json").read_text())["contexts"]["127.0.0.1"]["session"]
    assert not any(stored[name] in out + err for name in ("access", "refresh"))
    assert (await desk.run("logout"))[0] == 0
    assert (await desk.run("execution", "list"))[0] == 1
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize(
    ("language", "words"),
    [("C.UTF-8", "None of your groups has a role"), ("zh_CN.UTF-8", "您所在的组在此服务中都没有角色")],
)
async def test_who_is_refused_reads_why_in_their_language(
    api: Running, forger: Forger, tmp_path: Path, language: str, words: str
) -> None:
    desk = Desk(tmp_path, language)
    status, out, err = await desk.sign_in(api, forger, sub="login-2", groups=["others"])
    assert (status, out) == (1, "")
    assert err.splitlines()[-1].startswith(f"sshcast: {words}")
    assert not (tmp_path / "sshcast" / "contexts.json").exists()
