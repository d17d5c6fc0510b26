"""A command line signs in through the browser: what the person sees and says, and who gets tokens for which code."""

import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from db import audit as audit_table
from db import identities
from resolvers.identities import hash_code_pair
from resolvers.provider_sign_in import CODE_LIFE
from resolvers.rates import RateLimiter, build_buckets
from tests.support.oidc.command_line import EXCHANGE, START, CommandLine, Page, Person
from tests.support.oidc.forger import Forger
from tests.support.oidc.visitor import CALLBACK, Visitor, visiting
from tests.support.service import Running, running

pytestmark = pytest.mark.anyio


@pytest.fixture
async def person(api: Running) -> AsyncIterator[Person]:
    async with visiting(api.url) as found:
        yield Person(found.http)


async def list_events(api: Running, subject: str) -> list[tuple[str, Any]]:
    events = await api.service.store.read(audit_table.list_after, 0, 10_000)
    return [(event.kind, json.loads(event.after or "")) for event in events if f'"{subject}"' in (event.after or "")]


async def test_a_person_says_yes_and_the_command_line_has_a_session(
    api: Running, forger: Forger, person: Person, visitor: Visitor
) -> None:
    asked = CommandLine()
    told = await person.sign_in(forger, asked, sub="c1", preferred_username="ada.c1")
    assert set(told) == {"code", "state"}
    assert told["state"] == asked.state
    answer = await asked.exchange(visitor.http, told["code"])
    assert answer.status_code == 200, answer.text
    found = answer.json()["data"]
    assert (found["user"]["username"], found["user"]["role"]) == ("ada.c1", "operator")
    assert (await visitor.profile(found["access_token"]))["username"] == "ada.c1"
    renewed = await visitor.http.post("/api/auth/refresh", json={"refresh_token": found["refresh_token"]})
    assert renewed.status_code == 200
    assert found["expires_in"] <= found["refresh_expires_in"]
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers
    for address in person.addresses:
        assert not any(secret in address for secret in (found["access_token"], found["refresh_token"], asked.verifier))
    who = {"by": "oidc", "issuer": forger.issuer, "subject": "c1"}
    assert (await list_events(api, "c1"))[1:] == [("signed-in", who | {"through": "command-line"})]


@pytest.mark.parametrize("redirect", ["http://[::1]:1/", "http://127.0.0.1:65535/a/b-c_d.e~f"])
async def test_both_loop_back_addresses_are_taken(forger: Forger, person: Person, redirect: str) -> None:
    told = await person.sign_in(forger, CommandLine(redirect=redirect, state="A" * 128), sub="c2")
    assert told["state"] == "A" * 128


ELSEWHERE = [
    "",
    "https://127.0.0.1:5000/",
    "http://localhost:5000/",
    "http://127.0.0.1/",
    "http://127.0.0.1:5000",
    "http://127.0.0.1:0/",
    "http://127.0.0.1:00080/",
    "http://127.0.0.1:65536/",
    "http://127.0.0.1:٣٣/",
    "http://127.0.0.2:5000/",
    "http://127.1:5000/",
    "http://127.0.0.1.example.com:5000/",
    "http://127.0.0.1:5000@example.com/",
    "http://user@127.0.0.1:5000/",
    "http://example.com:5000/",
    "http://example.com#http://127.0.0.1:5000/",
    "http://[::]:5000/",
    "http://[::1%25lo]:5000/",
    "http://[::ffff:127.0.0.1]:5000/",
    "http://127.0.0.1:5000/?a=b",
    "http://127.0.0.1:5000/#a",
    "http://127.0.0.1:5000/\\example.com",
    'http://127.0.0.1:5000/"><script>',
    "http://127.0.0.1:5000/\r\nSet-Cookie:a=b",
    "http://127.0.0.1:5000/\n",
    " http://127.0.0.1:5000/",
    "HTTP://127.0.0.1:5000/",
    "//127.0.0.1:5000/",
    "javascript://127.0.0.1:5000/",
    "file:///etc/passwd",
    "http://127.0.0.1:5000/" + "a" * 101,
]
WRONG = [
    *({"redirect": each} for each in ELSEWHERE),
    *(
        {"state": each}
        for each in ("", "a" * 15, "a" * 129, "a" * 20 + " ", "a" * 20 + "&b=c", "é" * 20, "a" * 20 + "\n")
    ),
    *({"code_challenge": each} for each in ("", "a" * 42, "a" * 44, "a" * 42 + "=", "a" * 42 + "+", "a" * 43 + "\n")),
    *({"code_challenge_method": each} for each in ("", "plain", "s256", "S512")),
    {"return": "/graphql"},
]


