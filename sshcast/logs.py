"""The service's log: JSON lines on stderr, or coloured lines on a terminal. It never holds secrets."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO

import orjson

from runner.journal import FIELDS
from runner.log import structlog
from sshcast.peer_errors import PeerErrorFilter

Format = Literal["auto", "json", "text"]

LOUD_LIBRARIES = ("uvicorn", "uvicorn.error", "asyncssh", "alembic", "websockets", "httpx2", "httpcore2")
# C0, DEL and C1, which move a terminal's cursor or end a line; Unicode's own line ends; and what turns text around.
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# In JSON the first thirty-two are escaped already.
UNPRINTABLE_IN_JSON = re.compile(UNPRINTABLE.pattern.replace("\x00-\x1f", ""))
TRACEBACK = "exception"


def configure(*, level: int | str = logging.INFO, stream: TextIO | None = None, form: Format = "auto") -> None:
    """Send structlog's events and the libraries' records (from WARNING on) to one place in one form.

    `form` auto: text for a person at a terminal, else JSON. `level`: a number of logging, or its name in any case.
    """
    target = sys.stderr if stream is None else stream
    lowest = logging.getLevelNamesMapping()[level.upper()] if isinstance(level, str) else level
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(lowest),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.addFilter(PeerErrorFilter())
    for_a_person = target.isatty() if form == "auto" else form == "text"
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_add_journal_fields, *shared],
            processors=_build_processors(for_a_person, colours=target.isatty()),
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(lowest)
    for name in LOUD_LIBRARIES:
        logging.getLogger(name).setLevel(max(lowest, logging.WARNING))


def _build_processors(for_a_person: bool, *, colours: bool) -> list[Any]:
    first: list[Any] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
    ]
    if for_a_person:
        console = structlog.dev.ConsoleRenderer(
            colors=colours, exception_formatter=structlog.dev.plain_traceback, sort_keys=False
        )
        return [*first, _escape_values, console]
    return [*first, structlog.processors.JSONRenderer(serializer=_encode_line)]


def _add_journal_fields(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the fields of `runner.journal.write_line`, without those that are not known."""
    fields = getattr(event.get("_record"), FIELDS, {})
    event.update((name, value) for name, value in fields.items() if value is not None)
    return event


def _escape_values(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Escape what is not printed as itself, line ends too: a logged name must not look like a line of its own.

    A traceback keeps its lines.
    """
    for key, value in event.items():
        if key == TRACEBACK:
            event[key] = "\n".join(map(_escape, str(value).split("\n")))
        elif isinstance(value, str):
            event[key] = _escape(value)
    return event


def _escape(text: str) -> str:
    return UNPRINTABLE.sub(lambda found: found.group().encode("unicode_escape", "backslashreplace").decode(), text)


def _encode_line(event: Any, **_: Any) -> str:
    """Encode one event as one line of JSON, which a terminal may show as well."""
    return UNPRINTABLE_IN_JSON.sub(lambda found: f"\\u{ord(found.group()):04x}", _encode_json(event))


def _encode_json(event: Any) -> str:
    try:
        return orjson.dumps(event, default=str).decode()
    except TypeError:  # a lone surrogate, a number beyond 64 bits: rare, and by hand
        return orjson.dumps({str(key): _escape(str(value)) for key, value in event.items()}).decode()
