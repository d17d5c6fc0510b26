"""Two other readers of shell texts: shfmt (mvdan/sh) for the tree, bash for what is a program at all."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from runner.policy.grammar.parser import parse
from runner.policy.grammar.source import Budget
from runner.policy.grammar.syntax import Simple

SHFMT = Path(sys.executable).with_name("shfmt")

Spans = list[tuple[int, int]]
"""Where command words stand: start and end, in characters."""


def bash_accepts(text: str) -> bool:
    return subprocess.run(["bash", "-n"], input=text.encode(), capture_output=True).returncode == 0


def shfmt_spans(text: str) -> Spans | None:
    """The command words as shfmt finds them; None if it refuses the text."""
    found = subprocess.run([SHFMT, "--to-json", "-ln", "bash"], input=text.encode(), capture_output=True)
    if found.returncode != 0:
        return None
    encoded = text.encode()
    return sorted(
        (len(encoded[:start].decode()), len(encoded[:end].decode())) for start, end in calls(json.loads(found.stdout))
    )


def calls(node: Any) -> Iterator[tuple[int, int]]:
    """Byte offsets of the first word of every call; declarations are nodes of their own in shfmt."""
    if isinstance(node, dict):
        if node.get("Type") == "CallExpr" and node.get("Args"):
            yield node["Args"][0]["Pos"]["Offset"], node["Args"][0]["End"]["Offset"]
        if node.get("Type") == "DeclClause":
            yield node["Variant"]["Pos"]["Offset"], node["Variant"]["End"]["Offset"]
        for value in node.values():
            yield from calls(value)
    elif isinstance(node, list):
        for value in node:
            yield from calls(value)


def our_spans(text: str) -> Spans:
    """The command words as our parser finds them. Raises SyntaxFault or TooComplex."""
    return sorted({(word.start, word.end) for word in command_words(parse(text, Budget()))})


def command_words(node: Any) -> Iterator[Any]:
    if isinstance(node, Simple) and node.words:
        yield node.words[0]
    if is_dataclass(node):
        for field in fields(node):
            yield from command_words(getattr(node, field.name))
    elif isinstance(node, tuple):
        for value in node:
            yield from command_words(value)
