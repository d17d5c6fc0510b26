"""GET /openapi.json: valid OpenAPI 3.1 that has every route, parameter, field and error of REST."""

import re
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.routing import Route

from resolvers.errors import ServiceError
from sshcast.http.answers import STATUS
from sshcast.http_app import build_app
from sshcast.rest import route_table
from tests.support.openapi import Document
from tests.support.rest import PASSWORD, Face
from tests.support.rest_tasks import add_fleet_task
from tests.support.service import running

pytestmark = pytest.mark.anyio

# Codes that only GraphQL has, or that no method of the document can get.
ELSEWHERE = {"ERROR", "UNREACHABLE", "CURSOR_EXPIRED", "METHOD_NOT_ALLOWED"}
OURS = ("resolvers.", "sshcast.http.", "sshcast.rest.")
NEW = {"name": "an example", "command": "df -h", "server_id": 1, "cron_expr": "@once"}


@pytest.fixture
async def document(rest: Face) -> Document:
    return await Document.load(rest)


async def test_it_is_valid_by_the_official_schema_of_openapi_31(document: Document) -> None:
    assert document.body["openapi"] == "3.1.0"
    assert [str(error) for error in OpenAPIV31SpecValidator(document.body).iter_errors()] == []


async def test_it_has_every_route_of_the_service_and_no_other(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        routes = [each for each in build_app(api.service, api.settings).routes if isinstance(each, Route)]
        served = {(name, each.path) for each in routes for name in each.methods or () if name != "HEAD"}
        described = set((await Document.load(api)).operations)
    oidc = {each for each in served if each[1].startswith("/api/auth/oidc")}
    assert described == {each for each in served if each[1].startswith("/api/") or each[1] == "/openapi.json"} - oidc


async def test_it_is_for_everyone_and_is_sent_once(rest: Face) -> None:
    first = await rest.ask("GET", "/openapi.json", None)
    assert (first.status_code, first.headers["Content-Type"]) == (200, "application/json")
    assert first.headers["Cache-Control"] == "no-cache"
    tag = first.headers["ETag"]
    for condition in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await rest.ask("GET", "/openapi.json", None, headers={"If-None-Match": condition})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    other = await rest.ask("GET", "/openapi.json", None, headers={"If-None-Match": '"other"'})
    assert (other.status_code, other.content) == (200, first.content)


async def test_every_part_of_it_says_what_it_is(document: Document) -> None:
    for operation in document.operations.values():
        assert operation["summary"]
        assert operation["description"]
        assert all(each["description"] for each in operation["parameters"])
        assert all(each["description"] for each in operation["responses"].values())
    for name, schema in document.body["components"]["schemas"].items():
        assert schema["description"], name
        for field, each in schema.get("properties", {}).items():
            assert "description" in each or "$ref" in str(each) or each == {"type": "null"}, (name, field)


async def test_every_operation_but_signing_in_wants_a_token(rest: Face, document: Document) -> None:
    for (method, path), operation in document.operations.items():
        answer = await rest.ask(method, path.replace("{id}", "1"), None)
        assert (answer.status_code == 401) == (operation["security"] == [{"bearer": []}]), (method, path)


async def list_known(rest: Face, path: str) -> set[str]:
    """The parameters that a route names to whoever gives it another one."""
    answer = await rest.ask("GET", f"{path}no_such_parameter=1")
    assert (answer.status_code, answer.json()["field"]) == (400, "no_such_parameter")
    found = re.search(r"here: (.*)\.$", answer.json()["message"])
    return set(found[1].split(", ")) if found else set()


async def test_its_parameters_are_those_that_the_routes_know(rest: Face, document: Document) -> None:
    for (method, path), operation in document.operations.items():
        if method != "GET" or path == "/openapi.json":
            continue
        address = path.replace("{id}", "1") + "?"
        known = await list_known(rest, address)
        if path == "/api/task/{id}/log":
            known |= await list_known(rest, f"{address}search=a&") | await list_known(rest, f"{address}format=raw&")
        assert known == {each["name"] for each in operation["parameters"] if each["in"] == "query"}


async def test_its_bodies_have_the_fields_that_the_routes_know(rest: Face, document: Document) -> None:
    id = (await rest.create())["id"]
    for (method, path), operation in document.operations.items():
        if "requestBody" not in operation:
            continue
        answer = await rest.ask(method, path.replace("{id}", str(id)), "operator", json={"no_such_field": 1})
        assert (answer.status_code, answer.json()["field"]) == (400, "no_such_field")
        found = re.search(r"request: (.*)\.$", answer.json()["message"])
        name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        schema = document.body["components"]["schemas"][name]
        assert set(found[1].split(", ") if found else ()) == set(schema.get("properties", {}))


async def test_every_error_has_its_status(document: Document) -> None:
    def list_codes(kind: type[ServiceError]) -> set[str]:
        """The codes of the errors that every face has, and of those of REST."""
        own = {kind.code} if kind.__module__.startswith(OURS) else set()
        return own.union(*(list_codes(each) for each in kind.__subclasses__()))

    described = set(re.findall(r"`([A-Z_]+)`:", str(document.operations)))
    assert route_table.MethodNotAllowed.code in STATUS
    assert described == set(STATUS) - ELSEWHERE
    shown = {code for code in list_codes(ServiceError) if code not in ELSEWHERE}
    assert shown <= described


async def test_every_field_of_every_answer_is_in_it(rest: Face, document: Document) -> None:
    asked: set[str] = set()

    async def ask(method: str, path: str, role: str | None = "operator", **values: Any) -> Any:
        answer = await rest.ask(method, path, role, **values)
        assert document.find_problems(method, path.partition("?")[0], answer) == []
        asked.add(f"{method} {re.sub('[0-9]+', '{id}', path.partition('?')[0])}")
        return answer.json()

    new = await ask("POST", "/api/tasks", json=NEW)
    task, execution = f"/api/tasks/{new['id']}", f"/api/executions/{new['execution_id']}"
    await ask("POST", "/api/tasks", json=NEW | {"server_id": 0})
    await ask("GET", "/api/tasks?fleet=true")
    await ask("GET", task)
    await ask("PUT", task, json={"name": "changed"})
    await ask("POST", f"{task}/execute")
    await ask("GET", f"{task}/executions")
    await ask("GET", "/api/executions")
    await ask("GET", execution)
    await ask("POST", f"{execution}/cancel")
    await ask("POST", f"{execution}/cancel")
    await ask("DELETE", task)
    await ask("GET", task)
    fleet = await add_fleet_task(rest)
    await ask("POST", f"/api/tasks/{fleet}/execute")
    await ask("GET", f"/api/tasks/{fleet}")
    await ask("GET", "/api/servers")
    run = await rest.run()
    await run.write(b"found\nlost\n")
    for query in ("", "?encoding=base64&tail=1", "?search=found&context=1", "?search=found&limit=0"):
        await ask("GET", f"{run.path}{query}")
    await run.end()
    tokens = (await ask("POST", "/api/auth/login", None, json={"username": "the.viewer", "password": PASSWORD}))["data"]
    tokens = (await ask("POST", "/api/auth/refresh", None, json={"refresh_token": tokens["refresh_token"]}))["data"]
    rest.tokens["signed in"] = tokens["access_token"]
    await ask("GET", "/api/auth/profile", "signed in")
    await ask("POST", "/api/auth/logout", "signed in")
    await ask("GET", "/api/auth/profile", "signed in")
    await ask("POST", "/api/auth/link", None, json={"code": "none"})
    await ask("GET", "/openapi.json", None)
    assert asked == {" ".join(each) for each in document.operations}
