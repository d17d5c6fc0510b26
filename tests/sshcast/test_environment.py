"""The SSHCAST_* variables of the environment: read as people write them, and what is no setting is told."""

from pathlib import Path

import pytest

from sshcast import environment
from sshcast.settings import Settings, SettingsInvalid, load
from tests.support.commands import Commands

LISTS = {"port": False, "timezone": False, "allowed_hosts": True, "database_url": False, "signing_key": False}
# What Kubernetes puts into every container beside a Service called `sshcast`, and one called `sshcast-db`.
LINKS = {
    "SSHCAST_SERVICE_HOST": "10.0.0.1",
    "SSHCAST_SERVICE_PORT": "8000",
    "SSHCAST_SERVICE_PORT_HTTP": "8000",
    "SSHCAST_SERVICE_PORT_HTTP_API": "8000",
    "SSHCAST_PORT": "tcp://10.0.0.1:8000",
    "SSHCAST_PORT_8000_TCP": "tcp://10.0.0.1:8000",
    "SSHCAST_PORT_8000_TCP_PROTO": "tcp",
    "SSHCAST_PORT_8000_TCP_PORT": "8000",
    "SSHCAST_PORT_8000_TCP_ADDR": "10.0.0.1",
    "SSHCAST_PORT_53_UDP": "udp://10.0.0.1:53",
    "SSHCAST_DB_SERVICE_HOST": "10.0.0.2",
    "SSHCAST_DB_SERVICE_PORT": "5432",
    "SSHCAST_DB_SERVICE_PORT_POSTGRES": "5432",
    "SSHCAST_DB_PORT": "tcp://10.0.0.2:5432",
    "SSHCAST_DB_PORT_5432_TCP_ADDR": "10.0.0.2",
}


def read(**variables: str) -> dict[str, object]:
    return environment.values({f"SSHCAST_{name}": text for name, text in variables.items()}, LISTS)


def told(*names: str, text: str = "1") -> str | None:
    return environment.unknown(dict.fromkeys(names, text), Settings.model_fields)


@pytest.mark.parametrize("text", ["8000", " 8000\n", '"8000"', "'8000'", ' "8000" '])
def test_blanks_and_quotes_around_a_value_are_taken_off(text: str) -> None:
    assert read(PORT=text) == {"port": "8000"}


def test_quotes_within_a_value_stay() -> None:
    assert read(SIGNING_KEY="""a"b'c""", TIMEZONE='"') == {"signing_key": """a"b'c""", "timezone": '"'}


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ('["a", "b"]', ["a", "b"]),
        ("""'["a", "b"]'""", ["a", "b"]),
        ("[]", []),
        ("a,b", ["a", "b"]),
        (" a , b, ", ["a", "b"]),
        ('"a","b"', ["a", "b"]),
        ("a", ["a"]),
        ("['a']", "['a']"),
        ("[a", "[a"),
    ],
)
def test_a_list_is_json_or_has_commas(text: str, items: object) -> None:
    assert read(ALLOWED_HOSTS=text) == {"allowed_hosts": items}


@pytest.mark.parametrize("text", ["", "  ", '""', "''"])
def test_an_empty_value_is_as_if_unset(text: str) -> None:
    assert read(PORT=text, TIMEZONE=text, ALLOWED_HOSTS=text) == {}


def test_an_empty_key_is_not_for_another_would_be_made_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(SIGNING_KEY="") == {"signing_key": ""}
    monkeypatch.setenv("SSHCAST_SIGNING_KEY", "")
    with pytest.raises(SettingsInvalid, match=r"SSHCAST_SIGNING_KEY: .*at least 32 bytes"):
        load()


