"""Builds the runner that drives a service's executions."""

import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from db.session_lock import LockingStore
from db.values import Mode
from resolvers.context import Service
from runner.execution.attached_run import AttachedRun
from runner.execution.dispatcher import CancelRelay, Dispatcher
from runner.execution.durable_run import DurableRun
from runner.execution.leases import Leases
from runner.execution.parts import Parts
from runner.fleet.controller import FleetController
from runner.observer import RunnerObserver
from runner.output.writer import OutputWriter
from runner.retention import Retention, RetentionPolicy
from runner.scheduling.follow_ups import FollowUps
from runner.scheduling.scheduler import Scheduler
from runner.ssh.attempts import RetryPolicy
from sshcast import data_folder
from sshcast.app import utc_now
from sshcast.database_home import check_home
from sshcast.runtime import Runtime, start_runtime
from sshcast.settings import Settings
from sshcast.ssh_wiring import build_checks, build_pool, build_scans

CONNECT_SECONDS = 60.0


@asynccontextmanager
async def start_runner(
    service: Service, settings: Settings, observer: RunnerObserver | None = None
) -> AsyncIterator[Runtime]:
    """Run the service's runner until the block ends; raise FolderBusy if another process has the data folder.

    Raise DatabaseMoved for a PostgreSQL database that was restored or copied.
    """
    observer = observer or RunnerObserver()
    with data_folder.lock_folder(settings.data):
        await check_home(service.store)
        runtime = _build_runtime(service, settings, observer)
        observer.watch_runner(runtime.count)
        async with start_runtime(runtime) as found:
            yield found


def _build_runtime(service: Service, settings: Settings, observer: RunnerObserver) -> Runtime:
    pool = build_pool(settings)
    writer = OutputWriter(store=service.store, bus=service.bus, clock=utc_now, observer=observer)
    parts = Parts(
        store=service.store,
        bus=service.bus,
        pool=pool,
        writer=writer,
        vault=service.vault,
        policy=service.policy,
        clock=utc_now,
        spool_limit=settings.max_output_limit,
        retry_policy=RetryPolicy(seconds=CONNECT_SECONDS + settings.start_seconds),
        observer=observer,
    )
    dispatcher = Dispatcher(
        bus=service.bus,
        parts=parts,
        runner_id=f"{socket.gethostname()[:32]}-{os.getpid()}-{secrets.token_hex(4)}",
        slots=settings.runner_slots,
        ways={Mode.DURABLE: DurableRun, Mode.ATTACHED: AttachedRun},
    )
    return Runtime(
        service=service,
        pool=pool,
        writer=writer,
        dispatcher=dispatcher,
        cancels=CancelRelay(bus=service.bus, dispatcher=dispatcher),
        scheduler=Scheduler(
            bus=service.bus, store=service.store, policy=service.policy, clock=utc_now, observer=observer
        ),
        follow_ups=FollowUps(bus=service.bus, store=service.store, clock=utc_now),
        fleets=FleetController(bus=service.bus, store=service.store, clock=utc_now),
        upkeep=Retention(bus=service.bus, store=service.store, policy=_build_retention_policy(settings), clock=utc_now),
        host_key_scans=build_scans(service, settings, pool),
        server_checks=build_checks(service, settings, pool),
        leases=_build_leases(service, dispatcher),
        drain_seconds=settings.drain_seconds,
    )


def _build_leases(service: Service, dispatcher: Dispatcher) -> Leases | None:
    """Return leases on PostgreSQL, where there may be other runners; on SQLite the data folder's lock excludes them."""
    if not isinstance(service.store, LockingStore):
        return None
    lock = service.store.session_lock(dispatcher.runner_id)
    return Leases(bus=service.bus, dispatcher=dispatcher, lock=lock)


def _build_retention_policy(settings: Settings) -> RetentionPolicy:
    """Convert the settings, in which 0 days means for ever."""
    days = {
        "executions": settings.keep_executions_days,
        "slots": settings.keep_slots_days,
        "events": settings.keep_events_days,
    }
    return RetentionPolicy(**{name: timedelta(days=number) if number else None for name, number in days.items()})
