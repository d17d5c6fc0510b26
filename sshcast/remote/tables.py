"""Draws tables and lists of facts on a terminal, with rich, which is loaded only when there is one."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

Row = Mapping[str, Any]


class Shown(Protocol):
    """A column: what `printing.Column` offers."""

    @property
    def heading(self) -> str: ...
    @property
    def style(self) -> Callable[[Row], str] | None: ...
    def format(self, row: Row) -> str: ...


def print_table(rows: Sequence[Row], columns: Sequence[Shown]) -> None:
    """Print rows with their headings; long cells are folded, so that nothing is cut off."""
    rich_table, rich_text, console = _load()
    table = rich_table.Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(rich_text.Text(column.heading), overflow="fold")
    for row in rows:
        table.add_row(*(rich_text.Text(column.format(row), _choose_style(column, row)) for column in columns))
    console.print(table)


def print_facts(row: Row, facts: Sequence[tuple[Shown, str]]) -> None:
    """Print a line for each fact: its heading, and its text."""
    rich_table, rich_text, console = _load()
    table = rich_table.Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for fact, text in facts:
        table.add_row(rich_text.Text(fact.heading), rich_text.Text(text, _choose_style(fact, row)))
    console.print(table)


def _choose_style(column: Shown, row: Row) -> str:
    return "" if column.style is None else column.style(row)


def _load() -> tuple[Any, Any, Any]:
    """Load rich: it takes longer than many a request, and pipes and programs need none of it."""
    console = importlib.import_module("rich.console").Console(highlight=False, emoji=False, markup=False)
    return importlib.import_module("rich.table"), importlib.import_module("rich.text"), console
