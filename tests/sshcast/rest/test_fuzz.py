"""Whatever a request holds, its parts are read or refused in words for the caller, with work that its length bounds."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.datastructures import Headers
from starlette.requests import Request

from resolvers import cursor
from resolvers.context import Limits
from resolvers.errors import ServiceError
from resolvers.paging import PageRequest, decode_cursor
from resolvers.schedules import check as checked_schedule
from sshcast.graphql import requests as graphql_requests
from sshcast.graphql import streams
from sshcast.http import answers, body
from sshcast.http import bearer as http_bearer
from sshcast.http.hosts import HostGuard
from sshcast.rest import executions, log, pages, parameters, servers, tasks
from tests.support.desk import NOON
from tests.support.sampling import choose_count
from tests.support.work import calls

pytestmark = pytest.mark.sampled()

bounded = settings(
    max_examples=choose_count(20, 100), deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
ANY = st.text(st.characters(exclude_categories=()), max_size=60)
WORDS = [
    "",
    "0",
    "1",
    "-1",
    "9" * 19,
    "9" * 30,
    "²",
    "true",
    "base64",
    "stdout",
    "2026-11-24T10:00:00Z",
    "o5",
    "o" + "9" * 19,
]
WORDS += [
    "2026-02-30T10:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "99999999999",
    "\0",
    "\ud800",
]
values = st.sampled_from(WORDS) | ANY
TABLES = (tasks.PARAMETERS, executions.PARAMETERS, servers.PARAMETERS, log.PARAMETERS)
names = st.sampled_from(sorted({each.name for table in TABLES for each in table})) | ANY
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY,
    lambda each: st.lists(each) | st.dictionaries(ANY, each),
)
PART = st.sampled_from(
    ["*", "0", "59", "*/7", "1-5", "31", "29", "2", "L", "LW", "15W", "1#5", "mon", "feb", "?", "0-59/2", "60"]
)
CRON = st.lists(PART, min_size=5, max_size=6).map(" ".join) | st.text(
    st.sampled_from("*,-/#LW?@0123456789 MONJANevryatonc:+TZ"), max_size=50
)
# The day that is looked for is within 4 years, day by day.
CALLS_OF_A_SCHEDULE = 60_000


def request(query: list[tuple[str, str]], headers: list[tuple[str, str]]) -> Request:
    """As it comes out of the parser of HTTP: bytes of any kind."""
    address = "&".join(
        f"{quote(name, errors='surrogatepass')}={quote(value, errors='surrogatepass')}" for name, value in query
    )
    raw = [(name.encode(), value.encode("utf-8", "surrogatepass")) for name, value in headers]
    return Request({"type": "http", "method": "GET", "path": "/", "query_string": address.encode(), "headers": raw})


def tried(work: Callable[[], Any], most: int) -> None:
    """It works or is refused, in so many calls. What a process does for the first time may cost more, that once."""
    assert calls(work, ServiceError) <= most or calls(work, ServiceError) <= most


@bounded
@given(st.lists(st.tuples(names, values), max_size=4), values)
def test_the_parameters_of_a_list_and_of_a_log(query: list[tuple[str, str]], header: str) -> None:
    found = request(query, [("last-event-id", header), ("accept", header)])
    most = 1000 + 20 * sum(len(name) + len(value) for name, value in query)
    for table in TABLES:
        tried(partial(parameters.read_parameters, found, table), most)
    tried(lambda: pages.build_page_request(parameters.read_parameters(found, pages.PAGE)), most)
    tried(lambda: log.read_log_form(found), most)
    for name, value in query:
        for read in (http_bearer.parse_optional_integer, http_bearer.parse_optional_time, http_bearer.parse_flag):
            tried(partial(read, {name: value}, name), most)
        tried(partial(pages.read_name_filter, {"name": value}), most)


@bounded
@given(values, ANY)
def test_the_headers(value: str, name: str) -> None:
    found = request([], [("authorization", value), ("accept-language", value), ("content-type", value)])
    most = 500 + 20 * len(value)
    for work in (
        lambda: http_bearer.parse_bearer(found.headers.getlist("authorization")),
        lambda: answers.read_language(found),
        lambda: body.check_headers(found),
        lambda: streams.choose_transport(value),
        lambda: http_bearer.format_name(name),
    ):
        tried(work, most)
    guard = HostGuard(None, hosts=["a.example"], origins=[])  # type: ignore[arg-type]
    guard._find_refusal(Headers(raw=[(b"host", value.encode("utf-8", "replace")), (b"origin", b"null")]))


@bounded
@given(JSON)
def test_any_json_as_a_body(value: Any) -> None:
    data = json.dumps(value).encode()
    read(data, value)


@bounded
@given(
    st.binary(max_size=80) | st.text(st.sampled_from('{}[]",:0123456789eE+-.\\u dtrfalsn'), max_size=80).map(str.encode)
)
def test_any_bytes_as_a_body(data: bytes) -> None:
    read(data, {})


def read(data: bytes, value: Any) -> None:
    most = 500 + 30 * len(data)

    def whole() -> None:
        found = body.parse_object(data)
        body.check_names(found, tasks.FIELDS)
        for name, kind in tasks.FIELDS.items():
            if name in found:
                body.check_type(name, found[name], kind)
        tasks.check_fields(found)

    tried(whole, most)
    tried(lambda: graphql_requests.build_graphql_request(graphql_requests.parse_json(data, "body"), []), most)
    tried(lambda: graphql_requests.check_extent(value, "variables"), most)


@bounded
@given(values)
def test_any_cursor(text: str) -> None:
    tried(lambda: cursor.decode(text), 100)
    for order in ("id", "name", "created_at"):
        tried(partial(decode_cursor, "after", text, PageRequest(first=10, order=order)), 500 + 20 * len(text))


@bounded
@given(CRON | values.map(lambda text: text[:50]), st.sampled_from(["UTC", "Asia/Shanghai", "Mars", ""]))
def test_any_schedule(text: str, zone: str) -> None:
    tried(lambda: tasks.check_fields({"cron_expr": text}), 200)
    tried(lambda: checked_schedule(text, zone, Limits(), now=NOON), CALLS_OF_A_SCHEDULE)
