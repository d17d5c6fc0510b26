"""A new master key: every credential is sealed again while the service runs, and nothing is lost on the way."""

import asyncio
import sys
from pathlib import Path

import pytest

from db import claims, executions, master_key_check, transitions
from db import secrets as secret_table
from db import servers as table
from db import stdin as stdins
from db.models import TaskExecution
from db.store import open_store
from db.values import Role
from resolvers import executions as runs
from resolvers import rotation, servers, tasks, users
from resolvers import secrets as registered
from resolvers.context import Service
from resolvers.inputs import NewCredential, NewSecret, NewServer, NewTask, RunCommand, RunTask, SecretVariable
from resolvers.rotation import SealedCount
from runner.execution import endpoint, run_secrets
from runner.execution.run_secrets import RunSecrets
from runner.secrets import bindings
from runner.secrets.secret import Secret
from runner.secrets.vault import Vault, VaultError
from sshcast import data_folder, master_keys
from sshcast.app import open_service
from sshcast.commands import local, secrets
from sshcast.errors import CommandFailed
from sshcast.master_key_check import MasterKeyRefused
from sshcast.settings import Settings
from tests.support.commands import Commands

pytestmark = pytest.mark.anyio

CHECK = "master_key_check.replace"
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKdSjcs6sVR9p3ymTwHbXPIlbv2SjUsOumnY3lVUnI6A"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path)


async def add(service: Service, *numbers: int) -> None:
    """Servers whose passwords are their names."""
    known = await service.store.read(table.by_name, "server 0")
    user = await users.add(service, name=f"admin{numbers[0]}", role=Role.ADMIN, password="long enough")
    assert known is None or numbers[0] > 0
    for number in numbers:
        new = NewServer(
            name=f"server {number}",
            host="127.0.0.1",
            username="u",
            host_keys=[HOST_KEY],
            credential=NewCredential(password=f"server {number}"),
        )
        await servers.create(local.build_context(service, user), new)


async def readable(service: Service) -> int:
    """How many servers' credentials open, each to its own password."""
    rows = await service.store.read(table.list_sealed_after, 0, 1000)
    assert all(endpoint.build_endpoint(row, service.vault).credential.secret == row.name for row in rows)
    return len(rows)


async def test_a_rotation_leaves_one_new_key_and_every_credential_open(settings: Settings) -> None:
    async with open_service(settings) as service:
        await add(service, *range(3))
        old = master_keys.load_key_file(settings.data)
        await secrets.rotate(settings)
        new = master_keys.load_key_file(settings.data)
        assert len(new) == 1
        assert new != old
        assert await readable(service) == 3, "the service that ran meanwhile follows"
        await add(service, 3)
    async with open_service(settings) as service:
        assert await readable(service) == 4
        assert (settings.data / "secret.key").stat().st_mode & 0o777 == 0o600


async def test_the_old_key_opens_nothing_after_a_rotation(settings: Settings, tmp_path: Path) -> None:
    async with open_service(settings) as service:
        await add(service, 0)
    stolen = (tmp_path / "secret.key").read_text()
    await secrets.rotate(settings)
    data_folder.replace(tmp_path / "secret.key", stolen.encode())
    with pytest.raises(MasterKeyRefused, match="another master key"):
        async with open_service(settings):
            pass
    store = await open_store(settings.url)
    (row,) = await store.read(table.list_sealed_after, 0, 1000)
    await store.close()
    with pytest.raises(VaultError):
        endpoint.build_endpoint(row, Vault(*master_keys.load_keys(settings)))


async def test_what_a_service_seals_between_the_rounds_is_found(settings: Settings) -> None:
    """A key was added by a rotation that was cut off: both keys open, new secrets take the new one, and it goes on."""
    async with open_service(settings) as service:
        await add(service, 0, 1)
        master_keys.add_key(settings.data)
        await add(service, 2)
        assert await readable(service) == 3
        await secrets.rotate(settings)
        assert len(master_keys.load_key_file(settings.data)) == 1
        assert await readable(service) == 3


