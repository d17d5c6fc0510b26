"""Reading ssh's configuration, with OpenSSH's own `ssh -G` as the oracle."""

import shutil
import subprocess
from pathlib import Path

import pytest

from sshcast.errors import CommandFailed
from sshcast.remote.imports.hosts import Hop, ImportedHost
from sshcast.remote.imports.ssh_config import read_config
from sshcast.remote.imports.ssh_hosts import SshHosts

CONFIG = r"""
# A comment, and a blank line

Host web-1 web-2 !web-3
  HostName %h.internal.example
	User "deploy user"
  ProxyJump bastion
Host=web-1
  Port=2222
  User=too-late
host bastion
  HOSTNAME bastion.example.com
  user jump # a comment after the value
  HostKeyAlias bastion-alias
Host db-*
  HostName %h.db.example
  ProxyCommand ssh -q -W %h:%p -p 2200 me@bastion
  ProxyJump too-late
Host chain
  ProxyJump first@one:2201,two
Host direct
  ProxyJump none
Host percent
  HostName a%%b
Include %(folder)s/more-*.conf
Host v6
  HostName 2001:db8::1
Host *
  User everybody
  Port 2022
  IdentityFile ~/.ssh/first
  IdentityFile ~/.ssh/second
  ProxyJump fallback
"""
INCLUDED = """
User for-all
Host included inner-?
  HostName included.example
"""
NAMES = ("web-1", "web-2", "web-3", "bastion", "chain", "direct", "percent", "v6", "included", "inner-5", "other")
pytestmark = pytest.mark.skipif(shutil.which("ssh") is None, reason="needs OpenSSH")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config"
    (tmp_path / "more-1.conf").write_text(INCLUDED)
    path.write_text(CONFIG.replace("%(folder)s", str(tmp_path)))
    return path


def find(path: Path, name: str) -> ImportedHost:
    return SshHosts(read_config(path), "me").find(name)


def ask_ssh(path: Path, name: str) -> dict[str, str]:
    """What OpenSSH itself makes of a host: the first value of each option."""
    done = subprocess.run(["ssh", "-G", "-F", str(path), name], capture_output=True, text=True, check=True)
    found: dict[str, str] = {}
    for line in done.stdout.splitlines():
        keyword, _, value = line.partition(" ")
        found.setdefault(keyword, value)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_host_is_read_as_ssh_reads_it(config: Path, name: str) -> None:
    ours, theirs = find(config, name), ask_ssh(config, name)
    assert ours.fault is None
    assert (ours.host, str(ours.port), ours.user) == (theirs["hostname"], theirs["port"], theirs["user"])
    assert ",".join(map(str, ours.jumps)) == theirs.get("proxyjump", "")
    assert (ours.alias or "none") == theirs.get("hostkeyalias", "none")
    assert ours.keys[0] == str(Path(theirs["identityfile"]).expanduser())


def test_a_proxy_command_that_only_forwards_is_a_jump_server(config: Path) -> None:
    assert find(config, "db-1").jumps == (Hop("bastion", "me", 2200),)
    assert ask_ssh(config, "db-1")["proxycommand"] == "ssh -q -W %h:%p -p 2200 me@bastion"


def test_a_block_that_an_inactive_block_includes_never_applies(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.write_text("Host *\n  User inner\nHost web\n  Port 99\n")
    path = tmp_path / "config"
    path.write_text(f"Host other\n  Include {inner}\nHost web\n  User outer\n")
    for name in ("web", "other"):
        ours, theirs = find(path, name), ask_ssh(path, name)
        assert (ours.host, str(ours.port)) == (theirs["hostname"], theirs["port"])
        assert name != "web" or ours.user == theirs["user"] == "outer"
        assert name != "other" or ours.user == theirs["user"] == "inner"


@pytest.mark.parametrize(
    "text",
    [
        'Host "a b" c\n  User "x y"\n',
        "Host c\n  User = x\n",
        "Host c # comment\n  User x\n",
        "Host c\r\n  User x\r\n",
        "Host ?\n  User x\n",
        "Host * !c\n  User no\nHost c\n  User yes\n",
        'Host c\n  User x\\"y\n',
        "Host c\n  User 'x y'\n",
        "User first\nHost c\n  User second\n",
        "Match all\n  User matched\nHost c\n  User late\n",
    ],
)
def test_words_are_split_as_ssh_splits_them(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_bytes(text.encode())
    assert find(path, "c").user == ask_ssh(path, "c")["user"]


def test_names_are_those_of_host_lines_without_patterns(config: Path) -> None:
    names = SshHosts(read_config(config), "me").list_names()
    assert names == ("web-1", "web-2", "bastion", "chain", "direct", "percent", "included", "v6")


def test_match_is_said_to_be_unread_and_its_lines_do_nothing(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text('Host web\n  User me\nMatch exec "touch /tmp/never"\n  Port 99\nHost *\n  Port 23\n')
    found = read_config(path)
    assert found.unread == [f'{path}:3: Match exec "touch /tmp/never" is not read, nor the lines under it']
    assert SshHosts(found, "me").find("web").port == 23
    assert not Path("/tmp/never").exists()


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        ("ProxyCommand nc -x proxy %h %p", "ProxyCommand nc -x proxy %h %p: only `ssh -W"),
        ("HostName %q", "the token %q is not known"),
        ("IdentityFile ${NO_SUCH_VARIABLE}/key", "there is no variable NO_SUCH_VARIABLE"),
        ("Port seven", "Port seven is no port"),
        ("ProxyJump a b@c:d", None),
        ("ProxyJump :22", "is not [USER@]HOST[:PORT]"),
    ],
)
def test_what_cannot_be_taken_over_is_the_host_s_fault_alone(tmp_path: Path, lines: str, word: str | None) -> None:
    path = tmp_path / "config"
    path.write_text(f"Host bad\n  {lines}\nHost good\n  User me\n")
    assert find(path, "good").fault is None
    if word is not None:
        assert word in (find(path, "bad").fault or "")


@pytest.mark.parametrize(
    ("text", "word"),
    [('Host "open\n', ":1: a quote is not closed"), ("Include {path}\n", "does a file include itself")],
)
def test_a_file_that_cannot_be_read_says_where(tmp_path: Path, text: str, word: str) -> None:
    path = tmp_path / "config"
    path.write_text(text.replace("{path}", str(path)))
    with pytest.raises(CommandFailed, match=word):
        read_config(path)
