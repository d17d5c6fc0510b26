"""What a REST request asks for, read strictly: unknown names and wrong types are refused by name."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.requests import Request

from resolvers import sign_in
from resolvers.context import Context, Service
from resolvers.errors import Invalid, TooLarge
from resolvers.rules import MAX_ID, one_of
from sshcast.rest.answers import language_of

MAX_BODY_BYTES = 256 * 1024
MAX_DEPTH = 32


async def context(request: Request) -> Context:
    """The caller, signed in by a bearer token or not at all."""
    service: Service = request.app.state.service
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    viewer = await sign_in.authenticate(service, token.strip()) if scheme.lower() == "bearer" else None
    address = request.client.host if request.client else ""
    return Context(service=service, viewer=viewer, language=language_of(request), address=address)


async def body(request: Request, fields: Mapping[str, type], *, required: bool = True) -> dict[str, Any]:
    """The JSON object of a body, with exactly these fields (or some of them, when not `required`)."""
    content_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if content_type != "application/json":
        raise Invalid("Content-Type", "must be application/json.", "必须是 application/json。")
    found = parsed(await raw_body(request))
    for name in found:
        if name not in fields:
            raise Invalid(name, f"is not a field of this request: {', '.join(fields)}.", "不是此请求的字段。")
    for name, kind in fields.items():
        if name in found:
            check_type(name, found[name], kind)
        elif required:
            raise Invalid(name, "is required.", "为必填项。")
    return found


async def raw_body(request: Request) -> bytes:
    """The body, counted as it comes in, so that one without a length is bounded too."""
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > MAX_BODY_BYTES:
            raise TooLarge(f"The body is larger than {MAX_BODY_BYTES} bytes.", f"请求体超过 {MAX_BODY_BYTES} 字节。")
    return bytes(data)


def parsed(data: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(data)
    except ValueError:
        raise Invalid("body", "must be valid JSON.", "必须是有效的 JSON。") from None
    if not isinstance(found, dict):
        raise Invalid("body", "must be a JSON object.", "必须是 JSON 对象。")
    return found


def check_type(name: str, value: Any, kind: type) -> None:
    if type(value) is not kind:
        en, zh = {str: ("a string", "字符串"), int: ("an integer", "整数")}[kind]
        raise Invalid(name, f"must be {en}.", f"必须是{zh}。")


def query(request: Request, *names: str) -> dict[str, str]:
    """The query parameters that are not empty; unknown or repeated ones are refused."""
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in names:
            raise Invalid(name, f"is not a parameter here: {', '.join(names)}.", "不是此接口的参数。")
        if name in found:
            raise Invalid(name, "is given more than once.", "重复出现。")
        found[name] = value
    return {name: value for name, value in found.items() if value != ""}


def integer(name: str, text: str, low: int = 1, high: int = MAX_ID) -> int:
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 19 or not low <= int(text) <= high:
        raise Invalid(name, f"must be an integer from {low} to {high}.", f"必须是 {low} 到 {high} 的整数。")
    return int(text)


def optional_integer(found: Mapping[str, str], name: str, low: int = 1, high: int = MAX_ID) -> int | None:
    return integer(name, found[name], low, high) if name in found else None


def optional_time(found: Mapping[str, str], name: str) -> datetime | None:
    """RFC 3339 with its zone, or Unix seconds."""
    if name not in found:
        return None
    text = found[name]
    try:
        if text.isascii() and text.isdigit() and len(text) <= 11:
            return datetime.fromtimestamp(int(text), UTC)
        # A "+" that was not escaped in a URL arrives as a space.
        moment = datetime.fromisoformat(text.replace(" ", "+") if text.count(" ") == 1 and "T" in text else text)
    except (ValueError, OverflowError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Invalid(
            name,
            "must be RFC 3339 such as 2026-11-24T10:00:00Z, or Unix seconds.",
            "必须是 RFC 3339 时间（如 2026-11-24T10:00:00Z）或 Unix 秒。",
        )
    return moment


def path_id(request: Request) -> int:
    return integer("id", str(request.path_params["id"]))


def flag(found: Mapping[str, str], name: str) -> bool:
    return choice(found, name, ("true", "false", "1", "0")) in ("true", "1")


def choice(found: Mapping[str, str], name: str, allowed: Sequence[str]) -> str | None:
    return one_of(name, found[name], allowed) if name in found else None
