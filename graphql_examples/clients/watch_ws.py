"""Runs a task and copies its output, by GraphQL over a WebSocket: pip install websockets"""

import base64
import http.client
import json
import os
import random
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from websockets import ConnectionClosed, Subprotocol, WebSocketException
from websockets.sync.client import connect

URL = os.environ["SSHCAST_URL"] + "/graphql"
PROTOCOL = Subprotocol("graphql-transport-ws")
TOKENS = "{ tokens { accessToken refreshToken expiresInSeconds } errors { code message } }"
LOGIN = f"mutation ($input: LoginInput!) {{ payload: login(input: $input) {TOKENS} }}"
REFRESH = f"mutation ($input: RefreshInput!) {{ payload: refresh(input: $input) {TOKENS} }}"
RUN = """mutation ($input: RunTaskInput!) {
  payload: runTask(input: $input) { execution { id } errors { code message } } }"""
WATCH = """subscription ($id: ID!, $after: String) {
  executionOutput(executionId: $id, after: $after) {
    __typename cursor
    ... on OutputChunk { stream base64 }
    ... on OutputEnd { state exitCode message } } }"""
PASSING = ("RATE_LIMITED", "UNAVAILABLE", "OUTCOME_UNKNOWN")  # errors that another try may not meet


class Refused(Exception):
    """An error of the service; `code` says which one."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.code = error.get("code") or error["extensions"]["code"]
        self.retry_after = (error.get("extensions") or {}).get("retryAfterSeconds", 0)


def call(query: str, headers: dict[str, str], **values: Any) -> Any:
    body = json.dumps({"query": query, "variables": {"input": values}}).encode()
    try:
        with urlopen(Request(URL, body, headers | {"Content-Type": "application/json"}), timeout=30) as found:
            answer = json.load(found)
    except HTTPError as error:
        if "json" not in error.headers.get("Content-Type", ""):
            raise  # an answer of a proxy on the way
        answer = json.load(error)
    for problem in answer.get("errors") or answer["data"]["payload"]["errors"]:
        raise Refused(problem)
    return answer["data"]["payload"]


class Session:
    """An access token, renewed after half of its time, and the refresh token, which is good for one use."""

    def __init__(self, name: str, password: str) -> None:
        self.keep(call(LOGIN, {}, username=name, password=password))

    def keep(self, payload: Any) -> None:
        self.tokens = payload["tokens"]
        self.renew_at = time.monotonic() + 0.5 * self.tokens["expiresInSeconds"]

    def authorize(self) -> dict[str, str]:
        if time.monotonic() >= self.renew_at:
            self.keep(call(REFRESH, {}, refreshToken=self.tokens["refreshToken"]))
        return {"Authorization": f"Bearer {self.tokens['accessToken']}"}


class Watch:
    """Copies an execution's output. `variables` holds the cursor after what was written, `end` the last event."""

    def __init__(self, session: Session, execution: str) -> None:
        self.session, self.variables = session, {"id": execution, "after": None}
        self.end: Any = None

    def connect(self) -> None:
        """Copy what comes over one connection. A ping with a new token keeps it open when the old token ends."""
        with connect(URL.replace("http", "ws", 1), subprotocols=[PROTOCOL]) as socket:
            socket.send(json.dumps({"type": "connection_init", "payload": self.session.authorize()}))
            while self.end is None:
                if time.monotonic() >= self.session.renew_at:
                    socket.send(json.dumps({"type": "ping", "payload": self.session.authorize()}))
                try:
                    message = json.loads(socket.recv(timeout=max(0, self.session.renew_at - time.monotonic())))
                except TimeoutError:
                    continue
                if message["type"] == "connection_ack":
                    asked = {"query": WATCH, "variables": self.variables}
                    socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": asked}))
                elif message["type"] == "ping":
                    socket.send(json.dumps({"type": "pong"}))
                elif message["type"] == "complete":
                    return
                elif message["type"] in ("next", "error"):
                    self.take(message["payload"])

    def take(self, payload: Any) -> None:
        for problem in payload if isinstance(payload, list) else payload.get("errors", ()):
            raise Refused(problem)
        event = payload["data"]["executionOutput"]
        if event["__typename"] == "OutputChunk":
            stream = sys.stdout if event["stream"] == "STDOUT" else sys.stderr
            stream.buffer.write(base64.b64decode(event["base64"]))
            stream.flush()
        if event["__typename"] == "OutputEnd":
            self.end = event
        self.variables["after"] = event["cursor"]
        wait.tries = 0


class Wait:
    """The time until the next try: longer after each one, by a random part, and as long as the service asks for."""

    tries = 0

    def sleep(self, asked: float) -> None:
        time.sleep(max(min(0.5 * 2**self.tries, 30) * random.uniform(0.5, 1.5), asked))
        self.tries += 1


def persist(action: Callable[[], Any]) -> Any:
    """Call `action` until the network and the service are there; return what it returns."""
    while True:
        asked = 0.0
        try:
            return action()
        except Refused as error:
            if error.code not in PASSING:
                raise
            asked = error.retry_after
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else 1006
            if code in (4401, 4403):  # the token is not good, or no longer
                session.renew_at = 0
            elif code >= 4400 and code != 4408:  # a mistake of ours, such as 4406: another subprotocol
                raise
        except (OSError, http.client.HTTPException, WebSocketException):
            pass  # the network or the service is away
        wait.sleep(asked)


wait = Wait()
session: Session = persist(lambda: Session(os.environ["SSHCAST_USER"], os.environ["SSHCAST_PASSWORD"]))
run = {"taskId": os.environ["SSHCAST_TASK"], "idempotencyKey": str(uuid.uuid4())}  # a key, so that it runs once
started = persist(lambda: call(RUN, session.authorize(), **run))
watch = Watch(session, started["execution"]["id"])
while watch.end is None:
    persist(watch.connect)
if watch.end["message"]:
    print(watch.end["state"], watch.end["message"], file=sys.stderr)
sys.exit(255 if watch.end["exitCode"] is None else watch.end["exitCode"])
