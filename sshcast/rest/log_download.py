"""A log as a file: `?format=raw`, whole or one range of it (RFC 9110, section 14)."""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import Response

from db.values import Stream
from resolvers import output_download
from resolvers.context import Context
from resolvers.errors import ServiceError
from resolvers.output_download import StoredFile
from resolvers.streaming import while_authorized
from sshcast.http.answers import HEADERS, build_error_answer
from sshcast.http.live_answer import LiveAnswer, StreamCut
from sshcast.rest.log_parameters import STREAM
from sshcast.rest.parameters import define_choice, read_parameters

PARAMETERS = (define_choice("format", "The bytes as a file to save, whole or by `Range`.", ("raw",)), STREAM)
RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


class RangeNotSatisfiable(ServiceError):
    """The log has no such bytes."""

    code = "RANGE_NOT_SATISFIABLE"
    zh = "日志中没有这些字节。"


class FileAnswer(LiveAnswer):
    """The bytes of a file, with their length."""

    def __init__(self, parts: AsyncGenerator[bytes, None], status: int, headers: dict[str, str]) -> None:
        super().__init__(parts, parts, "application/octet-stream")
        self.status_code = status
        self.init_headers(HEADERS | headers)


async def answer_download(ctx: Context, id: int, request: Request) -> Response:
    only = read_parameters(request, PARAMETERS)["stream"]
    file = await output_download.find_file(ctx, id, None if only is None else Stream(only))
    wanted = _read_range(request, file)
    if wanted is not None and wanted[0] >= wanted[1]:
        answer = build_error_answer(request, RangeNotSatisfiable())
        answer.headers["Content-Range"] = f"bytes */{file.size}"
        return answer
    start, end = wanted or (0, file.size)
    headers = _build_headers(file) | {"Content-Length": str(end - start)}
    if wanted is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size if file.is_final else '*'}"
    return FileAnswer(_send(ctx, file, start, end), 200 if wanted is None else 206, headers)


async def _send(ctx: Context, file: StoredFile, start: int, end: int) -> AsyncGenerator[bytes, None]:
    """Yield the bytes. After an error the connection is cut: the length has been promised."""
    try:
        async with aclosing(while_authorized(ctx, output_download.read_file(ctx, file, start, end))) as parts:
            async for part in parts:
                yield part
    except Exception as error:
        raise StreamCut from error


def _build_headers(file: StoredFile) -> dict[str, str]:
    name = f"execution-{file.execution_id}{'' if file.stream is None else f'.{file.stream}'}.log"
    found = {"Content-Disposition": f'attachment; filename="{name}"', "Accept-Ranges": "bytes"}
    return found | ({"ETag": _build_tag(file)} if file.is_final else {})


def _build_tag(file: StoredFile) -> str:
    return f'"{file.execution_id}-{file.stream or "both"}-{file.size}"'


def _read_range(request: Request, file: StoredFile) -> tuple[int, int] | None:
    """Return the first byte of the wanted range and the one after it, equal if there is none; None for all of it.

    What is not one range of bytes is ignored, and any range if `If-Range` names something else.
    """
    condition = request.headers.get("if-range")
    if condition is not None and not (file.is_final and condition == _build_tag(file)):
        return None
    found = RANGE.fullmatch(request.headers.get("range", "").strip())
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        return max(0, file.size - int(last)), file.size
    if last and int(last) < int(first):
        return None
    start = min(int(first), file.size)
    return start, min(int(last) + 1, file.size) if last else file.size
