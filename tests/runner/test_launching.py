"""The last look before the start: the rules as they are by then decide, and what they find is kept."""

import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from db import audit, policies
from db.models import TaskExecution
from db.store import Store
from db.values import AuditKind, Reason, State
from runner.admission import decision
from runner.admission.decision import PolicySubject
from runner.policy import Policy
from tests.support import rows as db_rows
from tests.support import runs as support_runs
from tests.support.ledger import Ledger, at, ledger
from tests.support.rig import Rig, Wanted, running
from tests.support.targets import Target

pytestmark = pytest.mark.anyio
__all__ = ["ledger"]

NO_TRUE = """
["site.no-true"]
severity = "deny"
en = "Not here."
zh = "此处不行。"
when = [{ program = "true" }]
"""


@pytest.fixture
async def rig(store: Store) -> AsyncIterator[Rig]:
    async with running(Rig(Wanted(store=store))) as found:
        yield found


async def set_policy(store: Store, **values: Any) -> int:
    usual: dict[str, Any] = {
        "server_id": None,
        "task_id": None,
        "mode": None,
        "allow": [],
        "commands": [],
        "extra": "",
        "subject": None,
    }
    made = {"created_by": await support_runs.user(store), "created_at": support_runs.now()}
    return (await store.run(policies.insert, usual | made | values)).id


def rules(row: TaskExecution) -> list[tuple[str, str]]:
    return [(finding["rule"], finding["severity"]) for finding in row.findings or ()]


async def test_a_command_that_was_forbidden_since_is_not_started_and_the_audit_tells(
    rig: Rig, store: Store, demo_target: Target
) -> None:
    server = await rig.server(demo_target)
    version = await set_policy(store, server_id=server, extra=NO_TRUE)
    row = await rig.ran(server, "true")

    assert (row.state, row.reason) == (State.FAILED, Reason.REFUSED_BY_POLICY)
    assert row.message == "site.no-true: Not here."
    assert (row.server_policy_id, rules(row)) == (version, [("site.no-true", "deny")])
    event = await store.read(audit.find_head)
    assert event is not None
    (told,) = await store.read(audit.list_after, event.id - 1, 1)
    assert (told.kind, told.object_id, told.actor) == (AuditKind.COMMAND_REFUSED, row.id, None)
    after = json.loads(told.after or "")
    assert (after["action"], after["rules"], after["asked_by"]) == ("launch", ["site.no-true"], row.created_by)


async def test_warnings_and_what_audit_lets_through_are_kept_with_the_run(
    rig: Rig, store: Store, demo_target: Target
) -> None:
    server = await rig.server(demo_target)
    warned = await rig.ran(server, "true; $NOTHING")
    version = await set_policy(store, server_id=server, mode="audit")
    recorded = await rig.ran(server, "sudo -n true || true")
    plain = await rig.ran(server, "true")

    assert (warned.server_policy_id, rules(warned)) == (None, [("dynamic.command-name", "warn")])
    assert (recorded.state, rules(recorded)) == (State.SUCCESS, [("privilege.sudo", "deny")])
    assert (recorded.server_policy_id, recorded.policy_version) == (version, f"{book()}-audit")
    assert (plain.state, plain.findings) == (State.SUCCESS, None)


def book() -> str:
    return Policy.load().rulebook.version


async def test_what_a_task_is_allowed_counts_at_its_start_only_for_what_was_allowed(
    rig: Rig, store: Store, demo_target: Target
) -> None:
    server = await rig.server(demo_target)
    task = (await store.run(partial(db_rows.task, server_id=server))).id
    subject = PolicySubject(command="su --version", env={}, server_id=server, task_id=task)
    await set_policy(store, task_id=task, allow=["privilege.*"], subject=subject.digest)

    allowed = await rig.ran(server, "su --version", task_id=task)
    changed = await rig.ran(server, "su --version ", task_id=task)
    assert (allowed.reason, rules(allowed)) == (Reason.EXIT_STATUS, [("privilege.sudo", "warn")])
    assert changed.reason == Reason.REFUSED_BY_POLICY


async def test_a_slot_is_judged_by_what_is_kept_for_its_server_and_its_run_says_so(ledger: Ledger) -> None:
    judge = decision.build_decider(Policy.load())
    fine, barred, warned = [
        await ledger.task("* * * * *", next_run=at(60), command=command) for command in ("true", "true", "$TOOL x")
    ]
    version = await set_policy(ledger.store, server_id=barred.server_id, extra=NO_TRUE)
    milder = await set_policy(ledger.store, task_id=warned.id, mode="audit")
    await ledger.fire(60, judge=judge)

    assert await ledger.outcomes(fine) == [(60, "fired")]
    (line,) = await ledger.lines(barred)
    assert (line.outcome, line.reason) == ("refused-by-policy", "site.no-true: Not here.")
    (run,) = await ledger.runs(warned)
    assert (run.policy_version, rules(run)) == (f"{book()}-standard", [("dynamic.command-name", "warn")])
    assert (run.server_policy_id, run.task_policy_id) == (None, milder)
    assert version != milder
