"""What the HTTP listener allows a peer."""

import resource
from dataclasses import dataclass, field

MOST_CONNECTIONS = 10_000


def compute_connection_limit() -> int:
    """Return half of this process's file descriptors: the rest is for the database and SSH."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, soft // 2)


def _compute_idle_limit() -> int:
    """Return half of the connections: the others are there for requests, whoever leaves connections open."""
    return compute_connection_limit() // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The limits of a peer: seconds for a request's headers and its body, bytes, and how long it may stall.

    Only `proxies` (addresses or networks) are trusted to name the client (X-Forwarded-For, -Proto).
    Proxies and load balancers reuse a connection that was idle for up to a minute (nginx's `keepalive_timeout` and an
    AWS load balancer are at 60 s): one that we closed first is an error 502 there, so ours stay open for longer.
    At a stop, requests have `drain_seconds` to be answered; an answer that has begun has `cut_seconds` to end.
    """

    header_seconds: float = 5.0
    body_seconds: float = 10.0
    header_bytes: int = 16 * 1024
    idle_seconds: int = 75
    idle_connections: int = field(default_factory=_compute_idle_limit)
    stalled_ms: int = 30_000
    send_buffer_bytes: int = 128 * 1024
    drain_seconds: int = 5
    cut_seconds: float = 1.0
    proxies: tuple[str, ...] = ()
    connections: int = field(default_factory=compute_connection_limit)
