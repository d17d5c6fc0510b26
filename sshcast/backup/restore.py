"""`sshcast restore`: fills an empty folder from a backup, or settles a PostgreSQL database that was restored."""

import json
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection

from db import database_home
from db import restored as table
from db.columns import format_time
from db.restored import Restored
from resolvers import restored
from resolvers.restored import Settlement
from sshcast.backup.manifest import BackupInvalid
from sshcast.backup.restoring import RestoreReport, RestoreRequest, restore_backup
from sshcast.data_store import open_current_store
from sshcast.errors import CommandFailed
from sshcast.notes import Notes
from sshcast.progress import Progress
from sshcast.settings import Settings
from sshcast.words import choose

OTHER_DATABASE = (
    "SSHCAST_DATABASE_URL is set, so a service started here would not use what is restored: unset it to restore a "
    "backup of SQLite; what pg_restore brought back is settled by `sshcast restore --settle-database`"
)
AWAKE = (
    "{number} runners of a service work on this database: stop every sshcast on it first, and wait ten seconds if you "
    "have restored it just now"
)


async def restore(settings: Settings, path: Path, *, revoke_tokens: bool, as_json: bool) -> int:
    """Restore the archive into the data folder, and tell what was found and changed."""
    if not settings.sqlite:
        raise CommandFailed(OTHER_DATABASE)
    progress = Progress()
    wanted = RestoreRequest(path, settings, _now, progress.say, revoke_tokens)
    try:
        report = await restore_backup(wanted)
    except BackupInvalid as error:
        raise CommandFailed(f"{path} was not restored: {error}") from None
    finally:
        progress.clear()
    if as_json:
        _print_json(report.settlement, report.manifest.taken_at, settings.data)
    else:
        _tell_backup(report)
        _tell_settlement(report.settlement)
        print(settings.data)
    return 0


async def settle_database(settings: Settings, taken_at: datetime | None, *, revoke_tokens: bool, as_json: bool) -> int:
    """Settle a PostgreSQL database that pg_restore has filled. `taken_at`: when its dump was begun."""
    if settings.sqlite:
        raise CommandFailed("--settle-database is for PostgreSQL: set SSHCAST_DATABASE_URL to the restored database")
    async with open_current_store(settings) as store:
        if awake := await store.read(table.list_live_runners):
            raise CommandFailed(AWAKE.format(number=len(awake)))
        found = taken_at or await store.read(table.find_newest_change) or _now()
        settlement = await store.run(_settle_here, Restored(found, _now()), revoke_tokens=revoke_tokens)
    if as_json:
        _print_json(settlement, found, None)
    else:
        _tell_settlement(settlement)
    return 0


def _settle_here(conn: Connection, when: Restored, *, revoke_tokens: bool) -> Settlement:
    """Settle, and note that the database belongs where it is now: its runners may start."""
    settlement = restored.settle(conn, when, revoke_tokens=revoke_tokens)
    database_home.note(conn)
    return settlement


def _now() -> datetime:
    return datetime.now(UTC)


def _print_json(settlement: Settlement, taken_at: datetime, folder: Path | None) -> None:
    where = {} if folder is None else {"data": str(folder)}
    print(json.dumps({**where, "takenAt": format_time(taken_at), "settled": settlement.to_dict()}, indent=2))


def _tell_backup(report: RestoreReport) -> None:
    found, contents, say = report.manifest, report.contents, Notes().say
    what = (contents.users, contents.servers, contents.tasks, contents.executions)
    taken_at = format_time(found.taken_at.replace(microsecond=0))
    say(
        choose(
            f"backup of {taken_at} by sshcast {found.sshcast}: {what[0]} users, {what[1]} servers, {what[2]} tasks, "
            f"{what[3]} executions",
            f"{taken_at} 的备份（sshcast {found.sshcast}）：{what[0]} 个用户，{what[1]} 台服务器，{what[2]} 个任务，"
            f"{what[3]} 次执行",
        )
    )
    if not report.opens:
        say(
            choose(
                "the master key is not in it: put secret.key into the folder, or set SSHCAST_SECRET_KEY",
                "其中没有主密钥：启动前请把 secret.key 放入该目录，或设置 SSHCAST_SECRET_KEY",
            ),
            "yellow",
        )


def _tell_settlement(done: Settlement) -> None:
    say = Notes().say
    say(
        choose(
            f"{done.lost} executions that waited or ran are LOST now; {done.looked_for} will be looked for on their "
            "servers",
            f"{done.lost} 次等待或运行中的执行记为 LOST；{done.looked_for} 次将在其服务器上查找",
        )
    )
    say(
        choose(
            f"{done.slots} moments of schedules since then are MISSED, and none of them runs; {done.open_slots} "
            f"earlier ones are closed; {done.fleet_runs} fleet runs start nothing more",
            f"此后的 {done.slots} 个计划时刻记为 MISSED，不会运行；{done.open_slots} 个更早的已关闭；"
            f"{done.fleet_runs} 次批量运行不再启动",
        )
    )
    say(
        choose(
            f"{done.sessions} sign-ins ended; {done.revoked} personal access tokens revoked, {done.valid} valid",
            f"{done.sessions} 个登录已结束；{done.revoked} 个个人访问令牌已吊销，{done.valid} 个有效",
        )
    )
    say(
        choose(
            "users, grants and tokens are as they were then: look for what was disabled or revoked since",
            "用户、授权和令牌恢复到当时的状态：请检查此后停用或吊销的内容",
        ),
        "yellow",
    )