def test_small_letters_are_the_same_and_capitals_win() -> None:
    assert environment.values({"sshcast_port": "1"}, LISTS) == {"port": "1"}
    for pairs in ([("sshcast_port", "1"), ("SSHCAST_PORT", "2")], [("SSHCAST_PORT", "2"), ("sshcast_port", "1")]):
        assert environment.values(dict(pairs), LISTS) == {"port": "2"}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("SSHCAST_TIMEZON", "SSHCAST_TIMEZONE"),
        ("SSHCAST_TIME_ZONE", "SSHCAST_TIMEZONE"),
        ("sshcast_timezon", "SSHCAST_TIMEZONE"),
        ("SSHCAST_ALLOWED_HOST", "SSHCAST_ALLOWED_HOSTS"),
        ("SSHCAST_DB_URL", "SSHCAST_DATABASE_URL"),
        ("SSHCAST_SIGNINGKEY", "SSHCAST_SIGNING_KEY"),
    ],
)
def test_what_is_no_setting_is_told_with_the_nearest_that_is(name: str, meant: str) -> None:
    assert told(name) == f"{name} is not a setting: did you mean {meant}?"


def test_what_is_like_no_setting_is_told_without_one() -> None:
    assert told("SSHCAST_XYZZY") == "SSHCAST_XYZZY is not a setting"
    assert told("SSHCAST_", "XSSHCAST_PORT", "SSH_PORT") == "SSHCAST_ is not a setting"


def test_many_are_told_in_one_line_of_bearable_length() -> None:
    found = told(*(f"SSHCAST_QQ{number:02}" for number in range(12)))
    assert found is not None
    assert found.count("is not a setting") == 10
    assert found.endswith("; nor are 2 others")


def test_every_setting_is_known_and_so_are_our_other_variables() -> None:
    names = [f"SSHCAST_{name.upper()}" for name in Settings.model_fields]
    assert told(*names, *(name.lower() for name in names)) is None
    assert told("SSHCAST_AS", "SSHCAST_SUITE", "SSHCAST_SPOOL") is None


def test_what_kubernetes_puts_there_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in LINKS.items():
        monkeypatch.setenv(name, text)
    assert load(strict=True).port == 8000
    monkeypatch.setenv("SSHCAST_PORT", "9000")
    assert load(strict=True).port == 9000


@pytest.mark.parametrize("name", ["SSHCAST_PORT_8000", "SSHCAST_DB_PORT", "SSHCAST_SERVICE", "SSHCAST_PORT_8000_TCP_X"])
def test_what_only_looks_like_it_is_told(name: str) -> None:
    assert (told(name) or "").startswith(f"{name} is not a setting")


@pytest.fixture
def misspelt(tmp_path: Path) -> dict[str, str]:
    return {"SSHCAST_TIMEZON": "Asia/Shanghai", "sshcast_prt": "1", "SSHCAST_AS": "alice"}


@pytest.mark.parametrize("args", [["migrate"], ["user", "list"], ["audit", "verify"], ["schema"]])
def test_a_command_warns_in_one_line_and_does_its_work(
    args: list[str], misspelt: dict[str, str], tmp_path: Path
) -> None:
    done = Commands(tmp_path / "data", misspelt).within(*args)
    assert done.returncode == 0
    assert done.stderr.decode() == (
        "sshcast: SSHCAST_TIMEZON is not a setting: did you mean SSHCAST_TIMEZONE?; "
        "sshcast_prt is not a setting: did you mean SSHCAST_PORT?\n"
    )


def test_a_strict_one_refuses_and_opens_nothing(misspelt: dict[str, str], tmp_path: Path) -> None:
    done = Commands(tmp_path / "data", misspelt | {"SSHCAST_STRICT": "true"}).within("serve", "--port", "0")
    assert (done.returncode, done.stdout) == (1, b"")
    told = done.stderr.decode()
    assert "SSHCAST_TIMEZON is not a setting: did you mean SSHCAST_TIMEZONE?" in told
    assert "unset SSHCAST_STRICT" in told
    assert told.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_a_variable_that_is_missing_and_its_misspelt_name_are_told_together(tmp_path: Path) -> None:
    variables = {"SSHCAST_OIDC_ISSUER": "https://a.example", "SSHCAST_OIDC_CLIENTID": "x"}
    told = Commands(tmp_path / "data", variables).within("user", "list").stderr.decode()
    assert told.startswith("sshcast: SSHCAST_OIDC_ISSUER: needs SSHCAST_OIDC_CLIENT_ID and SSHCAST_PUBLIC_URL too")
    assert "SSHCAST_OIDC_CLIENTID is not a setting: did you mean SSHCAST_OIDC_CLIENT_ID?" in told
