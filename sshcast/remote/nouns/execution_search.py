"""`sshcast execution search`: lines of outputs, as grep shows them."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from sshcast.errors import CommandFailed
from sshcast.remote.absence import build_absence
from sshcast.remote.api import Api
from sshcast.remote.nouns.execution_options import ExecutionOptions, build_filter
from sshcast.remote.printing import Printer, Row, format_cell, format_time
from sshcast.terminal import RESET, takes_colours
from sshcast.words import choose

MATCH = "number stream text isCut ranges { start end } before after startCursor endCursor"
ONE = f"""
query SearchRun(
  $id: ID!, $pattern: String!, $syntax: SearchSyntax!, $ignoreCase: Boolean!, $context: Int!, $first: Int!,
  $after: String
) {{
  execution(id: $id) {{
    id state createdAt command server {{ id name }} task {{ id name }}
    outputMatches(
      pattern: $pattern, syntax: $syntax, ignoreCase: $ignoreCase, context: $context, first: $first, after: $after
    ) {{ nodes {{ {MATCH} }} endCursor isComplete }}
  }}
}}
"""
MANY = f"""
query SearchRuns(
  $filter: TaskExecutionFilter, $pattern: String!, $syntax: SearchSyntax!, $ignoreCase: Boolean!, $context: Int!,
  $first: Int!, $after: String
) {{
  searchOutput(
    filter: $filter, pattern: $pattern, syntax: $syntax, ignoreCase: $ignoreCase, context: $context, first: $first,
    after: $after
  ) {{
    nodes {{ execution {{ id state createdAt command server {{ id name }} task {{ id name }} }} match {{ {MATCH} }} }}
    endCursor isComplete
  }}
}}
"""
LARGEST_PAGE = 100
MATCH_COLOUR = "\x1b[1;31m"
PLACE_COLOUR = "\x1b[2m"
HEADING_COLOUR = "\x1b[1m"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """How to search; `number` is how many lines to show at most."""

    execution: Annotated[str | None, typer.Option("--in", help="Only the output of the execution with this id.")] = None
    regex: Annotated[
        bool, typer.Option("--regex", "-E", help="PATTERN is a regular expression (RE2), and not the text itself.")
    ] = False
    ignore_case: Annotated[bool, typer.Option("--ignore-case", "-i", help="In upper or lower case.")] = False
    around: Annotated[
        int, typer.Option("--around", "-C", min=0, max=10, help="Show so many lines before and after each line too.")
    ] = 0
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="Show at most so many lines with a match.")] = 200


def search(api: Api, printer: Printer, pattern: str, how: SearchOptions, which: ExecutionOptions) -> int:
    """Print the lines with a match, the newest execution first; return 1 if there is none, as grep does."""
    if how.execution is not None and which != ExecutionOptions():
        raise CommandFailed(
            choose(
                "--in names one execution: give it without options that select others",
                "--in 指定一个执行：不能与选择其他执行的选项同用",
            )
        )
    variables = {
        "pattern": pattern,
        "syntax": "RE2" if how.regex else "LITERAL",
        "ignoreCase": how.ignore_case,
        "context": how.around,
    }
    if how.execution is None:
        found = _read_matches(api, MANY, variables | {"filter": build_filter(api, which)})
    else:
        found = _read_matches(api, ONE, variables | {"id": how.execution})
    return _print_matches(printer, found, how)


def _read_matches(api: Api, document: str, variables: Mapping[str, Any]) -> Iterator[Row]:
    """Yield `{execution, match}` for each line. A page may be empty and not be the last: a search takes its time."""
    after = None
    while True:
        page, nodes = _read_page(api.execute(document, {**variables, "first": LARGEST_PAGE, "after": after}), variables)
        yield from nodes
        if page["isComplete"] or page["endCursor"] == after:
            return
        after = page["endCursor"]


def _read_page(data: Mapping[str, Any], variables: Mapping[str, Any]) -> tuple[Row, Sequence[Row]]:
    if "searchOutput" in data:
        return data["searchOutput"], data["searchOutput"]["nodes"]
    execution = data["execution"]
    if execution is None:
        raise build_absence("execution", variables["id"])
    page = execution["outputMatches"]
    shown = {name: value for name, value in execution.items() if name != "outputMatches"}
    return page, [{"execution": shown, "match": match} for match in page["nodes"]]


def _print_matches(printer: Printer, found: Iterator[Row], how: SearchOptions) -> int:
    kept: list[Row] = []
    writer = MatchWriter(has_context=how.around > 0)
    for row in found:
        if len(kept) == how.number:
            printer.tell(
                f"there is more: only {how.number} lines are shown (-n)", f"还有更多：只显示 {how.number} 行（-n）"
            )
            break
        kept.append(row)
        if not printer.as_json:
            writer.write(row)
    if printer.as_json:
        printer.show_json(kept)
    return 0 if kept else 1


class MatchWriter:
    """Prints matches: under a heading for each execution on a terminal, else each line as `ID:LINE:text`."""

    def __init__(self, *, has_context: bool) -> None:
        self._has_context = has_context
        self._has_headings = sys.stdout.isatty()
        self._has_colours = takes_colours(sys.stdout)
        self._last: str | None = None

    def write(self, row: Row) -> None:
        """Print a match with its context, in the order of the output."""
        execution, match = row["execution"] or {}, row["match"]
        id, number = str(execution.get("id", "?")), match["number"]
        if self._has_headings and id != self._last:
            self._write_heading(execution)
        elif self._has_context and self._last is not None:
            print("--")
        self._last = id
        first = number - len(match["before"])
        for place, text in enumerate(match["before"], first):
            self._write_line(id, place, "-", format_cell(text))
        self._write_line(id, number, ":", self._mark(match))
        for place, text in enumerate(match["after"], number + 1):
            self._write_line(id, place, "-", format_cell(text))

    def _write_heading(self, execution: Row) -> None:
        if self._last is not None:
            print()
        names = [(execution.get(name) or {}).get("name") for name in ("server", "task")]
        parts = [execution.get("id"), execution.get("state"), *names, format_time(execution.get("createdAt"))]
        print(self._colour("  ".join(format_cell(part) for part in parts if part), HEADING_COLOUR))

    def _write_line(self, id: str, number: int, mark: str, text: str) -> None:
        place = f"{number}{mark}" if self._has_headings else f"{id}{mark}{number}{mark}"
        print(self._colour(place, PLACE_COLOUR) + text)

    def _mark(self, match: Row) -> str:
        """Return the line with its matches in colour; each part is made safe by itself."""
        text, parts, done = match["text"], [], 0
        for each in match["ranges"]:
            parts.append(format_cell(text[done : each["start"]]))
            parts.append(self._colour(format_cell(text[each["start"] : each["end"]]), MATCH_COLOUR))
            done = each["end"]
        parts.append(format_cell(text[done:]))
        return "".join(parts) + (" …" if match["isCut"] else "")

    def _colour(self, text: str, colour: str) -> str:
        return f"{colour}{text}{RESET}" if self._has_colours and text else text
