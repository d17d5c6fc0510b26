"""Faults as inputs: whatever goes wrong, a run is never started twice, never lost, never stuck, never a false success.

Plans of programs and faults are played in virtual time against the real dispatcher, drivers, output writer and SQL.
After the faults every execution must become final. A failing plan is printed, and plays the same again.
"""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.values import Mode
from tests.support.sampling import FULL, choose_count, sample
from tests.support.sim.target import Script
from tests.support.sim.world import Event, Fault, Plan, Run, World, play

CALL_FAULTS = ("before", "after", "slow")
USE_FAULTS = ("refuse", "hang", "cut before", "cut after")
FAULTS: tuple[Fault, ...] = ("cut", "refuses", "hangs", "away", "crash", "zombie", "drain", "cancel")

tenths = st.integers(0, 40).map(lambda number: number / 10)
steps = st.tuples(
    tenths,
    st.sampled_from(["stdout", "stderr"]),
    st.sampled_from([b"line\n", b"\xff\x00", b"x"]),
    st.sampled_from([0, 1, 1, 3, 20_000]),
)
scripts = st.builds(
    Script,
    steps=st.lists(steps, max_size=5).map(tuple),
    status=st.sampled_from([0, 0, 0, 1, 42]),
    stubborn=st.booleans(),
    survives_its_channel=st.booleans(),
)
runs = st.builds(
    Run,
    script=scripts,
    mode=st.sampled_from([Mode.ATTACHED, Mode.DURABLE]),
    at=tenths,
    timeout_seconds=st.sampled_from([1, 5, 60]),
    output_limit=st.sampled_from([10, 100_000, 1_000_000]),
)
events = st.builds(
    Event,
    at=st.integers(0, 200).map(lambda number: number / 10),
    kind=st.sampled_from(FAULTS),
    seconds=st.sampled_from([0.1, 1.0, 5.0, 30.0, 70.0]),
    which=st.integers(0, 7),
)
plans = st.builds(
    Plan,
    runs=st.lists(runs, min_size=1, max_size=8).map(tuple),
    events=st.lists(events, max_size=8).map(tuple),
    calls=st.dictionaries(st.integers(1, 120), st.sampled_from(CALL_FAULTS), max_size=10),
    uses=st.dictionaries(st.integers(1, 60), st.sampled_from(USE_FAULTS), max_size=8),
    slots=st.integers(1, 5),
    max_parallel=st.integers(1, 4),
)
patient = settings(deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)


@pytest.mark.sampled
@pytest.mark.timeout(600)  # finding the smallest plan that fails takes its time
@given(plan=plans)
@settings(patient, max_examples=choose_count(15, 40), derandomize=True)
def test_no_plan_of_faults_breaks_a_promise(template: Path, plan: Plan) -> None:
    assert play(plan, template) == []


@pytest.mark.faults
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(40 if FULL else 1))
@settings(patient, max_examples=500)
@given(plan=plans)
def test_no_plan_of_faults_breaks_a_promise_in_many_tries(template: Path, part: int, plan: Plan) -> None:
    """In full: 20,000 plans, in parts of 500, so that who waits sees how far it is and both processors work."""
    assert play(plan, template) == []


WRITES = Script(((0.1, "stdout", b"out", 1), (0.1, "stderr", b"x", 70_000), (0.1, "stdout", b"end", 1)), status=7)
REFERENCE = Plan(tuple(Run(WRITES, mode) for mode in (Mode.ATTACHED, Mode.DURABLE)))


def counted(template: Path) -> tuple[int, int]:
    """How often a run of the reference plan uses the database and the network."""
    worlds: list[World] = []
    assert play(REFERENCE, template, worlds) == []
    return worlds[0].calls, worlds[0].target.uses


@pytest.mark.sampled
@pytest.mark.parametrize("fault", CALL_FAULTS)
def test_the_nth_use_of_the_database_may_fail_for_every_n(template: Path, fault: str) -> None:
    calls, _ = counted(template)
    assert calls > 10
    for n in sample(range(1, calls + 1), 3):
        assert play(replace(REFERENCE, calls={n: fault}), template) == [], n


@pytest.mark.sampled
@pytest.mark.parametrize("fault", USE_FAULTS)
def test_the_nth_use_of_the_network_may_fail_for_every_n(template: Path, fault: str) -> None:
    _, uses = counted(template)
    assert uses > 5
    for n in sample(range(1, uses + 1), 3):
        assert play(replace(REFERENCE, uses={n: fault}), template) == [], n


