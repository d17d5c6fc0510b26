"""Errors that a peer caused, as libraries log them: one line at most, and never a traceback.

Anyone who can reach the port can cut a connection, speak no TLS or send broken frames; none of that is news of ours.
Other packages' errors are known by name: a command line that logs does not wait for a web server's packages.
"""

import logging
import ssl
from asyncio import IncompleteReadError

LOGGERS = ("asyncio", "uvicorn", "websockets")
CAUSES = (ConnectionError, ssl.SSLError, TimeoutError, IncompleteReadError, UnicodeDecodeError)
NAMES = {"starlette.ClientDisconnect", "starlette.WebSocketDisconnect", "websockets.WebSocketException"}


class PeerErrorFilter(logging.Filter):
    """Takes the traceback off a library's record of such an error, and lowers its level to INFO."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] not in LOGGERS or not record.exc_info:
            return True
        error = record.exc_info[1]
        if error is None or not _is_peers(error):
            return True
        record.msg, record.args = "a client's connection failed: %s", (_describe(error),)
        record.exc_info = record.exc_text = None
        record.levelno, record.levelname = logging.INFO, "INFO"
        return logging.getLogger().isEnabledFor(logging.INFO)


def _is_peers(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(map(_is_peers, error.exceptions))
    names = {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(error).__mro__}
    return isinstance(error, CAUSES) or not NAMES.isdisjoint(names)


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
