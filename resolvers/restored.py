"""Settles a database that was restored from a backup, before a service starts on it. See `db.restored`."""

from dataclasses import asdict, dataclass

from sqlalchemy import Connection

from db import restored as table
from db.restored import Restored
from runner.fleet import messages
from runner.scheduling import restored_slots

SLOT = "it was due when this service, restored from a backup of {taken_at}, knew nothing: whether it ran is unknown"
MEMBER_EN = "this service was restored from a backup of {taken_at}: whether it was started since is unknown"
MEMBER_ZH = "本服务由 {taken_at} 的备份恢复：此后是否已启动未知"


@dataclass(frozen=True, slots=True)
class Settlement:
    """What was changed in a restored database, by number.

    `lost`: executions of which no end is known. `looked_for`: those whose files are looked for on their targets.
    `slots`: missed moments of schedules. `open_slots`: earlier ones of which nothing more comes. `fleet_runs`: those
    that start nothing more. `sessions`: sign-ins that were ended. `revoked` and `valid`: personal access tokens.
    """

    lost: int
    looked_for: int
    slots: int
    open_slots: int
    fleet_runs: int
    sessions: int
    revoked: int
    valid: int

    def to_dict(self) -> dict[str, int]:
        return asdict(self)


def settle(conn: Connection, restored: Restored, *, revoke_tokens: bool = False) -> Settlement:
    """Make the database tell the truth about the time since its backup, and start none of it again."""
    table.forget_runners(conn)
    table.leave_event_numbers(conn)
    message = messages.pack(restored.explain(MEMBER_EN), restored.explain(MEMBER_ZH))
    fleet_runs = table.stop_fleet_runs(conn, restored, message)
    lost = table.lose_unfinished(conn, restored)
    return Settlement(
        lost=lost,
        looked_for=table.mark_known(conn, restored),
        open_slots=table.close_slots(conn, restored),
        slots=restored_slots.skip_due(conn, restored.at, restored.explain(SLOT)),
        fleet_runs=fleet_runs,
        sessions=table.end_sessions(conn, restored.at),
        revoked=table.revoke_personal_tokens(conn, restored.at) if revoke_tokens else 0,
        valid=table.count_personal_tokens(conn, restored.at),
    )
