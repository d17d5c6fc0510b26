"""The plan of a fleet run: the servers that it would run on, those where it may not, and a digest of both.

What is read and what is decided are apart: the start reads again in its transaction, and decides anew only if that has
changed.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection

from db import fleet_selection, grants, policies, secrets, tasks
from db.fleet_selection import MOST_SERVERS, ServerSelector
from db.models import Server, Task
from db.policy_models import PolicyVersion
from db.values import Refusal, Role
from resolvers import fleet_selectors, fleet_tasks, fleet_work, rights
from resolvers.context import Context
from resolvers.errors import Invalid, NotFound
from resolvers.fleet_inputs import FleetRequest
from resolvers.fleet_memory import PlanOutline
from resolvers.fleet_work import FleetWork
from resolvers.inputs import SelectServers
from resolvers.rights import RoleRequirement
from runner.admission import decision
from runner.admission.decision import PolicyDecision, StoredPolicies
from runner.scheduling import blackout

# How many decisions of the policy are made before others get their turn.
TURN = 20


@dataclass(frozen=True, slots=True)
class RefusedBecause:
    """The reason why a fleet run may not run on a server, in words of both languages."""

    kind: Refusal
    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class PlannedServer:
    """A selected server, and the reason why the fleet run may not run there, if there is one."""

    server: Server
    policy_id: int | None = None
    refusal: RefusedBecause | None = None
    decision: PolicyDecision | None = field(default=None, repr=False)

    @property
    def facts(self) -> list[Any]:
        """Return what of the server counts for the plan's digest."""
        row = self.server
        refused = None if self.refusal is None else self.refusal.kind
        return [row.id, row.host, row.port, row.username, row.jump_server_id, self.policy_id, refused]


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """What a plan is decided from, as the database has it."""

    task: Task | None
    servers: Sequence[Server]
    roles: Mapping[int, Role] | None
    policies: StoredPolicies
    secret_scopes: frozenset[tuple[str, int | None]]

    @property
    def fingerprint(self) -> tuple[Any, ...]:
        """Return what must be the same for the same decisions; None as `roles` means a role that holds everywhere."""
        held = None if self.roles is None else {row.id: self.roles.get(row.id) for row in self.servers}
        versions = [{id: row.id for id, row in found.items()} for found in (self.policies.servers, self.policies.tasks)]
        changed_at = None if self.task is None else self.task.updated_at
        return [tuple(row) for row in self.servers], held, versions, changed_at, self.secret_scopes


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """The servers in order of ids, the work, and the digest of all that the start executes."""

    work: FleetWork
    selector: ServerSelector
    servers: Sequence[PlannedServer]
    task_policy_id: int | None
    policy_version: str
    fingerprint: tuple[Any, ...] = field(repr=False)

    @property
    def refused(self) -> list[PlannedServer]:
        return [each for each in self.servers if each.refusal is not None]

    @property
    def allowed(self) -> list[PlannedServer]:
        return [each for each in self.servers if each.refusal is None]

    @property
    def outline(self) -> PlanOutline:
        """Return what is remembered of it, so that a start can say what has changed since."""
        rules = [self.policy_version, self.task_policy_id]
        servers = {each.server.id: (each.server.name, each.facts) for each in self.servers}
        return PlanOutline(_hash(self.work.facts), rules, servers)

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the work and of the servers with what decides where and whether it runs there."""
        parts = (1, self.work.facts, self.task_policy_id, self.policy_version, [each.facts for each in self.servers])
        return _hash(parts)


def _hash(parts: Any) -> str:
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()


async def build(ctx: Context, right: RoleRequirement, wanted: FleetRequest) -> FleetPlan:
    """Return the plan as of now. Invalid if no server, or too many, are selected."""
    fleet_work.check_choice(wanted)
    wanted = await fleet_tasks.complete_request(ctx, wanted)
    selector = fleet_selectors.check(ctx, wanted.selector or SelectServers())
    given = None if wanted.command is None else fleet_work.build_command_work(ctx.service.limits, wanted.command)
    secrets_of_command = () if given is None else list_secret_names(given)
    facts = await ctx.service.store.read(load_facts, right, selector, wanted.task_id, secrets_of_command)
    _check_number(facts.servers)
    work = given if given is not None else fleet_work.build_task_work(ctx, _require_task(facts, wanted), wanted)
    return await _decide(ctx, selector, facts, work)


def _check_number(servers: Sequence[Server]) -> None:
    """Raise Invalid unless the selector selects 1 to MOST_SERVERS servers."""
    if not servers:
        raise Invalid("selector", "selects no server that you may see.", "未选中任何您可见的服务器。")
    if len(servers) > MOST_SERVERS:
        raise Invalid(
            "selector",
            f"selects more than {MOST_SERVERS} servers: divide them among several fleet runs.",
            f"选中的服务器超过 {MOST_SERVERS} 台：请分成多个批量执行。",
        )


def list_secret_names(work: FleetWork) -> tuple[str, ...]:
    """Return the names of the registered secrets that the work uses."""
    return tuple(sorted({name for name in work.values["secret_env"].values() if name is not None}))


def load_facts(
    conn: Connection,
    right: RoleRequirement,
    selector: ServerSelector,
    task_id: int | None,
    secret_names: Sequence[str],
) -> PlanFacts:
    """Load what the plan is decided from, in a few statements whatever the number of servers.

    A task needs the role on its own server too, since its secrets go where it runs.
    """
    task = None if task_id is None else _load_task(conn, right, task_id)
    servers = fleet_selection.list_selected(conn, selector, MOST_SERVERS + 1)
    _require_ids(selector, servers)
    if task is not None:
        secret_names = sorted({name for name in task.secret_env.values() if name is not None})
    ids = [row.id for row in servers]
    stored = policies.list_current(conn, ids, [] if task is None else [task.id])
    return PlanFacts(
        task=task,
        servers=servers,
        roles=None if right.holds_everywhere else grants.load_roles_of_user(conn, right.viewer.user_id),
        policies=decision.sort_policies(stored),
        secret_scopes=frozenset(secrets.list_scopes(conn, secret_names)),
    )


def _load_task(conn: Connection, right: RoleRequirement, task_id: int) -> Task:
    found = NotFound.for_object("task", task_id)
    missing = NotFound(found.en, found.chinese, field=("work", "task_id"))
    task = tasks.by_id(conn, task_id, right.viewer.visibility)
    if task is None:
        raise missing
    right.enforce(conn, task.server_id, missing)
    return task


def _require_ids(selector: ServerSelector, servers: Sequence[Server]) -> None:
    """Raise NotFound if a server is named that is not there, where nothing but ids selects."""
    only_ids = ServerSelector(ids=selector.ids, visibility=selector.visibility)
    if selector.ids is None or selector != only_ids:
        return
    missing = sorted(set(selector.ids) - {row.id for row in servers})
    if missing:
        found = NotFound.for_object("server", missing[0])
        raise NotFound(found.en, found.chinese, field=("selector", "ids"))


def _require_task(facts: PlanFacts, wanted: FleetRequest) -> Task:
    if facts.task is None:
        raise NotFound.for_object("task", wanted.task_id or 0)
    return facts.task


async def _decide(ctx: Context, selector: ServerSelector, facts: PlanFacts, work: FleetWork) -> FleetPlan:
    now, decided = ctx.service.clock(), await _decide_policies(ctx, facts, work)
    planned = []
    for row in facts.servers:
        own = facts.policies.servers.get(row.id)
        ruling = decided[_group(facts, work, row)]
        found = _find_refusal(ctx, facts, work, row, now) or _refuse_denied(ruling)
        planned.append(PlannedServer(row, None if own is None else own.id, found, ruling))
    task_policy = facts.policies.tasks.get(work.task_id or 0)
    versions = {found.verdict.version for found in decided.values()}
    return FleetPlan(
        work=work,
        selector=selector,
        servers=planned,
        task_policy_id=None if task_policy is None else task_policy.id,
        policy_version=max(versions),
        fingerprint=facts.fingerprint,
    )


async def _decide_policies(ctx: Context, facts: PlanFacts, work: FleetWork) -> dict[Any, PolicyDecision]:
    """Decide once for each distinct policy, and not for each server."""
    found: dict[Any, PolicyDecision] = {}
    for row in facts.servers:
        group = _group(facts, work, row)
        if group not in found:
            found[group] = decision.decide(ctx.service.policy, work.build_subject(row.id), facts.policies)
            if len(found) % TURN == 0:
                await asyncio.sleep(0)
    return found


def _group(facts: PlanFacts, work: FleetWork, server: Server) -> Any:
    """Return what the policy's decision depends on: the content of the server's policy, and if the task's holds."""
    own, task = facts.policies.servers.get(server.id), facts.policies.tasks.get(work.task_id or 0)
    holds = task is not None and task.subject == work.build_subject(server.id).digest
    return None if own is None else _describe_policy(own), holds


