"""The terms on which a fleet run is carried out: its batches, the pause between them, and when it stops."""

from collections.abc import Mapping
from typing import Any

from db.fleet_selection import MOST_SERVERS
from db.values import OnRefused
from resolvers import validation
from resolvers.errors import Invalid
from resolvers.fleet_inputs import StartFleetRun
from resolvers.inputs import FleetTerms

LONGEST_PAUSE_SECONDS = 86_400


def check(wanted: StartFleetRun | FleetTerms) -> dict[str, Any]:
    """Return the columns of how it is carried out. Invalid names the one that is wrong."""
    return {
        "batch_size": _check_number("batch_size", wanted.batch_size, "servers"),
        "stop_after": _check_number("stop_after", wanted.stop_after, "failures"),
        "pause_seconds": validation.check_between("pause_seconds", wanted.pause_seconds, 0, LONGEST_PAUSE_SECONDS),
        "on_refused": validation.check_one_of("on_refused", wanted.on_refused, OnRefused),
    }


def _check_number(field: str, given: Mapping[str, int] | None, name: str) -> dict[str, int] | None:
    if given is None:
        return None
    if len(given) != 1 or not given.keys() <= {name, "percent"}:
        raise Invalid(field, f"must be either {name} or percent.", f"须为 {name} 或 percent 之一。")
    most = {name: MOST_SERVERS, "percent": 100}
    return {part: validation.check_between(field, value, 1, most[part]) for part, value in given.items()}
