"""The words of fleet runs as GraphQL enums."""

from db.values import FleetReason, FleetState, MemberState, OnRefused, Refusal
from schema.enums import register_enum

__all__ = ["FleetReason", "FleetState", "MemberState", "OnRefused", "Refusal"]

register_enum(
    FleetState,
    "FleetRunState",
    "The state of a fleet run. All but RUNNING are final and never change.",
    {
        "RUNNING": "Executions go on, or are still to be started.",
        "SUCCESS": "Every execution succeeded, and no server was refused.",
        "FAILED": "An execution did not succeed, or a server was refused.",
        "STOPPED": "It stopped starting executions before its last batch; `reason` says why.",
        "CANCELLED": "It was cancelled.",
    },
)
register_enum(
    FleetReason,
    "FleetRunReason",
    "Why a fleet run stopped before its last batch.",
    {
        "CANCELLED": "It was cancelled.",
        "STOP_AFTER": "As many executions had failed as `stopAfter` allows.",
        "TASK_DELETED": "Its task was deleted.",
    },
)
register_enum(
    MemberState,
    "FleetMemberState",
    "The state of a server in a fleet run.",
    {
        "WAITING": "Its batch has not started.",
        "STARTED": "It has an execution.",
        "REFUSED": "The fleet run may not run on it; `refusal` says why.",
        "NOT_STARTED": "The fleet run was stopped or cancelled before it was its turn.",
    },
)
register_enum(
    Refusal,
    "FleetRefusal",
    "Why a fleet run may not run on a server.",
    {
        "NOT_ALLOWED": "The user is no operator on it.",
        "REFUSED_BY_POLICY": "The command policy refuses the command there.",
        "BLACKOUT": "A blackout window covers it.",
        "DISABLED": "It is disabled.",
        "DELETED": "It was deleted before its batch started.",
        "SECRET_MISSING": "A registered secret that the command uses is not for runs on it.",
    },
)
register_enum(
    OnRefused,
    "OnRefused",
    "What a fleet run does if it may not run on one of its servers.",
    {"FAIL_ALL": "Nothing is started anywhere.", "SKIP": "The others are started."},
)