def _describe_policy(row: PolicyVersion) -> bytes:
    return orjson.dumps([row.mode, row.allow, row.commands, row.extra])


def _find_refusal(
    ctx: Context, facts: PlanFacts, work: FleetWork, server: Server, now: datetime
) -> RefusedBecause | None:
    """Return why nothing may run on the server now, whatever the policy says of the command."""
    if facts.roles is not None and ctx.require_viewer().with_grant(facts.roles.get(server.id, Role.NONE)).rank < (
        Role.OPERATOR.rank
    ):
        return RefusedBecause(Refusal.NOT_ALLOWED, "you are no operator on it", "您不是此服务器的 operator")
    if not server.enabled:
        return RefusedBecause(Refusal.DISABLED, "it is disabled", "服务器已停用")
    window = blackout.find_covering(server.blackouts, now)
    if window is not None:
        until = window.until.isoformat(timespec="minutes")
        return RefusedBecause(
            Refusal.BLACKOUT, f"a blackout window covers it until {until}", f"处于停止窗口，直到 {until}"
        )
    for name in list_secret_names(work):
        if not {(name, None), (name, server.id)} & facts.secret_scopes:
            return RefusedBecause(
                Refusal.SECRET_MISSING, f"no secret {name} is for runs on it", f"没有可用于此服务器的机密 {name}"
            )
    return None


def _refuse_denied(found: PolicyDecision) -> RefusedBecause | None:
    worst = found.worst
    if worst is None:
        return None
    variable = f"{worst.variable}: " if worst.variable else ""
    return RefusedBecause(
        Refusal.REFUSED_BY_POLICY,
        f"{worst.rule}: {variable}{worst.message_en}",
        f"{worst.rule}：{variable}{worst.message_zh}",
    )


async def plan(ctx: Context, wanted: FleetRequest) -> FleetPlan:
    """Return what a start would do now. Nothing is stored."""
    right = await rights.require_role(ctx, Role.OPERATOR)
    found = await build(ctx, right, wanted)
    ctx.service.plans.remember((right.viewer.user_id, found.digest), found.outline)
    return found
