"""What admins change of the rules for a server or a task: what they allow, and rules of their own."""

import pytest

from runner.policy import Overrides, Policy, RuleFault, Verdict, extend_rulebook

POLICY = Policy.load()
NO_RESTARTS = """
["site.no-restarts"]
severity = "deny"
en = "Restarts are done by the night shift."
zh = "重启由夜班负责。"
when = [{ program = "systemctl", first = 'restart' }]
"""
MORE_SUDO = """
["privilege.sudo"]
severity = "warn"
en = "x"
zh = "x"
when = [{ program = "become" }]
"""


def found(verdict: Verdict) -> set[tuple[str, str]]:
    return {(finding.rule, finding.severity) for finding in verdict.findings}


def with_rules(command: str, *extra: str) -> set[tuple[str, str]]:
    return found(POLICY.check(command, overrides=Overrides(extra=extra)))


def one(condition: str, **fields: str) -> str:
    table = {"en": '"x."', "zh": '"x。"', "when": f"[{condition}]"} | fields
    return '# ours\n["site.rule"]\n' + "\n".join(f"{name} = {value}" for name, value in table.items())


# --- what is allowed


@pytest.mark.parametrize("name", ["privilege.sudo", "privilege.*", "*.sudo", "*"])
def test_findings_of_an_allowed_rule_are_warnings_also_in_strict(name: str) -> None:
    for mode in ("standard", "strict"):
        verdict = POLICY.check("sudo id", mode=mode, overrides=Overrides(allow=(name,)))

        assert (verdict.is_allowed, found(verdict)) == (True, {("privilege.sudo", "warn")})


@pytest.mark.parametrize("name", ["privilege.group", "privilege", "fs.*", "sudo"])
def test_other_rules_stay_as_they_are(name: str) -> None:
    assert not POLICY.check("sudo id", overrides=Overrides(allow=(name,))).is_allowed


def test_a_command_is_allowed_word_for_word_at_home_without_an_environment() -> None:
    tuning = Overrides(commands=("rm -rf /var/lib/app/*",))

    assert not POLICY.check("rm -rf /var/lib/*", overrides=tuning).is_allowed
    assert POLICY.check(" rm -rf /var/lib/app/*\n", overrides=tuning).is_allowed


@pytest.mark.parametrize("given", [{"env": {"X": "/"}}, {"env": {"LD_PRELOAD": "/x"}}, {"working_dir": "/"}])
def test_what_an_operator_gives_a_command_beside_its_text_ends_its_allowance(given: dict[str, object]) -> None:
    command = 'sudo true; rm -rf "${X:-.}"/*'
    tuning = Overrides(commands=(command,))

    assert POLICY.check(command, overrides=tuning, working_dir="~").is_allowed
    assert not POLICY.check(command, overrides=tuning, **given).is_allowed  # type: ignore[arg-type]


# --- more rules


def test_an_extra_rule_refuses_what_it_says_and_nothing_else() -> None:
    verdict = POLICY.check("cd /srv && nice systemctl restart nginx", overrides=Overrides(extra=(NO_RESTARTS,)))

    assert found(verdict) == {("site.no-restarts", "deny")}
    assert verdict.findings[0].message_zh == "重启由夜班负责。"
    assert with_rules("systemctl status nginx; echo systemctl restart", NO_RESTARTS) == set()


def test_extra_rules_add_up_and_can_be_allowed() -> None:
    both = (NO_RESTARTS, MORE_SUDO)

    assert with_rules("become x; systemctl restart y", *both) == {
        ("privilege.sudo", "deny"),
        ("site.no-restarts", "deny"),
    }
    tuning = Overrides(extra=both, allow=("site.*",))
    assert found(POLICY.check("systemctl restart y", overrides=tuning)) == {("site.no-restarts", "warn")}


def test_extra_rules_never_make_a_rule_milder() -> None:
    assert with_rules("sudo id", MORE_SUDO) == {("privilege.sudo", "deny")}
    rule = extend_rulebook(POLICY.rulebook, MORE_SUDO).rules["privilege.sudo"]
    assert rule.en == POLICY.rulebook.rules["privilege.sudo"].en


def test_rules_that_this_version_cannot_read_refuse_everything_rather_than_nothing() -> None:
    assert with_rules("ls", "[broken") == {("syntax.extra-rules", "deny")}
    assert POLICY.check("ls", mode="audit", overrides=Overrides(extra=("[broken",))).is_allowed


def test_the_version_tells_tunings_apart_and_fits_its_column() -> None:
    tunings = [Overrides(), Overrides(allow=("fs.dd",)), Overrides(commands=("x",)), Overrides(extra=(NO_RESTARTS,))]
    versions = {POLICY.check("ls", overrides=tuning).version for tuning in tunings}

    assert len(versions) == 4
    assert all(len(version) <= 32 for version in versions)


@pytest.mark.parametrize(
    ("extra", "fault"),
    [
        ('["site.rule"\nen = 1', "TOML.*line 1"),
        ("site = 3", "must be a table"),
        ("[site.rule]\nen = 'x'", "rule 'site'.*must be a table with a name"),
        (one('{ program = "x" }', sever='"deny"'), r"rule 'site.rule' \(line 2\): unknown field 'sever'"),
        (one('{ program = "x" }', severity='"no"'), "'severity' and 'strict' must be"),
        (one('{ program = "x" }', en='""'), "needs 'en' and 'zh'"),
        (one(""), "needs 'when'"),
        (one("3"), "a condition must be a table"),
        (one('{ first = "x" }'), "needs 'program' or 'redirect'"),
        (one('{ program = "x", firts = "x" }'), "unknown field 'firts'"),
        (one('{ program = "x", first = 3 }'), "'first' must be a text"),
        (one('{ program = "x", first = "(" }'), "is not a pattern"),
        (one('{ program = "x", value = "u" }'), "'value' needs 'match'"),
        (one('{ program = "x", path = "nowhere" }'), "no class of paths 'nowhere'"),
        (one('{ program = "x", path = "home", at = "end" }'), "'at' must be one of"),
        (one('{ program = "x", check = "none" }'), "unknown check 'none'"),
        (one("{ program = 'x', text = '(a+)+b' }"), "none of them after a group"),
        (one("{ program = 'x', text = '(?:a|b){2,}' }"), "none of them after a group"),
        (one("{ program = 'x', text = '(a{2,4})+' }"), "none of them after a group"),
        (one("{ program = 'x', text = '.*a.*b.*c.*d.*' }"), "at most 4 of"),
        (one("{ program = 'x', text = '" + "a" * 1_001 + "' }"), "at most 1000 characters"),
        (one(", ".join(['{ program = "x" }'] * 101)), "at most 100 conditions"),
        ("#" * 16_385, "at most 16384 characters"),
    ],
)
def test_rules_that_cannot_be_read_are_refused_by_name_and_line(extra: str, fault: str) -> None:
    with pytest.raises(RuleFault, match=fault):
        extend_rulebook(POLICY.rulebook, extra)


@pytest.mark.parametrize(
    "text", ["(?:ab)+c*", "(a{2,4})?", r"a\+\*(b)+", "[*+|]{3}(x)*", "(?:ab?|c){1,3}", "(a*|b)[c-e]*"]
)
def test_patterns_that_repeat_what_matches_in_one_way_are_taken(text: str) -> None:
    extend_rulebook(POLICY.rulebook, one(f"{{ program = 'x', text = '{text}' }}"))
