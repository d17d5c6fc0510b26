"""What these tests share: a provider that the test speaks for, and a service that takes its word."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from resolvers.throttle import LoginThrottle
from tests.support.oidc.forger import AUDIENCE, CLIENT, Forger, forging
from tests.support.oidc.visitor import Visitor, visiting
from tests.support.service import Running, running

MAP = "ops=operator,root=admin,readers=viewer"


def clock() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
async def forger() -> AsyncIterator[Forger]:
    async with forging() as found:
        yield found


@pytest.fixture(scope="module")
async def api(forger: Forger, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """Wrong sign-ins cost it no time."""
    folder: Path = tmp_path_factory.mktemp("oidc")
    patient = LoginThrottle(clock=clock, free_tries_of_address=100_000)
    settings: dict[str, Any] = {"oidc_issuer": forger.issuer, "oidc_client_id": CLIENT, "oidc_audience": AUDIENCE}
    settings |= {"public_url": "http://127.0.0.1:1", "oidc_role_map": MAP, "oidc_client_secret": "a secret"}
    async with running(folder, parts={"throttle": patient}, **settings) as found:
        yield found


@pytest.fixture
async def visitor(api: Running) -> AsyncIterator[Visitor]:
    async with visiting(api.url) as found:
        yield found
