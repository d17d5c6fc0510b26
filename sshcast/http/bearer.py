"""Reads the headers, path and query of REST requests strictly: an error names what is wrong."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from starlette.requests import Request

from db.values import Role
from resolvers import admission, audit, rights
from resolvers.context import Context, Service
from resolvers.errors import Invalid
from resolvers.validation import LONGEST_KEY, MAX_ID, check_one_of, check_text
from sshcast.http.answers import read_language

RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z", re.ASCII)
UNIX_SECONDS = re.compile(r"\d{1,11}\Z", re.ASCII)
WHOLE_SECOND = timedelta(seconds=1) - timedelta(microseconds=1)
LONGEST_NAME_SHOWN = 100
READING = ("GET", "HEAD")


async def require_viewer(request: Request, role: Role = Role.NONE) -> Context:
    """Return a context for the signed-in caller, who must have this role on some server."""
    found = await admission.authenticate(
        build_anonymous_context(request), parse_bearer(request.headers.getlist("authorization"))
    )
    async with audit.record_refusals(found, f"{request.method} {request.scope['path']}"):
        right = await rights.require_role(found, role)
    if request.method not in READING:
        found.service.rates.check_change(right.viewer.user_id)
    return found


def parse_bearer(authorization: Sequence[str]) -> str | None:
    """Return the token in "Bearer TOKEN"; an invalid one if there are several headers: a proxy may have read one."""
    tokens = [token.strip() for scheme, _, token in map(_split_scheme, authorization) if scheme.lower() == "bearer"]
    return (tokens[0] if len(authorization) == 1 else "") if tokens else None


def _split_scheme(value: str) -> tuple[str, str, str]:
    return value.partition(" ")


def build_rate_limited_context(request: Request) -> Context:
    """Return a context for a sign-in route, counted against the address's rate limit."""
    found = build_anonymous_context(request)
    found.service.rates.check_stranger(found.address)
    return found


def build_anonymous_context(request: Request) -> Context:
    """Return a context without a user: clients send their old access token along when they sign in again."""
    service: Service = request.app.state.service
    address = request.client.host if request.client else ""
    return Context(service=service, language=read_language(request), address=address)


def read_query(request: Request, *names: str) -> dict[str, str]:
    """Return the query parameters that are not empty; refuse unknown and repeated ones."""
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in names:
            known = f": {', '.join(names)}" if names else ""
            raise Invalid(format_name(name), f"is not a parameter here{known}.", "不是此接口的参数。")
        if name in found:
            raise Invalid(name, "is given more than once.", "重复出现。")
        found[name] = value
    return {name: value for name, value in found.items() if value != ""}


def format_name(name: str) -> str:
    """Make a name that the caller sent safe to repeat in an answer."""
    return name.encode("utf-8", "replace").decode()[:LONGEST_NAME_SHOWN] or '""'


def _parse_integer(name: str, text: str, low: int = 1, high: int = MAX_ID) -> int:
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 19 or not low <= int(text) <= high:
        raise Invalid(name, f"must be an integer from {low} to {high}.", f"必须是 {low} 到 {high} 的整数。")
    return int(text)


def parse_optional_integer(found: Mapping[str, str], name: str, low: int = 1, high: int = MAX_ID) -> int | None:
    return _parse_integer(name, found[name], low, high) if name in found else None


def parse_optional_time(found: Mapping[str, str], name: str, *, until: bool = False) -> datetime | None:
    """Parse RFC 3339 with a zone, or Unix seconds; as a range's end (`until`), those include their whole second."""
    if name not in found:
        return None
    text = found[name].upper()
    try:
        if UNIX_SECONDS.match(text):
            second = datetime.fromtimestamp(int(text), UTC)
            return second + WHOLE_SECOND if until else second
        # A "+" that was not escaped in a URL arrives as a space.
        text = text.replace(" ", "+") if "T" in text else text
        if RFC3339.match(text):
            return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Invalid(
        name,
        "must be RFC 3339 such as 2026-11-24T10:00:00Z, or Unix seconds.",
        "必须是 RFC 3339 时间（如 2026-11-24T10:00:00Z）或 Unix 秒。",
    )


def read_idempotency_key(request: Request) -> str | None:
    """Return the key, 1 to 128 characters, with which a repeated request gets the first one's result."""
    found = request.headers.getlist("idempotency-key")
    if len(found) > 1:
        raise Invalid("Idempotency-Key", "is given more than once.", "重复出现。")
    return check_text("Idempotency-Key", found[0], longest=LONGEST_KEY) if found else None


def read_path_id(request: Request) -> int:
    return _parse_integer("id", str(request.path_params["id"]))


def parse_flag(found: Mapping[str, str], name: str) -> bool:
    return parse_choice(found, name, ("true", "false", "1", "0")) in ("true", "1")


def parse_choice(found: Mapping[str, str], name: str, allowed: Sequence[str]) -> str | None:
    return check_one_of(name, found[name], allowed) if name in found else None
