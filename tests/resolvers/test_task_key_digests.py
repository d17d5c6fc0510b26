"""What an idempotency key of a task stands for: its contents, also for keys that an earlier version stored."""

from typing import Any

import pytest

from resolvers.inputs import NewParameter, NewTask, ParameterValue
from resolvers.task_keys import CreationKey, build_key

# Of the contents below, as version 0.2.0 stored it: there was neither `onOutputLimit` nor `mergeStreams`.
STORED = "41ad37301153e646cdcbf4042b2d1f5ab166550585a3186a3e8e18c1beecadb8"


def make_key(**changes: Any) -> CreationKey:
    given: dict[str, Any] = {
        "name": "a task",
        "command": "df -h",
        "server_id": 1,
        "cron_expr": "@manual",
        "idempotency_key": "key",
    }
    key = build_key(1, NewTask(**given | changes))
    assert key is not None
    return key


def test_a_key_that_an_earlier_version_stored_stands_for_the_same_contents() -> None:
    assert make_key().digest == STORED


@pytest.mark.parametrize(
    "changes",
    [
        {"on_output_limit": "truncate"},
        {"merge_streams": True},
        {"parameters": [NewParameter(name="A", type="string")]},
        {"parameter_values": [ParameterValue(name="A", value="1")]},
    ],
)
def test_other_contents_have_another_digest(changes: dict[str, Any]) -> None:
    assert make_key(**changes).digest not in (STORED, make_key(name="other").digest)


def test_the_digest_has_values_of_parameters_but_not_of_secret_ones_which_could_be_guessed_from_it() -> None:
    declared = [NewParameter(name="A", type="string"), NewParameter(name="KEY", type="secret")]

    def digest(**values: str) -> str:
        given = [ParameterValue(name=name, value=value) for name, value in values.items()]
        return make_key(parameters=declared, parameter_values=given).digest

    assert digest(A="1", KEY="one secret") == digest(A="1", KEY="another one")
    assert len({digest(A="1", KEY="a secret"), digest(A="2", KEY="a secret"), digest(A="1")}) == 3
