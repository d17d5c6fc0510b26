"""Random documents that are valid: any field, aliases, fragments, @skip and @include, from one seed each."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_composite_type,
)

from schema.node_ids import format_node_id
from tests.support.root_fields import SCHEMA, sample

DECLARED = "query Q($yes: Boolean!, $maybe: Boolean = false, $first: Int, $order: TaskExecutionOrder)"
NODE: Any = SCHEMA.type_map["Node"]
ORDER = "TaskExecutionOrder"
DEEP = 4


class DocumentWriter:
    """Writes one document. `ids` are ids of objects that there are, and of some that there are not."""

    def __init__(self, seed: int, ids: Sequence[int]) -> None:
        self._random = Random(seed)
        self._ids = ids
        self._fragments: list[str] = []
        self._aliases = 0

    def write(self, root: str | None = None) -> str:
        """Return a document with one or two root fields, or with this one alone."""
        assert SCHEMA.query_type is not None
        kind = SCHEMA.query_type
        below = self._selection(kind, DEEP, most=2) if root is None else self._field(kind, root, DEEP)
        # Each variable is used, so that the document is valid.
        used = "... @skip(if: $yes) { n1: __typename } ... @include(if: $maybe) { n2: __typename }"
        lists = "... @skip(if: true) { n3: executions(first: $first, orderBy: $order) { totalCount } }"
        return " ".join([f"{DECLARED} {{ {below} {used} {lists} }}", *self._fragments])

    def variables(self) -> Mapping[str, Any]:
        """Values for the variables, now and then of the wrong type or out of bounds."""
        choose = self._random.choice
        orders = [None, {"field": "ID"}, {"field": "END_TIME", "direction": "DESC"}, {"field": "NONE"}]
        found = {"yes": choose([True, True, False, False, None]), "first": choose([1, 2, 3, None, 100, 101, "x"])}
        return found | {"order": self._random.choices(orders, [9, 3, 3, 1])[0]} | choose([{}, {"maybe": True}])

    def _selection(self, kind: Any, depth: int, most: int = 5) -> str:
        if isinstance(kind, GraphQLInterfaceType | GraphQLUnionType):
            parts = [f"... on {each.name} {{ __typename }}" for each in SCHEMA.get_possible_types(kind)]
            return " ".join(["__typename", *parts])
        names = [name for name, field in kind.fields.items() if depth or not _is_composite(field)]
        chosen = self._random.choices(["__typename", *names], k=self._random.randint(1, most))
        return " ".join(self._part(kind, name, depth) for name in chosen)

    def _part(self, kind: GraphQLObjectType, name: str, depth: int) -> str:
        text = self._field(kind, name, depth)
        match self._random.randrange(10):
            case 0:
                return f"... on {kind.name}{self._condition()} {{ {text} }}"
            case 1:
                return f"...{self._condition()} {{ {text} {self._field(kind, '__typename', 0)} }}"
            case 2:
                fragment = f"F{len(self._fragments)}"
                self._fragments.append(f"fragment {fragment} on {kind.name} {{ {text} }}")
                return f"...{fragment}{self._condition()} ...{fragment}"
            case _:
                return text

    def _field(self, kind: GraphQLObjectType, name: str, depth: int) -> str:
        if name == "__typename":
            return f"{name}{self._condition()}"
        field = kind.fields[name]
        # Fields of one name have to be alike, unless each has an alias of its own.
        self._aliases += 1
        below = f" {{ {self._selection(get_named_type(field.type), depth - 1)} }}" if _is_composite(field) else ""
        alias = f"a{self._aliases}: " if field.args or self._random.randrange(6) == 0 else ""
        return f"{alias}{name}{self._arguments(field)}{self._condition()}{below}"

    def _arguments(self, field: GraphQLField) -> str:
        found = {name: sample(arg.type) for name, arg in field.args.items() if isinstance(arg.type, GraphQLNonNull)}
        found |= {name: f'"{self._random.choice(self._ids)}"' for name in found if name == "id"}
        found |= {name: f'"{self._write_node_id()}"' for name in found if name == "nodeId"}
        for name, arg in field.args.items():
            if name in ("first", "last") and "first" not in found:
                found[name] = self._random.choice(["$first", "1", "3"])
            elif name == "orderBy" and get_named_type(arg.type).name == ORDER:
                found[name] = "$order"
        return f"({', '.join(f'{name}: {value}' for name, value in found.items())})" if found else ""

    def _write_node_id(self) -> str:
        kinds = SCHEMA.get_possible_types(NODE)
        return format_node_id(self._random.choice(kinds).name, self._random.choice(self._ids))

    def _condition(self) -> str:
        if self._random.randrange(8):
            return ""
        value = self._random.choice(["$yes", "$maybe", "true", "false"])
        return f" @{self._random.choice(['skip', 'include'])}(if: {value})"


def _is_composite(field: GraphQLField) -> bool:
    return is_composite_type(get_named_type(field.type))
