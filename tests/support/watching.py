"""A watcher of one execution's output over graphql-transport-ws, who may lose the connection and come back."""

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

WATCH = """subscription($id: ID!, $after: String) {
  executionOutput(executionId: $id, after: $after) {
    __typename
    ... on OutputChunk { stream base64 text cursor at }
    ... on StateChange { state cursor }
    ... on OutputEnd { state reason exitCode truncated cursor }
  }
}"""


@dataclass(slots=True)
class Watched:
    """What the watcher has seen: the bytes of each stream, the last cursor, and the end once there was one."""

    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    texts: dict[str, list[str]] = field(default_factory=lambda: {"STDOUT": [], "STDERR": []})
    states: list[str] = field(default_factory=list)
    cursor: str | None = None
    end: dict[str, Any] | None = None

    @property
    def size(self) -> int:
        return len(self.stdout) + len(self.stderr)

    def take(self, event: dict[str, Any]) -> None:
        self.cursor = event["cursor"]
        kind = event["__typename"]
        if kind == "OutputChunk":
            kept = self.stdout if event["stream"] == "STDOUT" else self.stderr
            kept += base64.b64decode(event["base64"])
            self.texts[event["stream"]].append(event["text"])
        elif kind == "StateChange":
            self.states.append(event["state"])
        else:
            self.end = event


async def watch(url: str, token: str, execution_id: int, seen: Watched, *, until: int | None = None) -> None:
    """Go on from where `seen` stands, to the end; or until it holds `until` bytes, and then cut the connection."""
    address = url.replace("http", "ws", 1) + "/graphql"
    async with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")], proxy=None) as socket:
        await subscribe(socket, token, execution_id, seen.cursor)
        while seen.end is None:
            message = json.loads(await socket.recv())
            if message["type"] == "next":
                assert not message["payload"].get("errors"), message
                seen.take(message["payload"]["data"]["executionOutput"])
            elif message["type"] == "ping":
                await socket.send('{"type":"pong"}')
            else:
                raise AssertionError(message)
            if until is not None and seen.size >= until:
                socket.transport.abort()
                return
        assert json.loads(await socket.recv())["type"] == "complete"


async def subscribe(socket: ClientConnection, token: str, execution_id: int, after: str | None) -> None:
    await socket.send(json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}))
    assert json.loads(await socket.recv())["type"] == "connection_ack"
    asked = {"query": WATCH, "variables": {"id": execution_id, "after": after}}
    await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": asked}))
