"""The results of a check as they come in, each with the time since the one before."""

import asyncio
from dataclasses import replace

from runner.checks.requests import CheckReport, CheckStep, StepResult, StepStatus
from runner.checks.target_facts import parse_clock
from runner.ssh.sign_in.progress import ConnectProgress, SeenHostKey


class CheckRecord:
    """Collects the results of one check. Steps are settled in their order, which starts when the record is made."""

    def __init__(self) -> None:
        self._results: list[StepResult] = []
        self._since = asyncio.get_running_loop().time()
        self._host_key: SeenHostKey | None = None
        self._clock_difference: float | None = None
        self._round_trip: float | None = None

    @property
    def next_step(self) -> CheckStep:
        return tuple(CheckStep)[len(self._results)]

    def pass_connection(self, endpoint: str, progress: ConnectProgress) -> None:
        """Settle the steps of a connection that it has got through, also if it failed later."""
        self._host_key = progress.host_key
        if progress.connected_at is not None:
            self._settle(CheckStep.REACH, found=endpoint, at=progress.connected_at)
        if progress.exchanged_at is not None:
            self._settle(CheckStep.HOST_KEY, found=self._describe_host_key(), at=progress.exchanged_at)

    def pass_sign_in(self, username: str) -> None:
        self._settle(CheckStep.SIGN_IN, found=username)

    def note_fact(self, step: CheckStep, value: str, *, wall_clock: float) -> None:
        """Settle a step by what check.sh tells of it; `wall_clock` is our own time."""
        if step is CheckStep.CLOCK and (told := parse_clock(value)) is not None:
            self._clock_difference = told - wall_clock
        self._settle(step, status=_decide_status(step, value), found=_find_value(step, value))

    def pass_round_trip(self, seconds: float) -> None:
        self._round_trip = seconds
        self._settle(CheckStep.ROUND_TRIP, found=f"{seconds * 1000:.1f} ms")

    def fail(self, detail: str, at: CheckStep | None = None) -> None:
        """Settle the next step, or the later one `at`, as failed; those between are skipped."""
        while at is not None and tuple(CheckStep).index(at) > len(self._results):
            self._skip()
        found = self._describe_host_key() if self.next_step is CheckStep.HOST_KEY else None
        self._settle(self.next_step, status=StepStatus.FAILED, found=found, detail=detail)

    def build_report(self) -> CheckReport:
        while len(self._results) < len(CheckStep):
            self._skip()
        trip, difference = self._round_trip, self._measure_clock_difference()
        return CheckReport(
            steps=tuple(_show_difference(step, difference) for step in self._results),
            host_key=self._host_key,
            clock_difference=difference,
            round_trip_ms=None if trip is None else round(trip * 1000, 1),
        )

    def _settle(
        self,
        step: CheckStep,
        *,
        status: StepStatus = StepStatus.OK,
        found: str | None = None,
        detail: str | None = None,
        at: float | None = None,
    ) -> None:
        if step is not self.next_step:
            raise RuntimeError(f"{step} is not the next step")
        now = asyncio.get_running_loop().time() if at is None else at
        duration = round((now - self._since) * 1000, 1)
        self._since = now
        self._results.append(StepResult(step=step, status=status, duration_ms=duration, found=found, detail=detail))

    def _skip(self) -> None:
        self._results.append(StepResult(step=self.next_step, status=StepStatus.SKIPPED))

    def _describe_host_key(self) -> str | None:
        key = self._host_key
        return None if key is None else f"{key.type} {key.fingerprint}"

    def _measure_clock_difference(self) -> float | None:
        """Return how far the server's clock is ahead: it was read half a round trip before its line arrived."""
        if self._clock_difference is None:
            return None
        return round(self._clock_difference + (self._round_trip or 0.0) / 2, 1)


def _show_difference(step: StepResult, difference: float | None) -> StepResult:
    if step.step is not CheckStep.CLOCK or difference is None:
        return step
    return replace(step, found=f"{difference:+.1f} s")


def _decide_status(step: CheckStep, value: str) -> StepStatus:
    if step is CheckStep.CLOCK:
        is_good = parse_clock(value) is not None
    elif step is CheckStep.FOLDER:
        is_good = value.startswith("/")
    elif step is CheckStep.SETSID:
        is_good = bool(value)
    else:
        is_good = step is CheckStep.LOGIN_SHELL or not value
    return StepStatus.OK if is_good else StepStatus.LIMITED


def _find_value(step: CheckStep, value: str) -> str | None:
    return (value.removeprefix("-").strip() if step is CheckStep.FOLDER else value) or None
