"""graphql-http's audit of GraphQL over HTTP, against the running service."""

import asyncio
import json
from collections import Counter
from pathlib import Path

import pytest

from tests.support.npm import node_modules, run_script
from tests.support.service import Running

__all__ = ["node_modules"]

pytestmark = pytest.mark.anyio

CHECKS = {"MUST": 13, "SHOULD": 23, "MAY": 25}
"""How many checks there are of each level of the specification."""


async def test_the_audit_passes_whole(api: Running, node_modules: Path) -> None:
    done = await asyncio.to_thread(run_script, "audit.mjs", f"{api.url}/graphql", api.token("viewer"))
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [result for result in results if result["status"] != "ok"] == []
    assert Counter(result["name"].split()[0] for result in results) == CHECKS