@pytest.mark.sampled(each="where")
@pytest.mark.parametrize(
    ("where", "calls"),
    [*(("servers.replace_credential", calls) for calls in range(1, 5)), (CHECK, 1), ("master_keys.drop_old_keys", 1)],
)
async def test_a_rotation_killed_anywhere_is_finished_by_the_next(settings: Settings, where: str, calls: int) -> None:
    async with open_service(settings) as service:
        await add(service, *range(5))
        check = await service.store.read(master_key_check.load_value)
    script = (
        "import asyncio, os, sys\n"
        "from pathlib import Path\n"
        "from db import master_key_check, servers\n"
        "from resolvers import rotation\n"
        "from sshcast import master_keys\n"
        "from sshcast.commands import secrets\n"
        "from sshcast.settings import Settings\n"
        "module, name = sys.argv[3].split('.')\n"
        "left = [int(sys.argv[2])]\n"
        "rotation.BATCH = 2\n"
        "real = getattr(globals()[module], name)\n"
        "def dying(*args):\n"
        "    left[0] -= 1\n"
        "    if left[0] == 0: os.kill(os.getpid(), 9)\n"
        "    return real(*args)\n"
        "setattr(globals()[module], name, dying)\n"
        "asyncio.run(secrets.rotate(Settings(data=Path(sys.argv[1]))))\n"
    )
    command = [sys.executable, "-c", script, str(settings.data), str(calls), where]
    killed = await asyncio.create_subprocess_exec(*command)
    assert await killed.wait() == -9
    async with open_service(settings) as service:
        assert len(master_keys.load_key_file(settings.data)) == 2
        assert await readable(service) == 5
        resealed = await service.store.read(master_key_check.load_value) != check
        assert resealed == (where == "master_keys.drop_old_keys"), "the check is sealed after everything else"
        await secrets.rotate(settings)
        assert await readable(service) == 5
    assert len(master_keys.load_key_file(settings.data)) == 1


async def test_progress_counts_what_was_seen_and_sealed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "BATCH", 2)
    async with open_service(settings) as service:
        await add(service, *range(5))
        master_keys.add_key(settings.data)
        found = [(each.seen, each.sealed) async for each in rotation.rewrap(service)]
        assert found == [(2, 2), (4, 4), (5, 5)]
        assert [(each.seen, each.sealed) async for each in rotation.rewrap(service)][-1] == (5, 0)


async def test_a_key_from_the_environment_is_rotated_with_the_one_before(tmp_path: Path) -> None:
    first = Settings(data=tmp_path, secret_key="11" * 32)
    async with open_service(first) as service:
        await add(service, 0)
    with pytest.raises(CommandFailed, match="SSHCAST_SECRET_KEY_BEFORE"):
        await secrets.rotate(first)
    await secrets.rotate(Settings(data=tmp_path, secret_key="22" * 32, secret_key_before="11" * 32))
    async with open_service(Settings(data=tmp_path, secret_key="22" * 32)) as service:
        assert await readable(service) == 1


async def test_a_service_that_runs_while_the_key_is_rotated_goes_on_and_starts_again(settings: Settings) -> None:
    async with open_service(settings) as service:
        await add(service, 0)
        for number in (1, 2):
            await secrets.rotate(settings)
            await add(service, number)
        check = await service.store.read(master_key_check.load_value)
        assert check is not None
        assert service.vault.is_current(check)
    async with open_service(settings) as service:
        assert await readable(service) == 3


