"""What the runner's tests share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog

from db.store import Store, open_store
from tests.support.postgres import postgres
from tests.support.stores import Unruly, copied, database, template
from tests.support.targets import demo_target, openssh, target

__all__ = ["database", "demo_target", "openssh", "postgres", "target", "template"]


@pytest.fixture(scope="session", autouse=True)
def plain_tracebacks() -> None:
    """The default ones show every local variable, which costs seconds where one is a long output."""
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[structlog.processors.add_log_level, renderer])


@pytest.fixture
async def store(template: Path, tmp_path: Path) -> AsyncIterator[Store]:
    async with copied(template, tmp_path) as url:
        opened = await open_store(url)
        yield opened
        await opened.close()


@pytest.fixture
async def unruly(store: Store) -> Unruly:
    return Unruly(store)
