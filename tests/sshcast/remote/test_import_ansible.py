"""Reading Ansible inventories: in INI, in YAML, and as `ansible-inventory --list` prints them."""

import json
from pathlib import Path

import pytest

from sshcast.errors import CommandFailed
from sshcast.remote.imports.ansible_hosts import AnsibleHosts, read_inventory
from sshcast.remote.imports.ansible_ranges import expand_hosts, split_port
from sshcast.remote.imports.hosts import Hop

INI = """
lonely ansible_host=10.0.0.9
[web]
web[01:03].example.com ansible_port=2222 # a comment
old ansible_ssh_host=10.0.0.1 ansible_ssh_user="an admin"
[db]
db-[a:c:2].example.com:2200
inner ansible_user="{{ team }}-{{ inventory_hostname }}"
[site:children]
web
db
[site:vars]
ansible_user = deploy
team = ops
ansible_ssh_common_args = '-o ProxyJump=jump@bastion:2201 -o StrictHostKeyChecking=yes'
[db:vars]
ansible_ssh_private_key_file=/keys/db
ansible_ssh_common_args="-o ProxyCommand='ssh -W %h:%p -q bastion'"
[all:vars]
ansible_user=everybody
[windows]
win ansible_connection=winrm
secret ansible_password="{{ vault_password }}"
bad ansible_port=none
"""
YAML = """
all:
  vars: {ansible_user: everybody}
  hosts:
    lonely: {ansible_host: 10.0.0.9}
  children:
    site:
      vars:
        ansible_user: deploy
        team: ops
        ansible_ssh_common_args: -o ProxyJump=jump@bastion:2201 -o StrictHostKeyChecking=yes
      children:
        web:
          hosts:
            web[01:03].example.com: {ansible_port: 2222}
            old: {ansible_ssh_host: 10.0.0.1, ansible_ssh_user: an admin}
        db:
          hosts:
            db-[a:c:2].example.com:2200:
            inner: {ansible_user: "{{ team }}-{{ inventory_hostname }}"}
          vars:
            ansible_ssh_private_key_file: /keys/db
            ansible_ssh_common_args: -o ProxyCommand='ssh -W %h:%p -q bastion'
    windows:
      hosts:
        win: {ansible_connection: winrm}
        secret: {ansible_password: !vault "$ANSIBLE_VAULT;1.1;AES256"}
        bad: {ansible_port: none}
"""
NAMES = ("lonely", "web01.example.com", "web02.example.com", "web03.example.com", "old", "db-a.example.com",
         "db-c.example.com", "inner", "win", "secret", "bad")  # fmt: skip


def read(folder: Path, name: str, text: str) -> AnsibleHosts:
    path = folder / name
    path.write_text(text)
    hosts, unread = read_inventory(path, "me")
    assert unread == []
    return hosts


@pytest.fixture(params=["hosts", "hosts.yml"])
def inventory(request: pytest.FixtureRequest, tmp_path: Path) -> AnsibleHosts:
    return read(tmp_path, request.param, INI if request.param == "hosts" else YAML)


def test_hosts_with_their_groups_as_tags_and_the_variables_of_the_innermost_group(inventory: AnsibleHosts) -> None:
    assert inventory.list_names() == NAMES
    web = inventory.find("web02.example.com")
    assert (web.host, web.port, web.user, web.tags) == ("web02.example.com", 2222, "deploy", ("site", "web"))
    assert web.jumps == (Hop("bastion", "jump", 2201),)
    db = inventory.find("db-c.example.com")
    assert (db.port, db.keys, db.jumps, db.tags) == (2200, ("/keys/db",), (Hop("bastion"),), ("db", "site"))
    old = inventory.find("old")
    assert (old.host, old.user) == ("10.0.0.1", "an admin")
    lonely = inventory.find("lonely")
    assert (lonely.host, lonely.user, lonely.tags, lonely.keys) == ("10.0.0.9", "everybody", (), ())


def test_variables_that_name_others_are_filled_in(inventory: AnsibleHosts) -> None:
    assert inventory.find("inner").user == "ops-inner"


