"""How much a document may ask for, and that finding out costs little, whatever it would expand to."""

from typing import Any

import pytest
from graphql import OperationDefinitionNode, get_introspection_query, parse

from resolvers.errors import ServiceError
from schema.build import build_schema
from schema.documents import MOST_DOCUMENTS, Document, DocumentRefused, Documents
from schema.errors import TooComplex
from schema.limits import Limits, Measure, Size, check_size, find_fragments

SCHEMA = build_schema()._schema
PAGE = "edges { cursor node { id } } pageInfo { hasNextPage }"


def documents(**limits: int) -> Documents:
    return Documents(SCHEMA, Limits(**limits))


def prepared(text: str, **limits: int) -> Document:
    return documents(**limits).get(text, hide_suggestions=False)


def measured(text: str, variables: dict[str, Any] | None = None) -> tuple[Size, int]:
    """The first operation's size, and the steps that measuring it took."""
    node = parse(text)
    measure = Measure(SCHEMA, find_fragments(node), variables or {})
    operation = next(item for item in node.definitions if isinstance(item, OperationDefinitionNode))
    return measure.measure_operation(operation), measure.steps


def doubled(levels: int, condition: str = "Query") -> str:
    """Fragments that each spread the next one twice: 2 ** levels fields."""
    spreads = [f"fragment F{n} on {condition} {{ ...F{n + 1} ...F{n + 1} }}" for n in range(levels)]
    return " ".join(["{ ...F0 }", *spreads, f"fragment F{levels} on {condition} {{ __typename }}"])


@pytest.mark.parametrize("levels", [10, 20, 40])
def test_doubled_fragments_cost_one_look_a_spread(levels: int) -> None:
    size, steps = measured(doubled(levels))
    assert size.fields == 2**levels
    assert steps == 2 * levels + 2


def test_doubled_fragments_are_refused_before_they_are_validated() -> None:
    with pytest.raises(TooComplex, match="fields over 1000000000"):
        prepared(doubled(40))


def test_a_fragment_that_spreads_itself_is_refused_by_validation() -> None:
    with pytest.raises(DocumentRefused, match="within itself"):
        prepared("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A __typename }")


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        ("depth", "{ tasks { nodes { server { tasks { nodes { server { tasks { nodes { id } } } } } } } } }"),
        ("aliases", "{ " + " ".join(f"a{n}: __typename" for n in range(16)) + " }"),
        ("aliases", "{ __schema { " + " ".join(f"a{n}: types {{ name }}" for n in range(4)) + " } }"),
        ("fields", "{ " + "__typename " * 201 + "}"),
        ("objects", "{ tasks(first: 100) { nodes { executions(first: 100) { nodes { id } } } } }"),
        ("operations", " ".join(f"query Q{n} {{ __typename }}" for n in range(11))),
        ("tokens", "{ me(" + ", ".join(f"a{n}: 1" for n in range(400)) + ") { id } }"),
        ("nested", "{ me " * 249 + "}" * 249),
    ],
)
def test_what_is_over_a_limit_is_refused_by_its_name(limit: str, text: str) -> None:
    with pytest.raises(TooComplex, match=limit):
        prepared(text)


@pytest.mark.parametrize(
    "text",
    [
        "{ tasks(first: 100) { edges { node { id server { name } createdBy { name } latestExecution { state } } } } }",
        "{ tasks { nodes { executions(first: 5) { nodes { server { createdBy { name } } } } } } }",
        "{ " + " ".join(f"a{n}: __typename" for n in range(15)) + " }",
        get_introspection_query(descriptions=True, input_value_deprecation=True),
    ],
    ids=["a full page with its objects", "depth 8", "15 aliases", "the tools' introspection"],
)
def test_what_clients_do_is_within_the_limits(text: str) -> None:
    prepared(text)


def test_page_sizes_multiply() -> None:
    assert measured(f"{{ tasks(first: 7) {{ {PAGE} }} }}")[0].objects == 7 * (1 + 3)
    assert measured(f"{{ tasks(last: 7) {{ {PAGE} }} }}")[0].objects == 7 * (1 + 3)
    assert measured(f"{{ tasks(page: 2, pageSize: 7) {{ {PAGE} }} }}")[0].objects == 7 * (1 + 3)
    nested = "{ tasks(first: 7) { nodes { executions(first: 3) { nodes { id } } } } }"
    assert measured(nested)[0].objects == 7 * (1 + 1 + 3 * (1 + 1))


def test_a_page_of_unknown_size_counts_as_a_usual_one() -> None:
    usual = measured(f"{{ tasks(first: 20) {{ {PAGE} }} }}")[0]
    assert measured(f"{{ tasks {{ {PAGE} }} }}")[0] == usual
    assert measured(f"query($n: Int) {{ tasks(first: $n) {{ {PAGE} }} }}")[0] == usual


def test_a_page_size_in_a_variable_counts_as_what_it_is() -> None:
    text = f"query($n: Int) {{ tasks(first: $n) {{ {PAGE} }} }}"
    assert measured(text, {"n": 50})[0].objects == 50 * (1 + 3)
    assert prepared(text).require_operation(None).page_variables == ("n",)
    assert not prepared(f"{{ tasks(first: 5) {{ {PAGE} }} }}").require_operation(None).page_variables


def test_every_limit_is_checked() -> None:
    for name in Size.__slots__:
        check_size(Size(**{name: getattr(Limits(), name)}), Limits())
        with pytest.raises(TooComplex):
            check_size(Size(**{name: getattr(Limits(), name) + 1}), Limits())


def test_introspection_is_counted_apart() -> None:
    size = measured("{ __schema { types { name fields { name } } } me { id } }")[0]
    assert (size.depth, size.fields) == (2, 2)
    assert (size.introspection_depth, size.introspection_fields) == (4, 5)


def test_introspection_in_a_circle_is_refused() -> None:
    text = "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }"
    with pytest.raises(DocumentRefused, match="introspection depth"):
        prepared(text)


def test_a_valid_document_is_prepared_once() -> None:
    kept = documents()
    text = "{ me { id } }"
    assert kept.get(text, hide_suggestions=False) is kept.get(text, hide_suggestions=True)


def test_the_documents_that_are_kept_are_bounded_and_the_oldest_goes_first() -> None:
    kept = documents()
    first, second = (kept.get(f"query {name} {{ __typename }}", hide_suggestions=False) for name in ("A", "B"))
    for number in range(MOST_DOCUMENTS - 2):
        kept.get(f"query Q{number} {{ __typename }}", hide_suggestions=False)
    assert kept.get("query A { __typename }", hide_suggestions=False) is first
    kept.get("query One { __typename }", hide_suggestions=False)
    assert kept.get("query A { __typename }", hide_suggestions=False) is first
    assert kept.get("query B { __typename }", hide_suggestions=False) is not second


def test_a_document_that_is_not_valid_is_not_kept() -> None:
    kept = documents()
    for hide, found in ((False, "Did you mean"), (True, "")):
        with pytest.raises(DocumentRefused) as refusal:
            kept.get("{ me { nme } }", hide_suggestions=hide)
        message = refusal.value.errors[0].message
        assert found in message
        assert ("Did you mean" in message) is not hide


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        ("query A { __typename } query B { __typename }", None, "several operations"),
        ("query A { __typename }", "C", "no operation named C"),
        ("query A { ...F } fragment F on Query { __typename }", "F", "no operation named F"),
    ],
)
def test_which_operation_is_meant_must_be_clear(text: str, name: str | None, words: str) -> None:
    with pytest.raises(ServiceError, match=words):
        prepared(text).require_operation(name)
