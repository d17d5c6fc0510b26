"""Shows what the command policy found in a command: each finding with its place, marked with ^~~~ on a terminal."""

import sys
import unicodedata
from collections.abc import Sequence

from sshcast.remote.printing import Row, format_cell
from sshcast.terminal import RESET, takes_colours

COLOURS = {"DENY": "\x1b[1;31m", "WARN": "\x1b[1;33m"}
LONGEST_LINE = 160
WIDE = ("W", "F")


def print_findings(command: str, findings: Sequence[Row]) -> None:
    """Print each finding in the order of the text: as `LINE:COLUMN: deny: RULE: message` on a pipe."""
    has_marks, has_colours = sys.stdout.isatty(), takes_colours(sys.stdout)
    for each in findings:
        severity = each["severity"]
        via = f" (through {format_cell(each['via'])})" if each["via"] else ""
        rule = f"{severity.lower()}: {each['rule']}"
        if has_colours:
            rule = f"{COLOURS[severity]}{rule}{RESET}"
        print(f"{each['line']}:{each['column']}: {rule}: {format_cell(each['message'])}{via}")
        if has_marks:
            for line in mark_finding(command, each):
                print(f"    {line}")


def mark_finding(command: str, finding: Row) -> tuple[str, ...]:
    """Return the line of the command in which the finding begins, and a line that marks its place.

    Nothing if the finding is not about a part of the text, as one about a variable.
    """
    start, end = finding["start"], finding["end"]
    if not 0 <= start < end <= len(command):
        return ()
    begin = command.rfind("\n", 0, start) + 1
    stop = command.find("\n", start)
    line = command[begin : stop if stop >= 0 else len(command)]
    first, last = start - begin, max(start - begin + 1, min(end - begin, len(line)))
    if len(line) > LONGEST_LINE:
        cut = max(0, first - LONGEST_LINE // 4)
        line, first, last = line[cut : cut + LONGEST_LINE], first - cut, min(last - cut, LONGEST_LINE)
    line = "".join(map(_show, line))
    blank, marked = (sum(map(_measure, part)) for part in (line[:first], line[first:last]))
    return line, " " * blank + "^" + "~" * max(0, marked - 1)


def _show(character: str) -> str:
    """Return what stands for a character on a terminal: itself, or one of the same place if it would do something."""
    if character == "\t":
        return " "
    return character if character.isprintable() and format_cell(character) == character else "\N{REPLACEMENT CHARACTER}"


def _measure(character: str) -> int:
    """Return how many columns a character takes."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in WIDE else 1
