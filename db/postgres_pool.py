"""The checks of a pooled PostgreSQL connection before it is used: is it still there?

SQLAlchemy's own check (`pool_pre_ping`) takes three messages to the server each time. A connection that was used a
moment ago needs none: if the server closed it, the driver knows.
"""

import time
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError

IDLE_SECONDS = 2.0
"""A connection that was used no longer ago is not asked whether it is there."""


def check_connections(engine: Engine) -> None:
    """Have the engine's pool replace connections that are gone when they are taken out."""

    def note_use(connection: Any, record: Any) -> None:
        record.info["used_at"] = time.monotonic()

    def check(connection: Any, record: Any, proxy: Any) -> None:
        driver = connection.driver_connection
        if driver is None or driver.is_closed():
            raise InvalidatePoolError("the server closed the connection")
        used_at = record.info.get("used_at")
        if used_at is not None and time.monotonic() - used_at > IDLE_SECONDS:
            _ping(engine, connection)

    event.listen(engine, "checkin", note_use)
    event.listen(engine, "checkout", check)


def _ping(engine: Engine, connection: Any) -> None:
    """Ask the server for a sign of life. Raises InvalidatePoolError, for which the pool takes a new connection."""
    try:
        engine.dialect.do_ping(connection)
    except engine.dialect.loaded_dbapi.Error as error:
        if engine.dialect.is_disconnect(error, connection, None):
            raise InvalidatePoolError(str(error)) from error
        raise
