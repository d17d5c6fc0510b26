"""PostGraphile 5 as a peer: installed once by npm, as package-lock.json pins it, and served by node."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import orjson

from tests.support.ports import free_port

FOLDER = Path(__file__).parent / "postgraphile"
LOCK = FOLDER / "package-lock.json"
STAMP = FOLDER / "node_modules" / ".installed"
INSTALL = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
INSTALL_SECONDS = 300
READY_SECONDS = 60.0
POSTGRAPHILE_QUERY = orjson.dumps(
    {
        "query": """{ allTaskExecutions(first: 100, orderBy: [ROW_ID_DESC]) { nodes {
  rowId command state trigger exitCode createdAt startTime endTime durationMs stdoutBytes
  taskByTaskId { rowId name taskExecutionsByTaskId(first: 1, orderBy: [ROW_ID_DESC]) { nodes { rowId state endTime } } }
} } }"""
    }
)


def find_why_not() -> str | None:
    """Install it if it is not installed yet. A sentence if it cannot be."""
    if not (shutil.which("node") and shutil.which("npm")):
        return "there are no node and npm on this machine."
    if STAMP.is_file() and STAMP.read_text() == LOCK.read_text():
        return None
    done = subprocess.run(INSTALL, cwd=FOLDER, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    if done.returncode != 0:
        return f"npm could not install it: {done.stderr.strip()}"
    STAMP.write_text(LOCK.read_text())
    return None


@contextmanager
def run_postgraphile(database: str) -> Iterator[tuple[str, int]]:
    """Its address and its process, once it has read the schema and answers."""
    port = free_port()
    process = subprocess.Popen(["node", "server.mjs", database, str(port)], cwd=FOLDER, stderr=subprocess.DEVNULL)
    try:
        _wait_until_answering(f"http://127.0.0.1:{port}", process)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(30)


def _wait_until_answering(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + READY_SECONDS
    with httpx2.Client(trust_env=False, verify=False, timeout=READY_SECONDS) as client:
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if client.post(f"{url}/graphql", json={"query": "{ __typename }"}).status_code == 200:
                    return
            except httpx2.TransportError:
                time.sleep(0.1)
    raise RuntimeError("PostGraphile did not start")
