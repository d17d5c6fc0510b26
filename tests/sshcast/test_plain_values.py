"""Plain values of options are read without Pydantic, exactly as typer reads them with it."""

from enum import StrEnum
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
import typer
from typer.main import get_command

from sshcast.plain_values import read_plainly


class Colour(StrEnum):
    """A value that is not plain."""

    RED = "red"


def shout(value: Any) -> str:
    return str(value).upper()


def accept(
    word: str,
    words: list[str],
    text: str | None = None,
    number: int | None = None,
    percent: Annotated[int, typer.Option(min=0, max=100)] = 10,
    many: Annotated[list[str] | None, typer.Option()] = None,
    numbers: Annotated[list[int] | None, typer.Option()] = None,
    ratio: float = 1.0,
    colour: Colour = Colour.RED,
    path: Path | None = None,
    is_set: bool = False,
    parsed: Annotated[str, typer.Option(parser=shout)] = "x",
) -> None:
    """Has a parameter of every kind."""


def build_command(*, plainly: bool) -> Any:
    app = typer.Typer(add_completion=False)
    app.command()(accept)
    found = get_command(app)
    return read_plainly(found) if plainly else found


def read(command: Any, name: str, value: Any) -> Any:
    """What a parameter makes of a value, or what it says of it."""
    context = typer.Context(command)
    param = next(each for each in command.get_params(context) if each.name == name)
    try:
        return param.process_value(context, value)
    except typer.BadParameter as error:
        return error.format_message()


VALUES = (
    *(None, "", "x", "a b", "a\nb", "名", "\udcff", "1", "+1", "-1", "007", "1.5", " 1", "1_000", "9" * 16, "9" * 40),
    *("101", "100", "true", "red", "RED", "/tmp", True, False, 0, 5, 101, 1.0, (), ("a", "b"), ("1", "2"), ["a", 1]),
)
NAMES = ("word", "words", "text", "number", "percent", "many", "numbers", "ratio", "colour", "path", "is_set", "parsed")


@pytest.mark.parametrize("name", NAMES)
def test_every_value_is_read_and_refused_as_typer_does(name: str) -> None:
    ours, theirs = build_command(plainly=True), build_command(plainly=False)
    for value in VALUES:
        found, expected = read(ours, name, value), read(theirs, name, value)
        assert (type(found), found) == (type(expected), expected), value


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("word", "x", "x"),
        ("number", "-12", -12),
        ("percent", "100", 100),
        ("many", ("a",), ["a"]),
        ("text", None, None),
    ],
)
def test_what_is_plain_does_not_reach_typer_s_own_reader(name: str, value: Any, expected: Any) -> None:
    command = build_command(plainly=True)
    context = typer.Context(command)
    param = next(each for each in command.get_params(context) if each.name == name)
    param._runtime_param = SimpleNamespace()  # it has no `coerce`
    assert param.process_value(context, value) == expected
