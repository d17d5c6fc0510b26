"""The identity provider's settings: what cannot work or would be unsafe is refused at the start, by name."""

from typing import Any

import pytest

from db.values import Role
from sshcast.oidc import role_map
from sshcast.oidc.addresses import is_local_path
from sshcast.settings import SettingsInvalid, load

GOOD = {
    "oidc_issuer": "https://login.example.com/realms/main",
    "oidc_client_id": "sshcast",
    "public_url": "https://sshcast.example.com/",
}


def test_an_issuer_with_what_it_needs_is_taken() -> None:
    settings = load(**GOOD, oidc_audience="sshcast", oidc_client_secret="hunter2")
    assert settings.public_url == "https://sshcast.example.com"
    assert "hunter2" not in repr(settings)
    assert load(**GOOD | {"oidc_issuer": "http://127.0.0.1:8080", "public_url": "http://localhost:8000"})


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"oidc_issuer": "http://login.example.com"}, "OIDC_ISSUER"),
        ({"oidc_issuer": "http://127.0.0.1.example.com"}, "OIDC_ISSUER"),
        ({"oidc_issuer": "login.example.com"}, "OIDC_ISSUER"),
        ({"oidc_issuer": "https://login.example.com/?a=b"}, "OIDC_ISSUER"),
        ({"oidc_issuer": "https://user@login.example.com"}, "OIDC_ISSUER"),
        ({"oidc_issuer": ""}, "OIDC_ISSUER"),
        ({"public_url": "https://example.com/../sshcast"}, "PUBLIC_URL"),
        ({"public_url": "https://example.com/a%2fb"}, "PUBLIC_URL"),
        ({"public_url": "http://sshcast.example.com"}, "PUBLIC_URL"),
        ({"public_url": None}, "PUBLIC_URL"),
        ({"public_url": "https://sshcast.example.com:99999"}, "PUBLIC_URL"),
        ({"public_url": "https://sshcast.example.com:port"}, "PUBLIC_URL"),
        ({"public_url": "https://sshcast.example.com:0"}, "PUBLIC_URL"),
        ({"oidc_client_id": None}, "CLIENT_ID"),
        ({"oidc_scopes": "profile"}, "OIDC_SCOPES"),
        ({"oidc_role_map": "ops"}, "OIDC_ROLE_MAP"),
        ({"oidc_role_map": "ops=root"}, "OIDC_ROLE_MAP"),
        ({"oidc_default_role": "root"}, "OIDC_DEFAULT_ROLE"),
        ({"oidc_token_type": "JWT", "oidc_audience": "sshcast"}, "OIDC_AUDIENCE"),
        ({"oidc_token_type": "anything"}, "OIDC_TOKEN_TYPE"),
    ],
)
def test_what_cannot_be_right_is_refused_by_name(changes: dict[str, Any], name: str) -> None:
    with pytest.raises(SettingsInvalid, match=f"^SSHCAST_.*{name}"):
        load(**GOOD | changes)


@pytest.mark.parametrize(
    ("text", "roles"),
    [
        ("", {}),
        ("ops=operator,root=admin", {"ops": Role.OPERATOR, "root": Role.ADMIN}),
        (" ops = operator , ", {"ops": Role.OPERATOR}),
        ("cn=ops=viewer", {"cn=ops": Role.VIEWER}),
        ('{"cn=ops,ou=groups": "operator"}', {"cn=ops,ou=groups": Role.OPERATOR}),
        ("guests=none", {"guests": Role.NONE}),
    ],
)
def test_a_role_map_is_read_in_both_forms(text: str, roles: dict[str, Role]) -> None:
    assert role_map.parse_role_map(text) == roles


@pytest.mark.parametrize("text", ["ops", "=admin", "ops=", "ops=Admin", '{"ops": 1}', '{"ops"}', "{}x"])
def test_a_role_map_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be like"):
        role_map.parse_role_map(text)


@pytest.mark.parametrize("path", ["/", "/graphql", "/graphql?plain", "/a/b?c=%2F&d=~", "/a//b"])
def test_a_path_of_this_site_is_one(path: str) -> None:
    assert is_local_path(path)


@pytest.mark.parametrize("path", ["", "a", "//b", "/\\b", "/a\\b", "/a b", "/a#b", "/a\r\nX: y", "/é", "/" + "a" * 200])
def test_what_could_lead_elsewhere_is_no_path_of_this_site(path: str) -> None:
    assert not is_local_path(path)
