"""What driving an execution needs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from db.store import Store
from runner.bus import Bus
from runner.connecting import Patience
from runner.output import OutputWriter
from runner.policy import Policy
from runner.pool import Pool
from runner.sweeping import Sweeper
from runner.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Passed in, so that a test can give its own."""

    store: Store
    bus: Bus
    pool: Pool
    writer: OutputWriter
    vault: Vault
    policy: Policy
    clock: Callable[[], datetime]
    patience: Patience = field(default_factory=Patience)
    sweeper: Sweeper = field(default_factory=Sweeper)
