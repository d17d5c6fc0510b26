"""What a released version recorded reads the same: nothing stored depends on a name in the code."""

import json
from pathlib import Path

import pytest

from tests.support.released_database import HERE, lay, read

pytestmark = pytest.mark.anyio


async def test_a_database_of_a_released_version_tells_the_same(tmp_path: Path) -> None:
    lay(tmp_path / "data")
    assert await read(tmp_path / "data") == json.loads((HERE / "0007.json").read_text())
