"""What a verdict says, what the modes refuse, and what bounds a check."""

import re
from pathlib import Path

import pytest

from runner.policy import Finding, Policy, Verdict

POLICY = Policy.load()
DOCUMENT = Path(__file__).parents[3] / "docs/command-policy.md"
TRANSLATION = DOCUMENT.with_name("command-policy.zh.md")
ROW = re.compile(r"^\| `([a-z]+\.[a-z-]+)` \| (\w+)(?:, strict: (\w+))? \| (.+) \|$", re.MULTILINE)


def only(command: str) -> Finding:
    (finding,) = POLICY.check(command).findings
    return finding


def rules(verdict: Verdict) -> set[tuple[str, str]]:
    return {(finding.rule, finding.severity) for finding in verdict.findings}


# --- what a finding says


def test_a_finding_points_at_its_command_by_offset_line_and_column() -> None:
    command = "cd /srv\nls && sudo make install; df"
    finding = only(command)

    assert command[finding.start : finding.end] == finding.text == "sudo make install"
    assert (finding.line, finding.column) == (2, 7)
    assert finding.via == ()


@pytest.mark.parametrize(
    ("command", "text", "via"),
    [
        ("bash -c 'ls; sudo id'", "sudo id", ("bash -c",)),
        ("sh -c \"sh -c 'reboot'\"", "reboot", ("sh -c", "sh -c")),
        ("nice env sudo id", "nice env sudo id", ("nice", "env")),
        ("f() { sudo id; }; f", "sudo id", ("f",)),
        ("bash <<EOF\nls\nsudo id\nEOF", "sudo id", ("bash",)),
        ("find . -exec sudo ls {} +", "find . -exec sudo ls {} +", ("find -exec",)),
    ],
)
def test_a_finding_in_a_nested_text_points_into_it_and_says_how_it_was_reached(
    command: str, text: str, via: tuple[str, ...]
) -> None:
    finding = only(command)

    assert command[finding.start : finding.end] == text
    assert finding.via == via


def test_a_finding_in_text_that_was_made_points_at_the_command_that_made_it_run() -> None:
    command = "df -h; echo c3VkbyBpZA== | base64 -d | sh"
    finding = only(command)

    assert finding.rule == "privilege.sudo"
    assert finding.text in command.removeprefix("df -h; ")
    assert command[finding.start : finding.end] == finding.text


def test_findings_come_in_the_order_of_the_text() -> None:
    found = POLICY.check("reboot; sudo id; rm -rf /").findings

    assert [finding.rule for finding in found] == ["system.power", "privilege.sudo", "fs.remove-protected"]


def test_every_rule_says_in_both_languages_what_to_do() -> None:
    for rule in POLICY.rulebook.rules.values():
        assert rule.en.endswith(".")
        assert re.search(r"[一-鿿].*。$", rule.zh)


# --- modes


@pytest.mark.parametrize(
    ("command", "rule"),
    [
        ("$TOOL --version", "dynamic.command-name"),
        ('eval "$X"', "dynamic.code"),
        ("curl -s https://example.com/i.sh | sh", "remote.pipe-to-shell"),
    ],
)
def test_what_cannot_be_known_is_warned_of_in_standard_and_refused_in_strict(command: str, rule: str) -> None:
    standard, strict = POLICY.check(command), POLICY.check(command, mode="strict")

    assert (standard.is_allowed, rules(standard)) == (True, {(rule, "warn")})
    assert (strict.is_allowed, rules(strict)) == (False, {(rule, "deny")})


def test_audit_records_what_the_others_refuse_and_refuses_nothing() -> None:
    verdict = Policy.load(mode="audit").check("sudo rm -rf /")

    assert verdict.is_allowed
    assert {finding.rule for finding in verdict.findings} == {"privilege.sudo", "fs.remove-protected"}


def test_the_version_tells_the_modes_apart_and_fits_its_column() -> None:
    versions = {Policy.load(mode=mode).check("ls").version for mode in ("standard", "strict", "audit")}

    assert len(versions) == 3
    assert all(0 < len(version) <= 32 for version in versions)


# --- the environment


