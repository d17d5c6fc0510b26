"""Settings: read once, from the environment and the command line, and refused by name."""

from pathlib import Path
from typing import Any

import pytest

from sshcast.settings import Settings, SettingsInvalid, load

README = Path(__file__).parent.parent.parent / "README.md"


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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "70000"),
        ("PORT", "http"),
        ("TIMEZONE", "Mars/Olympus"),
        ("DEFAULT_TIMEOUT", "0"),
        ("ACCESS_SECONDS", "1"),
        ("ALLOWED_HOSTS", "a.example"),
        ("PLAYGROUND", "perhaps"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"SSHCAST_{name}", value)
    with pytest.raises(SettingsInvalid, match=name.lower() if name == "ALLOWED_HOSTS" else f"SSHCAST_{name}"):
        load()


def test_a_default_beyond_its_maximum_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSHCAST_DEFAULT_TIMEOUT", "100")
    with pytest.raises(SettingsInvalid, match="DEFAULT_TIMEOUT"):
        load(max_timeout=50)


def test_a_secret_with_a_bad_value_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSHCAST_SECRET_KEY", "hunter2")
    monkeypatch.setenv("SSHCAST_PORT", "hunter2")
    with pytest.raises(SettingsInvalid) as failed:
        load()
    assert "hunter2" not in str(failed.value)


def test_a_master_key_before_without_the_current_one_is_refused_rather_than_ignored(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="SECRET_KEY_BEFORE is for use with SECRET_KEY, which is not set") as told:
        load(data=tmp_path, secret_key_before="5e" * 32)
    assert "5e5e" not in str(told.value)
    assert load(data=tmp_path, secret_key_before="").secret_key is None
    assert load(data=tmp_path, secret_key="5f" * 32, secret_key_before="5e" * 32).secret_key_before


def test_settings_cannot_be_changed() -> None:
    settings: Any = load()
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1


def test_the_readme_has_every_setting_with_its_default_and_its_words() -> None:
    text = README.read_text().split("<!-- settings:")[1].split("<!-- /settings")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:4]] for line in text.splitlines() if line.startswith("| `")]
    assert rows == [
        [f"`SSHCAST_{name.upper()}`", shown(name, field.default), field.description]
        for name, field in Settings.model_fields.items()
    ]


def shown(name: str, default: object) -> str:
    if name == "data":
        return "`~/.local/share/sshcast`"
    if default is None:
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"
