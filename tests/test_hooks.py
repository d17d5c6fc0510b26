"""The hooks before a commit ask what CI asks of the sources, and need nothing that the set-up does not bring."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parent.parent
HOOKS = (ROOT / ".pre-commit-config.yaml").read_text()
ENTRIES = re.findall(r"^ +entry: (.+)$", HOOKS, re.MULTILINE)
LINTS = [entry for entry in ENTRIES if "pytest" not in entry]
LINT_SECTION = re.compile(r'^step "lint, types and layers"\n((?:\.venv/bin/.+\n)+)', re.MULTILINE)


def test_the_hooks_are_the_lint_commands_of_ci_in_their_order() -> None:
    section = LINT_SECTION.search((ROOT / ".ci" / "run").read_text())
    assert section is not None
    assert section[1].splitlines() == LINTS


def test_the_hook_with_tests_runs_some_that_ci_runs_without_a_marker() -> None:
    (entry,) = set(ENTRIES) - set(LINTS)
    texts = [(ROOT / word).read_text() for word in shlex.split(entry) if word.endswith(".py")]
    assert texts
    assert [text for text in texts if re.search("^pytestmark", text, re.MULTILINE)] == []
    assert "run.py test" in (ROOT / ".ci" / "run").read_text()


def test_every_hook_is_a_command_of_our_own_environment() -> None:
    hooks = re.findall(r"^ +- id: ", HOOKS, re.MULTILINE)
    assert len(hooks) == len(ENTRIES) == HOOKS.count("language: system")
    assert re.findall(r"repo: (\S+)", HOOKS) == ["local"]
    assert [entry for entry in ENTRIES if not entry.startswith(".venv/bin/")] == []
    assert "://" not in HOOKS
