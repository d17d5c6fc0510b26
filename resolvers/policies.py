"""What admins change of the command policy for one server or one task, version by version."""

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
from resolvers import audit, audit_records, paging, rules
from resolvers.audit import Act, Deed
from resolvers.context import Context
from resolvers.errors import Invalid, NotFound
from resolvers.paging import Page, PageRequest
from runner import ruling
from runner.policy import Policy, Rule, RuleFault, covers, extended
from runner.ruling import MODES, Subject

LISTING: paging.Listing[PolicyVersion, PolicyFilter] = paging.Listing(
    page=table.page, count=table.count, orders=("id",)
)
MOST = 100
LONGEST_NAME = 64
MOST_BYTES = 65_536
Owner = Literal["server", "task"]
DEEDS = {
    "server": (AuditKind.SERVER_POLICY_SET, ObjectKind.SERVER),
    "task": (AuditKind.TASK_POLICY_SET, ObjectKind.TASK),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChange:
    """The whole policy of a server or a task, in place of the one of before. Without a mode, it is inherited."""

    mode: str | None = None
    allow: Sequence[str] = ()
    commands: Sequence[str] = ()
    extra: str = ""


@audit.refusals_of("policies.set_of_server", ObjectKind.SERVER)
async def set_of_server(ctx: Context, id: int, change: PolicyChange) -> PolicyVersion:
    return await kept(ctx, "server", id, change)


@audit.refusals_of("policies.set_of_task", ObjectKind.TASK)
async def set_of_task(ctx: Context, id: int, change: PolicyChange) -> PolicyVersion:
    """What it allows is bound to the task as it is now; the server's extra rules may be named too."""
    return await kept(ctx, "task", id, change)


async def kept(ctx: Context, owner: Owner, id: int, change: PolicyChange) -> PolicyVersion:
    viewer = ctx.need(Role.ADMIN)
    rules.identifier("id", id)
    inherited = "" if owner == "server" else await inherited_extra(ctx, id)
    values = checked(ctx.service.policy, change, inherited)
    values |= {"created_by": viewer.user_id, "created_at": ctx.service.clock()}
    found = await ctx.service.store.run(write, owner, id, values, audit.act(ctx))
    if found is None:
        raise NotFound.named(owner, id).at("id")
    return found


async def inherited_extra(ctx: Context, task_id: int) -> str:
    """The extra rules of the task's server."""
    task = await ctx.service.store.read(tasks.by_id, task_id)
    if task is None:
        raise NotFound.named("task", task_id).at("id")
    (found,) = await of_servers(ctx, [task.server_id])
    return "" if found is None else found.extra


def write(conn: Connection, owner: Owner, id: int, values: Mapping[str, Any], act: Act) -> PolicyVersion | None:
    """A new version; the one of before where nothing is different; None if its server or task is not there."""
    bound = server_owned(conn, id) if owner == "server" else task_owned(conn, id)
    if bound is None:
        return None
    wanted = {**values, **bound}
    before = next(iter(table.current(conn, *(([id], []) if owner == "server" else ([], [id])))), None)
    if before is not None and all(getattr(before, name) == wanted[name] for name in (*audit_records.POLICY, "subject")):
        return before
    row = table.insert(conn, wanted)
    old = None if before is None else audit_records.policy(before)
    audit.record(conn, act, Deed(*DEEDS[owner], id, old, audit_records.policy(row)))
    return row


def server_owned(conn: Connection, id: int) -> dict[str, Any] | None:
    held = servers.locked(conn, id)
    return None if held is None else {"server_id": id, "task_id": None, "subject": None}


def task_owned(conn: Connection, id: int) -> dict[str, Any] | None:
    held = tasks.locked(conn, id)
    return None if held is None else {"server_id": None, "task_id": id, "subject": Subject.of_task(held).digest}


def checked(policy: Policy, change: PolicyChange, inherited: str = "") -> dict[str, Any]:
    """As columns. Invalid names the field, the rule and what would be right."""
    if change.mode is not None:
        rules.one_of("mode", change.mode, MODES)
    known = {**readable(policy, inherited), **read(policy, change.extra)}
    return {
        "mode": change.mode,
        "allow": [allowed(name, known) for name in bounded("allow", change.allow)],
        "commands": [rules.command(text, "commands").strip() for text in bounded("commands", change.commands)],
        "extra": change.extra,
    }


def bounded(field: str, given: Sequence[str]) -> Sequence[str]:
    """Without repeats."""
    if len(given) > MOST or sum(map(len, given)) > MOST_BYTES:
        raise Invalid(
            field,
            f"must be at most {MOST} texts of {MOST_BYTES} characters together.",
            f"最多 {MOST} 条，共 {MOST_BYTES} 个字符。",
        )
    return list(dict.fromkeys(given))


def read(policy: Policy, extra: str) -> Mapping[str, Rule]:
    """The rules with the extra ones, which are refused if they cannot be read."""
    rules.encodable("extra", extra)
    try:
        return extended(policy.book, extra).rules
    except RuleFault as fault:
        raise Invalid("extra", f"cannot be used: {fault}.", f"无法使用：{fault}。") from None


def readable(policy: Policy, extra: str) -> Mapping[str, Rule]:
    """The rules with extra ones that are kept: without those if this version cannot read them."""
    try:
        return extended(policy.book, extra).rules
    except RuleFault:
        return policy.book.rules


def allowed(name: str, known: Mapping[str, Rule]) -> str:
    if len(name) <= LONGEST_NAME and any(covers(name, rule) for rule in known):
        return name
    shown = name[:LONGEST_NAME].encode("utf-8", "replace").decode()
    near = get_close_matches(shown, known, n=3, cutoff=0.5) or sorted({rule.split(".")[0] + ".*" for rule in known})
    raise Invalid(
        "allow",
        f"names no rule with {shown!r}: did you mean {', '.join(near)}? `policyRules` lists them.",
        f"中的 {shown!r} 不是任何规则：是否为 {', '.join(near)}？`policyRules` 列出全部规则。",
    )


async def of_servers(ctx: Context, ids: Sequence[int]) -> list[PolicyVersion | None]:
    """Each server's policy as it stands, in the order of `ids`; None where nobody has set any."""
    ctx.signed_in()
    found = {row.server_id: row for row in await ctx.service.store.read(table.current, ids, ())}
    return [found.get(id) for id in ids]


async def of_tasks(ctx: Context, ids: Sequence[int]) -> list[PolicyVersion | None]:
    ctx.signed_in()
    found = {row.task_id: row for row in await ctx.service.store.read(table.current, (), ids)}
    return [found.get(id) for id in ids]


async def get_many(ctx: Context, ids: Sequence[int]) -> list[PolicyVersion | None]:
    """Versions by their ids, old ones too."""
    ctx.signed_in()
    found = {row.id: row for row in await ctx.service.store.read(table.by_ids, ids)}
    return [found.get(id) for id in ids]


async def page(ctx: Context, filter: PolicyFilter, request: PageRequest) -> Page[PolicyVersion]:
    """The history of policies. For admins."""
    async with audit.refusals(ctx, "policies.page"):
        ctx.need(Role.ADMIN)
    return await paging.fetch(ctx.service.store, LISTING, filter, request)


async def rules_of(ctx: Context, server_id: int | None = None) -> list[Rule]:
    """Every rule, with the extra ones of a server; in the order of the files."""
    ctx.signed_in()
    if server_id is None:
        return list(ctx.service.policy.book.rules.values())
    if await ctx.service.store.read(servers.by_id, rules.identifier("server_id", server_id), ctx.sight) is None:
        raise NotFound.named("server", server_id).at("server_id")
    (found,) = await of_servers(ctx, [server_id])
    return list(readable(ctx.service.policy, "" if found is None else found.extra).values())


def holds(version: PolicyVersion, task: Any) -> bool:
    """Whether what a version allows counts: of a task's, while the task is as it was."""
    return version.task_id is None or (task is not None and ruling.Subject.of_task(task).digest == version.subject)
