"""Admins' changes to the command policy of one server or one task, stored as versions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from sqlalchemy import Connection

from db import policies as table
from db import servers, tasks
from db.policies import PolicyFilter
from db.policy_models import PolicyVersion
from db.values import AuditKind, ObjectKind, Role
from resolvers import audit, audit_records, paging, validation
from resolvers.audit import Actor, AuditedChange
from resolvers.context import Context
from resolvers.errors import Invalid, NotFound
from resolvers.paging import Page, PageRequest
from runner.admission import decision
from runner.admission.decision import MODES, PolicySubject
from runner.policy import Policy, Rule, RuleFault, covers, extend_rulebook

LISTING: paging.Listing[PolicyVersion, PolicyFilter] = paging.Listing(
    page=table.page, count=table.count, orders=("id",)
)
MOST = 100
LONGEST_NAME = 64
MOST_BYTES = 65_536
Owner = Literal["server", "task"]
AUDITED_AS = {
    "server": (AuditKind.SERVER_POLICY_SET, ObjectKind.SERVER),
    "task": (AuditKind.TASK_POLICY_SET, ObjectKind.TASK),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChange:
    """The new policy of a server or a task, which replaces the old one. With `mode` None the mode is inherited."""

    mode: str | None = None
    allow: Sequence[str] = ()
    commands: Sequence[str] = ()
    extra: str = ""


@audit.record_refusals_of("policies.set_of_server", ObjectKind.SERVER)
async def set_for_server(ctx: Context, id: int, change: PolicyChange) -> PolicyVersion:
    return await _store_policy(ctx, "server", id, change)


@audit.record_refusals_of("policies.set_of_task", ObjectKind.TASK)
async def set_for_task(ctx: Context, id: int, change: PolicyChange) -> PolicyVersion:
    """Set a task's policy. It holds while the task is unchanged, and may name the server's extra rules."""
    return await _store_policy(ctx, "task", id, change)


async def _store_policy(ctx: Context, owner: Owner, id: int, change: PolicyChange) -> PolicyVersion:
    viewer = ctx.require_role(Role.ADMIN)
    validation.check_id("id", id)
    inherited = "" if owner == "server" else await _load_inherited_extra(ctx, id)
    values = _check_change(ctx.service.policy, change, inherited)
    values |= {"created_by": viewer.user_id, "created_at": ctx.service.clock()}
    found = await ctx.service.store.run(_write_version, owner, id, values, audit.build_actor(ctx))
    if found is None:
        raise NotFound.for_object(owner, id).with_field("id")
    return found


async def _load_inherited_extra(ctx: Context, task_id: int) -> str:
    """Return the extra rules of the task's server."""
    task = await ctx.service.store.read(tasks.by_id, task_id)
    if task is None:
        raise NotFound.for_object("task", task_id).with_field("id")
    if task.server_id is None:
        return ""
    (found,) = await load_for_servers(ctx, [task.server_id])
    return "" if found is None else found.extra


def _write_version(
    conn: Connection, owner: Owner, id: int, values: Mapping[str, Any], actor: Actor
) -> PolicyVersion | None:
    """Insert a new version and return it; the current version if nothing differs; None if the owner does not exist."""
    bound = _lock_server(conn, id) if owner == "server" else _lock_task(conn, id)
    if bound is None:
        return None
    columns = {**values, **bound}
    before = next(iter(table.list_current(conn, *(([id], []) if owner == "server" else ([], [id])))), None)
    compared = (*audit_records.POLICY, "subject")
    if before is not None and all(getattr(before, name) == columns[name] for name in compared):
        return before
    row = table.insert(conn, columns)
    old = None if before is None else audit_records.describe_policy(before)
    audit.record(conn, actor, AuditedChange(*AUDITED_AS[owner], id, old, audit_records.describe_policy(row)))
    return row


def _lock_server(conn: Connection, id: int) -> dict[str, Any] | None:
    held = servers.lock_by_id(conn, id)
    return None if held is None else {"server_id": id, "task_id": None, "subject": None}


def _lock_task(conn: Connection, id: int) -> dict[str, Any] | None:
    held = tasks.lock_by_id(conn, id)
    return None if held is None else {"server_id": None, "task_id": id, "subject": PolicySubject.of_task(held).digest}


def _check_change(policy: Policy, change: PolicyChange, inherited: str = "") -> dict[str, Any]:
    """Return the change as columns. Invalid names the field, the rule and the right form."""
    if change.mode is not None:
        validation.check_one_of("mode", change.mode, MODES)
    known = {**_parse_stored_extra(policy, inherited), **_parse_extra(policy, change.extra)}
    return {
        "mode": change.mode,
        "allow": [_check_rule_name(name, known) for name in _check_texts("allow", change.allow)],
        "commands": [
            validation.check_command_text(text, "commands").strip()
            for text in _check_texts("commands", change.commands)
        ],
        "extra": change.extra,
    }


