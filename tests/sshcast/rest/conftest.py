"""What the REST tests share: one running service for most of them."""

from collections.abc import AsyncIterator

import pytest

from tests.support.rest import Face, face_of, opened


@pytest.fixture(scope="package")
async def rest(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Face]:
    """Shared: a test tells its own objects from the others' by name."""
    folder = tmp_path_factory.mktemp("rest")
    async with opened(folder) as service, face_of(service, folder) as found:
        yield found
