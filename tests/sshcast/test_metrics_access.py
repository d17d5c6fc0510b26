"""Who may read the metrics: this machine, unless a proxy may be in front; else admins."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from db import audit
from tests.support.service import Running, running

pytestmark = pytest.mark.anyio

SCRAPE_HEADER = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;"
    "q=0.5,text/plain;version=1.0.0;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.fixture(scope="module")
async def api(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with running(tmp_path_factory.mktemp("asked")) as found:
        yield found


async def test_this_machine_reads_them_without_a_token_by_get_and_head_alone(api: Running) -> None:
    answer = await api.http.get("/metrics")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert answer.headers["Cache-Control"] == "no-store"
    head = await api.http.head("/metrics")
    assert (head.status_code, head.content) == (200, b"")
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert (await api.http.request(method, "/metrics")).status_code == 405


async def test_openmetrics_is_given_to_who_asks_for_it_as_prometheus_does(api: Running) -> None:
    answer = await api.http.get("/metrics", headers={"Accept": SCRAPE_HEADER})
    assert answer.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert answer.text.endswith("# EOF\n")
    families = text_string_to_metric_families(answer.text)  # type: ignore[no-untyped-call]
    assert "sshcast_runs_finished" in {family.name for family in families}


@pytest.mark.parametrize("accepted", ["text/plain;version=zzz", "", "*/*", "a" * 4000, ";;;,,,=", "text/html"])
async def test_an_odd_accept_gets_the_plain_text(api: Running, accepted: str) -> None:
    answer = await api.http.get("/metrics", headers={"Accept": accepted})
    assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (200, "text/plain")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Forwarded", "for=192.0.2.1"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Forwarded-For", ""),
        ("X-Forwarded-Host", "sshcast.example.com"),
        ("X-Forwarded-Proto", "https"),
        ("X-Real-IP", "192.0.2.1"),
        ("Via", "1.1 proxy"),
    ],
)
async def test_what_a_proxy_passed_on_needs_an_admins_token(api: Running, name: str, value: str) -> None:
    through = {name: value}
    assert (await api.http.get("/metrics", headers=through)).status_code == 401
    assert (await api.ask("GET", "/metrics", "viewer", headers=through)).status_code == 403
    assert (await api.ask("GET", "/metrics", "operator", headers=through)).status_code == 403
    assert (await api.ask("GET", "/metrics", "admin", headers=through)).status_code == 200


@pytest.mark.parametrize(
    "settings",
    [{"behind_proxy": True}, {"trusted_proxies": ["127.0.0.1"]}, {"public_url": "https://sshcast.example.com"}],
)
async def test_where_a_proxy_is_set_up_this_machine_needs_a_token_too(tmp_path: Path, settings: Any) -> None:
    async with running(tmp_path, **settings) as api:
        assert (await api.http.get("/metrics")).status_code == 401
        assert (await api.ask("GET", "/metrics", "operator")).status_code == 403
        assert (await api.ask("GET", "/metrics", "admin")).status_code == 200


async def test_an_admin_of_one_server_only_may_not(api: Running) -> None:
    give = (
        """mutation ($id: ID!) { grantRole(input: {userId: $id, serverId: 1, role: ADMIN}) { errors { message } } }"""
    )
    given = await api.data(give, "admin", id=str(api.users["viewer"].id))
    assert given["grantRole"]["errors"] == []
    answer = await api.ask("GET", "/metrics", "viewer", headers={"Via": "1.1 proxy"})
    assert answer.status_code == 403


async def test_a_refusal_is_audited_by_a_name_that_stays(api: Running) -> None:
    await api.ask("GET", "/metrics", "operator", headers={"Via": "1.1 proxy"})
    head = await api.service.store.read(audit.find_head)
    assert head is not None
    (event,) = await api.service.store.read(audit.by_ids, [head.id])
    assert (event.kind, json.loads(event.after or "")["action"]) == ("forbidden", "metrics.read")


async def test_a_host_name_that_is_not_served_gets_nothing(api: Running) -> None:
    answer = await api.http.get("/metrics", headers={"Host": "rebound.example.com"})
    assert answer.status_code == 403
    assert "sshcast_" not in answer.text
    other = await api.http.get("/metrics", headers={"Origin": "https://evil.example.com"})
    assert other.status_code == 403
