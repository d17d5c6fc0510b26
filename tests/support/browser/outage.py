"""The service dies under a visitor's page and is started again, on one port and one data folder."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.browser.visit import Visit
from tests.support.commands import wait_until_ready
from tests.support.faults.service import Mortal

REFUSED = ("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE", "WebSocket connection")


def start_again(mortal: Mortal) -> None:
    mortal.start()
    assert mortal.process is not None
    wait_until_ready(mortal.url, mortal.process)


@contextmanager
def suffering_outage(mortal: Mortal) -> Iterator[None]:
    """The service is killed, and started again after the block."""
    mortal.kill()
    yield
    start_again(mortal)


def forget_outages(visit: Visit) -> None:
    """The browser itself tells of each connection that nobody took; nothing else is forgiven."""
    visit.complaints[:] = [each for each in visit.complaints if not any(text in each for text in REFUSED)]
