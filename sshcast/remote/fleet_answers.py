"""Shows how a fleet run ended: its servers by their states, and equal answers together, the rarest first."""

import sys
from collections.abc import Iterator
from typing import Any

from sshcast.errors import CommandFailed
from sshcast.remote.api import Api
from sshcast.remote.pages import read_pages
from sshcast.remote.printing import Printer, Row, format_cell
from sshcast.remote.states import choose_style
from sshcast.terminal import Sanitiser, takes_colours
from sshcast.words import choose

FIELDS = """
id state reason command createdAt endTime trigger createdBy { name } task { id name } retryOf { id }
counts { size waiting pending running success failed timeout cancelled refused notStarted removed }
"""
SHOW = f"""
query FleetRun($id: ID!) {{ fleetRun(id: $id) {{ {FIELDS} }} }}
"""
GROUPS = """
query FleetGroups($id: ID!, $after: String) {
  fleetRun(id: $id) {
    outputGroups(first: 20, after: $after, smallestFirst: true) {
      nodes {
        size state exitCode isComplete text
        executions(first: 100) { nodes { id reason message server { name } } }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""
MEMBERS = """
query FleetMembers($id: ID!, $after: String, $states: [FleetMemberState!]) {
  fleetRun(id: $id) {
    members(first: 100, after: $after, states: $states) {
      nodes { serverId server { name } state refusal message executionId execution { state reason exitCode } }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""
NOT_RUN = ["REFUSED", "NOT_STARTED", "WAITING"]


def read_fleet_run(api: Api, id: str) -> Row:
    found: Row | None = api.execute(SHOW, {"id": id})["fleetRun"]
    if found is None:
        raise CommandFailed(
            choose(
                f"there is no fleet run {id}, or you see none of its servers: see `sshcast fleet list`",
                f"没有批量运行 {id}，或您看不到其中的服务器：见 `sshcast fleet list`",
            )
        )
    return found


def read_groups(api: Api, id: str) -> Iterator[Row]:
    """Yield the groups of equal answers, the smallest first."""
    return read_pages(_Within(api), GROUPS, "outputGroups", {"id": id})


def read_members(api: Api, id: str, states: list[str] | None = None) -> Iterator[Row]:
    """Yield the servers of a fleet run in order of their ids, or those in one of these states."""
    return read_pages(_Within(api), MEMBERS, "members", {"id": id, "states": states})


class _Within:
    """The API, whose answers are what is within the fleet run that is asked for."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.place, self.is_local = api.place, api.is_local
        self.subscribe, self.interrupt = api.subscribe, api.interrupt

    def execute(self, document: str, variables: Any = None) -> dict[str, Any]:
        found: dict[str, Any] = self._api.execute(document, variables)["fleetRun"] or {}
        return found


def show_end(api: Api, printer: Printer, id: str) -> int:
    """Show the answers and what was not run; return 0 if every execution succeeded, else 1."""
    found = read_fleet_run(api, id)
    not_run = list(read_members(api, id, NOT_RUN))
    if printer.as_json:
        printer.show_json({**found, "groups": list(read_groups(api, id)), "notRun": not_run})
    else:
        show_groups(api, id)
        for member in not_run:
            why = member["message"] or member["refusal"] or member["state"]
            printer.notes.say(f"{_get_name(member)}: {why}", "yellow")
        name = choose("fleet run", "批量执行")
        printer.notes.say(f"[{_format_counts(found)}] {name} {id}", _choose_colour(found["state"]))
    return 0 if found["state"] == "SUCCESS" else 1


def show_groups(api: Api, id: str) -> None:
    """Print each group on stdout: a line with its servers and how they ended, and their common output."""
    for group in read_groups(api, id):
        print(_colour(f"== {_format_heading(group)}", group["state"]))
        print(_make_safe(group["text"]), end="" if group["text"].endswith("\n") or not group["text"] else "\n")
    sys.stdout.flush()


def _format_counts(found: Row) -> str:
    """Return `SUCCESS; 3 servers: 3 success`, with every state that some server is in."""
    counts = found["counts"]
    words = {"notStarted": "not started"}
    parts = [f"{count} {words.get(name, name)}" for name, count in counts.items() if count and name != "size"]
    return f"{found['state']}; {format_size(counts['size'])}: {', '.join(parts)}"


def format_size(count: int) -> str:
    """Return `1 server` or `2 servers`."""
    return choose(f"{count} server{'' if count == 1 else 's'}", f"{count} 台服务器")


def _get_name(member: Row) -> str:
    """Return the name of an execution's or a member's server; its id if it is not to be seen."""
    return (member.get("server") or {}).get("name") or f"server {member.get('serverId', '?')}"


def _format_heading(group: Row) -> str:
    nodes = group["executions"]["nodes"]
    names = ", ".join(format_cell(_get_name(each)) for each in nodes)
    more = f", … {group['size'] - len(nodes)} more" if group["size"] > len(nodes) else ""
    ended = group["state"] if group["exitCode"] is None else f"{group['state']}, exit status {group['exitCode']}"
    reason = (nodes[0]["message"] or nodes[0]["reason"]) if nodes and group["exitCode"] is None else None
    ids = ", ".join(str(each["id"]) for each in nodes[:5])
    parts = [f"{names}{more} ({group['size']}): {ended}", format_cell(reason), f"execution {ids}"]
    return "; ".join(part for part in parts if part)


def _make_safe(text: str) -> str:
    """Return the text for stdout: whole on a pipe, and without what controls a terminal on one."""
    if not sys.stdout.isatty():
        return text
    return Sanitiser(colours=False).feed(text, final=True)


def _colour(line: str, state: str) -> str:
    if not takes_colours(sys.stdout):
        return line
    code = {"green": "32", "red": "31", "yellow": "33"}.get(choose_style(state), "1")
    return f"\x1b[{code}m{line}\x1b[0m"


def _choose_colour(state: str) -> str:
    return {"SUCCESS": "green", "FAILED": "red"}.get(state, "yellow")
