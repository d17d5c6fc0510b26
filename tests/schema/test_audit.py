"""graphql-http's audit of GraphQL over HTTP, against the running service."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.support.npm import node_modules, run_script
from tests.support.service import Running

__all__ = ["node_modules"]

pytestmark = pytest.mark.anyio

CHECKS = 61


async def test_the_audit_passes_whole(api: Running, node_modules: Path) -> None:
    done = await asyncio.to_thread(run_script, "audit.mjs", f"{api.url}/graphql", api.token("viewer"))
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [result for result in results if result["status"] != "ok"] == []
    assert len(results) == CHECKS
