"""Services that files of servers, tasks, grants and policies are applied to: databases of this machine."""

import json
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.support.commands import Commands

PASSWORD = "correct horse battery\n"
SECRET = "the-registered-secret"
OWN = "a-secret-of-its-own"
WHOLE = """\
x-shared: &shared
  username: root
  credential: {privateKey: {file: KEY}}
servers:
  - <<: *shared
    name: web
    host: 127.0.0.1
    port: 2222
    jumpServer: bastion
    hostKeys: ["PUBLIC", "@revoked * OTHER"]
    tags: [db, app]
    maxParallel: 3
    runMode: attached
    outputEncoding: GB18030
    blackouts:
      - {start: 22:00, end: 06:00, days: [tue, mon], timezone: Europe/Berlin, reason: no}
      - {from: 2037-01-01T00:00:00+01:00, until: 2037-01-02T00:00:00Z}
  - <<: *shared
    name: bastion
    host: 127.0.0.2
    hostKeys: ["127.0.0.2 PUBLIC somebody@somewhere"]
    legacyAlgorithms: [ssh-rsa-sha1]
  - name: 数据库
    host: 127.0.0.3
    username: root
    enabled: no
    hostKeys: [PUBLIC]
    hostKeyAlias: db.example
    credential: {password: {env: DB_PASSWORD}}
tasks:
  - name: backup
    server: web
    cronExpr: 0 2 1 1 *
    timezone: Asia/Shanghai
    command: "#!/bin/bash\\r\\necho $A\\n"
    env: {A: no, LEVEL: 0755}
    secretEnv: {DB: {secret: db}, OWN: {env: OWN}}
    parameters:
      - {name: DAYS, type: integer, default: 30, minimum: 1}
      - {name: MODE, type: choice, options: [fast, slow], required: true}
      - {name: TOKEN, type: secret, required: true, description: "a: b # c"}
    parameterValues: {DAYS: 30, MODE: slow, TOKEN: {env: OWN}}
    workingDir: /tmp
    terms: {overlap: skip, retryLimit: 2, retryOn: [unreachable, lost], startDeadlineSeconds: 60}
  - name: everywhere
    selector: {tagsAny: [db, app], nameContains: ""}
    fleet: {batchSize: {percent: 10}, stopAfter: {failures: 2}, pauseSeconds: 5, onRefused: fail-all}
    cronExpr: '@manual'
    scheduleMode: shadow
    command: uptime
  - {name: some, selector: {servers: [web, bastion]}, cronExpr: '@manual', command: uptime}
policies:
  - {server: web, mode: strict, allow: [fs.*], commands: ["ls  -l"]}
  - server: bastion
    extra: |
      ["site.no-restarts"]
      severity = "deny"
      en = "No restarts."
      zh = "不可重启。"
      when = [{ program = "service", text = ' restart ' }]
  - {task: backup, allow: [fs.*]}
grants:
  - {user: bob, role: viewer, server: web}
  - {user: bob, role: operator, tag: db}
"""


@dataclass(frozen=True)
class Ground:
    """A folder with keys and files, and services of their own in it."""

    folder: Path

    @cached_property
    def public(self) -> str:
        """The public key of `key`, as it is pinned."""
        return self._make_key("key")

    @cached_property
    def whole(self) -> str:
        """A file with every key."""
        return WHOLE.replace("PUBLIC", self.public).replace("OTHER", self._make_key("other")).replace("KEY", "key")

    def _make_key(self, name: str) -> str:
        path = self.folder / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
        return " ".join(path.with_name(f"{name}.pub").read_text().split()[:2])

    def write(self, text: str, name: str = "file.yaml") -> str:
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def open_service(self, name: str, **variables: str) -> "Service":
        """A service with the admin alice, the user bob, and the registered secret db."""
        given = {"XDG_CONFIG_HOME": str(self.folder / "config"), "LANG": "C.UTF-8", "OWN": OWN, "DB_PASSWORD": OWN}
        found = Service(Commands(self.folder / name, given | variables))
        found.output("user", "add", "alice", "--role", "admin", "--password-stdin", stdin=PASSWORD)
        found.output("user", "add", "bob", "--role", "none", "--password-stdin", stdin=PASSWORD)
        found.output("secret", "add", "db", "--stdin", stdin=f"{SECRET}\n")
        return found


@dataclass(frozen=True)
class Service:
    """The database of this machine in a data folder of its own."""

    commands: Commands

    def within(self, *args: str, stdin: str = "") -> "subprocess.CompletedProcess[bytes]":
        return self.commands.within(*args, stdin=stdin)

    def output(self, *args: str, stdin: str = "") -> str:
        done = self.within(*args, stdin=stdin)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def apply(self, *args: str, status: int = 0, stdin: str = "") -> str:
        """What `sshcast apply` prints: the plan and then the notes."""
        done = self.within("apply", *args, stdin=stdin)
        assert done.returncode == status, done.stderr.decode()
        return done.stdout.decode() + done.stderr.decode()

    def export(self, *args: str) -> str:
        """An export without its first line, which says when and where."""
        return self.output("export", *args).partition("\n")[2]

    def load(self, *args: str) -> Any:
        return json.loads(self.output(*args, "--json"))

    def count_events(self) -> int:
        """How many changes and refusals the audit has."""
        return len(self.load("audit", "list", "-n", "1000"))
