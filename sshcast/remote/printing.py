"""Prints what commands found: tables and colours on a terminal, plain lines on a pipe, JSON with `--json`."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sshcast.notes import Notes
from sshcast.remote import tables
from sshcast.remote.api import Api
from sshcast.terminal import Sanitiser
from sshcast.words import choose

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table, or a fact of an object: its heading in both languages, and what it shows of a row.

    `style`: a colour or weight for the cell's text, by the row; as rich writes them.
    """

    english: str
    chinese: str
    read: Callable[[Row], Any]
    style: Callable[[Row], str] | None = None

    @property
    def heading(self) -> str:
        return choose(self.english, self.chinese)

    def format(self, row: Row) -> str:
        """Return the cell as one safe line of text."""
        return format_cell(self.read(row))


@dataclass(frozen=True, slots=True)
class Printer:
    """Prints answers on stdout, and notes on stderr. `as_json`: what programs read, with the names of the API."""

    as_json: bool = False
    notes: Notes = field(default_factory=Notes)

    def show_rows(self, rows: Sequence[Row], columns: Sequence[Column]) -> None:
        """Print a JSON array, a table, or one line with tabs for each row."""
        if self.as_json:
            self.show_json(rows)
        elif sys.stdout.isatty():
            tables.print_table(rows, columns)
        else:
            for row in rows:
                print("\t".join(column.format(row) for column in columns))

    def show_object(self, row: Row, facts: Sequence[Column]) -> None:
        """Print a JSON object, or one line for each fact that there is."""
        if self.as_json:
            self.show_json(row)
            return
        shown = [(fact, text) for fact in facts if (text := fact.format(row))]
        if sys.stdout.isatty():
            tables.print_facts(row, shown)
            return
        for fact, text in shown:
            print(f"{fact.heading}: {text}")

    def show_json(self, value: Any) -> None:
        json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
        print()

    def show_event(self, event: Row, line: str) -> None:
        """Print one of a stream of events at once: as JSON in one line, or as the given line."""
        print(json.dumps(event, ensure_ascii=False) if self.as_json else format_cell(line), flush=True)

    def tell_change(self, api: Api, english: str, chinese: str) -> None:
        """Say on stderr what was changed, and where."""
        self.notes.say(f"{choose(english, chinese)} [{api.place}]", "green")

    def tell(self, english: str, chinese: str, colour: str | None = "dim") -> None:
        """Say something on stderr."""
        self.notes.say(choose(english, chinese), colour)


def format_cell(value: Any) -> str:
    """Return a value as one line in which nothing controls the terminal."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return choose("yes", "是") if value else choose("no", "否")
    if isinstance(value, Iterable) and not isinstance(value, str | Mapping):
        return ", ".join(map(format_cell, value))
    text = Sanitiser(colours=False).feed(str(value).encode(errors="replace").decode(), final=True)
    return " ".join(text.split("\n"))


def format_time(text: str | None) -> str:
    """Return a moment of the API in this machine's time zone, to the second; "" for None."""
    return "" if text is None else datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def format_duration(milliseconds: int | None) -> str:
    """Return `40 ms`, `3.2 s`, `5 min 10 s` or `2 h 5 min`; "" for None."""
    if milliseconds is None:
        return ""
    seconds = milliseconds / 1000
    if seconds < 1:
        return f"{milliseconds} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
