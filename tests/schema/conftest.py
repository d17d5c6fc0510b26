"""What the GraphQL tests share: one running service for most of them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from schema.engine import Engine
from tests.support.service import Running, running


@pytest.fixture(scope="package")
async def api(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """Shared, and without a runner: a test tells its own objects from the others' by name."""
    async with running(tmp_path_factory.mktemp("api")) as found:
        yield found


@pytest.fixture
async def fresh(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Running]:
    """One of the test's own, without a runner; with the parameter False, without plans too."""
    defaults = Engine.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "compiling", getattr(request, "param", True))
    async with running(tmp_path) as found:
        yield found


@pytest.fixture(scope="package")
async def live(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """Shared, with a runner and our demo SSH server."""
    async with running(tmp_path_factory.mktemp("live"), drive=True) as found:
        yield found
