"""`sshcast doctor`: prints what each check finds; the exit status is 1 if one failed."""

import asyncio
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from sshcast import settings as settings_module
from sshcast.doctor import database, machine, service
from sshcast.doctor.finding import COLOURS, Diagnosis, fail
from sshcast.notes import COLOURS as CODES
from sshcast.remote.api import Api
from sshcast.remote.contexts import Context
from sshcast.remote.printing import format_cell
from sshcast.settings import Settings, SettingsInvalid
from sshcast.terminal import RESET, takes_colours
from sshcast.words import Bilingual

__all__ = ["examine_machine", "examine_service"]


def examine_machine(*, as_json: bool, **given: Any) -> int:
    """Check the settings, this machine, the database and the keys."""
    return _show(_check_machine(given), as_json=as_json)


def examine_service(context: Context, api: Api, server: str | None, *, as_json: bool) -> int:
    """Check a context's service, and one of its servers."""
    return _show(_check_service(context, api, server), as_json=as_json)


def _check_service(context: Context, api: Api, server: str | None) -> Iterator[Diagnosis]:
    yield from service.check_site(context)
    yield from service.check_access(api)
    if server is not None:
        yield from service.check_server(api, server)


def _check_machine(given: dict[str, Any]) -> Iterator[Diagnosis]:
    try:
        settings = settings_module.load(**given)
    except SettingsInvalid as error:
        advice = Bilingual(
            "correct what is named: no command works until then", "请改正所述内容：在此之前任何命令都无法使用"
        )
        yield fail("settings", str(error), advice)
        return
    yield from machine.check_machine(settings)
    yield from asyncio.run(_check_database(settings))


async def _check_database(settings: Settings) -> list[Diagnosis]:
    return [finding async for finding in database.check_database(settings)]


def _show(findings: Iterable[Diagnosis], *, as_json: bool) -> int:
    """Print each finding as soon as it is there, or all as a JSON array."""
    every = []
    for finding in findings:
        every.append(finding)
        if not as_json:
            print(_format(finding), flush=True)
    if as_json:
        print(json.dumps([asdict(finding) for finding in every], indent=2, ensure_ascii=False))
    return int(any(finding.status == "failed" for finding in every))


def _format(finding: Diagnosis) -> str:
    line = format_cell(finding.format())
    if not takes_colours(sys.stdout):
        return line
    return f"{CODES[COLOURS[finding.status]]}{line}{RESET}"
