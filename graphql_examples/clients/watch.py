"""Runs a task and copies its output, by REST, with nothing but Python's standard library."""

import base64
import http.client
import json
import os
import random
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

URL = os.environ["SSHCAST_URL"]
SILENCE = 45.0  # seconds: the service sends a heartbeat at least every 15
LOST = (OSError, http.client.HTTPException)  # the network or the service is away, or a connection was cut


class Session:
    """An access token, sent in a header, and the refresh token that renews it."""

    def __init__(self, name: str, password: str) -> None:
        self.keep(self.send("/api/auth/login", {"username": name, "password": password}))

    def keep(self, answer: Any) -> None:
        self.tokens = json.load(answer)["data"]

    def open(self, path: str, body: Any = None, **headers: str) -> Any:
        """Return the answer, to be read. After a 401: once more, with a new token."""
        try:
            return self.send(path, body, Authorization=f"Bearer {self.tokens['access_token']}", **headers)
        except HTTPError as error:
            if error.code != 401:
                raise
        self.keep(self.send("/api/auth/refresh", {"refresh_token": self.tokens["refresh_token"]}))
        return self.send(path, body, Authorization=f"Bearer {self.tokens['access_token']}", **headers)

    def send(self, path: str, body: Any = None, **headers: str) -> Any:
        data = None if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return urlopen(Request(URL + path, data, {"Content-Type": "application/json"} | named), timeout=SILENCE)


def is_passing(error: Exception) -> bool:
    """Tell whether to try again: 401, 403, 404 and the like stay what they are."""
    return not isinstance(error, HTTPError) or error.code == 429 or error.code >= 500


def back_off(tries: int, error: Exception | None = None) -> None:
    """Sleep: longer after each try, by a random part, and at least as long as a 429 asks for."""
    asked = error.headers.get("Retry-After", "") if isinstance(error, HTTPError) else ""
    time.sleep(max(min(0.5 * 2**tries, 30) * random.uniform(0.5, 1.5), int(asked) if asked.isdigit() else 0))


def persist(action: Callable[[], Any]) -> Any:
    """Call `action` until the network and the service are there; return what it returns."""
    tries = 0
    while True:
        try:
            return action()
        except LOST as error:
            if not is_passing(error):
                raise
            back_off(tries, error)
        tries += 1


def follow(session: Session, execution: int) -> Iterator[dict[str, Any]]:
    """Yield every event once, over as many connections as it takes."""
    cursor, tries = "o0", 0  # the position after the last event that was yielded: "o0" is the beginning
    while True:
        lost = None
        try:
            with session.open(f"/api/task/{execution}/log?cursor={cursor}", Accept="application/x-ndjson") as lines:
                for line in lines:
                    if not line.endswith(b"\n"):
                        break  # what a cut has left of it: it comes again
                    event = json.loads(line)
                    if event["event"] == "error":
                        break  # the token has expired, or the service stops: the next answer says what it is
                    if event["event"] != "heartbeat":
                        yield event
                        cursor, tries = event["cursor"], 0
                    if event["event"] == "end":
                        return
        except LOST as error:
            if not is_passing(error):
                raise
            lost = error
        back_off(tries, lost)
        tries += 1


session = persist(lambda: Session(os.environ["SSHCAST_USER"], os.environ["SSHCAST_PASSWORD"]))
path = f"/api/tasks/{os.environ['SSHCAST_TASK']}/execute"
key = str(uuid.uuid4())  # the same at each try, so that the task runs once
started = persist(lambda: json.load(session.open(path, {}, Idempotency_Key=key)))
streams = {"stdout": sys.stdout.buffer, "stderr": sys.stderr.buffer}
for event in follow(session, started["execution_id"]):
    if event["event"] == "chunk":
        streams[event["stream"]].write(base64.b64decode(event["base64"]))
        streams[event["stream"]].flush()
if event["message"]:
    print(event["state"], event["message"], file=sys.stderr)
sys.exit(255 if event["exit_code"] is None else event["exit_code"])
