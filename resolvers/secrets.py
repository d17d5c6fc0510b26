"""Registered secrets: managed by admins, used by runs under their names. A value is sealed and never shown again."""

from dataclasses import replace

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from db import secrets as table
from db.secret_models import RegisteredSecret
from db.secrets import SecretFilter
from db.values import AuditKind, ObjectKind, Role
from resolvers import audit, audit_records, paging, rights, servers, validation
from resolvers.audit import Actor, AuditedChange
from resolvers.context import Context
from resolvers.errors import Conflict, NotFound
from resolvers.inputs import NewSecret
from resolvers.paging import Page, PageRequest
from resolvers.rights import RoleRequirement
from resolvers.secret_env import RowDraft, check_secret_value
from runner.secrets.bindings import build_registered_binding
from runner.secrets.secret import Secret
from runner.secrets.vault import Vault

LISTING: paging.Listing[RegisteredSecret, SecretFilter] = paging.Listing(
    page=table.page, count=table.count, orders=("name", "id")
)


async def page(ctx: Context, filter: SecretFilter, request: PageRequest) -> Page[RegisteredSecret]:
    """Return a page of secrets (their names, not their values), for users who may run something on some server."""
    await rights.require_role(ctx, Role.OPERATOR)
    if filter.server_id is not None:
        validation.check_id("server_id", filter.server_id)
    return await paging.load_page(ctx.service.store, LISTING, replace(filter, visibility=ctx.visibility), request)


async def get(ctx: Context, id: int) -> RegisteredSecret:
    """Return a secret (its name, not its value), for users who may run something on some server."""
    await rights.require_role(ctx, Role.OPERATOR)
    found = await ctx.service.store.read(table.find_visible, id, ctx.visibility)
    return _require_secret(found, id)


@audit.record_refusals_of("secrets.create", ObjectKind.SECRET)
async def create(ctx: Context, new: NewSecret) -> RegisteredSecret:
    viewer = ctx.require_role(Role.ADMIN)
    now = ctx.service.clock()
    values = {
        "name": validation.check_text("name", new.name, longest=100),
        "value": b"",
        "server_id": None if new.server_id is None else validation.check_id("server_id", new.server_id),
        "created_by": viewer.user_id,
        "created_at": now,
        "updated_at": now,
    }
    draft = RowDraft(values, ctx.service.vault, {"value": check_secret_value("value", new.value)})
    try:
        return await ctx.service.store.run(_insert, draft, RoleRequirement(viewer, Role.ADMIN), audit.build_actor(ctx))
    except IntegrityError as error:
        raise _build_name_taken_error(new.name) from error


@audit.record_refusals_of("secrets.change", ObjectKind.SECRET)
async def change(ctx: Context, id: int, value: Secret) -> RegisteredSecret:
    """Replace the value. Runs that start from now on use it."""
    ctx.require_role(Role.ADMIN)
    checked = check_secret_value("value", value)
    return _require_secret(
        await ctx.service.store.run(
            _change_value, validation.check_id("id", id), ctx.service.vault, checked, audit.build_actor(ctx)
        ),
        id,
    )


@audit.record_refusals_of("secrets.delete", ObjectKind.SECRET)
async def delete(ctx: Context, id: int) -> RegisteredSecret:
    """Delete the secret for good. Runs that need it fail from now on, before anything is started."""
    ctx.require_role(Role.ADMIN)
    return _require_secret(
        await ctx.service.store.run(_remove, validation.check_id("id", id), audit.build_actor(ctx)), id
    )


def _insert(conn: Connection, draft: RowDraft, right: RoleRequirement, actor: Actor) -> RegisteredSecret:
    """Insert the row, then its value: the sealed value is bound to the row's id."""
    values = draft.values
    if values["server_id"] is not None:
        servers.require_server(conn, values["server_id"], right)
    row = table.insert(conn, values)
    table.update(conn, row.id, {"value": _seal_value(draft.vault, row.id, draft.own["value"])})
    audit.record(
        conn,
        actor,
        AuditedChange(AuditKind.SECRET_CREATED, ObjectKind.SECRET, row.id, after=audit_records.describe_secret(row)),
    )
    return row


def _change_value(conn: Connection, id: int, vault: Vault, value: Secret, actor: Actor) -> RegisteredSecret | None:
    table.update(conn, id, {"value": _seal_value(vault, id, value), "updated_at": actor.at})
    row = table.by_id(conn, id)
    if row is not None:
        after = audit_records.describe_secret(row)
        audit.record(conn, actor, AuditedChange(AuditKind.SECRET_REPLACED, ObjectKind.SECRET, id, after=after))
    return row


def _remove(conn: Connection, id: int, actor: Actor) -> RegisteredSecret | None:
    row = table.by_id(conn, id)
    if row is None or not table.remove(conn, id):
        return None
    before = audit_records.describe_secret(row)
    audit.record(conn, actor, AuditedChange(AuditKind.SECRET_DELETED, ObjectKind.SECRET, id, before=before))
    return row


def _require_secret(row: RegisteredSecret | None, id: int) -> RegisteredSecret:
    if row is None:
        raise NotFound.for_object("secret", id)
    return row


def _seal_value(vault: Vault, id: int, value: Secret) -> bytes:
    return vault.seal(value.reveal().encode(), **build_registered_binding(id))


def _build_name_taken_error(name: str) -> Conflict:
    return Conflict(
        f"There is a secret named {name} already: replace its value, or choose another name.",
        f"已有名为 {name} 的机密，请替换其值或换一个名称。",
        field=("name",),
    )
