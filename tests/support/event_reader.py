"""A client of the event stream over graphql-transport-ws, that loses its connection and goes on from its cursor."""

import json
from dataclasses import dataclass, field
from typing import Any

import httpx2
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.support.faults.service import Mortal
from tests.support.faults.work import told

FIELDS = """cursor kind
  ... on ExecutionEvent { executionId state }
  ... on SlotEvent { slotId outcome }
  ... on TaskEvent { taskId }
  ... on ServerEvent { serverId }
  ... on AuditRecorded { auditEvent { id } }"""
FOLLOW = f"subscription($after: String) {{ events(after: $after) {{ {FIELDS} }} }}"
PAGE = f"""query($after: String) {{
  events(first: 100, after: $after) {{ nodes {{ {FIELDS} }} pageInfo {{ hasNextPage endCursor }} }}
}}"""
END = "{ events(last: 1) { pageInfo { endCursor } } }"

Told = tuple[str, int, str | None]
"""An event's kind, the id of what it is about, and the state or outcome as of the event."""


@dataclass(slots=True)
class EventReader:
    """`cursor` is where it goes on; `found` and `cursors` are what it has been given, in that order."""

    cursor: str
    found: list[Told] = field(default_factory=list)
    cursors: list[str] = field(default_factory=list)

    async def read(self, service: Mortal, *, count: int | None = None) -> None:
        """Read so many more events, and then cut the connection; without a count, go on until cancelled."""
        stop = None if count is None else len(self.found) + count
        address = service.url.replace("http", "ws", 1) + "/graphql"
        async with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")], proxy=None) as socket:
            await self._subscribe(socket, service.token)
            while len(self.found) != stop:
                await self._receive(socket)
            socket.transport.abort()

    async def _subscribe(self, socket: ClientConnection, token: str) -> None:
        await socket.send(json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}))
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        asked = {"query": FOLLOW, "variables": {"after": self.cursor}}
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": asked}))

    async def _receive(self, socket: ClientConnection) -> None:
        message = json.loads(await socket.recv())
        if message["type"] == "ping":
            await socket.send('{"type":"pong"}')
            return
        assert message["type"] == "next", message
        assert not message["payload"].get("errors"), message
        self._take(message["payload"]["data"]["events"])

    def _take(self, event: dict[str, Any]) -> None:
        self.cursor = event["cursor"]
        self.cursors.append(self.cursor)
        self.found.append(describe(event))


def describe(event: dict[str, Any]) -> Told:
    """Return what an event says, in the words of the tables."""
    kind = event["kind"].lower().replace("_", "-")
    subject = kind.partition("-")[0]
    id = event["auditEvent"]["id"] if subject == "audit" else event[f"{subject}Id"]
    outcome = event.get("outcome")
    return kind, int(id), event.get("state") or (outcome and outcome.lower().replace("_", "-"))


async def find_end(client: httpx2.AsyncClient) -> str:
    """Return the cursor after the newest event."""
    answer = told(await client.post("/graphql", json={"query": END}))
    return str(answer["data"]["events"]["pageInfo"]["endCursor"])


async def list_cursors(client: httpx2.AsyncClient, after: str) -> list[str]:
    """Return the cursor of every event after this one, page by page."""
    found: list[str] = []
    more = True
    while more:
        answer = told(await client.post("/graphql", json={"query": PAGE, "variables": {"after": after}}))
        page = answer["data"]["events"]
        found += [event["cursor"] for event in page["nodes"]]
        more, after = page["pageInfo"]["hasNextPage"], page["pageInfo"]["endCursor"]
    return found
