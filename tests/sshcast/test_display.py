"""What a run's output becomes: byte for byte, but for a terminal, which shows progress and obeys nothing else."""

import io
import os
import select
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from db.values import State, Stream
from resolvers.output import Chunk, End, OutputEvent
from sshcast.errors import CommandFailed, ReaderGone
from sshcast.notes import Notes
from sshcast.tail import Display, follow

AT = datetime(2026, 1, 1, tzinfo=UTC)
END = End(State.SUCCESS, "EXIT_STATUS", None, 0, None, False, AT, "o1")
NOTE = b"[SUCCESS; exit status 0] cursor o1"
EVERY_BYTE = bytes(range(256)) + b"\xe7\x95"


@contextmanager
def outputs(patch: pytest.MonkeyPatch, *terminals: str) -> Iterator[dict[str, int]]:
    """stdout and stderr as pipes, but those in `terminals` as one terminal. Their reading ends, by name."""
    ours, its = os.openpty()
    reading, writing, files = {}, {}, []
    for name in ("stdout", "stderr"):
        reading[name], writing[name] = (ours, os.dup(its)) if name in terminals else os.pipe()
        file = io.TextIOWrapper(io.FileIO(writing[name], "w"), write_through=True)
        files.append(file)
        patch.setattr(sys, name, file)
    patch.setenv("TERM", "xterm")
    patch.delenv("NO_COLOR", raising=False)
    yield reading
    for file in files:
        file.close()
    for descriptor in {ours, its, *reading.values()}:
        os.close(descriptor)


def read(descriptor: int, size: int) -> bytes:
    """So many bytes, and whatever else is there."""
    found = b""
    while len(found) < size and select.select([descriptor], [], [], 10)[0]:
        found += os.read(descriptor, 4096)
    while select.select([descriptor], [], [], 0)[0]:
        found += os.read(descriptor, 4096)
    return found


def expect(descriptor: int, expected: bytes) -> None:
    assert read(descriptor, len(expected)) == expected


def shown(display: Display, *pieces: bytes, stream: Stream = Stream.STDOUT) -> None:
    offset = 0
    for piece in pieces:
        display.show(Chunk(stream, piece, "o1", AT, offset))
        offset += len(piece)
    display.show(END)


@pytest.mark.parametrize("stream", list(Stream))
def test_into_a_pipe_every_byte_is_passed_on_and_none_added(monkeypatch: pytest.MonkeyPatch, stream: Stream) -> None:
    with outputs(monkeypatch) as reading:
        shown(Display(raw=False, notes=Notes(quiet=True)), EVERY_BYTE, b"\rx", stream=stream)
        expect(reading[stream], EVERY_BYTE + b"\rx")


@pytest.mark.parametrize(("terminal", "pipe"), [("stdout", "stderr"), ("stderr", "stdout")])
def test_what_is_a_pipe_is_decided_for_each_stream(monkeypatch: pytest.MonkeyPatch, terminal: str, pipe: str) -> None:
    with outputs(monkeypatch, terminal) as reading:
        display = Display(raw=False, notes=Notes(quiet=True))
        shown(display, b"\x1b[2Ja\0", stream=Stream(pipe))
        shown(display, b"\x1b[2Ja\0", stream=Stream(terminal))
        expect(reading[pipe], b"\x1b[2Ja\0")
        expect(reading[terminal], b"a")


