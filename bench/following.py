"""Subscribers of one run's output for benchmarks: GraphQL over a WebSocket, GraphQL as server-sent events, REST raw.

Each calls `take` with the exact bytes of every piece, and returns once the run's end was told. They parse no more than
they need, so that on a small machine they do not take the service's place.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from bench.service import BenchService

LARGEST_LINE = 1 << 24
FOLLOW = """subscription ($id: ID!) {
  executionOutput(executionId: $id) {
    __typename
    ... on OutputChunk { stream base64 cursor }
    ... on OutputEnd { state exitCode cursor }
  }
}"""
RUN = """mutation ($server: ID!, $command: String!, $wait: Float!) {
  runCommand(input: {serverId: $server, command: $command, wait: $wait, outputLimitBytes: 1073741824,
      timeoutSeconds: 300}) {
    execution { id state exitCode reason message }
    errors { code message }
  }
}"""

Take = Callable[[bytes], None]
Follow = Callable[[BenchService, str, Take], Awaitable[None]]


class RunFailed(Exception):
    """A run or a stream did not end as it should; the message has what it was."""


async def run(service: BenchService, server: str, command: str, *, wait: float = 0.0) -> str:
    """Start a command, and return the id of its run; with `wait` it must have ended well by then."""
    client = service.client()  # of its own, for the service closes connections that have been idle for a while
    payload = (await service.graphql(client, RUN, server=server, command=command, wait=wait))["runCommand"]
    await client.close()
    execution = payload["execution"]
    if payload["errors"] or (wait and execution["state"] != "SUCCESS"):
        raise RunFailed(str(payload))
    return str(execution["id"])


@asynccontextmanager
async def open_socket(service: BenchService) -> AsyncIterator[ClientConnection]:
    """A WebSocket that is signed in."""
    address = service.url.replace("http", "ws", 1) + "/graphql"
    protocol = Subprotocol("graphql-transport-ws")
    async with connect(address, subprotocols=[protocol], proxy=None, compression=None, max_size=None) as socket:
        await socket.send(_encode(type="connection_init", payload={"authorization": f"Bearer {service.token}"}))
        await socket.recv()
        yield socket


async def follow_on(socket: ClientConnection, id: str, take: Take, *, told: Callable[[], None] | None = None) -> None:
    """Follow on an open socket, where nothing else is followed. `told` is called with the first event, a state."""
    await socket.send(_encode(id=id, type="subscribe", payload={"query": FOLLOW, "variables": {"id": id}}))
    ended = False
    async for message in socket:
        found = orjson.loads(message)
        if found["type"] == "next":
            told = told() if told is not None else None
            ended = _take_event(found["payload"], take)
        elif found["type"] == "ping":
            await socket.send(_encode(type="pong"))
        elif found["type"] == "complete" and ended:
            return
        else:
            raise RunFailed(str(message))
    raise RunFailed("the socket was closed")


async def follow_socket(service: BenchService, id: str, take: Take) -> None:
    async with open_socket(service) as socket:
        await follow_on(socket, id, take)


async def follow_events(service: BenchService, id: str, take: Take) -> None:
    body = orjson.dumps({"query": FOLLOW, "variables": {"id": id}})
    headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
    buffered = bytearray()
    async for part in _stream(service, "POST", "/graphql", headers, body):
        buffered += part
        *events, rest = (
            buffered.split(b"\n\n") if b"\n\n" in part or b"\n\n" in buffered[-len(part) - 1 :] else [buffered]
        )
        buffered = bytearray(rest)
        for event in events:
            _, found, data = event.partition(b"\ndata: ")
            if found and data and _take_event(orjson.loads(data), take):
                return


async def follow_raw(service: BenchService, id: str, take: Take) -> None:
    async for part in _stream(service, "GET", f"/api/task/{id}/log?follow=1", {}):
        take(part)


WAYS: dict[str, Follow] = {
    "GraphQL, WebSocket": follow_socket,
    "GraphQL, SSE": follow_events,
    "REST, raw": follow_raw,
}


def _take_event(payload: dict[str, object], take: Take) -> bool:
    """Tell whether it was the end."""
    data = payload.get("data")
    if payload.get("errors") or not isinstance(data, dict):
        raise RunFailed(str(payload))
    event = data["executionOutput"]
    if event["__typename"] == "OutputChunk":
        take(base64.b64decode(event["base64"]))
    elif event["__typename"] == "OutputEnd":
        if event["exitCode"] != 0:
            raise RunFailed(str(event))
        return True
    return False


async def _stream(
    service: BenchService, method: str, path: str, headers: dict[str, str], body: bytes = b""
) -> AsyncIterator[bytes]:
    """The parts of an answer's body as they come."""
    host, port = service.url.rpartition("/")[2].split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=LARGEST_LINE)
    try:
        named = {"Host": host, "Authorization": f"Bearer {service.token}", "Content-Length": str(len(body))} | headers
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise RunFailed(head.decode())
        while size := int(await reader.readuntil(b"\r\n"), 16):
            yield await reader.readexactly(size)
            await reader.readexactly(2)
    finally:
        writer.close()
        await writer.wait_closed()


def _encode(**message: object) -> str:
    return orjson.dumps(message).decode()
