"""Whatever a document looks like, measuring it never fails, and takes no more steps than it has selections."""

from contextlib import suppress
from typing import Any

import pytest
from graphql import FieldNode, FragmentSpreadNode, InlineFragmentNode, OperationDefinitionNode, Visitor, parse, visit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schema.build import build_schema
from schema.documents import DocumentRefused, Documents, count_root_fields
from schema.errors import TooComplex
from schema.limits import Limits, Measure, Size, find_fragments
from tests.support.sampling import choose_count
from tests.support.work import calls

pytestmark = pytest.mark.sampled()

SCHEMA = build_schema()._schema
FRAGMENTS = [f"F{n}" for n in range(6)]
TYPES = [
    "Query",
    "Task",
    "Mutation",
    "TaskConnection",
    "TaskExecution",
    "Node",
    "Int",
    "Missing",
    "__Type",
    "OutputEvent",
]
FIELDS = ["me", "tasks", "nodes", "edges", "node", "id", "server", "executions", "__typename", "__schema", "types", "x"]
NUMBERS = ["1", "0", "-5", "100", "99999999999999999999999", "$n", "$m", "null", '"7"', "[1]", "{a: 1}", "1.5", "A"]
# A call or two for each look at a selection, its type, its arguments and its sum: a page with its length takes 27.
CALLS_A_STEP = 30

alias = st.sampled_from(["", "", "", "a: ", "b: "])
arguments = st.lists(
    st.tuples(st.sampled_from(["first", "last", "pageSize", "page", "odd"]), st.sampled_from(NUMBERS)), max_size=2
).map(lambda given: f"({', '.join(f'{name}: {value}' for name, value in given)})" if given else "")


def selections(below: Any) -> Any:
    """Fields with and without selections, inline fragments and spreads, of what there is and of what is not."""
    field = st.tuples(alias, st.sampled_from(FIELDS), arguments, st.just("") | below.map(braced)).map("".join)
    inline = st.tuples(st.sampled_from(["", *(f"on {name}" for name in TYPES)]), below).map(
        lambda made: f"... {made[0]} {braced(made[1])}"
    )
    spread = st.sampled_from([*FRAGMENTS, "Gone"]).map(lambda name: f"...{name}")
    return st.lists(field | inline | spread, min_size=1, max_size=4).map(" ".join)


def braced(inner: str) -> str:
    return f"{{ {inner} }}"


leaf = st.lists(st.sampled_from(FIELDS), min_size=1, max_size=3).map(" ".join)
bodies = st.recursive(leaf, selections, max_leaves=8)
documents = st.tuples(
    st.sampled_from(["query", "mutation", "subscription"]),
    selections(bodies),
    st.lists(st.tuples(st.sampled_from(TYPES), selections(bodies)), max_size=len(FRAGMENTS)),
).map(
    lambda made: " ".join(
        [
            f"{made[0]} {braced(made[1])}",
            *(
                f"fragment {name} on {kind} {braced(body)}"
                for name, (kind, body) in zip(FRAGMENTS, made[2], strict=False)
            ),
        ]
    )
)
variables = st.dictionaries(st.sampled_from(["n", "m"]), st.integers() | st.none() | st.text() | st.floats())
bounded = settings(
    max_examples=choose_count(12, 60), deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


class Selections(Visitor):
    """Counts what a document selects."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def enter(self, node: Any, *_: Any) -> None:
        self.count += isinstance(node, FieldNode | FragmentSpreadNode | InlineFragmentNode)


@bounded
@given(documents, variables)
def test_a_document_is_measured_in_steps_that_are_no_more_than_its_selections(text: str, given: dict[str, Any]) -> None:
    node, counted = parse(text), Selections()
    visit(node, counted)
    (operation,) = [item for item in node.definitions if isinstance(item, OperationDefinitionNode)]
    measure = Measure(SCHEMA, find_fragments(node), given)
    found: list[Size] = []
    worked = calls(lambda: found.append(measure.measure_operation(operation)))
    assert measure.steps <= counted.count
    assert worked <= CALLS_A_STEP * counted.count
    assert all(getattr(found[0], name) >= 0 for name in Size.__slots__)
    assert count_root_fields(operation.selection_set, find_fragments(node), {}).total() >= 0


@bounded
@given(documents)
def test_a_document_is_made_ready_or_refused_in_words_of_ours(text: str) -> None:
    ready(text)


@bounded
@given(st.text(st.sampled_from('{}()[]:!$@.|&=#,"\\ \n\ufeffab1-e+…\ud800\U0001f4a3') | st.characters(), max_size=60))
def test_any_text_is_made_ready_or_refused_in_words_of_ours(text: str) -> None:
    ready(text)


def ready(text: str) -> None:
    for hide in (False, True):
        with suppress(DocumentRefused, TooComplex):
            Documents(SCHEMA, Limits()).get(text, hide_suggestions=hide)


@settings(max_examples=choose_count(10, 30), deadline=None, database=None)
@given(st.integers(1, 60), st.integers(1, 4), st.booleans())
def test_fragments_however_they_are_chained_cost_a_look_a_spread(levels: int, times: int, closed: bool) -> None:
    last = "...F0" if closed else "__typename"
    chain = [f"fragment F{n} on Query {{ {f'...F{n + 1} ' * times}}}" for n in range(levels)]
    node = parse(" ".join(["{ ...F0 }", *chain, f"fragment F{levels} on Query {{ {last} }}"]))
    (operation,) = [item for item in node.definitions if isinstance(item, OperationDefinitionNode)]
    measure = Measure(SCHEMA, find_fragments(node), {})
    size = measure.measure_operation(operation)
    assert measure.steps == levels * times + 2
    assert size.fields == (0 if closed else times**levels)
    assert count_root_fields(operation.selection_set, find_fragments(node), {}).total() == size.fields
