"""`sshcast demo`: the service and a loopback SSH server on this machine, and one run over the API."""

import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.cells import cell_len, set_cell_size
from rich.console import Console

from db import servers as server_table
from db import users as user_table
from db.models import Server, User
from db.tasks import TaskFilter
from db.values import Mode, Role
from resolvers import servers, tasks
from resolvers import users as user_resolver
from resolvers.context import Context, Service
from resolvers.inputs import NewCredential, NewServer, NewTask, ServerChange
from resolvers.paging import PageRequest
from sshcast import signals
from sshcast.app import open_service
from sshcast.commands import local
from sshcast.commands.serve import LOOPBACK
from sshcast.demo import run
from sshcast.demo.server import DemoServer, ensure_key
from sshcast.errors import CommandFailed
from sshcast.http.listener import start_http_server
from sshcast.http_app import build_app
from sshcast.metrics import Metrics
from sshcast.metrics_loop import measure_loop
from sshcast.oidc_wiring import build_provider
from sshcast.progress import Progress
from sshcast.runner_wiring import start_runner
from sshcast.settings import Settings

PORTS_TRIED = 50
HELLO = "Hello from the demo target"
COLOURS = (
    r"""for n in 1 2 3 4 5 6; do printf '\033[3%dm*\033[0m step %d of 6 on %s\n' "$n" "$n" "$(uname -s)"; """
    r"""sleep 0.3; done; echo 'all done' >&2"""
)
SAMPLES = (
    NewTask(name=HELLO, command=COLOURS, server_id=0, cron_expr="@manual"),
    NewTask(name="Disk space every five minutes", command="df -h", server_id=0, cron_expr="*/5 * * * *"),
    NewTask(name="A command that fails", command="ls /no/such/folder", server_id=0, cron_expr="@manual"),
)


@dataclass(frozen=True, slots=True)
class Admin:
    user: User
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DemoTarget:
    """A running demo SSH server, and the key that signs in to it."""

    port: int
    host_key: str
    private_key: str = field(repr=False)


async def run_demo(settings: Settings, *, once: bool, progress: Progress) -> int:
    """Start everything, run a task over the API, and stay up unless `once`. Return 0 if all of it worked."""
    if settings.host not in LOOPBACK:
        raise CommandFailed("the demo binds to loopback only; use `sshcast serve` for other addresses")
    settings = settings.model_copy(update={"data": settings.data / "demo", "database_url": None})
    console = Console()
    progress.clear()
    port, listener = _bind_free_port(settings, console)
    progress.say("Opening the database and its keys", "正在打开数据库和密钥")
    with listener:
        async with (
            open_service(settings, build_provider(settings)) as service,
            _start_demo_target(settings.data) as demo_target,
            _start_runner(service, settings) as metrics,
            start_http_server(build_app(service, settings, metrics), listener) as http,
        ):
            progress.say("Registering the demo's user, server and tasks", "正在登记演示用户、服务器和任务")
            admin = await _ensure_demo_data(service, demo_target)
            progress.clear()
            url = f"http://127.0.0.1:{port}"
            _print_welcome(console, url, admin, f"{url}/#code={service.links.issue(admin.user.id)}", settings)
            ok = await run.run_and_show(url, admin.user.name, admin.password, HELLO, console)
            if once:
                return 0 if ok else 1
            with signals.stop_on_signals(http):
                console.print("It stays up: Ctrl-C stops it.\n[dim]它会一直运行，按 Ctrl-C 停止。[/dim]")
                await http.stopped.wait()
    return 0


@asynccontextmanager
async def _start_runner(service: Service, settings: Settings) -> AsyncIterator[Metrics]:
    metrics = Metrics(service)
    async with start_runner(service, settings, metrics), measure_loop(metrics):
        yield metrics


@asynccontextmanager
async def _start_demo_target(data: Path) -> AsyncIterator[DemoTarget]:
    """Run a demo SSH server until the block ends."""
    private_key, public_key = ensure_key(data / "demo_client_key")
    server = await DemoServer.start(host_key_path=data / "demo_host_key", authorized_key=public_key)
    try:
        yield DemoTarget(server.port, server.host_key, private_key)
    finally:
        await server.close()


async def _ensure_demo_data(service: Service, demo_target: DemoTarget) -> Admin:
    """Create the admin, the server and the sample tasks, unless an earlier start did."""
    admin = await _ensure_admin(service)
    ctx = local.build_context(service, admin.user)
    await _ensure_tasks(ctx, await _ensure_server(ctx, demo_target))
    return admin


def _bind_free_port(settings: Settings, console: Console) -> tuple[int, socket.socket]:
    """Return a listening socket on the configured port, or on the next free one."""
    for port in range(settings.port, settings.port + PORTS_TRIED):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            listener.close()
            continue
        taken = listener.getsockname()[1]
        if port != settings.port:
            console.print(f"Port {settings.port} is busy, so this uses {taken}.", style="yellow")
        return taken, listener
    raise CommandFailed(f"no free port from {settings.port} on; choose one with --port")


async def _ensure_admin(service: Service) -> Admin:
    """Give the demo's admin a new random password at each start; it is not stored in plain text."""
    password = secrets.token_urlsafe(12)
    user = await service.store.read(user_table.by_name, "admin")
    if user is None:
        return Admin(await user_resolver.add(service, name="admin", role=Role.ADMIN, password=password), password)
    return Admin(await user_resolver.set_password(service, user.id, password), password)


async def _ensure_server(ctx: Context, demo_target: DemoTarget) -> Server:
    """Register the demo server with its host key. Its port is new at each start."""
    credential = NewCredential(private_key=demo_target.private_key)
    known = await ctx.service.store.read(server_table.by_name, "demo")
    if known is not None:
        change = ServerChange(port=demo_target.port, host_keys=[demo_target.host_key], credential=credential)
        return await servers.update(ctx, known.id, change)
    new = NewServer(
        name="demo",
        host="127.0.0.1",
        port=demo_target.port,
        username="demo",
        host_keys=[demo_target.host_key],
        credential=credential,
        tags=["demo"],
        run_mode=Mode.DURABLE,
    )
    return await servers.create(ctx, new)


async def _ensure_tasks(ctx: Context, server: Server) -> None:
    page = await tasks.page(ctx, TaskFilter(server_id=server.id), PageRequest(first=100))
    known = {task.name for task in page.rows}
    for sample in SAMPLES:
        if sample.name not in known:
            await tasks.create(ctx, build_sample(sample, server.id))


def build_sample(sample: NewTask, server_id: int) -> NewTask:
    return NewTask(name=sample.name, command=sample.command, server_id=server_id, cron_expr=sample.cron_expr)


def _print_welcome(console: Console, url: str, admin: Admin, link: str, settings: Settings) -> None:
    """Print plain lines: a table would cut or wrap the link, which people copy."""
    console.print("sshcast demo", style="bold green")
    rows = {
        "Console / 控制台": f"{url}/",
        "Playground / 操作台": f"{url}/graphql",
        "Sign-in link, once / 一次性登录链接": link,
        "User / 用户": admin.user.name,
        "Password / 密码": admin.password,
        "REST": f"{url}/api/tasks",
        "Data folder / 数据目录": str(settings.data),
    }
    width = max(cell_len(name) for name in rows)
    for name, value in rows.items():
        console.print(f"  {set_cell_size(name, width)}  [bold]{value}[/bold]", soft_wrap=True, highlight=False)
