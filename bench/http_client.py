"""A light HTTP/1.1 client for load: kept connections, one request at a time on each, and no header that is not needed.

A request costs it about 0.1 ms of CPU, so that on a small machine the load does not take the service's place.
"""

import asyncio
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

LARGEST_HEAD = 1 << 20
IDLE_SECONDS = 3.0
"""A connection that was idle for longer is not used again: the service closes it after 5 s."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class HttpClient:
    """As many connections to one address as there are requests at once; `close` closes them."""

    host: str
    port: int
    idle: list["HttpConnection"] = field(default_factory=list)

    @classmethod
    def to(cls, url: str) -> "HttpClient":
        parts = urlsplit(url)
        return cls(parts.hostname or "127.0.0.1", parts.port or 80)

    async def request(self, method: str, path: str, body: bytes = b"", **headers: str) -> HttpAnswer:
        """The whole answer. `headers` have `_` for `-`. A connection that breaks raises OSError or EOFError."""
        connection = await self._take_connection()
        answer = await connection.request(method, path, body, headers)
        connection.used_at = time.monotonic()
        self.idle.append(connection)
        return answer

    async def _take_connection(self) -> "HttpConnection":
        while self.idle:
            connection = self.idle.pop()
            if time.monotonic() - connection.used_at < IDLE_SECONDS:
                return connection
            await connection.close()
        return await HttpConnection.open(self.host, self.port)

    async def close(self) -> None:
        for connection in self.idle:
            await connection.close()
        self.idle.clear()


@dataclass(slots=True)
class HttpConnection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    address: str
    used_at: float = 0.0

    @classmethod
    async def open(cls, host: str, port: int) -> "HttpConnection":
        reader, writer = await asyncio.open_connection(host, port, limit=LARGEST_HEAD)
        return cls(reader, writer, f"{host}:{port}")

    async def request(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> HttpAnswer:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.address}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        return await self._read_answer()

    async def _read_answer(self) -> HttpAnswer:
        head, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines if line)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        return HttpAnswer(int(head.split()[1]), headers, await self._read_body(headers))

    async def _read_body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") != "chunked":
            return await self.reader.readexactly(int(headers.get("content-length", 0)))
        parts = []
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            parts.append(await self.reader.readexactly(size))
            await self.reader.readexactly(2)
        await self.reader.readexactly(2)
        return b"".join(parts)

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()
