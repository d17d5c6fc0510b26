"""Carries out an import: registers and changes servers one by one, whatever becomes of the others."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sshcast.remote.api import Api, ApiRefused
from sshcast.remote.host_key_scan import OfferedKeys, scan_keys
from sshcast.remote.imports.hosts import ImportedHost, Unreadable
from sshcast.remote.imports.plan import Action, Step, explain_jump
from sshcast.remote.server_add import CREATE

UPDATE = """
mutation UpdateImportedServer($input: UpdateServerInput!) {
  updateServer(input: $input) { errors { code field message } server { id name } }
}
"""


@dataclass(frozen=True, slots=True)
class Importer:
    """Carries out a plan. `confirm`: asks whether the keys that were fetched are a host's own."""

    api: Api
    build_credential: Callable[[ImportedHost], dict[str, Any]]
    confirm: Callable[[str, OfferedKeys], bool]

    def carry_out(self, steps: Sequence[Step]) -> Iterator[Step]:
        """Yield each step when it is done. A refusal is the step's fault; a lost connection ends them all."""
        by_name = {step.host.name: step for step in steps}
        for step in steps:
            if step.action in (Action.CREATE, Action.UPDATE):
                try:
                    self._carry_out(step, by_name)
                except Unreadable as error:
                    step.fail(error.reason)
                except ApiRefused as error:
                    step.fail(str(error))
            yield step

    def _carry_out(self, step: Step, by_name: Mapping[str, Step]) -> None:
        jump_id = None
        if step.jump is not None:
            jump_id = by_name[step.jump].server_id
            if jump_id is None:
                raise Unreadable(*explain_jump(step.jump))
        if step.action is Action.UPDATE:
            self._update(step, jump_id)
        else:
            self._create(step, jump_id)

    def _create(self, step: Step, jump_id: str | None) -> None:
        host = step.host
        address: dict[str, Any] = {"host": host.host, "port": host.port}
        if jump_id is not None:
            address["jumpServerId"] = jump_id
        wanted = address | {
            "name": host.name,
            "username": host.user,
            "hostKeyAlias": host.alias,
            "tags": list(host.tags or ()),
            "credential": self.build_credential(host),
            "hostKeys": step.keys or self._scan(host, address),
        }
        server = self.api.execute(CREATE, {"input": wanted})["createServer"]["server"]
        step.server_id = str(server["id"])

    def _update(self, step: Step, jump_id: str | None) -> None:
        wanted = {name: new for name, (_, new) in step.changes.items() if name != "jumpServer"}
        if "jumpServer" in step.changes:
            wanted["jumpServerId"] = jump_id
        self.api.execute(UPDATE, {"input": {"id": step.server_id} | wanted})

    def _scan(self, host: ImportedHost, address: Mapping[str, Any]) -> list[str]:
        keys = scan_keys(self.api, address)
        if not self.confirm(host.name, keys):
            raise Unreadable("its host keys were not accepted", "其主机密钥未被接受")
        return [key["line"] for key in keys]
