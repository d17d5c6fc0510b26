"""Completes columns: one field's values of all objects of a list, to what the answer shows of them."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from itertools import chain, islice
from typing import Any

from graphql import GraphQLEnumType, GraphQLLeafType, Undefined

from db.columns import format_time
from db.picked import PickedRow

Column = list[Any]
NOTHING: type = type(None)
SEQUENCES = frozenset({list, tuple, NOTHING})
# Values of these are shown as they are; an Int has bounds of its own.
SHOWN_AS_THEY_ARE: dict[str, frozenset[type]] = {
    "String": frozenset({str, NOTHING}),
    "ID": frozenset({str, NOTHING}),
    "Boolean": frozenset({bool, NOTHING}),
    "Long": frozenset({int, NOTHING}),
}
INTEGERS = frozenset({int, NOTHING})
TIMES = frozenset({datetime, NOTHING})
LARGEST_INT = 2**31


class Unplanned(Exception):
    """A value that only graphql-core can complete, or an error that it has to report."""


def complete_required(values: Column) -> Column:
    """Return a completed column; raise Unplanned where a non-null value is missing."""
    if None in values:
        raise Unplanned()
    return values


def build_leaf_completer(kind: GraphQLLeafType) -> Callable[[Column], Column]:
    """Return what completes a column of an enum or a scalar: whole columns where all values are of the usual type."""
    convert = _build_converter(kind)
    if isinstance(kind, GraphQLEnumType):
        return _build_enum_completer(convert)
    shown = SHOWN_AS_THEY_ARE.get(kind.name, frozenset())

    def complete(values: Column) -> Column:
        return values if shown.issuperset(map(type, values)) else [convert(value) for value in values]

    return {"ID": _build_id_completer, "Int": _build_int_completer, "DateTime": _build_time_completer}.get(
        kind.name, _return_same
    )(complete)


def _return_same(complete: Callable[[Column], Column]) -> Callable[[Column], Column]:
    return complete


def _build_id_completer(otherwise: Callable[[Column], Column]) -> Callable[[Column], Column]:
    def complete(values: Column) -> Column:
        classes = set(map(type, values))
        if classes == {int}:
            return list(map(str, values))
        if INTEGERS.issuperset(classes):
            return [None if value is None else str(value) for value in values]
        return otherwise(values)

    return complete


def _build_int_completer(otherwise: Callable[[Column], Column]) -> Callable[[Column], Column]:
    def complete(values: Column) -> Column:
        if INTEGERS.issuperset(map(type, values)):
            known = [value for value in values if value is not None]
            if not known or (min(known) >= -LARGEST_INT and max(known) < LARGEST_INT):
                return values
        return otherwise(values)

    return complete


def _build_time_completer(otherwise: Callable[[Column], Column]) -> Callable[[Column], Column]:
    def complete(values: Column) -> Column:
        if TIMES.issuperset(map(type, values)):
            return [None if value is None else format_time(value) for value in values]
        return otherwise(values)

    return complete


def _build_enum_completer(convert: Callable[[Any], Any]) -> Callable[[Column], Column]:
    """Look names up among those that were converted before: an enum has few values."""
    names: dict[Any, Any] = {None: None}

    def complete(values: Column) -> Column:
        try:
            return [names[value] for value in values]
        except KeyError:
            names.update({value: convert(value) for value in values if value not in names})
            return [names[value] for value in values]

    return complete


def _build_converter(kind: GraphQLLeafType) -> Callable[[Any], Any]:
    coerce = kind.coerce_output_value

    def convert(value: Any) -> Any:
        if value is None:
            return None
        _check_plain(type(value))
        found = coerce(value)
        if found is None or found is Undefined:
            raise Unplanned()
        return found

    return convert


def complete_list(values: Column, complete: Callable[[Column], Column]) -> Column:
    """Complete the items of all lists as one column."""
    if not SEQUENCES.issuperset(map(type, values)):
        raise Unplanned()
    items = list(chain.from_iterable(value for value in values if value is not None))
    done = iter(complete(items) if items else ())
    return [None if value is None else list(islice(done, len(value))) for value in values]


def complete_present(values: Column, complete: Callable[[Column], Column]) -> Column:
    """Complete the objects of a column, and leave those that are null."""
    classes = set(map(type, values))
    if NOTHING not in classes:
        return complete(values)
    if len(classes) == 1:
        return values
    done = iter(complete([value for value in values if value is not None]))
    return [None if value is None else next(done) for value in values]


def require_alike(values: Column) -> type:
    """Return the class of objects. Raise Unplanned for values that are not objects themselves (errors, awaitables and
    Undefined), and for rows of chosen columns that have not all the same.
    """
    kinds = set(map(type, values))
    for kind in kinds:
        _check_plain(kind)
        if len(kinds) > 1 and issubclass(kind, PickedRow):
            raise Unplanned()
    return next(iter(kinds))


def _check_plain(kind: type) -> None:
    if issubclass(kind, Exception | Awaitable) or kind is type(Undefined):
        raise Unplanned()
