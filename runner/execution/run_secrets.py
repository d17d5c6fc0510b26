"""What of a run is secret: the variables and the input that its command gets, and what its output must not show.

A run takes its secrets when it starts, and keeps them in its row, sealed, until it has ended: whoever takes it over
needs the same, whatever became of the task and of the registered secrets meanwhile.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from db.models import TaskExecution
from db.secret_models import RegisteredSecret
from runner.output.matcher import build_matcher
from runner.remote.program import build_exports
from runner.secrets import bindings
from runner.secrets.secret import Secret
from runner.secrets.vault import Vault, VaultError

UNOPENED = "a secret of this run cannot be opened with the keys at hand"
STDIN_UNOPENED = "the run's standard input cannot be opened with the keys at hand"
STDIN_GONE = "the run's standard input is not kept any more"
MOST_BYTES = 120_000
"""Linux takes no longer text than 128 KiB as one variable, in which they go to a durable run's supervisor."""


class SecretMissing(Exception):
    """What the run is to have cannot be given to it. The message is for people, and says what."""


@dataclass(frozen=True, slots=True)
class RunSecrets:
    """`env` and `stdin` go to the command; `hidden` are the former, and what is registered for its server."""

    env: Mapping[str, Secret] = field(default_factory=dict)
    hidden: frozenset[Secret] = frozenset()
    stdin: bytes = field(default=b"", repr=False)

    @property
    def variables(self) -> dict[str, str]:
        """As the target is to get them."""
        return {name: value.reveal() for name, value in self.env.items()}

    def mask(self, text: str | None) -> str | None:
        """A text about the run, parts of which may be the target's."""
        if text is None or not self.hidden:
            return text
        return build_matcher(self.hidden).mask(text.encode("utf-8", "replace")).decode("utf-8", "replace")


def unseal(
    row: TaskExecution,
    registered: Iterable[RegisteredSecret],
    vault: Vault,
    *,
    begun: bool,
    stdin: bytes | None = None,
) -> RunSecrets:
    """Raises SecretMissing: rather no run than one whose output shows what it must not. `stdin` is sealed."""
    found = (_unseal_stored if begun else _unseal_at_start)(row, registered, vault)
    return replace(found, stdin=opened_stdin(row, stdin, vault) or b"")


def _unseal_at_start(row: TaskExecution, registered: Iterable[RegisteredSecret], vault: Vault) -> RunSecrets:
    """Those of a run that is to start. Raises SecretMissing."""
    try:
        values = {secret.name: unseal_registered(secret, vault) for secret in registered}
        own = {name: _unseal_own_value(row, name, blob, vault) for name, blob in (row.sealed_env or {}).items()}
    except (VaultError, ValueError):
        raise SecretMissing(UNOPENED) from None
    env: dict[str, Secret] = {}
    for name, source in row.secret_env.items():
        found = own.get(name) if source is None else values.get(source)
        if found is None:
            what = f"the value of {name}" if source is None else f"the secret {source} (for {name})"
            raise SecretMissing(f"{what} is not there for runs on this server; nothing was started")
        env[name] = found
    if env and len(build_exports({**row.env, **{name: value.reveal() for name, value in env.items()}})) > MOST_BYTES:
        raise SecretMissing(f"its variables are more than {MOST_BYTES} bytes in all; nothing was started")
    return RunSecrets(env, frozenset((*env.values(), *values.values())))


def _unseal_stored(row: TaskExecution, registered: Iterable[RegisteredSecret], vault: Vault) -> RunSecrets:
    """Those of a run that has started, and what was registered since. Raises SecretMissing."""
    try:
        since = [unseal_registered(secret, vault) for secret in registered]
        if row.sealed_run is None:
            return RunSecrets({}, frozenset(since))
        found = json.loads(vault.open(row.sealed_run, **bindings.build_run_binding(row.id)))
    except (VaultError, ValueError):
        raise SecretMissing(UNOPENED) from None
    env = {name: Secret(value) for name, value in found["env"].items()}
    return RunSecrets(env, frozenset((*env.values(), *map(Secret, found["hidden"]), *since)))


def seal(id: int, secrets: RunSecrets, vault: Vault) -> dict[str, bytes]:
    """The column of the execution `id` that keeps them; nothing if there are none."""
    if not secrets.hidden:
        return {}
    found = {"env": secrets.variables, "hidden": sorted(secret.reveal() for secret in secrets.hidden)}
    return {bindings.RUN: vault.seal(json.dumps(found).encode(), **bindings.build_run_binding(id))}


def unseal_registered(secret: RegisteredSecret, vault: Vault) -> Secret:
    return Secret(vault.open(secret.value, **bindings.build_registered_binding(secret.id)).decode())


def _unseal_own_value(row: TaskExecution, name: str, blob: str, vault: Vault) -> Secret:
    place = (
        bindings.build_value_binding("tasks", row.task_id, name)
        if row.task_id
        else bindings.build_value_binding(bindings.EXECUTIONS, row.id, name)
    )
    return Secret(vault.open(base64.b64decode(blob), **place).decode())


def opened_stdin(row: TaskExecution, sealed: bytes | None, vault: Vault) -> bytes | None:
    """What the run reads, None if nothing was given. Raises SecretMissing."""
    if not row.stdin_bytes:
        return None if row.stdin_bytes is None else b""
    if sealed is None:
        raise SecretMissing(STDIN_GONE)
    try:
        return vault.open(sealed, **bindings.build_stdin_binding(row.id))
    except VaultError:
        raise SecretMissing(STDIN_UNOPENED) from None
