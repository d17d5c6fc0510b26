"""The log: one line an event, whatever is in it."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from sshcast import logs


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def test_an_event_is_one_line_of_json_even_with_line_ends_and_escapes_in_it() -> None:
    stream = io.StringIO()
    logs.configure(stream=stream)
    structlog.get_logger().info("started\nfaked", name="\x1b[31mred\r")
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()
    assert json.loads(stream.getvalue())["name"] == "\x1b[31mred\r"


def test_a_person_at_a_terminal_sees_escapes_written_out() -> None:
    stream = Terminal()
    logs.configure(stream=stream)
    structlog.get_logger().info("started", name="evil\x1b]0;title\x07\x9b31m")
    assert "\\x1b]0;title\\x07\\x9b31m" in stream.getvalue()


def test_an_exception_comes_with_its_traceback_and_the_libraries_only_from_warnings_on() -> None:
    stream = io.StringIO()
    logs.configure(stream=stream)
    logging.getLogger("asyncssh").info("command: secret")
    logging.getLogger("asyncssh").warning("odd")
    try:
        raise RuntimeError("boom")
    except RuntimeError:
        structlog.get_logger().exception("failed")
    odd, failed = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert odd["event"] == "odd"
    assert "RuntimeError: boom" in failed["exception"]
