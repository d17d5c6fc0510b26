"""The shared parts that drives need."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from db.store import Store
from runner.bus import Bus
from runner.execution.spool_sweeper import SpoolSweeper
from runner.observer import RunnerObserver
from runner.output.writer import OutputWriter
from runner.policy import Policy
from runner.secrets.vault import Vault
from runner.ssh.attempts import RetryPolicy
from runner.ssh.pool import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts are passed in, so that a test can replace any of them.

    `spool_limit`: the most bytes that a run may keep on its target whose output is truncated and not stopped.
    """

    store: Store
    bus: Bus
    pool: Pool
    writer: OutputWriter
    vault: Vault
    policy: Policy
    clock: Callable[[], datetime]
    spool_limit: int = 1024 * 1024 * 1024
    retry_policy: RetryPolicy = field(default_factory=RetryPolicy)
    sweeper: SpoolSweeper = field(default_factory=SpoolSweeper)
    observer: RunnerObserver = field(default_factory=RunnerObserver)