def _check_texts(field: str, texts: Sequence[str]) -> Sequence[str]:
    """Return the texts without repeats; Invalid if they are too many or too long."""
    if len(texts) > MOST or sum(map(len, texts)) > MOST_BYTES:
        raise Invalid(
            field,
            f"must be at most {MOST} texts of {MOST_BYTES} characters together.",
            f"最多 {MOST} 条，共 {MOST_BYTES} 个字符。",
        )
    return list(dict.fromkeys(texts))


def _parse_extra(policy: Policy, extra: str) -> Mapping[str, Rule]:
    """Return the rules including the extra ones; Invalid if those cannot be parsed."""
    validation.check_encodable("extra", extra)
    try:
        return extend_rulebook(policy.rulebook, extra).rules
    except RuleFault as fault:
        raise Invalid("extra", f"cannot be used: {fault}.", f"无法使用：{fault}。") from None


def _parse_stored_extra(policy: Policy, extra: str) -> Mapping[str, Rule]:
    """Return the rules including stored extra ones; without those if this version cannot parse them."""
    try:
        return extend_rulebook(policy.rulebook, extra).rules
    except RuleFault:
        return policy.rulebook.rules


def _check_rule_name(name: str, known: Mapping[str, Rule]) -> str:
    if len(name) <= LONGEST_NAME and any(covers(name, rule) for rule in known):
        return name
    shown = name[:LONGEST_NAME].encode("utf-8", "replace").decode()
    near = get_close_matches(shown, known, n=3, cutoff=0.5) or sorted({rule.split(".")[0] + ".*" for rule in known})
    raise Invalid(
        "allow",
        f"names no rule with {shown!r}: did you mean {', '.join(near)}? `policyRules` lists them.",
        f"中的 {shown!r} 不是任何规则：是否为 {', '.join(near)}？`policyRules` 列出全部规则。",
    )


async def load_for_servers(ctx: Context, ids: Sequence[int]) -> list[PolicyVersion | None]:
    """Return each server's current policy, in the order of `ids`; None for a server without one."""
    ctx.require_viewer()
    found = {row.server_id: row for row in await ctx.service.store.read(table.list_current, ids, ())}
    return [found.get(id) for id in ids]


async def load_for_tasks(ctx: Context, ids: Sequence[int]) -> list[PolicyVersion | None]:
    """Return each task's current policy, in the order of `ids`; None for a task without one."""
    ctx.require_viewer()
    found = {row.task_id: row for row in await ctx.service.store.read(table.list_current, (), ids)}
    return [found.get(id) for id in ids]


async def get(ctx: Context, id: int) -> PolicyVersion:
    """Return a policy version, for admins."""
    async with audit.record_refusals(ctx, "policies.get"):
        ctx.require_role(Role.ADMIN)
    (found,) = await get_many(ctx, [id])
    if found is None:
        raise NotFound()
    return found


async def get_many(ctx: Context, ids: Sequence[int]) -> list[PolicyVersion | None]:
    """Return policy versions by id, including outdated ones."""
    ctx.require_viewer()
    found = {row.id: row for row in await ctx.service.store.read(table.by_ids, ids)}
    return [found.get(id) for id in ids]


async def page(ctx: Context, filter: PolicyFilter, request: PageRequest) -> Page[PolicyVersion]:
    """Return a page of policy versions, for admins."""
    async with audit.record_refusals(ctx, "policies.page"):
        ctx.require_role(Role.ADMIN)
    return await paging.load_page(ctx.service.store, LISTING, filter, request)


async def list_rules(ctx: Context, server_id: int | None = None) -> list[Rule]:
    """Return all rules in the order of their files, including a server's extra rules."""
    ctx.require_viewer()
    if server_id is None:
        return list(ctx.service.policy.rulebook.rules.values())
    if await ctx.service.store.read(servers.by_id, validation.check_id("server_id", server_id), ctx.visibility) is None:
        raise NotFound.for_object("server", server_id).with_field("server_id")
    (found,) = await load_for_servers(ctx, [server_id])
    return list(_parse_stored_extra(ctx.service.policy, "" if found is None else found.extra).values())


def is_in_force(version: PolicyVersion, task: Any) -> bool:
    """Return whether what a version allows applies: for a task's version, while the task is unchanged."""
    return version.task_id is None or (
        task is not None and decision.PolicySubject.of_task(task).digest == version.subject
    )
