"""Waits for runs to end, and shows a run's output to its end, after a command that started or cancelled them."""

from sshcast.display import Ending, OutputWriter
from sshcast.exit_status import INTERRUPTED
from sshcast.notes import Notes
from sshcast.remote.api import Api
from sshcast.remote.interrupts import Interrupts
from sshcast.remote.running import Canceller, build_watch, follow_or_cancel


def show_to_end(api: Api, notes: Notes, execution_id: str, interrupts: Interrupts) -> int:
    """Show the run's output and return its exit status, as `sshcast run` does: an interrupt cancels it.

    It is called in `Interrupts.catch`, and the run was started in it too.
    """
    watch = build_watch(api, OutputWriter(raw=False, notes=notes), execution_id, interrupts)
    return follow_or_cancel(Canceller(watch, api, execution_id))


def wait_for_end(api: Api, notes: Notes, execution_id: str, interrupts: Interrupts | None = None) -> Ending:
    """Return how the run ended, once it has. None of its output is shown; an interrupt leaves it alone."""
    writer = OutputWriter(raw=False, notes=Notes(quiet=True))
    watch = build_watch(api, writer, execution_id, interrupts or Interrupts())
    watch.follower.patience.notes = notes
    watch.follower.start = {"lines": 0}
    watch.follower.follow(lambda event: event["kind"] == "OutputEnd" and watch.show(event))
    assert watch.ending is not None, "the last event is its end"
    return watch.ending


def wait_quietly(api: Api, notes: Notes, execution_id: str, interrupts: Interrupts) -> int:
    """Wait for the run to end and return its exit status, for those who read JSON. It is in `Interrupts.catch`."""
    try:
        with interrupts.allow():
            return wait_for_end(api, notes, execution_id, interrupts).status
    except KeyboardInterrupt:
        notes.say(f"left; how it goes on: sshcast tail {execution_id}")
        return INTERRUPTED