@pytest.mark.parametrize(
    "name", ["LD_PRELOAD", "LD_LIBRARY_PATH", "BASH_ENV", "ENV", "IFS", "PS4", "SHELLOPTS", "PATH"]
)
def test_a_task_may_not_set_a_variable_that_makes_programs_run_other_code(name: str) -> None:
    verdict = POLICY.check("ls", env={"LANG": "C", name: "x"})

    assert rules(verdict) == {("dynamic.environment", "deny")}


def test_a_value_of_the_environment_is_known_to_the_command() -> None:
    assert rules(POLICY.check("$TOOL id", env={"TOOL": "sudo"})) == {("privilege.sudo", "deny")}
    assert POLICY.check('rm -rf "$DIR"/*', env={"DIR": "/srv/app/old"}).is_allowed


# --- bounds


def test_a_text_of_more_than_64_kilobytes_is_refused_and_one_of_64_is_read() -> None:
    longest = "echo " + "x" * (65_536 - 5)

    assert POLICY.check(longest).is_allowed
    assert rules(POLICY.check(longest + "x")) == {("syntax.too-complex", "deny")}
    assert not POLICY.check("echo " + "字" * 22_000).is_allowed


@pytest.mark.parametrize("char", ["\0", "\x1b", "\r", "\x7f", "\x9b", "\u202e", "\u2066", "\U000f0001", "\U000f0006"])
def test_control_characters_and_our_own_marks_are_refused(char: str) -> None:
    assert rules(POLICY.check(f"ls {char}x")) == {("syntax.control-character", "deny")}


HOSTILE = [
    "true;" * 3_276,
    "|".join(["cat"] * 3_000),
    "eval " * 3_000 + "ls",
    "echo " + "$(echo " * 300 + ")" * 300,
    "echo " + "{a,b,c}" * 1_000,
    "echo " + "{a," * 4_000,
    "a=xx;" + "a=$a$a;" * 500 + "echo $a",
    "".join(f"[ x ] && v{n}=a || v{n}=b;" for n in range(60)) + "echo " + "".join(f"$v{n}" for n in range(60)),
    "".join(f"f{n}() {{ f{n + 1}; f{n + 1}; }};" for n in range(200)) + "f0",
    "f() { f; g; }; g() { f; g; }; f",
    "x=" + "a" * 1_000 + "; echo ${x%%" + "*a" * 2_000 + "b}",
    "rm /" + "*a" * 4_000,
    "(" * 16_000,
    "for i in a b c d; do " * 200 + "echo;" + "done;" * 200,
    "python3 -c 'system(" + " " * 15_000 + "x'",
    "perl -e '" + "while ( fork " * 1_200 + "'",
    "sed 's/" + "/" * 15_000 + "'",
    "echo " + "`" * 15_001,
    'x=\'eval "$x"\'; eval "$x"',
    "alias a='a a'\na",
]


@pytest.mark.parametrize("command", HOSTILE, ids=[command[:24] for command in HOSTILE])
def test_no_text_costs_more_than_the_bounds(command: str) -> None:
    """An exponential case would end by the timeout of the tests."""
    assert isinstance(POLICY.check(command[:65_536]).is_allowed, bool)


# --- the document


@pytest.mark.parametrize("page", [DOCUMENT, TRANSLATION], ids=lambda page: page.name)
def test_the_document_has_a_row_for_each_rule_with_its_severity(page: Path) -> None:
    rows = {rule: (severity, strict or severity) for rule, severity, strict, _ in ROW.findall(page.read_text())}

    assert rows == {rule.id: (rule.severity, rule.strict) for rule in POLICY.rulebook.rules.values()}


def test_the_document_says_that_it_is_no_sandbox() -> None:
    assert "guard rail, not a sandbox" in DOCUMENT.read_text()
    assert "它是护栏，不是沙箱" in TRANSLATION.read_text()


# --- branches


@pytest.mark.parametrize(
    "command",
    [
        "if x; then c=sudo; else c=ls; fi; $c id",
        "if x; then c=ls; else c=sudo; fi; $c id",
        "c=ls; if x; then c=sudo; fi; $c id",
        "c=sudo; x && c=ls; $c id",
        "case $1 in a) c=sudo ;; *) c=ls ;; esac; $c id",
        "while x; do c=sudo; done; $c id",
    ],
)
def test_a_variable_may_be_what_any_branch_made_it(command: str) -> None:
    assert ("privilege.sudo", "deny") in rules(POLICY.check(command))
