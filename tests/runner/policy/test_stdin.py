"""What a command is given to read, judged where the command runs it."""

import pytest

from runner.policy import Overrides, Policy

POLICY = Policy.load()
BAD, GOOD = b"cd /srv\nrm -rf /\n", b"cd /srv\necho hi\n"
RUNS_IT = [
    *(
        "sh",
        "bash -s",
        "bash -s -- one two",
        "sh -",
        "exec bash -e",
        "env bash",
        "timeout 5 sh",
        "nohup bash -s",
        "(sh)",
    ),
    *("bash /dev/stdin", "sh /dev/fd/0", "sh /proc/self/fd/0", "bash < /dev/stdin", "</dev/stdin sh", ". /dev/stdin"),
    *("cat | sh", "cat - | bash", "cat /dev/stdin | bash", "tee log | sh", "head -n 5 | sh", "sed s/x/y/ | sh"),
    *("cat > x.sh; sh x.sh", "cat > x && chmod +x x && ./x", "bash <(cat)", 'eval "$(cat)"', "sh -c 'bash -s'"),
    *("ssh host", "ssh host sh", "ssh host 'bash -s' one", "docker exec -i box sh", "kubectl exec -i pod -- bash -s"),
    *("xargs -I{} sh -c '{}'", "parallel", "at now", "if true; then sh; fi", "sh | tee log", "sh; echo done"),
]
PASSES_IT_ON = [
    "cat > notes",
    "wc -c",
    "tar xf -",
    "sort | uniq -c",
    "grep rm",
    "psql",
    "gunzip > x",
    "head -c 1",
    "true",
]
BINARY = b"\x7fELF\0\xff\xfe" * 50
LONG = b"echo hi\n" * 9000


def rules(command: str, stdin: bytes | None) -> set[str]:
    found = POLICY.check(command, stdin=stdin, working_dir="~")
    return {finding.rule for finding in found.findings if finding.severity == "deny"}


@pytest.mark.parametrize("command", RUNS_IT)
def test_what_runs_its_input_is_judged_by_it(command: str) -> None:
    assert rules(command, BAD) == {"fs.remove-protected"}
    assert rules(command, GOOD) == set()
    assert rules(command, None) == set(), "what is not known is taken as before"


@pytest.mark.parametrize("command", PASSES_IT_ON)
@pytest.mark.parametrize("stdin", [BAD, BINARY, LONG, b""], ids=["text", "binary", "long", "empty"])
def test_what_only_reads_its_input_may_have_any(command: str, stdin: bytes) -> None:
    assert rules(command, stdin) == set()


@pytest.mark.parametrize(
    ("command", "stdin", "rule"),
    [
        ("xargs rm -rf", b"/srv/a\n/\n", "fs.remove-protected"),
        ("xargs -0 rm -rf", b"/srv/a\0/\0", "fs.remove-protected"),
        ("sh", b"r\0m -rf /\0", "fs.remove-protected"),
        ("sh", b"echo caf\xe9\nrm -rf /\n", "fs.remove-protected"),
        ("python3 -", b"import os\nos.system('rm -rf /')\n", "fs.remove-protected"),
        ("python3", b"import os\nos.system('rm -rf /')\n", "fs.remove-protected"),
        ("crontab -", b"0 4 * * * rm -rf /\n", "fs.remove-protected"),
        ("make -f -", b"all:\n\trm -rf /\n", "fs.remove-protected"),
        ("chpasswd", b"root:secret\n", "credentials.root-account"),
        ("sudo -n sh", b"id\n", "privilege.sudo"),
        ("sh", b"echo 'no end\n", "syntax.error"),
        ("base64 -d | sh", b"cm0gLXJmIC8K\n", "fs.remove-protected"),
    ],
)
def test_each_program_reads_it_in_its_own_way(command: str, stdin: bytes, rule: str) -> None:
    assert rule in rules(command, stdin)


@pytest.mark.parametrize("command", ["sh", "bash -s", "cat | sh", "ssh host sh", "python3 -", "cat > x; sh x"])
@pytest.mark.parametrize("stdin", [BINARY, LONG], ids=["binary", "long"])
def test_what_is_run_and_cannot_be_read_is_refused(command: str, stdin: bytes) -> None:
    assert rules(command, stdin) == {"dynamic.unread-input"}


def test_a_text_that_is_allowed_word_for_word_is_not_allowed_with_an_input() -> None:
    from_input = POLICY.check("sh", stdin=BAD, working_dir="~", overrides=Overrides(commands=("sh",)))
    assert not from_input.is_allowed


def test_nothing_of_the_input_is_in_a_finding() -> None:
    found = POLICY.check("sh", stdin=b"sudo swordfish\n").findings
    assert found
    assert "swordfish" not in repr(found)
