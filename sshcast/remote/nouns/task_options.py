"""The options of `sshcast task add` and `sshcast task set`, and the input of the API that they make."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from sshcast.errors import CommandFailed
from sshcast.remote import enums
from sshcast.remote.api import Api
from sshcast.remote.assignments import build_values, read_text, split_assignments
from sshcast.remote.enums import read_word
from sshcast.remote.names import find_server_id
from sshcast.remote.running import build_shell_command
from sshcast.words import choose

Words = list[str] | None
PARAMETER = re.compile(r"(?P<name>[^:=?]+)(?::(?P<kind>[^=?]*))?(?P<optional>\?)?(?:=(?P<default>.*))?", re.DOTALL)


def _list_words(words: Sequence[str]) -> str:
    return ", ".join(words).lower().replace("_", "-")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOptions:
    """Where a task runs: on one server, or as a fleet task on those that it selects."""

    server: Annotated[str | None, typer.Option(help="The server to run it on, by name or id.")] = None
    tag: Annotated[Words, typer.Option(help="Run it on all servers with this tag; repeated: with all of them.")] = None
    any_tag: Annotated[Words, typer.Option(help="Run it on servers with one of these tags.")] = None
    exclude_tag: Annotated[Words, typer.Option(help="Leave out servers with this tag.")] = None
    every_server: Annotated[bool, typer.Option("--every-server", help="Run it on every server.")] = False
    batch: Annotated[str | None, typer.Option(help="How many servers at a time: 5 or 10%.")] = None
    pause: Annotated[int | None, typer.Option(help="Seconds to wait between two batches.")] = None
    stop_after: Annotated[str | None, typer.Option(help="Start no more after so many failures: 3 or 5%.")] = None
    on_refused: Annotated[
        str | None, typer.Option(help=f"If servers are disabled or in a blackout: {_list_words(enums.ON_REFUSED)}.")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldOptions:
    """What a task runs, and when; None leaves a field as it is, or at its default."""

    file: Annotated[Path | None, typer.Option(help="Read the command from this file; - is standard input.")] = None
    cron: Annotated[str | None, typer.Option(help="When: '0 2 * * MON-FRI', @daily, '@every 90s', @manual.")] = None
    timezone: Annotated[str | None, typer.Option(help="The schedule's IANA time zone; else the service's.")] = None
    timeout: Annotated[int | None, typer.Option(help="The time limit of a run in seconds.")] = None
    output_limit: Annotated[int | None, typer.Option(help="The output limit of a run in bytes.")] = None
    on_output_limit: Annotated[
        str | None, typer.Option(help=f"At the output limit: {_list_words(enums.ON_OUTPUT_LIMIT)}.")
    ] = None
    merge_streams: Annotated[
        bool | None, typer.Option("--merge-streams/--split-streams", help="As with 2>&1: all is stdout.")
    ] = None
    env: Annotated[Words, typer.Option(help="NAME=VALUE, a variable; may be repeated; replaces all.")] = None
    secret_env: Annotated[
        Words,
        typer.Option(help="NAME=SECRET, a variable with a registered secret; may be repeated; replaces all."),
    ] = None
    dir: Annotated[str | None, typer.Option(help="The working directory; else the home directory.")] = None
    run_mode: Annotated[str | None, typer.Option(help=f"{_list_words(enums.RUN_MODES)}; else the server's.")] = None
    param: Annotated[
        Words,
        typer.Option(
            help="NAME[:TYPE][?][=DEFAULT], a parameter; ?: not required; TYPE a|b|c: a choice. Replaces all."
        ),
    ] = None
    params_file: Annotated[
        Path | None, typer.Option(help="Parameters as a JSON list of the API's ParameterInput; replaces all.")
    ] = None
    given_values: Annotated[
        Words, typer.Option("--value", "-p", help="NAME=VALUE that scheduled runs get; may be repeated; replaces all.")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TermOptions:
    """How slots become runs; None leaves a term as it is, or at its default."""

    overlap: Annotated[
        str | None, typer.Option(help=f"While the run before goes on: {_list_words(enums.OVERLAPS)}.")
    ] = None
    missed: Annotated[
        str | None, typer.Option(help=f"Slots that were due while no scheduler ran: {_list_words(enums.MISSED)}.")
    ] = None
    missed_cap: Annotated[int | None, typer.Option(help="With --missed all: at most so many.")] = None
    missed_window: Annotated[int | None, typer.Option(help="With --missed all: at most so many seconds old.")] = None
    dst: Annotated[str | None, typer.Option(help=f"How clock changes count: {_list_words(enums.DST)}.")] = None
    jitter: Annotated[int | None, typer.Option(help="Spread tasks over so many seconds.")] = None
    start_deadline: Annotated[
        int | None, typer.Option(help="Start within so many seconds, or not at all; 0: no deadline.")
    ] = None
    retries: Annotated[int | None, typer.Option(help="How many times a failed scheduled run is retried.")] = None
    retry_delay: Annotated[int | None, typer.Option(help="Seconds before the first retry; doubles each time.")] = None
    retry_on: Annotated[Words, typer.Option(help="Retry for this reason; may be repeated.")] = None


def build_fields(words: Sequence[str] | None, given: FieldOptions) -> dict[str, Any]:
    """Return the fields that were given. `words` are those after `--`."""
    if words and given.file is not None:
        raise CommandFailed(
            choose(
                "give the command after --, or its file with --file",
                "命令在 -- 之后给出，或用 --file 给出其文件，二者择一",
            )
        )
    command = build_shell_command(words) if words else None
    found = {
        "command": command if given.file is None else read_text("--file", given.file),
        "cronExpr": given.cron,
        "timezone": given.timezone,
        "timeoutSeconds": given.timeout,
        "outputLimitBytes": given.output_limit,
        "onOutputLimit": _read("--on-output-limit", given.on_output_limit, enums.ON_OUTPUT_LIMIT),
        "mergeStreams": given.merge_streams,
        "env": build_values("--env", given.env) if given.env else None,
        "secretEnv": _build_secrets(given.secret_env) if given.secret_env else None,
        "workingDir": given.dir,
        "runMode": _read("--run-mode", given.run_mode, enums.RUN_MODES),
        "parameters": _build_parameters(given),
        "parameterValues": build_values("--value", given.given_values) if given.given_values else None,
    }
    return _drop_missing(found)


def build_terms(given: TermOptions) -> dict[str, Any]:
    """Return `{"terms": …}`, or nothing if none was given."""
    found: dict[str, Any] = _drop_missing(
        {
            "overlap": _read("--overlap", given.overlap, enums.OVERLAPS),
            "missed": _read("--missed", given.missed, enums.MISSED),
            "missedCap": given.missed_cap,
            "missedWindowSeconds": given.missed_window,
            "dst": _read("--dst", given.dst, enums.DST),
            "jitterSeconds": given.jitter,
            "startDeadlineSeconds": given.start_deadline,
            "retryLimit": given.retries,
            "retryDelaySeconds": given.retry_delay,
            "retryOn": [read_word("--retry-on", each, enums.REASONS) for each in given.retry_on or ()] or None,
        }
    )
    if given.start_deadline == 0:
        found["startDeadlineSeconds"] = None
    return {"terms": found} if found else {}


def build_place(api: Api, given: PlaceOptions) -> dict[str, Any]:
    """Return the server, or the selector and how its fleet runs are carried out; nothing if none was given."""
    selector = _drop_missing(
        {
            "tagsAll": given.tag or None,
            "tagsAny": given.any_tag or None,
            "tagsNone": given.exclude_tag or None,
            "nameContains": "" if given.every_server else None,
        }
    )
    if given.server is not None and selector:
        raise CommandFailed(
            choose("give --server, or the tags of servers, and not both", "--server 与服务器的标签只能给出一种")
        )
    found: dict[str, Any] = {} if given.server is None else {"serverId": find_server_id(api, given.server)}
    fleet = _drop_missing(
        {
            "batchSize": _read_number("--batch", given.batch, "servers"),
            "pauseSeconds": given.pause,
            "stopAfter": _read_number("--stop-after", given.stop_after, "failures"),
            "onRefused": _read("--on-refused", given.on_refused, enums.ON_REFUSED),
        }
    )
    return found | ({"selector": selector} if selector else {}) | ({"fleet": fleet} if fleet else {})


def _drop_missing(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if value is not None}


def _read(option: str, text: str | None, words: Sequence[str]) -> str | None:
    return None if text is None else read_word(option, text, words)


def _read_number(option: str, text: str | None, name: str) -> dict[str, int] | None:
    """Return `{name: 5}` for `5`, and `{"percent": 10}` for `10%`."""
    if text is None:
        return None
    number = text.removesuffix("%")
    if not number.isascii() or not number.isdigit() or len(number) > 9:
        raise CommandFailed(
            choose(
                f"{option} {text}: write a number such as 5, or a percentage such as 10%",
                f"{option} {text}：请写数字如 5，或百分比如 10%",
            )
        )
    return {"percent" if text.endswith("%") else name: int(number)}


def _build_secrets(given: Sequence[str]) -> list[dict[str, Any]]:
    """Return `{name, secret}` for `NAME=SECRET`; a name alone keeps the value that the task has under it."""
    named = split_assignments("--secret-env", [each if "=" in each else f"{each}=" for each in given])
    return [{"name": name, "secret": secret} if secret else {"name": name} for name, secret in named]


def _build_parameters(given: FieldOptions) -> list[Any] | None:
    if given.param and given.params_file is not None:
        raise CommandFailed(
            choose(
                "give parameters with --param, or a file of them with --params-file",
                "参数用 --param 给出，或用 --params-file 给出文件，二者择一",
            )
        )
    if given.params_file is not None:
        return _read_parameters(given.params_file)
    return [parse_parameter(each) for each in given.param] if given.param else None


def _read_parameters(path: Path) -> list[Any]:
    try:
        found = json.loads(read_text("--params-file", path))
    except (ValueError, RecursionError) as error:
        raise CommandFailed(
            choose(f"--params-file {path}: it is not JSON: {error}", f"--params-file {path}：不是 JSON：{error}")
        ) from None
    if not isinstance(found, list):
        raise CommandFailed(
            choose(
                f'--params-file {path}: it is no list: write [{{"name": "DAYS", "type": "INTEGER"}}]',
                f'--params-file {path}：不是列表：请写 [{{"name": "DAYS", "type": "INTEGER"}}]',
            )
        )
    return found


def parse_parameter(text: str) -> dict[str, Any]:
    """Return the API's parameter for `NAME[:TYPE][?][=DEFAULT]`. It is required without a default and a `?`."""
    match = PARAMETER.fullmatch(text)
    if match is None:
        raise CommandFailed(
            choose(
                f"--param {text}: write NAME, NAME:TYPE, NAME:TYPE=DEFAULT, NAME:a|b|c or NAME:TYPE?",
                f"--param {text}：请写 NAME、NAME:TYPE、NAME:TYPE=DEFAULT、NAME:a|b|c 或 NAME:TYPE?",
            )
        )
    kind, default = match["kind"] or "string", match["default"]
    found: dict[str, Any] = {"name": match["name"]}
    if "|" in kind:
        found |= {"type": "CHOICE", "options": kind.split("|")}
    else:
        found["type"] = read_word(f"--param {text}: the type", kind, enums.PARAMETER_TYPES)
    return found | ({"default": default} if default is not None else {"required": match["optional"] is None})