@pytest.mark.sampled
@pytest.mark.parametrize("every", [1, 2, 3])
@pytest.mark.parametrize("fault", ["cut before", "refuse"])
def test_a_durable_run_outlives_a_network_that_fails_again_and_again(template: Path, fault: str, every: int) -> None:
    """Also where new connections give no channel, and at its end, when the record has come before the last bytes."""
    plan = Plan((Run(WRITES, Mode.DURABLE),))
    for first in sample(range(6, 18, 2), 3):
        uses = {first + every * n: fault for n in range(6)}
        assert play(replace(plan, uses=uses), template) == [], first


@pytest.mark.sampled
@pytest.mark.parametrize("kind", ["crash", "zombie", "drain", "cut"])
def test_any_moment_may_be_the_one_at_which_it_happens(template: Path, kind: Fault) -> None:
    for tenths in sample(range(8), 3):
        event = Event(tenths / 20, kind, seconds=15.0)
        assert play(replace(REFERENCE, events=(event,)), template) == [], event


@pytest.mark.sampled
@pytest.mark.parametrize("kind", ["crash", "zombie", "drain"])
def test_what_is_under_way_at_the_database_may_outlast_who_asked_for_it(template: Path, kind: Fault) -> None:
    late = tuple(Run(WRITES, at=at / 10) for at in range(15, 30))
    for n in sample(range(1, 10), 4):
        plan = Plan(late, calls={n: "slow"}, events=(Event(1.0, kind, seconds=0.1),), max_parallel=1)
        assert play(plan, template) == [], n


@pytest.mark.sampled
@pytest.mark.parametrize("mode", [Mode.ATTACHED, Mode.DURABLE])
@pytest.mark.parametrize("kind", ["cut", "refuses", "hangs", "away", "crash", "zombie"])
def test_a_cancel_is_heard_whatever_happens_around_it(template: Path, mode: Mode, kind: Fault) -> None:
    endless = Run(Script(((10**7, "stdout", b"never", 1),), stubborn=True), mode, timeout_seconds=10**7)
    for at in sample((0.0, 0.9, 1.0, 1.1, 3.0), 2):
        plan = Plan((endless,), (Event(1.0, "cancel"), Event(at, kind, seconds=5.0)))
        assert play(plan, template) == [], at


def test_a_run_that_is_sent_on_a_second_try_counts_as_begun_from_then_on(template: Path) -> None:
    """When its note is made, the connection is gone; it is sent on the next, which goes before it tells who it is."""
    run = Run(Script(((200.0, "stdout", b"late", 1),), status=7), Mode.DURABLE, timeout_seconds=600)
    for at in (2.14, 2.16, 2.18):
        worlds: list[World] = []
        away = (Event(1.5, "refuses", seconds=0.6), Event(at, "refuses", seconds=100.0))
        assert play(Plan((run,), away, calls={6: "slow"}), template, worlds) == [], at
        assert [final[1:] for final in worlds[0].finals.values()] == [["EXIT_STATUS", 7]], at


@pytest.mark.parametrize("kind", ["refuses", "hangs"])
def test_a_target_away_for_too_long_leaves_the_end_of_a_durable_run_unknown(template: Path, kind: Fault) -> None:
    worlds: list[World] = []
    run = Run(Script(((100.0, "stdout", b"late", 1),)), Mode.DURABLE, timeout_seconds=200)
    broken = play(Plan((run,), (Event(1.0, "cut"), Event(1.0, kind, seconds=1000.0))), template, worlds)
    assert [fault.partition(":")[0] for fault in broken] == ["run 0"]
    assert "DURABLE FAILED LOST" in broken[0].upper()
    assert "could not be reached again" in broken[0]


def test_a_plan_plays_the_same_twice(template: Path) -> None:
    plan = replace(REFERENCE, events=(Event(0.15, "crash"), Event(3.0, "cut")), calls={9: "after"}, uses={4: "hang"})
    first: list[World] = []
    second: list[World] = []
    play(plan, template, first)
    play(plan, template, second)
    assert first[0].history == second[0].history
    assert len(first[0].history) > 5


def test_a_runner_may_be_killed_or_stopped_while_it_starts(template: Path) -> None:
    """While the database is away it asks again and again; whoever is gone by then starts nothing."""
    run = Run(Script(((1.0, "stdout", b"x", 1),)))
    for kind in ("crash", "drain"):
        events = (Event(0.5, "crash", seconds=0.1), Event(0.65, "away", seconds=3.0), Event(1.2, kind, seconds=1.0))
        calls = dict.fromkeys(range(2, 40), "before")
        assert play(Plan((run,), events, calls), template) == [], kind
