"""Runs a command on many servers: plans it, starts exactly what was planned, and follows it to its end."""

import re
from dataclasses import dataclass, field
from typing import Any

from sshcast.display import CANCELLING
from sshcast.errors import CommandFailed
from sshcast.exit_status import INTERRUPTED
from sshcast.remote import fleet_answers
from sshcast.remote.api import Api, ApiRefused
from sshcast.remote.fleet_progress import FleetProgress
from sshcast.remote.following import Follower
from sshcast.remote.interrupts import Interrupts
from sshcast.remote.names import find_server_id
from sshcast.remote.patience import Patience
from sshcast.remote.printing import Column, Printer, Row
from sshcast.remote.running import start_cancel
from sshcast.remote.starting import start_whole
from sshcast.words import choose

PLAN = """
query FleetPlan($input: FleetRunPlanInput!, $after: String) {
  fleetRunPlan(input: $input) {
    errors { code field message } digest size refusedCount
    servers(first: 100, after: $after) {
      nodes { serverId server { name host } refusal message } pageInfo { hasNextPage endCursor }
    }
  }
}
"""
START = """
mutation StartFleetRun($input: StartFleetRunInput!) {
  startFleetRun(input: $input) { errors { code field message } fleetRun { id counts { size } } }
}
"""
CANCEL = """
mutation CancelFleetRun($id: ID!) {
  cancelFleetRun(input: {id: $id}) { errors { code field message } fleetRun { id state cancelRequestedAt } }
}
"""
EVENTS = """
subscription FleetRunEvents($id: ID!, $after: String) {
  fleetRunEvents(id: $id, after: $after) {
    cursor kind
    ... on ExecutionEvent { executionId state }
    ... on FleetRunEvent { fleetRunState }
  }
}
"""
NUMBER = re.compile(r"([1-9][0-9]{0,4})(%?)")
COLUMNS = (
    Column("server", "服务器", lambda row: (row["server"] or {}).get("name") or row["serverId"]),
    Column("address", "地址", lambda row: (row["server"] or {}).get("host")),
    Column("may run", "可执行", lambda row: row["refusal"] is None, lambda row: "red" if row["refusal"] else "green"),
    Column("why not", "原因", lambda row: row["message"] or row["refusal"]),
)


class TermInvalid(CommandFailed):
    """An option is not a number of servers or a percentage."""

    status = 2


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """Where something would run. `digest` stands for exactly this; `input` is what was planned."""

    input: dict[str, Any]
    digest: str
    size: int
    refused_count: int
    servers: list[Row] = field(repr=False)


def build_selector(
    api: Api, servers: list[str], tags: list[str], any_tags: list[str], exclude_tags: list[str]
) -> dict[str, Any]:
    """Return the conditions that the servers must all meet; servers are named by names or ids."""
    found: dict[str, Any] = {"ids": [find_server_id(api, each) for each in servers]}
    found |= {"tagsAll": tags, "tagsAny": any_tags, "tagsNone": exclude_tags}
    return {name: value for name, value in found.items() if value}


def build_terms(batch: str | None, pause: int | None, stop_after: str | None, *, skips_refused: bool) -> dict[str, Any]:
    """Return how the fleet run is carried out, as the API takes it."""
    return {
        "batchSize": _parse_number("--batch", batch, "servers"),
        "pauseSeconds": pause or 0,
        "stopAfter": _parse_number("--stop-after", stop_after, "failures"),
        "onRefused": "SKIP" if skips_refused else "FAIL_ALL",
    }


def _parse_number(option: str, text: str | None, name: str) -> dict[str, int] | None:
    if text is None:
        return None
    found = NUMBER.fullmatch(text.strip())
    if found is None:
        raise TermInvalid(f"{option} takes a number of {name}, or a percentage of the servers as 10%: not {text}")
    return {"percent" if found[2] else name: int(found[1])}


def make_plan(api: Api, work: dict[str, Any], selector: dict[str, Any]) -> FleetPlan:
    """Ask the service where the work would run. Pages of a plan that changes meanwhile are asked for again."""
    wanted = {"work": work, "selector": selector}
    for _ in range(5):
        plan = _read_plan(api, wanted)
        if plan is not None:
            return plan
    raise CommandFailed(
        choose(
            "the servers that are selected change all the time: try again shortly",
            "所选的服务器一直在变：请稍后再试",
        )
    )


def _read_plan(api: Api, wanted: dict[str, Any]) -> FleetPlan | None:
    page = api.execute(PLAN, {"input": wanted})["fleetRunPlan"]
    digest, servers = page["digest"], list(page["servers"]["nodes"])
    while page["servers"]["pageInfo"]["hasNextPage"]:
        after = page["servers"]["pageInfo"]["endCursor"]
        page = api.execute(PLAN, {"input": wanted, "after": after})["fleetRunPlan"]
        servers += page["servers"]["nodes"]
        if page["digest"] != digest:
            return None
    return FleetPlan(wanted, digest, page["size"], page["refusedCount"], servers)


