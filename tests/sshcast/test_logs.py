"""The log: one line an event, whatever is in it."""

import io
import json
import logging
import ssl
from collections.abc import Iterator

import pytest
import structlog
from starlette.requests import ClientDisconnect
from websockets.exceptions import ConnectionClosedError

from runner.journal import write_line
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


HOSTILE = "line\nfaked level=error\r\t\x00\x1b]0;t\x07\x7f\x9b31m\u2028\u202etxt\u2066\ud800"


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_value_nor_event_nor_error_can_end_a_line_or_move_the_cursor(form: logs.Format) -> None:
    stream = io.StringIO()
    logs.configure(stream=stream, form=form)
    log = structlog.get_logger()
    log.info(HOSTILE, name=HOSTILE, listed=[HOSTILE], nested={"a": HOSTILE}, number=2**80)
    write_line("journal", name=HOSTILE)
    logging.getLogger("uvicorn.error").warning("odd: %s", HOSTILE)
    assert stream.getvalue().count("\n") == 3
    try:
        raise RuntimeError(HOSTILE)
    except RuntimeError:
        log.exception("failed")
    forbidden = set(HOSTILE) & {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x202E, 0x2066)}
    assert forbidden - {"\n"}
    assert not (forbidden - {"\n"}) & set(stream.getvalue())
    if form == "json":
        lines = [json.loads(line) for line in stream.getvalue().splitlines()]
        assert len(lines) == 4
        assert all({"timestamp", "level", "event"} <= line.keys() for line in lines)


def test_a_value_that_json_takes_comes_out_as_it_went_in() -> None:
    stream = io.StringIO()
    logs.configure(stream=stream, form="json")
    plain = HOSTILE.removesuffix("\ud800") + "中文"
    write_line("journal", name=plain, number=7, absent=None)
    line = json.loads(stream.getvalue())
    assert (line["name"], line["number"]) == (plain, 7)
    assert "absent" not in line
    assert "中文" in stream.getvalue()
    shown = set(stream.getvalue()) - {"\n"}
    assert not shown & {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x202E, 0x2066)}


CUT = ConnectionResetError(104, "Connection reset by peer")


@pytest.mark.parametrize(
    ("name", "error", "is_told_whole"),
    [
        ("asyncio", CUT, False),
        ("asyncio", ssl.SSLError(1, "wrong version number"), False),
        ("uvicorn.error", ClientDisconnect(), False),
        ("uvicorn.error", ExceptionGroup("many", [CUT, ClientDisconnect()]), False),
        ("uvicorn.error", ConnectionClosedError(None, None), False),
        ("websockets.server", UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), False),
        ("asyncio", RuntimeError("ours"), True),
        ("uvicorn.error", ExceptionGroup("many", [CUT, RuntimeError("ours")]), True),
        ("uvicorn.error", KeyError("ours"), True),
        ("runner.ssh", CUT, True),
    ],
)
def test_a_traceback_is_kept_for_our_errors_and_left_out_for_a_clients(
    name: str, error: Exception, is_told_whole: bool
) -> None:
    stream = io.StringIO()
    logs.configure(stream=stream, form="json")
    logging.getLogger(name).error("Exception in ASGI application\n", exc_info=error)
    (line,) = map(json.loads, stream.getvalue().splitlines())
    assert ("exception" in line) is is_told_whole
    assert line["level"] == ("error" if is_told_whole else "info")
    if not is_told_whole:
        assert line["event"].startswith("a client's connection failed: ")
