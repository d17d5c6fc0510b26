"""Reads JSON bodies strictly: one object with known fields of the right types, each at most once."""

import json
from collections.abc import Collection, Mapping
from typing import Any, NoReturn

from starlette.requests import Request

from resolvers.errors import Invalid, TooLarge
from resolvers.validation import check_encodable
from sshcast.http.bearer import format_name

MAX_BYTES = 256 * 1024
# What is read of a body that is too large, so that its sender gets to read the answer.
MOST_READ = 1024 * 1024
LONGEST_NUMBER = 20
KINDS = {str: ("a string", "字符串"), int: ("an integer", "整数"), dict: ("an object", "对象")}


async def read(
    request: Request, fields: Mapping[str, type], *, required: bool = True, optional: Collection[str] = ()
) -> dict[str, Any]:
    """Return the object, which must have exactly these fields, but for `optional` ones (if not `required`: for any)."""
    check_headers(request)
    found = parse_object(await read_bytes(request))
    check_names(found, fields)
    for name, kind in fields.items():
        if name in found:
            check_type(name, found[name], kind)
        elif required and name not in optional:
            raise Invalid(name, "is required.", "为必填项。")
    return found


async def read_optional(request: Request, fields: Mapping[str, type]) -> dict[str, Any]:
    """Return the object, which may have some of these fields; {} without a body."""
    data = await read_bytes(request)
    if not data.strip():
        return {}
    check_headers(request)
    found = parse_object(data)
    check_names(found, fields)
    for name, value in found.items():
        check_type(name, value, fields[name])
    return found


async def check_empty(request: Request) -> None:
    """Check that a route without fields got no body, or an empty object."""
    await read_optional(request, {})


def check_headers(request: Request) -> None:
    content_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if content_type != "application/json":
        raise Invalid("Content-Type", "must be application/json.", "必须是 application/json。")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Invalid("Content-Encoding", "is not accepted: send the body as it is.", "不受支持：请直接发送请求体。")


async def read_bytes(request: Request, *, most: int = MAX_BYTES) -> bytes:
    """Return the body; raise TooLarge beyond `most` bytes, counted as they arrive, since no length may be declared."""
    most_read = most - MAX_BYTES + MOST_READ
    declared = request.headers.get("content-length", "0")
    if int(declared) > most_read:
        raise _build_too_large_error(most)
    data, size = bytearray(), 0
    async for part in request.stream():
        size += len(part)
        if size > most_read:
            raise _build_too_large_error(most)
        if size <= most:
            data += part
    if size > most:
        raise _build_too_large_error(most)
    return bytes(data)


def _build_too_large_error(most: int = MAX_BYTES) -> TooLarge:
    return TooLarge(f"The body is larger than {most} bytes.", f"请求体超过 {most} 字节。")


def parse_object(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(
            data.decode(),
            object_pairs_hook=_reject_duplicates,
            parse_constant=_reject_constant,
            parse_int=_parse_bounded_integer,
        )
    except (ValueError, RecursionError):
        raise Invalid("body", "must be valid JSON.", "必须是有效的 JSON。") from None
    if not isinstance(found, dict):
        raise Invalid("body", "must be a JSON object.", "必须是 JSON 对象。")
    return found


def _reject_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Invalid(format_name(name), "is given more than once.", "重复出现。")
        found[name] = value
    return found


def _reject_constant(constant: str) -> NoReturn:
    raise ValueError(constant)


def _parse_bounded_integer(digits: str) -> int:
    """Return an out-of-range number for one with too many digits, which would take long to convert."""
    return int(digits[: LONGEST_NUMBER + 1])


def check_names(found: Mapping[str, Any], fields: Mapping[str, type]) -> None:
    for name in found:
        if name not in fields:
            known = f": {', '.join(fields)}" if fields else ""
            raise Invalid(format_name(name), f"is not a field of this request{known}.", "不是此请求的字段。")


def check_type(name: str, value: Any, kind: type) -> None:
    if type(value) is not kind:
        en, zh = KINDS[kind]
        raise Invalid(name, f"must be {en}.", f"必须是{zh}。")
    if isinstance(value, str):
        check_encodable(name, value)
