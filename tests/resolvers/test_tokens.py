"""Tokens: ours and nothing else, however it is made."""

import base64
import hashlib
import json
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws

from db.models import User
from db.values import Role
from resolvers.errors import Unauthenticated
from resolvers.signing_key import WeakKey
from resolvers.tokens import MOST_KEPT, TokenIssuer
from tests.support.desk import NOON, SIGNING_KEY, Clock
from tests.support.forgeries import CHANGES, CLAIMS, FORGERIES, HEADERS, OTHER_KEY, PAYLOADS, encoded, signed
from tests.support.sampling import choose_count

USER = User(
    id=7,
    name="ada",
    password_hash="-",
    role=Role.OPERATOR,
    token_version=3,
    disabled=False,
    created_at=NOON,
    updated_at=NOON,
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def issuer(clock: Clock) -> TokenIssuer:
    return TokenIssuer(SIGNING_KEY, clock=clock)


def test_a_token_says_whose_it_is_and_how_long(issuer: TokenIssuer) -> None:
    found = issuer.read(issuer.access(USER), "access")
    assert (found.user_id, found.username, found.role, found.token_version) == (7, "ada", Role.OPERATOR, 3)
    assert found.expires_at == NOON + timedelta(seconds=3600)
    assert issuer.read(issuer.refresh(USER), "refresh").expires_at == NOON + timedelta(seconds=604_800)


def test_what_the_tests_sign_by_hand_would_be_taken(issuer: TokenIssuer) -> None:
    assert issuer.read(signed(CLAIMS), "access").user_id == 7


def test_a_token_has_the_claims_that_clients_read(issuer: TokenIssuer) -> None:
    payload = issuer.access(USER).split(".")[1]
    found = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert {name: found[name] for name in ("user_id", "username", "role")} == {
        "user_id": 7,
        "username": "ada",
        "role": "operator",
    }
    assert found["exp"] - found["iat"] == 3600


def test_no_two_tokens_are_the_same(issuer: TokenIssuer) -> None:
    assert len({issuer.access(USER) for _ in range(100)}) == 100


def test_a_refresh_token_is_no_access_token_nor_the_other_way_round(issuer: TokenIssuer) -> None:
    refused(issuer, issuer.refresh(USER))
    with pytest.raises(Unauthenticated):
        issuer.read(issuer.access(USER), "refresh")


def refused(issuer: TokenIssuer, token: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        issuer.read(token, "access")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("seconds", "taken"), [(0, True), (3599, True), (3600, False), (10**6, False), (-10, True), (-11, False)]
)
def test_a_token_is_good_from_when_it_is_given_until_it_ends(
    issuer: TokenIssuer, clock: Clock, seconds: int, taken: bool
) -> None:
    token = issuer.access(USER)
    clock.forward(seconds)
    if taken:
        assert issuer.read(token, "access").user_id == 7
    else:
        refused(issuer, token)


@pytest.mark.parametrize("name", HEADERS)
def test_no_header_chooses_how_it_is_checked(issuer: TokenIssuer, name: str) -> None:
    refused(issuer, signed(CLAIMS, HEADERS[name]))
    refused(issuer, signed(CLAIMS, HEADERS[name], key=OTHER_KEY))
    refused(issuer, signed(CLAIMS, HEADERS[name]).rpartition(".")[0] + ".")


@pytest.mark.parametrize("name", CHANGES)
def test_a_rightly_signed_token_that_says_anything_else_is_refused(issuer: TokenIssuer, name: str) -> None:
    refused(issuer, signed(CLAIMS | CHANGES[name]))


@pytest.mark.parametrize("name", CLAIMS)
def test_no_claim_may_be_absent(issuer: TokenIssuer, name: str) -> None:
    refused(issuer, signed({key: value for key, value in CLAIMS.items() if key != name}))


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: repr(payload[:8]))
def test_a_payload_that_is_no_object_is_refused(issuer: TokenIssuer, payload: bytes) -> None:
    refused(issuer, signed(payload))


@pytest.mark.parametrize("name", FORGERIES)
def test_a_token_that_was_tampered_with_is_refused(issuer: TokenIssuer, name: str) -> None:
    refused(issuer, FORGERIES[name](issuer.access(USER)))


