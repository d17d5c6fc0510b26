"""The wiring of the service: builds each of its parts once. `driving.py` puts a runner to it, `faces.py` the faces.

Three files, so that a command which needs neither runner nor faces does not wait for their packages to be imported.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from db import migrate
from db.store import Store, open_store
from resolvers.context import Limits, Service
from resolvers.passwords import Passwords
from resolvers.provider import Provider
from resolvers.rates import BURST_SECONDS_OF_REFUSALS, Rates, buckets
from resolvers.sign_in_links import SignInLinks
from resolvers.throttle import Throttle
from resolvers.tokens import TokenIssuer
from resolvers.watchers import Watchers
from runner.bus import Bus
from runner.policy import Policy
from runner.reach import Reach
from sshcast import data_folder, master_key_check
from sshcast.settings import Settings


class DatabaseOlder(Exception):
    """The database is older than this version: run `sshcast migrate` first."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


def clock() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def store_of(settings: Settings) -> AsyncIterator[Store]:
    """The database as it stands, and the data folder it may be in."""
    data_folder.prepare(settings.data)
    store = await open_store(settings.url, connections=settings.database_connections)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def opened(settings: Settings, provider: Provider | None = None) -> AsyncIterator[Service]:
    """The service on its database, without a runner. SQLite is migrated here; else DatabaseOlder says what to do.

    MasterKeyRefused when the master key is not the one that the database is sealed with.
    """
    async with store_of(settings) as store:
        if settings.sqlite:
            await migrate.migrate(store)
        elif await migrate.pending(store):
            raise DatabaseOlder()
        vault = await master_key_check.checked_vault(store, settings)
        yield Service(
            store=store,
            bus=Bus(),
            vault=vault,
            policy=Policy.load(mode=settings.policy_mode),
            passwords=Passwords(),
            tokens=TokenIssuer(
                signing_key(settings),
                clock=clock,
                access_seconds=settings.access_seconds,
                refresh_seconds=settings.refresh_seconds,
                session_seconds=settings.session_seconds,
            ),
            links=SignInLinks(clock=clock),
            throttle=Throttle(clock=clock),
            limits=limits(settings),
            clock=clock,
            watchers=Watchers(settings.streams_per_user, settings.streams),
            rates=rates(settings),
            provider=provider,
            reach=reach(settings),
        )


def limits(settings: Settings) -> Limits:
    return Limits(
        default_timeout_seconds=settings.default_timeout,
        max_timeout_seconds=settings.max_timeout,
        default_output_limit=settings.default_output_limit,
        max_output_limit=settings.max_output_limit,
        max_pending=settings.max_pending,
        max_pending_per_user=settings.max_pending_per_user,
        max_pending_per_server=settings.max_pending_per_server,
        max_tasks_per_user=settings.max_tasks_per_user,
        cron_floor_seconds=settings.cron_floor_seconds,
        timezone=settings.timezone,
    )


def reach(settings: Settings) -> Reach:
    return Reach.of(allowed=settings.allowed_networks, denied=settings.denied_networks, ports=settings.allowed_ports)


def rates(settings: Settings) -> Rates:
    return Rates(
        requests=buckets(settings.requests_per_second),
        changes=buckets(settings.changes_per_second),
        strangers=buckets(settings.strangers_per_second),
        refusals=buckets(settings.refusals_per_second, BURST_SECONDS_OF_REFUSALS),
    )


def signing_key(settings: Settings) -> bytes:
    given = settings.signing_key
    return data_folder.key(settings.data, "signing.key") if given is None else given.get_secret_value().encode()
