"""The outcome of a run, as it is recorded."""

from dataclasses import dataclass, replace
from typing import Any

from db.values import Reason, State

SIGNAL_LENGTH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A final state, its reason, and what is known of the command's end. `message` is for people.

    `verified_gone` is None unless the target was checked for remaining processes.
    """

    state: State
    reason: Reason
    message: str | None = None
    exit_code: int | None = None
    exit_signal: str | None = None
    verified_gone: bool | None = None

    def build_columns(self) -> dict[str, Any]:
        """Return the outcome as columns of `task_executions`."""
        return {
            "state": self.state,
            "reason": self.reason,
            "message": self.message,
            "exit_code": self.exit_code,
            "exit_signal": self.exit_signal,
            "verified_gone": self.verified_gone,
        }


def decide_by_exit(status: int | None, signal: str | None) -> Outcome:
    """Return the outcome of a command that ended by itself: success needs exit status 0, received from the target.

    SSH carries any 32 bits as status and any text as signal; both are stored as far as the record can hold them.
    """
    if signal is not None:
        name = "".join(char for char in signal if char.isascii() and char.isalnum())[:SIGNAL_LENGTH]
        return Outcome(state=State.FAILED, reason=Reason.SIGNAL, message=f"ended by signal {name}", exit_signal=name)
    if status is None:
        return build_loss("the connection closed without an exit status")
    state = State.SUCCESS if status == 0 else State.FAILED
    signed = status - 2**32 if status >= 2**31 else status
    return Outcome(state=state, reason=Reason.EXIT_STATUS, exit_code=signed)


def build_failure(reason: Reason, message: str) -> Outcome:
    return Outcome(state=State.FAILED, reason=reason, message=message)


def build_loss(message: str) -> Outcome:
    """Return a failure that says that the command's end is unknown."""
    return build_failure(Reason.LOST, f"{message}: whether the command finished is unknown")


def conclude_cancelled() -> Outcome:
    return Outcome(state=State.CANCELLED, reason=Reason.CANCELLED, message="cancelled before it started")


def add_leftovers(outcome: Outcome, gone: bool | None, alive: tuple[int, ...]) -> Outcome:
    """Return the outcome with the result of the check for remaining processes."""
    return replace(outcome, verified_gone=gone, message=f"{outcome.message}{_name_alive(alive)}")


def _name_alive(alive: tuple[int, ...]) -> str:
    return f"; still alive on the target: pids {', '.join(map(str, alive))}" if alive else ""


@dataclass(frozen=True, slots=True)
class StopReport:
    """A command that sshcast stopped: the reason, and the result of the check for remaining processes."""

    reason: Reason
    gone: bool | None
    alive: tuple[int, ...] = ()

    def build_outcome(self, seconds: int) -> Outcome:
        state = {Reason.TIMEOUT: State.TIMEOUT, Reason.CANCELLED: State.CANCELLED}.get(self.reason, State.FAILED)
        why = {
            Reason.TIMEOUT: f"stopped after its time limit of {seconds} s",
            Reason.CANCELLED: "cancelled",
            Reason.OUTPUT_LIMIT: "stopped because its output reached the limit",
        }[self.reason]
        return Outcome(
            state=state, reason=self.reason, message=f"{why}; {self._describe_fate()}", verified_gone=self.gone
        )

    def _describe_fate(self) -> str:
        if self.alive:
            return f"still alive on the target: pids {', '.join(map(str, self.alive))}"
        return "verified gone" if self.gone else "whether its processes are gone could not be verified"
