"""The JSON body of a request, read strictly: one object of known fields of the right types, each at most once."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from starlette.requests import Request

from resolvers.errors import Invalid, TooLarge
from resolvers.rules import encodable
from sshcast.rest.asked import shown

MAX_BYTES = 256 * 1024
# What is read of a body that is too large, so that its sender gets to read the answer.
MOST_READ = 1024 * 1024
LONGEST_NUMBER = 20
KINDS = {str: ("a string", "字符串"), int: ("an integer", "整数")}


async def read(request: Request, fields: Mapping[str, type], *, required: bool = True) -> dict[str, Any]:
    """The object, with exactly these fields (or some of them, when not `required`)."""
    check_headers(request)
    found = parsed(await raw(request))
    check_names(found, fields)
    for name, kind in fields.items():
        if name in found:
            check_type(name, found[name], kind)
        elif required:
            raise Invalid(name, "is required.", "为必填项。")
    return found


async def empty(request: Request) -> None:
    """For a route without fields: no body, or an object without any."""
    data = await raw(request)
    if data.strip():
        check_headers(request)
        check_names(parsed(data), {})


def check_headers(request: Request) -> None:
    content_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if content_type != "application/json":
        raise Invalid("Content-Type", "must be application/json.", "必须是 application/json。")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Invalid("Content-Encoding", "is not accepted: send the body as it is.", "不受支持：请直接发送请求体。")


async def raw(request: Request, *, most: int = MAX_BYTES) -> bytes:
    """The body of at most so many bytes, counted as it comes in, so that one without a length is bounded too."""
    most_read = most - MAX_BYTES + MOST_READ
    declared = request.headers.get("content-length", "0")
    if int(declared) > most_read:
        raise too_large(most)
    data, size = bytearray(), 0
    async for part in request.stream():
        size += len(part)
        if size > most_read:
            raise too_large(most)
        if size <= most:
            data += part
    if size > most:
        raise too_large(most)
    return bytes(data)


def too_large(most: int = MAX_BYTES) -> TooLarge:
    return TooLarge(f"The body is larger than {most} bytes.", f"请求体超过 {most} 字节。")


def parsed(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(
            data.decode(), object_pairs_hook=once_each, parse_constant=not_json, parse_int=bounded_integer
        )
    except (ValueError, RecursionError):
        raise Invalid("body", "must be valid JSON.", "必须是有效的 JSON。") from None
    if not isinstance(found, dict):
        raise Invalid("body", "must be a JSON object.", "必须是 JSON 对象。")
    return found


def once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Invalid(shown(name), "is given more than once.", "重复出现。")
        found[name] = value
    return found


def not_json(constant: str) -> NoReturn:
    raise ValueError(constant)


def bounded_integer(digits: str) -> int:
    """Far out of every range instead of exact, when it is too long to be converted at leisure."""
    return int(digits[: LONGEST_NUMBER + 1])


def check_names(found: Mapping[str, Any], fields: Mapping[str, type]) -> None:
    for name in found:
        if name not in fields:
            known = f": {', '.join(fields)}" if fields else ""
            raise Invalid(shown(name), f"is not a field of this request{known}.", "不是此请求的字段。")


def check_type(name: str, value: Any, kind: type) -> None:
    if type(value) is not kind:
        en, zh = KINDS[kind]
        raise Invalid(name, f"must be {en}.", f"必须是{zh}。")
    if isinstance(value, str):
        encodable(name, value)
