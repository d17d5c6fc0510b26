"""The secrets of a run: its secret variables, its standard input, and the texts that its output must not show.

A run takes its secrets when it starts, and keeps them sealed in its row until it has ended: a runner that adopts it
needs the same ones, even if the task or the registered secrets have changed since.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from db.models import TaskExecution
from db.secret_models import RegisteredSecret
from runner.output.matcher import SecretMatcher, build_matcher
from runner.remote.program import build_exports
from runner.secrets import bindings
from runner.secrets.secret import Secret
from runner.secrets.vault import Binding, Vault, VaultError

UNOPENED = "a secret of this run cannot be opened with the keys at hand"
STDIN_UNOPENED = "the run's standard input cannot be opened with the keys at hand"
STDIN_GONE = "the run's standard input is not kept any more"
MOST_BYTES = 120_000
"""The most bytes of all variables: Linux limits one variable to 128 KiB, and a supervisor gets them all in one."""


class SecretMissing(Exception):
    """A secret or the standard input of a run is missing. The message tells people which."""


@dataclass(frozen=True, slots=True)
class RunSecrets:
    """The secrets of one run.

    `env` and `stdin` go to the command. `hidden` holds the values of `env` and all secrets registered for the server.
    """

    env: Mapping[str, Secret] = field(default_factory=dict)
    hidden: frozenset[Secret] = frozenset()
    stdin: bytes = field(default=b"", repr=False)

    @property
    def variables(self) -> dict[str, str]:
        """The variables in clear text, for the target."""
        return {name: value.reveal() for name, value in self.env.items()}

    def choose_matcher(self, charset: str) -> SecretMatcher | None:
        """Return what finds the secrets in output of the server's encoding; None without any."""
        return build_matcher(self.hidden, charset) if self.hidden else None

    def mask(self, text: str | None) -> str | None:
        """Mask secrets in a text about the run, parts of which may come from the target."""
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
    """Unseal the run's secrets. `stdin` is sealed.

    Raises SecretMissing: a run whose output might show a secret must not start.
    """
    found = (_unseal_stored if begun else _unseal_at_start)(row, registered, vault)
    return replace(found, stdin=open_stdin(row, stdin, vault) or b"")


def _unseal_at_start(row: TaskExecution, registered: Iterable[RegisteredSecret], vault: Vault) -> RunSecrets:
    """Return the secrets of a run that is to start. Raises SecretMissing."""
    try:
        values = {secret.name: unseal_registered(secret, vault) for secret in registered}
        own = {name: _unseal_own_value(row, name, blob, vault) for name, blob in (row.sealed_env or {}).items()}
    except (VaultError, ValueError):
        raise SecretMissing(UNOPENED) from None
    env: dict[str, Secret] = {}
    for name, source in {**row.secret_env, **_list_secret_parameters(row)}.items():
        found = own.get(name) if source is None else values.get(source)
        if found is None:
            what = f"the value of {name}" if source is None else f"the secret {source} (for {name})"
            raise SecretMissing(f"{what} is not there for runs on this server; nothing was started")
        env[name] = found
    clear = list_clear_variables(row)
    if env and len(build_exports({**clear, **{name: value.reveal() for name, value in env.items()}})) > MOST_BYTES:
        raise SecretMissing(f"its variables are more than {MOST_BYTES} bytes in all; nothing was started")
    return RunSecrets(env, frozenset((*env.values(), *values.values())))


def list_clear_variables(row: TaskExecution) -> dict[str, str]:
    """Return the variables that are not secret: the command's own, and the values of parameters."""
    return row.env | {name: value for name, value in row.parameters.items() if value is not None}


def _list_secret_parameters(row: TaskExecution) -> dict[str, None]:
    return {name: None for name, value in row.parameters.items() if value is None}


def _unseal_stored(row: TaskExecution, registered: Iterable[RegisteredSecret], vault: Vault) -> RunSecrets:
    """Return the secrets of a run that has started, and those registered since. Raises SecretMissing."""
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
    """Return the column with the sealed secrets of the execution `id`; {} if it has none."""
    if not secrets.hidden:
        return {}
    found = {"env": secrets.variables, "hidden": sorted(secret.reveal() for secret in secrets.hidden)}
    return {bindings.RUN: vault.seal(json.dumps(found).encode(), **bindings.build_run_binding(id))}


def unseal_registered(secret: RegisteredSecret, vault: Vault) -> Secret:
    return Secret(vault.open(secret.value, **bindings.build_registered_binding(secret.id)).decode())


def _unseal_own_value(row: TaskExecution, name: str, blob: str, vault: Vault) -> Secret:
    place = bindings.build_value_binding(*bindings.find_values_owner(row), name)
    return Secret(vault.open(base64.b64decode(blob), **place).decode())


def open_stdin(row: TaskExecution, sealed: bytes | None, vault: Vault) -> bytes | None:
    """Return the run's standard input, None if it has none. Raises SecretMissing."""
    if not row.stdin_bytes:
        return None if row.stdin_bytes is None else b""
    if sealed is None:
        raise SecretMissing(STDIN_GONE)
    try:
        return vault.open(sealed, **_build_stdin_binding(row))
    except VaultError:
        raise SecretMissing(STDIN_UNOPENED) from None


def _build_stdin_binding(row: TaskExecution) -> Binding:
    if row.fleet_run_id is None:
        return bindings.build_stdin_binding(row.id)
    return bindings.build_fleet_stdin_binding(row.fleet_run_id)
