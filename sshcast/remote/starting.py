"""Starts something at a service once, although the answer may be lost: it is asked again with the same key."""

import os
from collections.abc import Mapping
from typing import Any

from sshcast.notes import Notes
from sshcast.remote.api import Api, ApiRefused, ConnectionLost, NeverReached
from sshcast.remote.patience import Patience

SECONDS = 120.0
# An answer with one of these codes may have come although the request was carried out, or will be soon.
UNKNOWN = frozenset({"OUTCOME_UNKNOWN", "UNAVAILABLE"})
ADVICE = "whether it was started is shown by `sshcast execution list`"


def start_once(
    api: Api, notes: Notes, document: str, variables: Mapping[str, Any], *, seconds: float = SECONDS
) -> dict[str, Any]:
    """Return the data of a mutation that starts something for `$input`, which gets an idempotency key of its own.

    If the answer is lost, ask again with the same key, so that nothing is started twice. A service that was never
    reached is not waited for.
    """
    given = {**variables, "input": {**variables["input"], "idempotencyKey": os.urandom(16).hex()}}
    patience, was_asked = Patience(notes, seconds), False
    while True:
        try:
            found = api.execute(document, given)
        except (ApiRefused, ConnectionLost) as error:
            was_asked = was_asked or not isinstance(error, NeverReached)
            if not was_asked or (isinstance(error, ApiRefused) and error.code not in UNKNOWN):
                raise
            patience.wait(error, ADVICE)
        else:
            patience.meet()
            return found


def start_whole(api: Api, notes: Notes, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Start it as `start_once` does, while a first Ctrl-C waits (`Interrupts.catch`). A second one leaves."""
    try:
        return start_once(api, notes, document, variables)
    except KeyboardInterrupt:
        notes.say("left; whether it was started is shown by: sshcast execution list")
        raise
