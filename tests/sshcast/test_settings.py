"""Settings: read once, from the environment and the command line, and refused by name."""

import re
from pathlib import Path
from typing import Any

import pytest

from sshcast.settings import Settings, SettingsInvalid, load

DOCS = Path(__file__).parent.parent.parent / "docs"


def test_the_command_line_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSHCAST_PORT", "9000")
    monkeypatch.setenv("SSHCAST_DATA", str(tmp_path))
    assert load().port == 9000
    assert load(port=9001).port == 9001
    assert load().data == tmp_path


def test_sqlite_lies_in_the_data_folder_whatever_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "a b?c#d"
    url = load(data=folder).url
    assert url.database == str(folder / "sshcast.db")
    assert load(data=folder).sqlite


def test_a_database_url_is_taken_and_its_password_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSHCAST_DATABASE_URL", "postgresql://u:hunter2@db/name")
    settings = load()
    assert not settings.sqlite
    assert settings.url.password == "hunter2"
    assert "hunter2" not in f"{settings!r} {settings.url!r} {settings.url}"


NUMBER = "must be a whole number from 0 to 65535"
LIST = 'must be a list such as a,b or ["a", "b"]'
BAD = [
    ("PORT", "70000", NUMBER),
    ("PORT", "http", NUMBER),
    ("PORT", "80.5", NUMBER),
    ("PORT", "9" * 5000, NUMBER),
    ("RUNNER_SLOTS", "0", "must be a whole number of at least 1"),
    ("MAX_TIMEOUT", "99999999999", "must be a whole number from 1 to 2147483647"),
    ("ACCESS_SECONDS", "9999999999999", "must be a whole number from 60 to 3153600000"),
    ("DRAIN_SECONDS", "nan", "must be a number of at least 0"),
    ("DRAIN_SECONDS", "ten", "must be a number of at least 0"),
    ("PLAYGROUND", "perhaps", "must be true or false"),
    ("STRICT", "perhaps", "must be true or false"),
    ("POLICY_MODE", "lax", "must be 'standard', 'strict' or 'audit'"),
    ("OIDC_DEFAULT_ROLE", "root", "must be 'none', 'viewer', 'operator' or 'admin'"),
    ("HOST", "http://localhost", "must be an address such as 127.0.0.1 or a host name, without a scheme or a port"),
    ("HOST", "127.0.0.1:8000", "must be an address such as 127.0.0.1 or a host name, without a scheme or a port"),
    ("HOST", "a" * 64, "must be an address such as 127.0.0.1 or a host name, without a scheme or a port"),
    ("DATA", "~nobody-of-this-name/data", "has a ~, and that user has no home folder: give the folder from / on"),
    ("ALLOWED_HOSTS", "['a']", LIST),
    ("ALLOWED_HOSTS", '{"a": 1}', LIST),
    ("ALLOWED_HOSTS", "[1]", "item 1 must be text"),
    ("ALLOWED_PORTS", "22,ssh", "item 2 must be a whole number"),
    ("ALLOWED_PORTS", "22,70000", "item 2 must be a port from 1 to 65535"),
    ("ALLOWED_NETWORKS", "10.0.0.0/8,lan", "item 2 must be a network such as 10.0.0.0/8, or an address"),
    ("DENIED_NETWORKS", "10.0.0.0/99", "item 1 must be a network such as 10.0.0.0/8, or an address"),
    ("TRUSTED_PROXIES", "nginx", "item 1 must be an address or a network such as 10.0.0.0/8, not a host name"),
    ("SIGNING_KEY", "short", "The signing key must be at least 32 bytes of random data"),
    ("PUBLIC_URL", "sshcast.example.com", "must begin with https://, such as https://sshcast.example.com"),
    ("PUBLIC_URL", "https://sshcast.example.com:http", "must be an address such as https://sshcast.example.com"),
    ("PUBLIC_URL", "https://a b", "must be an address such as https://sshcast.example.com"),
    ("PUBLIC_URL", "https://[::1", "must be an address such as https://sshcast.example.com"),
    ("PUBLIC_URL", "ftp://sshcast.example.com", "must be an address such as"),
    ("TIMEZONE", "Mars/Olympus", "must be an IANA time zone such as Asia/Shanghai"),
    ("TIMEZONE", "asia/shangai", "must be an IANA time zone such as Asia/Shanghai: did you mean Asia/Shanghai?"),
    ("TIMEZONE", "europe/berlin", "must be an IANA time zone such as Asia/Shanghai: did you mean Europe/Berlin?"),
]


