"""What options take, against the API's schema."""

from pathlib import Path

import graphql
import pytest

from sshcast.errors import CommandFailed
from sshcast.remote import enums, names
from sshcast.remote.api import MAY_BE_NULL, GraphQLAnswer
from sshcast.remote.nouns.execution_options import ExecutionOptions
from tests.support.commands import ROOT

TEXT = (ROOT / "schema" / "schema.graphql").read_text()
SCHEMA = graphql.build_schema(TEXT)
NOUNS = sorted((ROOT / "sshcast" / "remote" / "nouns").glob("*.py"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ExecutionState", enums.STATES),
        ("ExecutionTrigger", enums.TRIGGERS),
        ("ExecutionReason", enums.REASONS),
        ("SlotOutcome", enums.OUTCOMES),
        ("ScheduleOverlap", enums.OVERLAPS),
        ("ScheduleMissed", enums.MISSED),
        ("ScheduleDst", enums.DST),
        ("RunMode", enums.RUN_MODES),
        ("ScheduleMode", enums.SCHEDULE_MODES),
        ("OnOutputLimit", enums.ON_OUTPUT_LIMIT),
        ("OnRefused", enums.ON_REFUSED),
        ("ParameterType", enums.PARAMETER_TYPES),
        ("PolicyMode", enums.POLICY_MODES),
    ],
)
def test_options_take_every_word_of_the_api_and_no_other(name: str, words: tuple[str, ...]) -> None:
    kind = SCHEMA.get_type(name)
    assert isinstance(kind, graphql.GraphQLEnumType)
    assert sorted(words) == sorted(kind.values)


def test_every_condition_of_executions_but_a_few_has_an_option() -> None:
    kind = SCHEMA.get_type("TaskExecutionFilter")
    assert isinstance(kind, graphql.GraphQLInputObjectType)
    without = {"tagsAny", "tagsNone", "hasFindings", "exitCodes", "exitCodeNonZero", "durationMsFrom", "durationMsTo"}
    without |= {"startTimeFrom", "startTimeTo", "endTimeFrom", "endTimeTo"}
    assert len(kind.fields.keys() - without) == len(ExecutionOptions.__dataclass_fields__)


def test_a_service_without_the_filter_by_name_is_said_to_be_of_another_version() -> None:
    begin = TEXT.index("input ServerFilter {")
    line = TEXT.index("  name: String = null\n", begin)
    old = graphql.build_schema(TEXT[:line] + "  other: String = null\n" + TEXT[line:].partition("\n")[2])
    (error,) = graphql.validate(old, graphql.parse(names.SERVERS))
    with pytest.raises(CommandFailed, match="https://old is of another version than this command line"):
        GraphQLAnswer({"errors": [error.formatted]}).read("https://old")


@pytest.mark.parametrize("path", NOUNS, ids=lambda path: path.stem)
def test_every_document_of_a_noun_is_valid(path: Path) -> None:
    module = __import__(f"sshcast.remote.nouns.{path.stem}", fromlist=["x"])
    for name, value in vars(module).items():
        if name.isupper() and isinstance(value, str) and value.lstrip().startswith(("query", "mutation", "subscr")):
            assert graphql.validate(SCHEMA, graphql.parse(value)) == [], name


def test_only_the_queries_of_one_object_may_answer_null() -> None:
    query = SCHEMA.query_type
    assert query is not None
    nullable = {name for name, field in query.fields.items() if not isinstance(field.type, graphql.GraphQLNonNull)}
    assert nullable == MAY_BE_NULL
    assert GraphQLAnswer({"data": {"server": None}}).read("https://it") == {"server": None}
    with pytest.raises(CommandFailed, match="not GraphQL's"):
        GraphQLAnswer({"data": {"servers": None}}).read("https://it")
