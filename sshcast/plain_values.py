"""Reads the plain values of options and arguments: text and numbers. For every other value typer brings Pydantic.

That takes longer than all else that a short command imports. What is not plain, or not valid, is left to typer, so that
what is accepted and what is said of mistakes are the same.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args, get_origin

NUMBER = re.compile(r"-?[0-9]{1,15}")


class NotPlain(Exception):
    """A value is none that is read here."""


@dataclass(frozen=True, slots=True)
class PlainReader:
    """What typer asks to read the values of one parameter. `get_other` returns typer's own reader."""

    annotation: Any
    info: Any
    get_other: Callable[[], Any]

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        try:
            return self._read_all(value, is_many=param.multiple or param.nargs == -1)
        except NotPlain:
            return self.get_other().coerce(value, param=param, ctx=ctx)

    def _read_all(self, value: Any, *, is_many: bool) -> Any:
        if value is None:
            return () if is_many else None
        if self.info.parser is not None:
            raise NotPlain
        if get_origin(self.annotation) is not list:
            return self._read(value, self.annotation)
        if not isinstance(value, list | tuple):
            raise NotPlain
        return [self._read(each, get_args(self.annotation)[0]) for each in value]

    def _read(self, value: Any, kind: Any) -> Any:
        if kind is str and isinstance(value, str) and _is_utf8(value):
            return value
        if kind is int and (type(value) is int or (isinstance(value, str) and NUMBER.fullmatch(value))):
            return self._check(int(value))
        raise NotPlain

    def _check(self, number: int) -> int:
        least, most = self.info.min, self.info.max
        if (least is not None and number < least) or (most is not None and number > most):
            raise NotPlain
        return number


def read_plainly(command: Any) -> Any:
    """Let a command, and every command of a group, read plain values here. Return it."""
    list_params = command.get_params

    def get_params(context: Any) -> Any:
        """Return the parameters, and the option --help, which the command makes when it is first asked for them."""
        return [_let_read_plainly(param) for param in list_params(context)]

    command.__dict__["get_params"] = get_params
    for each in getattr(command, "commands", {}).values():
        read_plainly(each)
    return command


def _let_read_plainly(param: Any) -> Any:
    descriptor = getattr(param, "type_descriptor", None)
    if descriptor is not None and "get_runtime_param" not in param.__dict__:
        reader = PlainReader(descriptor.annotation, descriptor.parameter_info, param.get_runtime_param)
        param.__dict__["get_runtime_param"] = lambda: reader
    return param


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
