"""A streamed answer that ends when either side ends it."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sshcast.http.answers import HEADERS

STREAM_HEADERS = HEADERS | {"X-Accel-Buffering": "no"}


class StreamCut(Exception):
    """The stream fails and its format cannot say so: the connection is to be cut."""


class LiveAnswer(Response):
    """Sends the parts as they come. A caller that leaves closes the generator; StreamCut cuts the answer off."""

    def __init__(self, parts: AsyncGenerator[bytes, None], source: AsyncGenerator[Any, None], media_type: str) -> None:
        self.parts = parts
        self.source = source
        self.status_code = 200
        self.media_type = media_type
        self.background = None
        self.init_headers(STREAM_HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.create_task(self._send(send, scope["method"]), name="log stream")
        leaving = asyncio.create_task(_wait_for_disconnect(receive), name="reader of a log stream")
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sending.cancel()
            leaving.cancel()
            await asyncio.wait({sending, leaving})
            await self.parts.aclose()
            await self.source.aclose()  # parts that were never asked for anything do not close it
        if not sending.cancelled():
            sending.result()

    async def _send(self, send: Send, method: str) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            if method != "HEAD":
                async for part in self.parts:
                    await send({"type": "http.response.body", "body": part, "more_body": True})
        except StreamCut:
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