def show_plan(api: Api, printer: Printer, plan: FleetPlan) -> int:
    """Show where it would run, and start nothing."""
    if printer.as_json:
        counts = {"digest": plan.digest, "size": plan.size, "refusedCount": plan.refused_count}
        printer.show_json(counts | {"servers": plan.servers})
    else:
        printer.show_rows(plan.servers, COLUMNS)
    size = fleet_answers.format_size(plan.size)
    printer.tell(
        f"{size}, {plan.refused_count} of them refused; nothing was started [{api.place}]",
        f"{size}，其中 {plan.refused_count} 台被拒绝；未启动任何执行 [{api.place}]",
    )
    return 0


def run(api: Api, printer: Printer, plan: FleetPlan, terms: dict[str, Any]) -> int:
    """Start what was planned, follow it to its end, and show the answers in groups; 0 if all succeeded, else 1."""
    if plan.refused_count and terms["onRefused"] == "FAIL_ALL":
        _tell_refused(printer, plan)
    wanted = plan.input | terms | {"planDigest": plan.digest}
    interrupts = Interrupts()
    with interrupts.catch(api):
        found = start_whole(api, printer.notes, START, {"input": wanted})
        return _tell_started(api, printer, found["startFleetRun"]["fleetRun"], interrupts).follow_or_cancel()


def retry(api: Api, printer: Printer, document: str, wanted: dict[str, Any], *, waits: bool) -> int:
    """Start a new fleet run where one did not succeed; with `waits` follow it as `run` does."""
    interrupts = Interrupts()
    with interrupts.catch(api):
        found = start_whole(api, printer.notes, document, {"input": wanted})
        started = found["retryFleetRun"]["fleetRun"]
        following = _tell_started(api, printer, started, interrupts)
        if not waits and not interrupts.has_come:
            if printer.as_json:
                printer.show_json(started)
            else:
                print(following.id)
            return 0
        return following.follow_or_cancel()


def _tell_started(api: Api, printer: Printer, started: Row, interrupts: Interrupts) -> "Following":
    id, size = str(started["id"]), started["counts"]["size"]
    shown = fleet_answers.format_size(size)
    printer.tell_change(api, f"fleet run {id} on {shown}", f"批量执行 {id}：{shown}")
    return Following(api, printer, id, size, interrupts)


def _tell_refused(printer: Printer, plan: FleetPlan) -> None:
    for row in [row for row in plan.servers if row["refusal"]][:20]:
        name = (row["server"] or {}).get("name") or row["serverId"]
        printer.notes.say(f"{name}: {row['message'] or row['refusal']}", "yellow")


@dataclass(slots=True)
class Following:
    """Follows a fleet run to its end. A first Ctrl-C cancels it, a second one leaves."""

    api: Api
    printer: Printer
    id: str
    size: int
    interrupts: Interrupts
    is_cancelled: bool = False

    def follow_or_cancel(self) -> int:
        """Follow it and show its answers; return the exit status."""
        follower = _build_follower(self.api, self.printer, self.id, self.interrupts)
        progress = FleetProgress(self.size, is_quiet=self.printer.notes.quiet)
        while not follower.is_done:
            try:
                with self.interrupts.allow():
                    follower.follow(progress.show)
            except KeyboardInterrupt:
                progress.clear()
                if not follower.is_done and (self.is_cancelled or not self.cancel()):
                    return self.leave()
        progress.clear()
        with self.interrupts.allow():
            status = fleet_answers.show_end(self.api, self.printer, self.id)
        return INTERRUPTED if self.is_cancelled else status

    def cancel(self) -> bool:
        """Cancel the fleet run; tell whether no second Ctrl-C came meanwhile."""
        self.is_cancelled = True
        self.printer.notes.say(CANCELLING, "yellow")
        try:
            with self.interrupts.allow():
                start_cancel(self.api, self.printer.notes, CANCEL, self.id)
        except ApiRefused as error:
            self.printer.notes.say(str(error), "yellow")
        except KeyboardInterrupt:
            return False
        return True

    def leave(self) -> int:
        self.printer.notes.say(f"left; how it went on: sshcast fleet show {self.id}")
        return INTERRUPTED


def watch(api: Api, printer: Printer, id: str) -> int:
    """Follow a fleet run that was started before, and show its answers. An interrupt leaves it alone."""
    found = fleet_answers.read_fleet_run(api, id)
    interrupts = Interrupts()
    if found["state"] == "RUNNING":
        progress = FleetProgress(found["counts"]["size"], is_quiet=printer.notes.quiet)
        with interrupts.catch(api), interrupts.allow():
            try:
                _build_follower(api, printer, id, interrupts).follow(progress.show)
            finally:
                progress.clear()
    return fleet_answers.show_end(api, printer, id)


def _build_follower(api: Api, printer: Printer, id: str, interrupts: Interrupts) -> Follower:
    return Follower(
        api=api,
        patience=Patience(printer.notes),
        document=EVENTS,
        root="fleetRunEvents",
        advice=f"how it went on is shown by `sshcast fleet show {id}`",
        variables={"id": id},
        interrupts=interrupts,
    )
