"""Reads GraphQL requests from HTTP."""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import orjson
from graphql import OperationType
from starlette.requests import Request

from resolvers import admission
from resolvers.context import Context, Service
from resolvers.errors import Invalid, ServiceError, TooLarge, Unauthenticated
from schema.manifest import LONGEST_ID
from schema.request import ALL_KINDS, GraphQLRequest
from sshcast.http.answers import read_language
from sshcast.http.bearer import parse_bearer
from sshcast.http.body import MAX_BYTES, read_bytes

MOST_DEPTH = 32
# Each value of a variable is read, checked and copied field by field: a request of many thousands would hold up others.
MOST_VALUES = 2000
JSON = "application/json"
MOST_PACKED = 3 * 1024 * 1024
"""Bytes of a body that long base64 texts may take: 1 MiB in base64, in lines, and each `/` escaped, as some do."""
PACKED = re.compile(rb'"[A-Za-z0-9+/=\\]{4096,}+"')


class UnsupportedMediaType(ServiceError):
    """Send the request as application/json, in UTF-8 and without a Content-Encoding."""

    code = "UNSUPPORTED_MEDIA_TYPE"
    zh = "请以 application/json（UTF-8、无 Content-Encoding）发送请求。"


def build_anonymous_context(request: Request, service: Service) -> Context:
    """Return a context for the caller before their token is checked."""
    address = request.client.host if request.client else ""
    return Context(service=service, language=read_language(request), address=address)


async def authenticate_request(
    request: Request, anonymous: Context, asked: GraphQLRequest
) -> tuple[Context, GraphQLRequest]:
    """Return the caller by their bearer token, if any; mark the request if the token is not valid."""
    given = parse_bearer(request.headers.getlist("authorization"))
    try:
        return await admission.authenticate(anonymous, given), asked
    except Unauthenticated:
        return anonymous, replace(asked, bad_token=True)


async def read_request(request: Request, *, streaming: bool) -> GraphQLRequest:
    """Read the document and its parameters. Only a stream may carry a subscription, and a GET never a mutation."""
    kinds = ALL_KINDS if streaming else ALL_KINDS - {OperationType.SUBSCRIPTION}
    if request.method == "POST":
        return build_graphql_request(await _read_post_body(request), kinds)
    return build_graphql_request(_read_query_string(request), kinds - {OperationType.MUTATION})


async def _read_post_body(request: Request) -> Any:
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.lower().replace(" ", "").replace('"', "") or "charset=utf-8"
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if media_type.strip().lower() != JSON or charset != "charset=utf-8" or encoding != "identity":
        raise UnsupportedMediaType()
    return parse_json(check_size(await read_bytes(request, most=MAX_BYTES + MOST_PACKED)), "body")


def check_size(body: bytes) -> bytes:
    """Return the body; raise TooLarge if it is over the usual limit, without its long base64 values such as `stdin`."""
    if len(body) > MAX_BYTES and len(body) - sum(map(len, PACKED.findall(body))) > MAX_BYTES:
        raise TooLarge(
            f"The body is larger than {MAX_BYTES} bytes, not counting long base64 text as stdin takes it.",
            f"不计 stdin 所用的长 base64 文本，请求体仍超过 {MAX_BYTES} 字节。",
        )
    return body


def _read_query_string(request: Request) -> dict[str, Any]:
    found: dict[str, Any] = dict(request.query_params)
    for name in ("variables", "extensions"):
        if found.get(name):
            found[name] = parse_json(found[name], name)
    return found


def parse_json(data: bytes | str, name: str) -> Any:
    try:
        found = orjson.loads(data)
    except ValueError:
        raise Invalid(name, "must be valid JSON.", "必须是有效的 JSON。") from None
    check_extent(found, name)
    return found


def check_extent(value: Any, name: str) -> None:
    """Raise Invalid if the value is nested too deep or holds too many values."""
    level, count = [value], 1
    for _ in range(MOST_DEPTH):
        level = [item for each in level for item in _list_children(each)]
        count += len(level)
        if count > MOST_VALUES:
            raise Invalid(name, f"must hold at most {MOST_VALUES} values.", f"最多包含 {MOST_VALUES} 个值。")
        if not level:
            return
    raise Invalid(name, f"must be at most {MOST_DEPTH} levels deep.", f"嵌套不能超过 {MOST_DEPTH} 层。")


def _list_children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def build_graphql_request(found: Any, kinds: Collection[OperationType]) -> GraphQLRequest:
    """Read the parameters of GraphQL over HTTP, and check the type of each."""
    if isinstance(found, list):
        raise Invalid("body", "must be one request: batches are not taken.", "不支持批量请求。")
    if not isinstance(found, Mapping):
        raise Invalid("body", "must be a JSON object.", "必须是 JSON 对象。")
    document_id = _read_document_id(_read_optional(found, "extensions", dict, "an object", "对象") or {})
    query = _read_optional(found, "query", str, "a string", "字符串")
    if not query and document_id is None:
        raise Invalid("query", "is required.", "为必填项。")
    variables = _read_optional(found, "variables", dict, "an object", "对象")
    name = _read_optional(found, "operationName", str, "a string", "字符串")
    return GraphQLRequest(query or "", variables, name, kinds, document_id=document_id)


def _read_document_id(extensions: Mapping[str, Any]) -> str | None:
    """Return the id of a persisted document: `{"persistedQuery": {"version": 1, "sha256Hash": "…"}}`, as Apollo's."""
    given = extensions.get("persistedQuery")
    if given is None:
        return None
    id = given.get("sha256Hash") if isinstance(given, Mapping) and given.get("version") == 1 else None
    if not isinstance(id, str) or not 0 < len(id) <= LONGEST_ID:
        form = '{"version": 1, "sha256Hash": "…"}'
        raise Invalid("extensions.persistedQuery", f"must be {form}.", f"须为 {form}。")
    return id


def _read_optional(found: Mapping[str, Any], name: str, kind: type, en: str, zh: str) -> Any:
    value = found.get(name)
    if value is not None and type(value) is not kind:
        raise Invalid(name, f"must be {en}.", f"必须是{zh}。")
    return value or None