@pytest.mark.parametrize("change", WRONG, ids=str)
async def test_what_is_no_loop_back_sign_in_with_pkce_is_refused_at_both_steps(
    forger: Forger, person: Person, change: dict[str, str]
) -> None:
    good = CommandLine().query
    [name] = change
    shown = await person.open(good | change)
    assert shown.status_code == 400
    assert name in shown.text
    assert "location" not in shown.headers
    assert Page(shown.text).leads is None
    assert Page(shown.text).links == []
    guard = Page((await person.open(good)).text).fields["guard"]
    sent = await person.send(good | {"guard": guard} | change)
    assert sent.status_code == 400
    assert "set-cookie" not in sent.headers


async def test_a_parameter_that_comes_twice_is_refused(person: Person) -> None:
    answer = await person.http.get(f"{START}?{urlencode(CommandLine().query)}&redirect=http://127.0.0.1:1/")
    assert (answer.status_code, answer.json()["error"]) == (400, "INVALID")
    fields = Page((await person.open(CommandLine().query)).text).fields
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    body = "&".join(f"{name}={value}" for name, value in [*fields.items(), ("state", "another-state-here")])
    assert (await person.http.post(START, content=body, headers=headers)).status_code == 400


async def test_the_page_says_what_wants_to_sign_in_where_and_has_no_script(api: Running, person: Person) -> None:
    shown = await person.open(CommandLine().query)
    assert "wants to sign in to sshcast at 127.0.0.1:1 as you" in shown.text
    assert "port 50123" in shown.text
    assert "<script" not in shown.text
    policy = shown.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    for word in ("form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert word in policy
    assert "unsafe" not in policy
    assert shown.headers["cache-control"] == "no-store"
    assert shown.headers["x-content-type-options"] == "nosniff"
    cookie = shown.headers["set-cookie"]
    assert cookie.startswith("sshcast_cli=")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "sshcast_oidc" not in cookie, "nothing has begun"
    chinese = await person.open(CommandLine().query, **{"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5"})
    assert '<html lang="zh-CN">' in chinese.text
    assert "以您的身份登录 127.0.0.1:1" in chinese.text


async def test_who_cancels_is_told_of_at_the_command_line(person: Person) -> None:
    asked = CommandLine()
    [link] = Page((await person.open(asked.query)).text).links
    assert link == f"{asked.redirect}?error=cancelled&state={asked.state}"


async def test_a_page_of_another_site_cannot_say_yes(forger: Forger, api: Running, person: Person) -> None:
    fields = Page((await person.open(CommandLine().query)).text).fields
    for site in ("cross-site", "same-site", "none"):
        assert (await person.send(fields, **{"Sec-Fetch-Site": site})).status_code == 403
    for origin in ("https://elsewhere.example", "null", api.url.replace("http:", "https:") + "0"):
        assert (await person.send(fields, Origin=origin)).status_code == 403
    for guard in ("", "A" * 22, fields["guard"][:-1]):
        refused = await person.send(fields | {"guard": guard})
        assert refused.status_code == 403
        assert "run `sshcast login` again" in refused.text
    async with visiting(api.url) as other:
        refused = await Person(other.http).send(fields)
        assert refused.status_code == 403, "a browser that was not shown the page"
        assert "set-cookie" not in refused.headers
    for content_type in ("application/json", "text/plain", "multipart/form-data"):
        assert (await person.send(fields, **{"Content-Type": content_type})).status_code == 400
    assert (await person.send(fields)).status_code == 200


async def test_two_sign_ins_may_wait_in_one_browser(person: Person) -> None:
    first = Page((await person.open(CommandLine().query)).text).fields
    second = Page((await person.open(CommandLine().query)).text).fields
    assert (await person.send(first)).status_code == 200
    assert (await person.send(second)).status_code == 200


async def test_a_code_is_good_once(forger: Forger, person: Person) -> None:
    asked = CommandLine()
    code = (await person.sign_in(forger, asked, sub="c3"))["code"]
    assert (await asked.exchange(person.http, code)).status_code == 200
    again = await asked.exchange(person.http, code)
    assert (again.status_code, again.json()["error"]) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize("verifier", ["", "another verifier", "B" * 43, "é" * 50, "a" * 4096])
async def test_a_wrong_verifier_uses_the_code_up_and_is_in_the_audit(
    api: Running, forger: Forger, person: Person, verifier: str
) -> None:
    asked, subject = CommandLine(), f"c4-{len(verifier)}"
    code = (await person.sign_in(forger, asked, sub=subject))["code"]
    assert (await asked.exchange(person.http, code, codeVerifier=verifier)).status_code == 401
    assert (await asked.exchange(person.http, code)).status_code == 401
    kind, after = (await list_events(api, subject))[-1]
    assert (kind, after["reason"], after["through"]) == ("sign-in-failed", "verifier", "command-line")


async def test_whoever_has_a_code_cannot_bind_it_to_a_challenge_of_their_own(forger: Forger, person: Person) -> None:
    asked, thief = CommandLine(), CommandLine()
    code = (await person.sign_in(forger, asked, sub="c5"))["code"]
    challenge = thief.query["code_challenge"]
    assert code.endswith(asked.query["code_challenge"])
    for changed in (code[:43] + challenge, challenge + code[43:], code + challenge, code[:43], ""):
        assert (await thief.exchange(person.http, changed)).status_code == 401
    assert (await asked.exchange(person.http, code)).status_code == 200


async def test_a_code_that_was_not_used_in_time_is_good_for_nothing(
    api: Running, forger: Forger, person: Person
) -> None:
    asked = CommandLine()
    code = (await person.sign_in(forger, asked, sub="c6"))["code"]
    statement = "UPDATE sign_in_codes SET expires_at = '2026-01-01 00:00:00'"
    await api.service.store.run(lambda conn: conn.exec_driver_sql(statement) and None)
    assert (await asked.exchange(person.http, code)).status_code == 401


async def test_a_code_lives_for_a_minute(api: Running, forger: Forger, person: Person) -> None:
    await person.sign_in(forger, CommandLine(), sub="c7")
    statement = "SELECT max(expires_at) FROM sign_in_codes"
    until = await api.service.store.read(lambda conn: conn.exec_driver_sql(statement).scalar_one())
    left = datetime.fromisoformat(f"{until}+00:00") - api.service.clock()
    assert timedelta(seconds=45) < left <= CODE_LIFE == timedelta(minutes=1)


async def test_codes_of_browsers_and_of_command_lines_are_not_taken_for_each_other(
    forger: Forger, person: Person, visitor: Visitor
) -> None:
    asked = CommandLine()
    code = (await person.sign_in(forger, asked, sub="c8"))["code"]
    for half in ("", code[43:], asked.verifier):
        visitor.http.cookies.set("sshcast_sign_in", half, domain="127.0.0.1", path="/api/auth/link")
        for given in (code, code[:43]):
            assert (await visitor.http.post("/api/auth/link", json={"code": given})).status_code == 401
    assert (await asked.exchange(person.http, code)).status_code == 200
    begun = await visitor.begin()
    forger.answer = {"id_token": forger.id_token(nonce=begun["nonce"], sub="c8")}
    address = await visitor.come_back(code="c", state=begun["state"])
    kept = visitor.http.cookies.get("sshcast_sign_in", path="/api/auth/link", domain="127.0.0.1")
    link = address.partition("#code=")[2]
    for given in (link, f"{link}.{kept}", f"{link}{kept}"):
        assert (await asked.exchange(visitor.http, given)).status_code == 401
    assert (await visitor.exchange(address)).status_code == 200


async def test_only_the_hash_of_a_code_is_stored(api: Running, forger: Forger, person: Person) -> None:
    code = (await person.sign_in(forger, CommandLine(), sub="c9"))["code"]
    statement = "SELECT hash FROM sign_in_codes"
    hashes = await api.service.store.read(lambda conn: conn.exec_driver_sql(statement).scalars().all())
    assert hashes
    assert not any(code[:43] in each for each in hashes)
    assert hash_code_pair(code[:43], code[43:]) not in hashes


async def test_who_was_disabled_meanwhile_gets_no_tokens(api: Running, forger: Forger, person: Person) -> None:
    asked = CommandLine()
    code = (await person.sign_in(forger, asked, sub="c10"))["code"]
    identity = await api.service.store.read(identities.by_subject, forger.issuer, "c10")
    assert identity is not None
    statement = f"UPDATE users SET disabled = true WHERE id = {identity.user_id}"
    await api.service.store.run(lambda conn: conn.exec_driver_sql(statement) and None)
    assert (await asked.exchange(person.http, code)).status_code == 401


REFUSALS: dict[str, tuple[dict[str, str], dict[str, Any], str]] = {
    "the user said no there": ({"error": "access_denied", "code": ""}, {}, "denied"),
    "another provider answers": ({"iss": "https://elsewhere.example"}, {}, "invalid"),
    "the answer belongs to another sign-in": ({"state": "another"}, {}, "expired"),
    "their groups give no role": ({}, {"groups": ["others"]}, "no_role"),
}


@pytest.mark.parametrize("what", list(REFUSALS))
async def test_whoever_is_refused_is_told_of_at_the_command_line(forger: Forger, person: Person, what: str) -> None:
    query, claims, reason = REFUSALS[what]
    asked = CommandLine()
    begun = await person.say_yes(asked.query)
    forger.answer = {"id_token": forger.id_token(nonce=begun["nonce"], sub="c11", **claims)}
    leads = await person.come_back(**{"code": "a code", "state": begun["state"]} | query)
    assert leads == f"{asked.redirect}?error={reason}&state={asked.state}"
    assert (await person.http.get(CALLBACK)).status_code == 401, "the sign-in is over"


async def test_the_exchange_takes_json_with_exactly_its_fields(person: Person) -> None:
    good = {"code": "a" * 86, "codeVerifier": "v" * 43}
    for body in ({}, {"code": "a"}, good | {"more": "x"}, good | {"code": 7}, [good]):
        assert (await person.http.post(EXCHANGE, json=body)).status_code == 400
    assert (await person.http.post(EXCHANGE, data=good)).status_code == 400
    assert (await person.http.get(EXCHANGE, params=good)).status_code == 405
    assert (await person.http.post(EXCHANGE, json=good)).status_code == 401


async def test_an_address_that_asks_too_often_must_wait(tmp_path: Path) -> None:
    async with running(tmp_path, parts={"rates": RateLimiter(strangers=build_buckets(1))}) as api:
        answers = [await api.http.post(EXCHANGE, json={"code": "", "codeVerifier": ""}) for _ in range(40)]
        assert [each.status_code for each in answers][-1] == 429
        page = await api.http.get(START, headers={"Accept": "text/html"})
        assert page.status_code == 429
        assert int(page.headers["retry-after"]) >= 1


async def test_without_a_provider_a_sentence_says_so(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        for language, sentence in (("en", "No identity provider is set up here"), ("zh", "此处未配置身份提供方")):
            for accepted in ("text/html", "application/json"):
                headers = {"Accept": accepted, "Accept-Language": language}
                answer = await api.http.get(START, params=CommandLine().query, headers=headers)
                assert answer.status_code == 404
                assert sentence in answer.text
                assert answer.headers["content-type"].startswith(accepted)
