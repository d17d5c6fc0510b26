"""GraphQL documents: parsed, measured and validated once for each text."""

from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    InlineFragmentNode,
    KnownDirectivesRule,
    OperationDefinitionNode,
    SelectionSetNode,
    Token,
    TokenKind,
    parse,
    specified_rules,
    validate,
)
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from schema.compiled.executor import PlanCache
from schema.errors import DocumentInvalid, TooComplex
from schema.incremental import DirectivesRule
from schema.limits import Limits, Measure, Size, check_size, clamp_page_size, find_fragments

RULES = (
    *(DirectivesRule if rule is KnownDirectivesRule else rule for rule in specified_rules),
    OneOfInputValidationRule,
)
MOST_DOCUMENTS = 512
LONGEST_KEPT = 16 * 1024
MOST_SIZES = 100
MOST_ERRORS = 10
LONGEST_TEXT = 128 * 1024
# Python refuses to make an integer of thousands of digits, and graphql-core takes that for a fault of ours.
LONGEST_NUMBER = 400


class DocumentRefused(Exception):
    """The document was not executed; the errors say why."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__(errors)
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Document:
    """A valid document that is within the limits."""

    node: DocumentNode
    operations: Mapping[str | None, "DocumentOperation"]

    def require_operation(self, name: str | None) -> "DocumentOperation":
        """Return the operation of this name; without a name, the only one."""
        if name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        if name is None:
            raise DocumentInvalid("The document has several operations: say which with operationName.")
        if name not in self.operations:
            raise DocumentInvalid(f"The document has no operation named {name[:100]}.")
        return self.operations[name]


@dataclass(frozen=True, slots=True)
class DocumentOperation:
    """An operation, how often it has each root field, its size, the variables that decide it, and its plans.

    `size` is that without variables; `sizes` are those with the page sizes that were asked for lately.
    """

    node: OperationDefinitionNode
    roots: Counter[str]
    size: Size
    page_variables: tuple[str, ...] = ()
    plans: PlanCache = field(default_factory=PlanCache)
    sizes: dict[tuple[int, ...], Size] = field(default_factory=dict)


class Documents:
    """A cache of the 512 most recently used valid documents, by their text."""

    def __init__(self, schema: GraphQLSchema, limits: Limits) -> None:
        self._schema = schema
        self._limits = limits
        self._kept: OrderedDict[str, Document] = OrderedDict()

    def get(self, text: str, *, hide_suggestions: bool) -> Document:
        """Return the document; raise DocumentRefused or TooComplex if it may not run."""
        found = self.find(text)
        return found or self.store(text, self.prepare(text, hide_suggestions=hide_suggestions))

    def find(self, text: str) -> Document | None:
        """Return the document if it was prepared before."""
        found = self._kept.get(text)
        if found is not None:
            self._kept.move_to_end(text)
        return found

    def store(self, text: str, made: Document) -> Document:
        if len(text) <= LONGEST_KEPT:
            self._kept[text] = made
            if len(self._kept) > MOST_DOCUMENTS:
                self._kept.popitem(last=False)
        return made

    def measure_size(self, document: Document, operation: DocumentOperation, variables: Mapping[str, Any]) -> Size:
        """Return the size of the operation with these variables, which is measured once for each choice of pages."""
        if not operation.page_variables:
            return operation.size
        key = tuple(clamp_page_size(variables.get(name)) for name in operation.page_variables)
        if (found := operation.sizes.get(key)) is None:
            if len(operation.sizes) >= MOST_SIZES:
                operation.sizes.clear()
            measure = Measure(self._schema, find_fragments(document.node), variables)
            found = operation.sizes[key] = measure.measure_operation(operation.node)
        return found

    def prepare(self, text: str, *, hide_suggestions: bool) -> Document:
        """Prepare the document like `get`, but without the cache, so that a thread may do it."""
        node = self._parse(text)
        fragments = find_fragments(node)
        operations = [item for item in node.definitions if isinstance(item, OperationDefinitionNode)]
        if len(operations) > self._limits.operations:
            most = self._limits.operations
            raise TooComplex(f"The document has more than {most} operations.", f"查询包含超过 {most} 个操作。")
        measured = {item.name.value if item.name else None: self._measure(item, fragments) for item in operations}
        errors = validate(self._schema, node, RULES, max_errors=MOST_ERRORS, hide_suggestions=hide_suggestions)
        if errors:
            raise DocumentRefused(errors)
        return Document(node, measured)

    def _parse(self, text: str) -> DocumentNode:
        if len(text) > LONGEST_TEXT:
            most = LONGEST_TEXT
            raise TooComplex(f"The document has more than {most} characters.", f"查询超过 {most} 个字符。")
        try:
            return _check_numbers(parse(text, max_tokens=self._limits.tokens))
        except GraphQLError as error:
            if "more than" in error.message:
                most = self._limits.tokens
                raise TooComplex(f"The document has more than {most} tokens.", f"查询超过 {most} 个词元。") from None
            if "nested too deeply" in error.message:
                raise _build_nesting_error() from None
            raise DocumentRefused([error]) from None

    def _measure(
        self, node: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
    ) -> DocumentOperation:
        measure = Measure(self._schema, fragments, {})
        try:
            size = measure.measure_operation(node)
            check_size(size, self._limits)
            roots = count_root_fields(node.selection_set, fragments, {})
        except RecursionError:
            raise _build_nesting_error() from None
        return DocumentOperation(node, roots, size, tuple(sorted(measure.page_variables)))


def _check_numbers(node: DocumentNode) -> DocumentNode:
    """Return the document; raise GraphQLSyntaxError if a number in it has too many digits."""
    assert node.loc is not None
    token: Token | None = node.loc.start_token
    while token is not None:
        if token.kind in (TokenKind.INT, TokenKind.FLOAT) and token.end - token.start > LONGEST_NUMBER:
            words = f"A number is longer than {LONGEST_NUMBER} characters."
            raise GraphQLSyntaxError(node.loc.source, token.start, words)
        token = token.next
    return node


def _build_nesting_error() -> TooComplex:
    return TooComplex("The document is nested too deeply.", "查询嵌套过深。")


def count_root_fields(
    selections: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode], known: dict[str, Counter[str]]
) -> Counter[str]:
    """Count the root fields by name. Each fragment is expanded once."""
    found: Counter[str] = Counter()
    for node in selections.selections:
        if isinstance(node, FieldNode):
            found[node.name.value] += 1
        elif isinstance(node, InlineFragmentNode):
            found += count_root_fields(node.selection_set, fragments, known)
        elif isinstance(node, FragmentSpreadNode):
            found += _count_fragment_fields(node.name.value, fragments, known)
    return found


def _count_fragment_fields(
    name: str, fragments: Mapping[str, FragmentDefinitionNode], known: dict[str, Counter[str]]
) -> Counter[str]:
    if name not in known:
        known[name] = Counter()  # a circle adds nothing; validation refuses it
        if name in fragments:
            known[name] = count_root_fields(fragments[name].selection_set, fragments, known)
    return known[name]
