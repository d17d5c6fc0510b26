"""What is measured of one service, for Prometheus: a registry of its own, filled by those who do the work.

docs/operations.md says what each metric means; a test compares its table with this. Label values are from closed lists:
none is the name or id of a user, a server, a task or a run.
"""

import platform
from collections.abc import Callable, Sequence
from datetime import datetime
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.metrics import disable_created_metrics

from db.connection_queue import CountedStore
from db.ended_runs import EndedRun
from db.models import TaskExecution
from db.values import Reason, SlotOutcome, State
from resolvers.context import Service
from runner.observer import DecidedSlot, RunnerCounts, RunnerObserver
from sshcast.metrics_queue import QueueState

FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
TRANSPORTS = ("websocket", "sse", "multipart", "ndjson", "raw")
ENDS = (
    (State.SUCCESS, Reason.EXIT_STATUS),
    (State.TIMEOUT, Reason.TIMEOUT),
    (State.CANCELLED, Reason.CANCELLED),
)
SLOW = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)


class Metrics(RunnerObserver):
    """Counts what it is told, and asks for the rest when it is read. Each call costs a few microseconds at most."""

    def __init__(self, service: Service) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a time series beside each counter, of when it began
        self.registry = registry = CollectorRegistry()
        self._count: Callable[[], RunnerCounts] = RunnerCounts
        self._build_runner_metrics(registry)
        self._build_face_metrics(registry, service)
        self.loop_lag = Histogram(
            "sshcast_event_loop_lag_seconds", "How late the event loop runs a timer.", buckets=FAST, registry=registry
        )
        self._build_state_metrics(registry, service)
        ProcessCollector(registry=registry)
        self._begin_at_zero()
        service.end_listeners.add(self._note_undriven_end)

    def _build_runner_metrics(self, registry: CollectorRegistry) -> None:
        self._ended = Counter(
            "sshcast_runs_finished_total",
            "Runs that this process ended.",
            ("state", "reason"),
            registry=registry,
        )
        self._wait = Histogram(
            "sshcast_run_wait_seconds", "From a run's request to its claim.", buckets=SLOW, registry=registry
        )
        self._claim = Histogram(
            "sshcast_claim_seconds", "A claim of pending runs, commit included.", buckets=FAST, registry=registry
        )
        self._flush = Histogram(
            "sshcast_output_flush_seconds",
            "Storing a batch of output, commit included.",
            buckets=FAST,
            registry=registry,
        )
        self._stored = Counter("sshcast_output_stored_bytes_total", "Bytes of output stored.", registry=registry)
        self._slots = Counter(
            "sshcast_schedule_slots_total", "Slots that the scheduler decided.", ("outcome",), registry=registry
        )
        self._lateness = Histogram(
            "sshcast_schedule_lateness_seconds",
            "From the moment at which a slot's run was to start until it was committed as pending.",
            buckets=SLOW,
            registry=registry,
        )

    def _build_face_metrics(self, registry: CollectorRegistry, service: Service) -> None:
        self._requests = Counter(
            "sshcast_http_requests_total",
            "HTTP requests answered.",
            ("route", "status"),
            registry=registry,
        )
        self.streams = Gauge(
            "sshcast_streams", "Streams and WebSockets open to clients.", ("transport",), registry=registry
        )
        self.streamed = Counter(
            "sshcast_streamed_bytes_total", "Bytes sent on streams and WebSockets.", ("transport",), registry=registry
        )
        watchers = Gauge("sshcast_watchers", "Subscriptions and logs that are followed.", registry=registry)
        watchers.set_function(service.watchers.count_open)

    def _build_state_metrics(self, registry: CollectorRegistry, service: Service) -> None:
        self.queue = QueueState(service.store, service.clock)
        gauges: dict[str, tuple[str, Callable[[], float]]] = {
            "sshcast_runs_pending": ("Runs that wait, in the database.", lambda: self.queue.pending),
            "sshcast_runs_pending_oldest_seconds": ("How long the first of them waits.", lambda: self.queue.oldest),
            "sshcast_runs_running": ("Runs that this process drives.", lambda: self._count().running),
            "sshcast_ssh_connections": ("SSH connections open.", lambda: self._count().connections),
            "sshcast_ssh_channels": ("Channels reserved on them.", lambda: self._count().channels),
        }
        if isinstance(service.store, CountedStore):
            count = service.store.count_connections
            gauges["sshcast_database_connections"] = ("Connections to the database in use.", count)
        for name, (text, read) in gauges.items():
            Gauge(name, text, registry=registry).set_function(read)
        build = Gauge(
            "sshcast_build_info", "Always 1: what runs here.", ("version", "python", "database"), registry=registry
        )
        build.labels(version("sshcast"), platform.python_version(), service.store.dialect).set(1)

    def _begin_at_zero(self) -> None:
        """Show each series from the start: the first increase of one that appears is not seen as an increase."""
        for reason in Reason:
            self._ended.labels(State.FAILED, reason)
        for state, reason in ENDS:
            self._ended.labels(state, reason)
        for outcome in SlotOutcome:
            self._slots.labels(outcome)
        for transport in TRANSPORTS:
            self.streams.labels(transport)
            self.streamed.labels(transport)

    def watch_runner(self, count: Callable[[], RunnerCounts]) -> None:
        self._count = count

    def note_claim(self, seconds: float, rows: Sequence[TaskExecution]) -> None:
        self._claim.observe(seconds)
        for row in rows:
            if row.start_time is not None:
                self._wait.observe(max(0.0, (row.start_time - row.created_at).total_seconds()))

    def note_flush(self, seconds: float, stored_bytes: int) -> None:
        self._flush.observe(seconds)
        self._stored.inc(stored_bytes)

    def note_end(self, row: TaskExecution, stored_bytes: int) -> None:
        self._ended.labels(row.state, row.reason or "").inc()
        self._stored.inc(stored_bytes)

    def _note_undriven_end(self, run: EndedRun) -> None:
        self._ended.labels(run.state, run.reason).inc()

    def note_slots(self, slots: Sequence[DecidedSlot], now: datetime) -> None:
        for slot in slots:
            self._slots.labels(slot.outcome).inc()
            if slot.outcome.has_run:
                self._lateness.observe(max(0.0, (now - slot.fires_at).total_seconds()))

    def note_request(self, route: str, status: int) -> None:
        """A request was answered; `route` is the template of its path."""
        self._requests.labels(route, f"{status // 100}xx").inc()

    def note_lag(self, seconds: float) -> None:
        self.loop_lag.observe(seconds)