def test_a_token_changed_in_any_one_character_is_refused(issuer: TokenIssuer) -> None:
    token = issuer.access(USER)
    for place, character in enumerate(token):
        other = "A" if character != "A" else "B"
        changed = token[:place] + other + token[place + 1 :]
        # The last character of a signature holds bits that stand for nothing.
        if decoded(changed) != decoded(token):
            refused(issuer, changed)


def decoded(token: str) -> list[bytes]:
    return [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in token.split(".")]


def test_another_key_or_digest_is_refused(issuer: TokenIssuer) -> None:
    refused(issuer, signed(CLAIMS, key=OTHER_KEY))
    refused(issuer, signed(CLAIMS, key=b""))
    refused(issuer, signed(CLAIMS, key=hashlib.sha256(SIGNING_KEY).digest()))
    refused(issuer, signed(CLAIMS, digest="sha512"))


@pytest.mark.sampled
def test_any_text_is_refused_and_never_more_than_that() -> None:
    issuer = TokenIssuer(SIGNING_KEY, clock=Clock())

    @given(st.text(st.characters(exclude_categories=())) | st.lists(st.binary(), max_size=4).map(dotted))
    @settings(max_examples=choose_count(60, 300), deadline=None, database=None)
    def check(token: str) -> None:
        refused(issuer, token)

    check()


def dotted(parts: list[bytes]) -> str:
    return ".".join(map(encoded, parts))


@pytest.mark.parametrize("key", [b"", b"short", b"x" * 31, b"a" * 64, b"abcabcabc" * 8])
def test_a_weak_signing_key_is_refused(key: bytes) -> None:
    with pytest.raises(WeakKey, match="openssl rand"):
        TokenIssuer(key, clock=Clock())


def kept(issuer: TokenIssuer) -> int:
    return issuer._read_signed.cache_info().currsize


def test_a_token_that_comes_again_is_verified_once(issuer: TokenIssuer, monkeypatch: pytest.MonkeyPatch) -> None:
    token = issuer.access(USER)
    first = issuer.read(token, "access")

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("the signature is checked again")

    monkeypatch.setattr(jws, "deserialize_compact", refuse)
    assert issuer.read("".join(token), "access") == first


@pytest.mark.parametrize("seconds", [3600, 10**6, -11, -(10**6)])
def test_a_token_that_is_kept_is_good_for_no_other_time(issuer: TokenIssuer, clock: Clock, seconds: int) -> None:
    token = issuer.access(USER)
    assert issuer.read(token, "access").user_id == 7
    clock.forward(seconds)
    refused(issuer, token)
    clock.forward(-seconds)
    assert issuer.read(token, "access").user_id == 7


def test_a_token_that_is_kept_is_of_no_other_kind(issuer: TokenIssuer) -> None:
    access, refresh = issuer.access(USER), issuer.refresh(USER)
    for _ in range(2):
        assert (issuer.read(access, "access").kind, issuer.read(refresh, "refresh").kind) == ("access", "refresh")
        refused(issuer, refresh)
        with pytest.raises(Unauthenticated):
            issuer.read(access, "refresh")


def test_a_token_that_is_kept_is_good_for_no_other_key(issuer: TokenIssuer, clock: Clock) -> None:
    token = issuer.access(USER)
    assert issuer.read(token, "access").user_id == 7
    refused(TokenIssuer(OTHER_KEY, clock=clock), token)


def test_nothing_is_kept_of_what_is_not_ours(issuer: TokenIssuer) -> None:
    token = issuer.access(USER)
    for _ in range(2):
        for forge in FORGERIES.values():
            refused(issuer, forge(token))
        for change in CHANGES.values():
            if not change.keys() <= {"exp", "nbf", "iat", "typ"}:
                refused(issuer, signed(CLAIMS | change))
        refused(issuer, signed(CLAIMS, key=OTHER_KEY))
    assert kept(issuer) == 0


def test_so_many_tokens_are_kept_and_no_more(issuer: TokenIssuer) -> None:
    for number in range(MOST_KEPT + 10):
        issuer.read(signed(CLAIMS | {"jti": str(number)}), "access")
    assert kept(issuer) == MOST_KEPT


def test_no_token_is_shown(issuer: TokenIssuer) -> None:
    token = issuer.access(USER)
    issuer.read(token, "access")
    assert token not in repr(issuer) + str(vars(issuer)) + repr(issuer._read_signed)


def test_the_key_is_not_shown(issuer: TokenIssuer) -> None:
    assert SIGNING_KEY.decode() not in repr(issuer) + str(vars(issuer))
