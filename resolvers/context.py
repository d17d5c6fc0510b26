"""The caller of an operation, and the parts of the service that it needs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from db.ended_runs import EndListeners
from db.store import Store
from db.values import OnOutputLimit, Role
from db.visibility import EVERYTHING, VisibilityScope
from resolvers.errors import Forbidden, Language, Unauthenticated
from resolvers.fleet_digests import OutputDigests
from resolvers.fleet_memory import PlanMemory
from resolvers.output_tail import OutputTails
from resolvers.passwords import Passwords
from resolvers.provider import Provider
from resolvers.queue import QueueLimits
from resolvers.rates import RateLimiter
from resolvers.search_budget import SearchSlots
from resolvers.sign_in_links import SignInLinks
from resolvers.throttle import LoginThrottle
from resolvers.tokens import TokenIssuer
from resolvers.watchers import StreamLimiter
from runner.bus import Bus
from runner.policy import Policy
from runner.secrets.vault import Vault
from runner.ssh.networks import DEFAULT_POLICY, NetworkPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Upper bounds and defaults for requests, in seconds, bytes and numbers of rows."""

    default_timeout_seconds: int = 300
    max_timeout_seconds: int = 86_400
    default_output_limit: int = 10 * 1024 * 1024
    max_output_limit: int = 1024 * 1024 * 1024
    on_output_limit: str = OnOutputLimit.STOP
    max_pending: int = 100_000
    max_pending_per_user: int = 50_000
    max_pending_per_server: int = 50_000
    max_tasks_per_user: int = 50_000
    cron_floor_seconds: int = 1
    timezone: str = "UTC"

    @property
    def queue(self) -> QueueLimits:
        return QueueLimits(
            all=self.max_pending, of_user=self.max_pending_per_user, of_server=self.max_pending_per_server
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The service's parts, built once by `sshcast/app.py`. `os_user`: the user of the command that opened it."""

    store: Store
    bus: Bus
    vault: Vault
    policy: Policy
    passwords: Passwords
    tokens: TokenIssuer
    links: SignInLinks
    throttle: LoginThrottle
    limits: Limits
    clock: Callable[[], datetime]
    end_listeners: EndListeners = field(default_factory=EndListeners)
    watchers: StreamLimiter = field(default_factory=StreamLimiter)
    tails: OutputTails = field(default_factory=OutputTails)
    searches: SearchSlots = field(default_factory=SearchSlots)
    plans: PlanMemory = field(default_factory=PlanMemory)
    digests: OutputDigests = field(default_factory=OutputDigests)
    rates: RateLimiter = field(default_factory=RateLimiter)
    provider: Provider | None = None
    network_policy: NetworkPolicy = DEFAULT_POLICY
    os_user: str | None = None


@dataclass(frozen=True, slots=True)
class Viewer:
    """A signed-in user as stored now, and the time at which their token ends.

    `role` is their own role, which applies everywhere. Grants never raise them above `ceiling`, which a token may
    lower.
    `vouched`: they came with an access token of the identity provider.
    """

    user_id: int
    name: str
    role: Role
    expires_at: datetime
    token_version: int = 0
    session_id: int = 0
    token_id: int = 0
    ceiling: Role = Role.ADMIN
    vouched: bool = False

    @property
    def visibility(self) -> VisibilityScope:
        return EVERYTHING if self.role.rank >= Role.VIEWER.rank else VisibilityScope(self.user_id)

    def with_grant(self, granted: Role) -> Role:
        """Return the viewer's role where they are granted `granted` in addition to their own role."""
        return max(self.role, min(granted, self.ceiling, key=_get_rank), key=_get_rank)


def _get_rank(role: Role) -> int:
    return role.rank


@dataclass(slots=True)
class Renewal:
    """The viewer of the newest token on a connection, which may outlive the token that it was opened with."""

    viewer: Viewer


@dataclass(frozen=True, slots=True)
class Context:
    """One request, one operation on a socket, or one command line. `os_user` is set for a command line only."""

    service: Service
    viewer: Viewer | None = None
    language: Language = "en"
    address: str = ""
    renewal: Renewal | None = None
    os_user: str | None = None

    def with_current_viewer(self) -> "Context":
        """Return the context with the viewer of the connection's newest token, for long-running operations."""
        return self if self.renewal is None else replace(self, viewer=self.renewal.viewer)

    def require_viewer(self) -> Viewer:
        """Return the viewer; Unauthenticated if there is none. What they may see is decided by `visibility`."""
        if self.viewer is None:
            raise Unauthenticated()
        return self.viewer

    @property
    def visibility(self) -> VisibilityScope:
        """Return what the viewer may see; Unauthenticated if there is none."""
        return self.require_viewer().visibility

    def require_role(self, role: Role) -> Viewer:
        """Return the viewer if their own role is `role` or higher; otherwise raise Unauthenticated or Forbidden."""
        viewer = self.require_viewer()
        if viewer.role.rank < role.rank:
            raise Forbidden.role(role, viewer.role)
        return viewer

    @contextmanager
    def reserve_stream(self) -> Iterator[Viewer]:
        """Count an open stream of the viewer during the block. Raise Unauthenticated or RateLimited."""
        viewer = self.require_viewer()
        with self.service.watchers.reserve(viewer.user_id):
            yield viewer
