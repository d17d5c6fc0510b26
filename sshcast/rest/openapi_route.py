"""The route of the OpenAPI document: for everyone, as it says nothing that the documentation does not say."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson
from starlette.requests import Request
from starlette.responses import Response

from sshcast.http.answers import HEADERS
from sshcast.rest.openapi import build_document
from sshcast.rest.operation import JSON, Answer, Operation

PATH = "/openapi.json"
CACHING = {"Cache-Control": "no-cache"}
"""A client may keep it, and asks each time whether it is still the same: an upgrade changes it."""


@dataclass(slots=True)
class DocumentRoute:
    """Builds the document when it is first asked for, and keeps its bytes."""

    operations: Sequence[Operation]
    _data: bytes = field(default=b"", init=False)
    _tag: str = field(default="", init=False)

    async def __call__(self, request: Request) -> Response:
        if not self._data:
            await asyncio.to_thread(self._build)
        headers = HEADERS | CACHING | {"ETag": self._tag}
        if _has_this(request.headers.get("if-none-match", ""), self._tag):
            return Response(status_code=304, headers=headers)
        return Response(self._data, 200, headers, JSON)

    def _build(self) -> None:
        data = orjson.dumps(build_document(self.operations))
        self._tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
        self._data = data


def _has_this(condition: str, tag: str) -> bool:
    """Return whether If-None-Match names the tag (RFC 9110, section 13.1.2)."""
    return "*" in condition or tag in (each.strip().removeprefix("W/") for each in condition.split(","))


def build_document_operation(operations: Sequence[Operation]) -> Operation:
    """Return the operation of the document that describes `operations`, and itself."""
    described = list(operations)
    found = Operation(
        method="GET",
        path=PATH,
        id="getOpenApi",
        tag="about",
        handler=DocumentRoute(described),
        summary="Show this document",
        role=None,
        answers={
            200: Answer(
                "This document.",
                {JSON: {"type": "object", "required": ["openapi", "info", "paths"]}},
                {"ETag": "The document's tag."},
            ),
            304: Answer("It is still the one that If-None-Match names.", {}, {"ETag": "The document's tag."}),
        },
        always=("FORBIDDEN", "INTERNAL"),
    )
    described.append(found)
    return found
