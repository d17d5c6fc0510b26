"""Follows a subscription across cuts, restarts and renewed tokens: every event once, in order, by its cursor."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sshcast.errors import CommandFailed
from sshcast.notes import Notes
from sshcast.remote.api import Api, ApiRefused, ConnectionLost
from sshcast.remote.interrupts import Interrupts
from sshcast.remote.patience import PASSING, Patience
from sshcast.words import choose

Event = dict[str, Any]
LAST = """
query LastEvent { events(last: 1) { pageInfo { endCursor } } }
"""


@dataclass(slots=True)
class Follower:
    """A subscription and how far it was read.

    The document takes `$after` and selects `cursor` of the field `root`. `start` are variables for the very beginning,
    `after` the position from which to go on. `advice` says what to do if the service stays away, after a colon.
    `is_done`: the last event was passed on, also if a KeyboardInterrupt came right after it.
    """

    api: Api
    patience: Patience
    document: str
    root: str
    advice: str
    variables: dict[str, Any] = field(default_factory=dict)
    start: dict[str, Any] = field(default_factory=dict)
    after: str | None = None
    interrupts: Interrupts = field(default_factory=Interrupts)
    is_done: bool = False

    def follow(self, show: Callable[[Event], bool]) -> None:
        """Pass every event to `show` until that returns True, which it does for the last one.

        After a KeyboardInterrupt it may be called again, and goes on where it was.
        """
        while True:
            before = self.after
            try:
                if self._read(show):
                    return
                lost: CommandFailed = ConnectionLost(
                    choose(f"{self.api.place} has ended the stream", f"{self.api.place} 结束了数据流")
                )
            except ConnectionLost as error:
                lost = error
            except ApiRefused as error:
                # A stream ends with the token that it was opened with; the next one is opened with a new token.
                if error.code not in PASSING and (error.code != "UNAUTHENTICATED" or self.after == before):
                    raise
                lost = error
            self.patience.wait(lost, self.advice)

    def _read(self, show: Callable[[Event], bool]) -> bool:
        """Read one stream. Tell whether its last event was the last of all."""
        begun = self.start if self.after is None else {"after": self.after}
        for data in self.api.subscribe(self.document, self.variables | begun):
            with self.interrupts.hold():
                event = data[self.root]
                self.patience.meet()
                self.is_done = show(event)
                self.after = event["cursor"]
            if self.is_done:
                return True
        return False


def follow_events(
    api: Api,
    notes: Notes,
    document: str,
    filter: dict[str, Any],
    after: str | None,
    show: Callable[[Event], bool],
) -> None:
    """Pass the events of the whole service after a cursor to `show`, until that returns True."""
    interrupts = Interrupts()
    follower = Follower(
        api=api,
        patience=Patience(notes),
        document=document,
        root="events",
        advice="begin again with `--after` and the last cursor that you have",
        variables={"filter": filter},
        after=after,
        interrupts=interrupts,
    )
    with interrupts.catch(api), interrupts.allow():
        follower.follow(show)


def find_newest_cursor(api: Api) -> str | None:
    """Return the place where the event stream ends now, so that what follows is not missed even if it is cut."""
    found: str | None = api.execute(LAST)["events"]["pageInfo"]["endCursor"]
    return found