def test_raw_passes_every_byte_to_a_terminal_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with outputs(monkeypatch, "stdout") as reading:
        shown(Display(raw=True, notes=Notes(quiet=True)), b"a\x1b]0;t\x07b")
        expect(reading["stdout"], b"a\x1b]0;t\x07b")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (b" 10%\r 20%\r100%\n", b" 10%\r 20%\r100%\r\n"),
        (b"reading... 1%\b\b2%\n", b"reading... 1%\b\b2%\r\n"),
        (b"\rlong line\r\x1b[Kshort\n", b"\rlong line\r\x1b[Kshort\r\n"),
        (b"up\n\x1b[1A\x1b[2K\x1b[5;5Hx\x1b7\x1b8\x1bMy\n", b"up\r\n\x1b[2Kxy\r\n"),
        (b"a\n\b\b\bb\n", b"a\r\nb\r\n"),
        (b"a\x0b\x0cb\x85\x84\n", b"ab\xef\xbf\xbd\xef\xbf\xbd\r\n"),
    ],
    ids=["curl", "git", "apt", "no line above", "no step into the line above", "no other moves"],
)
def test_a_terminal_shows_what_moves_in_its_line_and_obeys_nothing_else(
    monkeypatch: pytest.MonkeyPatch, written: bytes, expected: bytes
) -> None:
    with outputs(monkeypatch, "stdout", "stderr") as reading:
        shown(Display(raw=False, notes=Notes(quiet=True)), *(written[at : at + 1] for at in range(len(written))))
        expect(reading["stdout"], expected)


@pytest.mark.parametrize("last", [b"no end", b"50%\r", b"\x1b[8mhidden", b"x\x1b[2K"])
def test_a_note_begins_a_line_of_its_own_and_is_seen(monkeypatch: pytest.MonkeyPatch, last: bytes) -> None:
    with outputs(monkeypatch, "stdout", "stderr") as reading:
        shown(Display(raw=False, notes=Notes()), b"first\n" + last)
        end = b"\x1b[0m" if b"[8m" in last else b""
        expect(reading["stdout"], b"first\r\n" + last + end + b"\r\n\x1b[32m" + NOTE + b"\x1b[0m\r\n")


def test_after_a_whole_line_a_note_adds_no_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with outputs(monkeypatch, "stdout", "stderr") as reading:
        shown(Display(raw=False, notes=Notes()), b"a\r\nb\x08c\n")
        expect(reading["stdout"], b"a\r\r\nb\x08c\r\n\x1b[32m" + NOTE + b"\x1b[0m\r\n")


def test_into_a_pipe_a_note_is_one_plain_line_however_long(monkeypatch: pytest.MonkeyPatch) -> None:
    with outputs(monkeypatch) as reading:
        Notes().say("a long\nnote \x1b[2J" + "x" * 500, "red")
        expect(reading["stderr"], b"a long note " + b"x" * 500 + b"\n")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, b"\x1b[31mred\x1b[K\x1b[0m"),
        ({"NO_COLOR": "1"}, b"red\x1b[K"),
        ({"NO_COLOR": ""}, b"\x1b[31mred\x1b[K\x1b[0m"),
        ({"TERM": "dumb"}, b"red"),
    ],
)
def test_a_terminal_gets_the_colours_that_it_takes_and_loses_them_at_the_end(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: bytes
) -> None:
    with outputs(monkeypatch, "stdout") as reading:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        shown(Display(raw=False, notes=Notes(quiet=True)), b"\x1b[31mred\x1b[K")
        expect(reading["stdout"], expected)


def test_a_reader_who_is_gone_is_remembered_and_the_note_still_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    with outputs(monkeypatch) as reading:
        os.dup2(os.open(os.devnull, os.O_RDONLY), reading["stdout"])
        display = Display(raw=False, notes=Notes())
        shown(display, b"a", b"b")
        assert isinstance(display.lost, ReaderGone)
        expect(reading["stderr"], NOTE + b"\n")


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with outputs(monkeypatch), open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        display = Display(raw=False, notes=Notes(quiet=True))
        shown(display, b"a")
        assert isinstance(display.lost, CommandFailed)
        assert "written to stdout cannot be: No space left on device" in str(display.lost)
        os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())


async def ended(end: End) -> AsyncGenerator[OutputEvent, None]:
    yield end


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("end", "status"),
    [(END, 0), (replace(END, exit_code=7), 7), (replace(END, exit_code=None, exit_signal="KILL"), 255)],
)
async def test_who_follows_ends_with_the_commands_status_or_255(end: End, status: int) -> None:
    assert await follow(ended(end), Display(raw=False, notes=Notes(quiet=True))) == status
