"""The wiring of the runner: what drives a service's executions."""

import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from db.postgres_store import PostgresStore
from db.values import Mode
from resolvers.context import Service
from runner.attached import attached
from runner.connecting import Patience
from runner.dispatcher import Cancels, Dispatcher
from runner.durable import durable
from runner.follow_ups import FollowUps
from runner.host_key_scans import HostKeyScans
from runner.leases import Leases
from runner.output import OutputWriter
from runner.parts import Parts
from runner.pool import Pool
from runner.scheduler import Scheduler
from runner.ssh import connect
from runner.upkeep import Keep, Upkeep
from sshcast import data_folder
from sshcast.app import clock, reach
from sshcast.runtime import Runtime, running
from sshcast.settings import Settings

CONNECT_SECONDS = 60.0


@asynccontextmanager
async def driven(service: Service, settings: Settings) -> AsyncIterator[Runtime]:
    """The service's runner, at work until the block ends. FolderBusy when another process has the data folder."""
    with data_folder.locked(settings.data):
        async with running(runtime(service, settings)) as found:
            yield found


def runtime(service: Service, settings: Settings) -> Runtime:
    pool = Pool(partial(connect, within=reach(settings)), start_seconds=settings.start_seconds)
    writer = OutputWriter(store=service.store, bus=service.bus, clock=clock)
    parts = Parts(
        store=service.store,
        bus=service.bus,
        pool=pool,
        writer=writer,
        vault=service.vault,
        policy=service.policy,
        clock=clock,
        patience=Patience(seconds=CONNECT_SECONDS + settings.start_seconds),
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
        host_key_scans=HostKeyScans(bus=service.bus, within=reach(settings)),
        leases=leases(service, dispatcher),
        drain_seconds=settings.drain_seconds,
    )


def leases(service: Service, dispatcher: Dispatcher) -> Leases | None:
    """On PostgreSQL there may be other runners; on SQLite the lock of the data folder keeps them out."""
    if not isinstance(service.store, PostgresStore):
        return None
    lock = service.store.session_lock(dispatcher.runner_id)
    return Leases(bus=service.bus, dispatcher=dispatcher, lock=lock)


def keep(settings: Settings) -> Keep:
    """0 days: for ever."""
    days = {"executions": settings.keep_executions_days, "slots": settings.keep_slots_days}
    return Keep(**{name: timedelta(days=number) if number else None for name, number in days.items()})