def test_hosts_that_cannot_be_taken_over_say_why(inventory: AnsibleHosts) -> None:
    assert "ansible_connection is winrm" in (inventory.find("win").fault or "")
    fault = inventory.find("secret").fault or ""
    assert fault.startswith("ansible_password is a template that only Ansible works out")
    assert "ansible_port none is no port" in (inventory.find("bad").fault or "")


def test_the_output_of_ansible_inventory_is_read_too(tmp_path: Path) -> None:
    listing = {
        "_meta": {"hostvars": {"web1": {"ansible_host": "10.0.0.1", "ansible_port": 2222}, "db1": {}}},
        "all": {"children": ["ungrouped", "web", "site"]},
        "site": {"children": ["web"]},
        "web": {"hosts": ["web1"]},
        "ungrouped": {"hosts": ["db1"]},
    }
    hosts = read(tmp_path, "list", json.dumps(listing, indent=4))
    web = hosts.find("web1")
    assert (web.host, web.port, web.user, web.tags) == ("10.0.0.1", 2222, "me", ("site", "web"))
    assert hosts.find("db1").tags == ()


def test_the_variables_beside_an_inventory_override_those_in_it(tmp_path: Path) -> None:
    for name, text in {
        "group_vars/web.yml": "ansible_user: from-group\nansible_port: 2201\n",
        "group_vars/all/main.yml": "ansible_user: from-all\n",
        "host_vars/web1": "ansible_port: 2202\n",
        "group_vars/sealed.yml": "$ANSIBLE_VAULT;1.1;AES256\n1234\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    inventory = tmp_path / "hosts"
    inventory.write_text(
        "[web]\nweb1 ansible_port=1\nweb2 ansible_user=own\n[sealed]\nx\n[web:vars]\nansible_user=ini\n"
    )
    hosts, unread = read_inventory(inventory, "me")
    assert (hosts.find("web1").user, hosts.find("web1").port) == ("from-group", 2202)
    assert (hosts.find("web2").user, hosts.find("web2").port) == ("own", 2201)
    assert hosts.find("x").user == "from-all"
    assert unread == [f"{tmp_path}/group_vars/sealed.yml is not read: ansible-vault has encrypted it"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("web", ["web"]),
        ("web[1:3]", ["web1", "web2", "web3"]),
        ("w[08:10]x", ["w08x", "w09x", "w10x"]),
        ("w[1:9:4]", ["w1", "w5", "w9"]),
        ("[a:b]-[1:2]", ["a-1", "a-2", "b-1", "b-2"]),
    ],
)
def test_ranges_are_expanded(pattern: str, names: list[str]) -> None:
    assert expand_hosts(pattern) == names


@pytest.mark.parametrize(
    ("name", "host", "port"),
    [
        ("web", "web", None),
        ("web:22", "web", 22),
        ("w[1:3].x:22", "w[1:3].x", 22),
        ("[1:3]:22", "[1:3]", 22),
        ("[2001:db8::1]:22", "2001:db8::1", 22),
        ("2001:db8::1", "2001:db8::1", None),
    ],
)
def test_a_port_may_be_written_after_the_host(name: str, host: str, port: int | None) -> None:
    assert split_port(name) == (host, port)


@pytest.mark.parametrize("pattern", ["w[3:1]", "w[1:b]", "w[1:2:0]", "w[0:99999999]", "[0:999][0:999]"])
def test_a_range_without_hosts_or_with_too_many_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"no range|more than"):
        expand_hosts(pattern)


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [
        ("hosts", "[web]\nok\nweb1 ansible_port 22\n", "hosts:3: after the host comes NAME=VALUE, not ansible_port"),
        ("hosts", "[web:things]\na\n", r"hosts:2: a section is \[NAME\]"),
        ("hosts", "[web]\nweb[3:1]\n", "hosts:2: "),
        ("hosts.yml", "all:\n  hosts:\n - broken", "hosts.yml:3: "),
        ("hosts.yml", "all:\n  host: {}\n", "group all has hosts, vars and children, not host"),
        ("hosts.yml", "- a\n", "an inventory is a mapping of groups"),
        (
            "hosts.yml",
            "all: !!python/object/apply:os.system [true]\n",
            "hosts.yml:1: could not determine a constructor",
        ),
    ],
)
def test_a_file_that_cannot_be_read_says_where(tmp_path: Path, name: str, text: str, word: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(CommandFailed, match=word):
        read_inventory(path, "me")
