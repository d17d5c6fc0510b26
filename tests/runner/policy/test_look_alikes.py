"""Characters that only look like the shell's own are warned of where the shell would read them, and never refused."""

import pytest

from runner.policy import Policy

POLICY = Policy.load()
RULE = "syntax.look-alike"

SEEN = {
    "a non-breaking blank": ("ls\u00a0-la", ["\u00a0"]),
    "several in a row": ("ls \u00a0\u00a0-la", ["\u00a0\u00a0"]),
    "a figure space": ("ls\u2007-la", ["\u2007"]),
    "a narrow blank": ("ls\u202f-la", ["\u202f"]),
    "a full-width blank": ("ls\u3000-la", ["\u3000"]),
    "a zero-width blank": ("ls\u200b -la", ["\u200b"]),
    "a byte order mark": ("\ufeffls", ["\ufeff"]),
    "double quotes": ("echo “a b”", ["“", "”"]),
    "single quotes": ("echo ‘a b’", ["‘", "’"]),
    "an apostrophe": ("echo it’s", ["’"]),
    "dashes": ("ls –l —all", ["–", "—"]),
    "full-width operators": ("ls｜wc；id", ["｜", "；"]),
    "in an assignment": ("A=“x” ls", ["“", "”"]),
    "in a condition": ("if [ “$a” ]; then :; fi", ["“", "”"]),
    "in a substitution within quotes": ('echo "$(ls –l)"', ["–"]),
    "before what cannot be read": ("echo “it's", ["“"]),
}


@pytest.mark.parametrize(("command", "texts"), SEEN.values(), ids=SEEN)
def test_what_only_looks_like_the_shells_own_is_warned_of_where_it_stands(command: str, texts: list[str]) -> None:
    findings = [finding for finding in POLICY.check(command).findings if finding.rule == RULE]
    assert [finding.text for finding in findings] == texts
    for finding in findings:
        assert command[finding.start : finding.end] == finding.text
        assert (finding.severity, finding.line, finding.column) == ("warn", 1, finding.start + 1)
        assert finding.message_en != finding.message_zh


@pytest.mark.parametrize(
    "command",
    [
        "echo 'a “word” — and\u00a0more'",
        'echo "a “word” — and\u00a0more"',
        "echo $'a “word”'",
        "ls  # “all” of them —",
        "cat <<END\n“a”\u00a0—\nEND\n",
        "echo 你好，世界。",
        "echo naïve \\“",
    ],
)
def test_what_stands_in_quotes_comments_and_documents_is_text(command: str) -> None:
    assert POLICY.check(command).findings == ()


@pytest.mark.parametrize("mode", ["standard", "strict"])
def test_it_is_never_refused_for_that(mode: str) -> None:
    verdict = Policy.load(mode=mode).check("ls\u00a0–la “x”")  # type: ignore[arg-type]
    assert verdict.is_allowed
    assert {finding.rule for finding in verdict.findings} == {RULE}


def test_what_is_refused_is_refused_beside_it() -> None:
    verdict = POLICY.check("sudo\u3000x; sudo –n id")
    assert not verdict.is_allowed
    assert {finding.rule for finding in verdict.findings} == {RULE, "privilege.sudo"}


def test_lines_are_counted_and_only_the_first_ones_are_told() -> None:
    verdict = POLICY.check("ls\n" + "echo “a” ;" * 50)
    assert len(verdict.findings) == 10
    assert (verdict.findings[0].line, verdict.findings[0].column) == (2, 6)


@pytest.mark.parametrize("name", ["ld_preload", "Ld_Preload", "path", "bash_env", "ifs"])
def test_a_refused_variable_is_refused_in_any_case_and_named(name: str) -> None:
    (finding,) = POLICY.check("ls", env={name: "x"}).findings
    assert (finding.rule, finding.severity, finding.variable) == ("dynamic.environment", "deny", name)


@pytest.mark.parametrize("name", ["http_proxy", "no_proxy", "lang", "_x", "Path_2"])
def test_a_variable_in_small_letters_may_be_given(name: str) -> None:
    assert POLICY.check("ls", env={name: "x"}).findings == ()


def test_only_a_variable_of_the_environment_is_named_as_one() -> None:
    findings = POLICY.check("LD_PRELOAD=./x.so ls; env LD_PRELOAD=./x.so ls").findings
    assert {finding.rule for finding in findings} == {"dynamic.environment"}
    assert {finding.variable for finding in findings} == {None}
