"""Registered secrets: kept by admins, taken by runs under their names. A value goes in sealed and never comes out."""

from dataclasses import replace

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from db import secrets as table
from db.secret_models import RegisteredSecret
from db.secrets import SecretFilter
from db.values import AuditKind, ObjectKind, Role
from resolvers import audit, audit_records, paging, rights, rules, servers
from resolvers.audit import Act, Deed
from resolvers.context import Context
from resolvers.errors import Conflict, NotFound
from resolvers.inputs import NewSecret
from resolvers.paging import Page, PageRequest
from resolvers.rights import Right
from resolvers.secret_env import Draft, secret_value
from runner.run_secrets import place_of_registered
from runner.secret import Secret
from runner.vault import Vault

LISTING: paging.Listing[RegisteredSecret, SecretFilter] = paging.Listing(
    page=table.page, count=table.count, orders=("name", "id")
)


async def page(ctx: Context, filter: SecretFilter, request: PageRequest) -> Page[RegisteredSecret]:
    """Their names, for those who may run something somewhere."""
    await rights.need(ctx, Role.OPERATOR)
    if filter.server_id is not None:
        rules.identifier("server_id", filter.server_id)
    return await paging.fetch(ctx.service.store, LISTING, replace(filter, sight=ctx.sight), request)


@audit.refusals_of("secrets.create", ObjectKind.SECRET)
async def create(ctx: Context, new: NewSecret) -> RegisteredSecret:
    viewer = ctx.need(Role.ADMIN)
    now = ctx.service.clock()
    values = {
        "name": rules.text("name", new.name, longest=100),
        "value": b"",
        "server_id": None if new.server_id is None else rules.identifier("server_id", new.server_id),
        "created_by": viewer.user_id,
        "created_at": now,
        "updated_at": now,
    }
    draft = Draft(values, ctx.service.vault, {"value": secret_value("value", new.value)})
    try:
        return await ctx.service.store.run(insert, draft, Right(viewer, Role.ADMIN), audit.act(ctx))
    except IntegrityError as error:
        raise name_taken(new.name) from error


@audit.refusals_of("secrets.change", ObjectKind.SECRET)
async def change(ctx: Context, id: int, value: Secret) -> RegisteredSecret:
    """Runs that start from now on take this value."""
    ctx.need(Role.ADMIN)
    checked = secret_value("value", value)
    return found(
        await ctx.service.store.run(
            change_value, rules.identifier("id", id), ctx.service.vault, checked, audit.act(ctx)
        ),
        id,
    )


@audit.refusals_of("secrets.delete", ObjectKind.SECRET)
async def delete(ctx: Context, id: int) -> RegisteredSecret:
    """Remove it for good. What is to take it fails from now on, before anything is started."""
    ctx.need(Role.ADMIN)
    return found(await ctx.service.store.run(remove, rules.identifier("id", id), audit.act(ctx)), id)


def insert(conn: Connection, draft: Draft, right: Right, act: Act) -> RegisteredSecret:
    """Two statements, because the sealed value is bound to the row's id."""
    values = draft.values
    if values["server_id"] is not None:
        servers.require(conn, values["server_id"], right)
    row = table.insert(conn, values)
    table.update(conn, row.id, {"value": sealed(draft.vault, row.id, draft.own["value"])})
    audit.record(conn, act, Deed(AuditKind.SECRET_CREATED, ObjectKind.SECRET, row.id, after=audit_records.secret(row)))
    return row


def change_value(conn: Connection, id: int, vault: Vault, value: Secret, act: Act) -> RegisteredSecret | None:
    table.update(conn, id, {"value": sealed(vault, id, value), "updated_at": act.at})
    row = table.by_id(conn, id)
    if row is not None:
        after = audit_records.secret(row)
        audit.record(conn, act, Deed(AuditKind.SECRET_REPLACED, ObjectKind.SECRET, id, after=after))
    return row


def remove(conn: Connection, id: int, act: Act) -> RegisteredSecret | None:
    row = table.by_id(conn, id)
    if row is None or not table.remove(conn, id):
        return None
    before = audit_records.secret(row)
    audit.record(conn, act, Deed(AuditKind.SECRET_DELETED, ObjectKind.SECRET, id, before=before))
    return row


def found(row: RegisteredSecret | None, id: int) -> RegisteredSecret:
    if row is None:
        raise NotFound.named("secret", id)
    return row


def sealed(vault: Vault, id: int, value: Secret) -> bytes:
    return vault.seal(value.reveal().encode(), **place_of_registered(id))


def name_taken(name: str) -> Conflict:
    return Conflict(
        f"There is a secret named {name} already: replace its value, or choose another name.",
        f"已有名为 {name} 的机密，请替换其值或换一个名称。",
        field=("name",),
    )
