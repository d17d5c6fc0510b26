"""Bringing GraphiQL: what npm really serves, taken only when its hash is the pinned one."""

from dataclasses import replace
from pathlib import Path
from shutil import which

import pytest

from sshcast import web
from sshcast.errors import CommandFailed

needs_npm = pytest.mark.skipif(which("npm") is None, reason="no npm on this machine")


@needs_npm
def test_the_pinned_package_is_brought_and_only_the_files_that_the_page_needs(tmp_path: Path) -> None:
    folder = tmp_path / "graphiql"
    assert "verified" in web.fetch(folder)
    assert {path.name for path in folder.iterdir()} == {*web.PINNED.files.values(), web.STAMP}
    assert "renderYogaGraphiQL" in (folder / "yoga-graphiql.js").read_text()
    assert all(path.stat().st_size > 1000 for path in folder.iterdir() if path.name != web.STAMP)
    assert [path.name for path in tmp_path.iterdir()] == ["graphiql"]


@needs_npm
def test_another_package_than_the_pinned_one_is_refused_and_leaves_what_was_there(tmp_path: Path) -> None:
    folder = tmp_path / "graphiql"
    folder.mkdir()
    (folder / "yoga-graphiql.js").write_text("the one from before")
    changed = replace(web.PINNED, sha512="A" * 86 + "==")
    with pytest.raises(CommandFailed, match="nothing of it was kept"):
        web.fetch(folder, changed)
    assert [path.name for path in tmp_path.iterdir()] == ["graphiql"]
    assert (folder / "yoga-graphiql.js").read_text() == "the one from before"
    with pytest.raises(CommandFailed):
        web.fetch(tmp_path / "new", changed)
    assert not (tmp_path / "new").exists()


def test_what_is_here_already_is_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    folder = tmp_path / "graphiql"
    folder.mkdir()
    (folder / web.STAMP).write_text(web.PINNED.sha512)
    assert "here already" in web.fetch(folder)


def test_without_npm_it_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandFailed, match="no npm on this machine: install Node"):
        web.fetch(tmp_path / "graphiql")
    assert list(tmp_path.iterdir()) == []


@needs_npm
def test_where_npm_cannot_reach_the_package_its_reason_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_offline", "true")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    with pytest.raises(CommandFailed, match=r"npm could not bring .*only-if-cached"):
        web.fetch(tmp_path / "graphiql")
    assert not (tmp_path / "graphiql").exists()


@needs_npm
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a folder that nobody can write to")
def test_where_it_cannot_be_stored_it_says_so() -> None:
    with pytest.raises(CommandFailed, match="could not be stored"):
        web.fetch(Path("/proc/sshcast/graphiql"))
