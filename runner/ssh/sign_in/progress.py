"""How far an attempt to connect got, and when, for whoever wants to tell each of its steps."""

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SeenHostKey:
    """The host key that a server showed. `is_trusted`: it is pinned, or certified by a pinned authority."""

    type: str
    fingerprint: str
    is_trusted: bool


@dataclass(slots=True)
class ConnectProgress:
    """Times are those of the loop's clock: of the TCP connection, and of the end of the key exchange."""

    connected_at: float | None = None
    exchanged_at: float | None = None
    host_key: SeenHostKey | None = None

    def note_connected(self) -> None:
        self.connected_at = asyncio.get_running_loop().time()

    def note_host_key(self, key: SeenHostKey) -> None:
        self.host_key = key

    def note_exchanged(self) -> None:
        self.exchanged_at = asyncio.get_running_loop().time()
