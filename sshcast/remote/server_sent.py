"""Reads Server-Sent Events from an answer, as far as the service sends them: an event's name and its data."""

from collections.abc import Iterator
from http.client import HTTPResponse

LONGEST_LINE = 16 * 1024 * 1024


def read_events(answer: HTTPResponse) -> Iterator[tuple[str, str]]:
    """Yield the name and data of each event that is whole. Raise ValueError for a line that is longer than any of ours.

    An event ends with an empty line, so one that is cut is not passed on.
    """
    name, data = "", []
    while line := answer.readline(LONGEST_LINE):
        if not line.endswith(b"\n"):
            _refuse_if_endless(line)
            return
        text = line.rstrip(b"\r\n").decode()
        field, _, value = text.partition(":")
        if field == "event":
            name = value.removeprefix(" ")
        elif field == "data":
            data.append(value.removeprefix(" "))
        elif not text:
            if data or name:
                yield name or "message", "\n".join(data)
            name, data = "", []


def _refuse_if_endless(line: bytes) -> None:
    if len(line) >= LONGEST_LINE:
        raise ValueError("it sends a line without an end")
