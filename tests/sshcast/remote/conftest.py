"""One remote service for the tests of a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.remote import Remote, serving_remotely


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    folder: Path = tmp_path_factory.mktemp("remote")
    with serving_remotely(folder) as found:
        yield found
