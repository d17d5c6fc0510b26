"""Reads files, checks them against a service, and makes the plan: the way from files to steps."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sshcast.errors import CommandFailed
from sshcast.remote.api import Api
from sshcast.remote.manifest import diff, snapshot, trees
from sshcast.remote.manifest.applier import Applier
from sshcast.remote.manifest.checks import Checker, collect
from sshcast.remote.manifest.faults import Faults
from sshcast.remote.manifest.given import GivenValues
from sshcast.remote.manifest.plan import ApplyStep
from sshcast.remote.manifest.planner import ManifestPlanner, find_gone
from sshcast.remote.manifest.reader import Reader
from sshcast.remote.manifest.snapshot import Snapshot
from sshcast.words import choose


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done. `notes`: English and Chinese; `unsure`: keys that were left uncompared."""

    steps: Sequence[ApplyStep]
    notes: Sequence[tuple[str, str]]
    unsure: Sequence[str]
    found: Snapshot

    def list_lines(self) -> Iterator[diff.Line]:
        return diff.list_lines(self.steps)

    def list_rows(self) -> list[dict[str, Any]]:
        return [diff.build_row(step) for step in self.steps]

    def carry_out(self, api: Api) -> Iterator[ApplyStep]:
        return Applier(api, self.found).carry_out(self.steps)


def make_plan(
    api: Api, files: Sequence[Path], kinds: Collection[str], *, prunes: bool, updates_credentials: bool
) -> Plan:
    """Return the plan. Say everything that is wrong with the files, and raise CommandFailed, if anything is."""
    if sum(str(file) == trees.STDIN for file in files) > 1:
        raise CommandFailed(choose("only one FILE can be standard input", "只有一个 FILE 可以是标准输入"))
    sources = [trees.read_source(file) for file in files]
    faults = Faults([source.name for source in sources])
    reader = Reader(faults, kinds)
    for source in sources:
        reader.read(source)
    named = collect(reader.items, faults)
    found = snapshot.load(
        api, _list_needed(reader), with_secrets=any("secretEnv" in each.marks for each in reader.items)
    )
    gone = find_gone(reader.kinds, named, found) if prunes else set()
    checker = Checker(faults, named, found, gone)
    checker.check()
    faults.raise_any()
    planner = ManifestPlanner(checker, GivenValues(faults), updates_credentials)
    steps = planner.plan()
    faults.raise_any()
    return Plan(steps, planner.notes, sorted(set(planner.unsure)), found)


def _list_needed(reader: Reader) -> set[str]:
    """Return the kinds to read of the service: what a task is told by includes its policy, and the reverse."""
    kinds = set(reader.kinds)
    return kinds | ({"tasks"} if "policies" in kinds else set())