@pytest.mark.parametrize(("name", "value", "says"), BAD)
def test_a_bad_value_is_refused_by_the_name_of_its_variable_in_plain_words(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(f"SSHCAST_{name}", value)
    with pytest.raises(SettingsInvalid) as failed:
        load()
    assert str(failed.value).startswith(f"SSHCAST_{name}: {says}")
    assert "pydantic" not in str(failed.value)
    assert "\n" not in str(failed.value)


def test_all_that_is_wrong_is_told_at_once_each_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSHCAST_PORT", "http")
    monkeypatch.setenv("SSHCAST_STREAMS", "many")
    with pytest.raises(SettingsInvalid) as failed:
        load()
    assert str(failed.value) == f"SSHCAST_PORT: {NUMBER}; SSHCAST_STREAMS: must be a whole number of at least 1"


@pytest.mark.parametrize(("name", "value"), [("host", "http://here"), ("data", "~nobody-of-this-name"), ("port", -1)])
def test_what_the_command_line_gave_is_refused_by_the_name_of_its_option(name: str, value: object) -> None:
    with pytest.raises(SettingsInvalid, match=f"^--{name}: "):
        load(**{name: value})


# What any text can be. The database's address, the master keys and the operations are read by others, and are refused
# there.
TEXTS = {
    "data",
    "secret_key",
    "oidc_name",
    "oidc_client_id",
    "oidc_client_secret",
    "oidc_groups_claim",
    "oidc_audience",
    "operations",
}


def refusal() -> str | None:
    try:
        load()
    except SettingsInvalid as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", sorted(Settings.model_fields.keys() - {"database_url"}))
def test_every_setting_with_a_form_refuses_what_has_it_not_by_its_name_and_never_with_the_value(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(f"SSHCAST_{name.upper()}", "[hunter2 \x7f]")
    told = refusal()
    if name in TEXTS:
        assert told is None
    else:
        assert (told or "").startswith(f"SSHCAST_{name.upper()}: ")
        assert "hunter2" not in (told or "")


def test_the_forms_that_people_write_are_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    written = {
        "DATA": "~/data",
        "HOST": "[::1]",
        "ALLOWED_HOSTS": "a.example, b.example",
        "ALLOWED_PORTS": "22,2222",
        "TRUSTED_PROXIES": "10.0.0.7/8",
        "PLAYGROUND": "Off",
        "PORT": '"9000"',
        "PUBLIC_URL": "https://sshcast.example.com:8443/",
        "STREAMS": "",
    }
    for name, value in written.items():
        monkeypatch.setenv(f"SSHCAST_{name}", value)
    made = load()
    assert (made.data, made.host, made.port, made.streams) == (tmp_path / "data", "::1", 9000, 2000)
    assert (made.allowed_hosts, made.allowed_ports) == (["a.example", "b.example"], [22, 2222])
    assert (made.trusted_proxies, made.playground) == (["10.0.0.0/8"], False)
    assert made.public_url == "https://sshcast.example.com:8443"


def test_a_user_without_a_home_is_told_to_name_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr("os.getuid", lambda: 54_321)
    with pytest.raises(SettingsInvalid, match="SSHCAST_DATA: is not set, and this user has no home folder"):
        load()


def test_a_default_beyond_its_maximum_is_refused_with_both_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSHCAST_DEFAULT_TIMEOUT", "100")
    says = "^SSHCAST_DEFAULT_TIMEOUT: is 100, and must be at most SSHCAST_MAX_TIMEOUT, which is 50$"
    with pytest.raises(SettingsInvalid, match=says):
        load(max_timeout=50)
    with pytest.raises(SettingsInvalid, match=r"^SSHCAST_DEFAULT_OUTPUT_LIMIT: is 10485760, and must be at most"):
        load(max_output_limit=50)


def test_a_secret_with_a_bad_value_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSHCAST_SECRET_KEY", "hunter2")
    monkeypatch.setenv("SSHCAST_PORT", "hunter2")
    with pytest.raises(SettingsInvalid) as failed:
        load()
    assert "hunter2" not in str(failed.value)


def test_a_master_key_before_without_the_current_one_is_refused_rather_than_ignored(tmp_path: Path) -> None:
    says = "^SSHCAST_SECRET_KEY_BEFORE: is for use with SSHCAST_SECRET_KEY, which is not set"
    with pytest.raises(SettingsInvalid, match=says) as told:
        load(data=tmp_path, secret_key_before="5e" * 32)
    assert "5e5e" not in str(told.value)
    assert load(data=tmp_path, secret_key_before="").secret_key is None
    assert load(data=tmp_path, secret_key="5f" * 32, secret_key_before="5e" * 32).secret_key_before


def test_settings_cannot_be_changed() -> None:
    settings: Any = load()
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1


def test_the_settings_page_has_every_setting_with_its_default_and_its_words() -> None:
    assert list_rows("settings.md") == [
        [f"`SSHCAST_{name.upper()}`", shown(name, field.default), field.description]
        for name, field in Settings.model_fields.items()
    ]


def test_the_chinese_settings_page_has_every_setting_with_its_default_and_words_of_its_own() -> None:
    rows = list_rows("settings.zh.md")
    assert [row[:2] for row in rows] == [row[:2] for row in list_rows("settings.md")]
    assert [name for name, _, words in rows if not (words.endswith("。") and re.search("[一-鿿]", words))] == []


def list_rows(page: str) -> list[list[str]]:
    text = (DOCS / page).read_text().split("<!-- settings:")[1].split("<!-- /settings")[0]
    return [[cell.strip() for cell in line.split("|")[1:4]] for line in text.splitlines() if line.startswith("| `")]


def shown(name: str, default: object) -> str:
    if name == "data":
        return "`~/.local/share/sshcast`"
    if default is None:
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"