async def with_secrets(service: Service) -> list[int]:
    """A registered secret, and executions that hold secrets: one that runs, one of a task, and an ad-hoc one."""
    user = await users.add(service, name="keeper", role=Role.ADMIN, password="long enough")
    ctx = local.build_context(service, user)
    await registered.create(ctx, NewSecret(name="taken", value=Secret("herring-0815")))
    variables = [SecretVariable(name="A", value=Secret("swordfish")), SecretVariable(name="B", secret="taken")]
    task = NewTask(name="t", command="df", server_id=1, cron_expr="@manual", secret_env=variables)
    await tasks.create(ctx, task)
    made = [await runs.run_task(ctx, RunTask(task_id=1)) for _ in range(2)]
    made.append(
        await runs.run_command(ctx, RunCommand(server_id=1, command="df", secret_env=variables, stdin=b"to read"))
    )
    (running,) = await service.store.run(claims.claim, runner_id="x", at=service.clock(), limit=1)
    sealed = run_secrets.seal(running.id, await secrets_of(service, running), service.vault)
    assert await service.store.run(transitions.update_claimed, running.id, running.fence, {"remote": {}} | sealed)
    return [row.id for row in made]


async def secrets_of(service: Service, row: TaskExecution) -> RunSecrets:
    kept = await service.store.read(secret_table.list_in_scope, row.server_id)
    stdin = await service.store.read(stdins.load_sealed, row.id)
    return run_secrets.unseal(row, kept, service.vault, begun=row.remote is not None, stdin=stdin)


async def test_whatever_is_sealed_is_looked_at_before_a_key_is_believed(settings: Settings) -> None:
    foreign = Vault({"foreign": bytes(32)}, "foreign")
    async with open_service(settings) as service:
        assert await service.store.read(rotation.count_sealed, foreign) == SealedCount(0, 0)
        await add(service, 0)
        await with_secrets(service)
        # A credential, a registered secret, a task's value, three executions' values, what one reads, and what one that
        # runs has taken.
        assert await service.store.read(rotation.count_sealed, service.vault) == SealedCount(8, 0)
        assert await service.store.read(rotation.count_sealed, foreign) == SealedCount(8, 8)


async def test_secrets_of_tasks_of_executions_and_registered_ones_are_sealed_anew(settings: Settings) -> None:
    async with open_service(settings) as service:
        await add(service, 0)
        ids = await with_secrets(service)
        await secrets.rotate(settings)
    async with open_service(settings) as service:
        assert len(master_keys.load_key_file(settings.data)) == 1
        rows = await service.store.read(executions.by_ids, ids)
        assert [(await secrets_of(service, row)).variables for row in rows] == [
            {"A": "swordfish", "B": "herring-0815"} for _ in ids
        ]
        assert [(await secrets_of(service, row)).stdin for row in rows] == [b"", b"", b"to read"]
        assert [each.sealed async for each in rotation.rewrap(service)][-1] == 0
        keeper = local.build_context(
            service, (await users.add(service, name="k2", role=Role.ADMIN, password="long enough"))
        )
        later = await runs.run_task(keeper, RunTask(task_id=1))
        assert (await secrets_of(service, later)).variables["A"] == "swordfish"


async def test_a_value_that_no_key_opens_is_told_in_a_line_and_keeps_both_keys(tmp_path: Path) -> None:
    commands = Commands(tmp_path / "data")
    async with open_service(settings := Settings(data=commands.data)) as service:
        await add(service, 0, 1)
        kept = (await service.store.read(table.list_sealed_after, 0, 2))[1].credential
        foreign = Vault(*master_keys.name_keys([bytes(32)])).seal(b"x", **bindings.build_credential_binding(2))
        await service.store.run(table.update, 2, {"credential": foreign})
    done = await asyncio.to_thread(commands.run, "secrets", "rotate")
    assert done.returncode == 1
    (told,) = done.stderr.decode().splitlines()
    assert told.startswith(
        "sshcast: credential of row 2 in servers: this secret cannot be opened with the keys at hand."
    )
    assert len(master_keys.load_key_file(settings.data)) == 2
    async with open_service(settings) as service:
        await service.store.run(table.update, 2, {"credential": kept})
        assert await secrets.rotate(settings) == 0
        assert await readable(service) == 2
    assert len(master_keys.load_key_file(settings.data)) == 1
