"""The only wiring: builds every part once and hands it to the ones that need it."""

import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

from starlette.applications import Starlette
from starlette.middleware import Middleware

from db import migrate
from db.postgres_store import PostgresStore
from db.store import Store, open_store
from db.values import Mode
from resolvers.context import Limits, Service
from resolvers.passwords import Passwords
from resolvers.rates import BURST_SECONDS_OF_REFUSALS, Rates, buckets
from resolvers.sign_in_links import SignInLinks
from resolvers.throttle import Throttle
from resolvers.tokens import TokenIssuer
from resolvers.watchers import Watchers
from runner.attached import attached
from runner.bus import Bus
from runner.dispatcher import Cancels, Dispatcher
from runner.durable import durable
from runner.execution import Parts
from runner.follow_ups import FollowUps
from runner.leases import Leases
from runner.output import OutputWriter
from runner.policy import Policy
from runner.pool import Pool
from runner.reach import Reach
from runner.scheduler import Scheduler
from runner.ssh import connect
from runner.upkeep import Keep, Upkeep
from runner.vault import Vault
from schema.build import build_schema
from sshcast import data_folder, health, master_keys
from sshcast.graphql import graphql_routes
from sshcast.hosts import HostGuard
from sshcast.page import Playground
from sshcast.rest import face
from sshcast.runtime import Runtime, running
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
    store = await open_store(settings.url)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Service]:
    """The service on its database, without a runner. SQLite is migrated here; else DatabaseOlder says what to do."""
    async with store_of(settings) as store:
        if settings.sqlite:
            await migrate.migrate(store)
        elif await migrate.pending(store):
            raise DatabaseOlder()
        yield Service(
            store=store,
            bus=Bus(),
            vault=Vault(*master_keys.of(settings), renew=lambda: master_keys.of(settings)),
            policy=Policy.load(mode=settings.policy_mode),
            passwords=Passwords(),
            tokens=TokenIssuer(
                signing_key(settings),
                clock=clock,
                access_seconds=settings.access_seconds,
                refresh_seconds=settings.refresh_seconds,
            ),
            links=SignInLinks(clock=clock),
            throttle=Throttle(clock=clock),
            limits=limits(settings),
            clock=clock,
            watchers=Watchers(settings.streams_per_user, settings.streams),
            rates=rates(settings),
        )


@asynccontextmanager
async def driven(service: Service, settings: Settings) -> AsyncIterator[Runtime]:
    """The service's runner, at work until the block ends. FolderBusy when another process has the data folder."""
    with data_folder.locked(settings.data):
        async with running(runtime(service, settings)) as found:
            yield found


def runtime(service: Service, settings: Settings) -> Runtime:
    pool = Pool(partial(connect, within=reach(settings)))
    writer = OutputWriter(store=service.store, bus=service.bus, clock=clock)
    parts = Parts(
        store=service.store,
        bus=service.bus,
        pool=pool,
        writer=writer,
        vault=service.vault,
        policy=service.policy,
        clock=clock,
    )
    dispatcher = Dispatcher(
        bus=service.bus,
        parts=parts,
        runner_id=f"{socket.gethostname()[:32]}-{os.getpid()}-{secrets.token_hex(4)}",
        slots=settings.runner_slots,
        ways={Mode.DURABLE: durable, Mode.ATTACHED: attached},
    )
    return Runtime(
        service=service,
        pool=pool,
        writer=writer,
        dispatcher=dispatcher,
        cancels=Cancels(bus=service.bus, dispatcher=dispatcher),
        scheduler=Scheduler(bus=service.bus, store=service.store, policy=service.policy, clock=clock),
        follow_ups=FollowUps(bus=service.bus, store=service.store, clock=clock),
        upkeep=Upkeep(bus=service.bus, store=service.store, keep=keep(settings), clock=clock),
        leases=leases(service, dispatcher),
        drain_seconds=settings.drain_seconds,
    )


def leases(service: Service, dispatcher: Dispatcher) -> Leases | None:
    """On PostgreSQL there may be other runners; on SQLite the lock of the data folder keeps them out."""
    if not isinstance(service.store, PostgresStore):
        return None
    lock = service.store.session_lock(dispatcher.runner_id)
    return Leases(bus=service.bus, dispatcher=dispatcher, lock=lock)


def build_app(service: Service, settings: Settings) -> Starlette:
    playground = Playground() if settings.playground else None
    guard = Middleware(HostGuard, hosts=settings.allowed_hosts, origins=settings.allowed_origins)
    app = Starlette(
        routes=[
            *graphql_routes(service, schema=build_schema(), playground=playground),
            *(playground.routes() if playground else ()),
            *face.ROUTES,
            *health.ROUTES,
        ],
        middleware=[guard],
        exception_handlers=face.HANDLERS,
    )
    app.router.redirect_slashes = False  # a redirect would leave the documented answers, and name our host
    app.state.service = service
    return app


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


def keep(settings: Settings) -> Keep:
    """0 days: for ever."""
    days = {"executions": settings.keep_executions_days, "slots": settings.keep_slots_days}
    return Keep(**{name: timedelta(days=number) if number else None for name, number in days.items()})


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
