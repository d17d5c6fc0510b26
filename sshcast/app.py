"""The wiring of the service: builds each of its parts once. `runner_wiring.py` adds a runner, `http_app.py` the faces.

Files of their own, so that a command which needs neither runner nor faces does not wait for their packages; one that
needs the database alone opens it by `data_store.py`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from db.ended_runs import EndListeners
from resolvers.context import Limits, Service
from resolvers.passwords import Passwords
from resolvers.provider import Provider
from resolvers.rates import BURST_SECONDS_OF_REFUSALS, RateLimiter, build_buckets
from resolvers.sign_in_links import SignInLinks
from resolvers.throttle import LoginThrottle
from resolvers.watchers import StreamLimiter
from runner import journal
from runner.bus import Bus
from runner.policy import Policy
from runner.ssh.networks import NetworkPolicy
from sshcast import master_key_check
from sshcast.data_store import open_current_store
from sshcast.settings import Settings
from sshcast.token_issuer import build_token_issuer


def utc_now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def open_service(settings: Settings, provider: Provider | None = None) -> AsyncIterator[Service]:
    """Open the service on its database, without a runner. A SQLite database is migrated.

    Raise DatabaseOlder for a PostgreSQL database that is not migrated, MasterKeyRefused for a wrong master key.
    """
    listeners = EndListeners(journal.write_end)
    async with open_current_store(settings, listeners.tell) as store:
        vault = await master_key_check.load_vault(store, settings)
        yield Service(
            store=store,
            end_listeners=listeners,
            bus=Bus(),
            vault=vault,
            policy=Policy.load(mode=settings.policy_mode),
            passwords=Passwords(),
            tokens=build_token_issuer(settings, utc_now),
            links=SignInLinks(clock=utc_now),
            throttle=LoginThrottle(clock=utc_now),
            limits=_build_limits(settings),
            clock=utc_now,
            watchers=StreamLimiter(settings.streams_per_user, settings.streams),
            rates=_build_rates(settings),
            provider=provider,
            network_policy=build_network_policy(settings),
        )


def _build_limits(settings: Settings) -> Limits:
    return Limits(
        default_timeout_seconds=settings.default_timeout,
        max_timeout_seconds=settings.max_timeout,
        default_output_limit=settings.default_output_limit,
        max_output_limit=settings.max_output_limit,
        on_output_limit=settings.on_output_limit,
        max_pending=settings.max_pending,
        max_pending_per_user=settings.max_pending_per_user,
        max_pending_per_server=settings.max_pending_per_server,
        max_tasks_per_user=settings.max_tasks_per_user,
        cron_floor_seconds=settings.cron_floor_seconds,
        timezone=settings.timezone,
    )


def build_network_policy(settings: Settings) -> NetworkPolicy:
    return NetworkPolicy.of(
        allowed=settings.allowed_networks,
        denied=settings.denied_networks,
        ports=settings.allowed_ports,
        jump_names=settings.jump_names,
    )


def _build_rates(settings: Settings) -> RateLimiter:
    return RateLimiter(
        requests=build_buckets(settings.requests_per_second),
        changes=build_buckets(settings.changes_per_second),
        strangers=build_buckets(settings.strangers_per_second),
        refusals=build_buckets(settings.refusals_per_second, BURST_SECONDS_OF_REFUSALS),
    )
