"""What is dangerous is found wherever it stands, and what is harmless is allowed there."""

import base64
import shlex

import pytest

from runner.policy import Policy

POLICY = Policy.load()
DANGEROUS = [
    "sudo id",
    "su -c id",
    "rm -rf /",
    "dd if=/dev/zero of=x",
    "mkfs.ext4 /dev/sdb",
    "wipefs -a /dev/sdb",
    "shutdown -h now",
    "reboot",
    "kill -9 -1",
    "chmod u+s /bin/sh",
    "cat /etc/shadow",
    "iptables -F",
    "insmod x.ko",
    "chroot /mnt id",
    "passwd root",
    "systemctl stop sshd",
    "mv /etc /tmp",
    "usermod -aG sudo deploy",
]
HARMLESS = ["ls -l", "echo sudo", "grep reboot f", "rm -rf /tmp/x", "kill -9 4242", "man dd", "cat /etc/passwd"]
PLACES = [
    "{c}",
    "  {c}  ",
    "true; {c}",
    "true && {c}",
    "false || {c}",
    "{c} & wait",
    "true | {c}",
    "{c} | cat",
    "! {c}",
    "time {c}",
    "time -p {c}",
    "({c})",
    "( ( {c} ) )",
    "{{ {c}; }}",
    "if {c}; then :; fi",
    "if :; then {c}; fi",
    "if :; then :; else {c}; fi",
    "if :; then :; elif {c}; then :; fi",
    "while {c}; do :; done",
    "until :; do {c}; done",
    "for i in a b; do {c}; done",
    "for ((i=0;i<1;i++)); do {c}; done",
    "select i in a; do {c}; done",
    "case x in a) :;; x) {c};; esac",
    "case x in (x) {c} ;; esac",
    "f() {{ {c}; }}; f",
    "f() ( {c} ); f",
    "function f {{ {c}; }}; f",
    "f() {{ g; }}; g() {{ {c}; }}; f",
    "f() {{ {c}; }}",
    "coproc {c}",
    "coproc NAME {{ {c}; }}",
    "echo $({c})",
    'echo "$({c})"',
    "echo `{c}`",
    'x="$({c})"',
    "x=$({c}) ls",
    "export x=$({c})",
    "a=($({c}))",
    "a=([1]=$({c}))",
    "a[$({c})]=1",
    "echo ${{x:-$({c})}}",
    'echo "${{x:+$({c})}}"',
    "echo ${{x#$({c})}}",
    "echo ${{a[$({c})]}}",
    "echo $(( $({c}) + 1 ))",
    "echo $[ $({c}) ]",
    "[[ -n $({c}) ]]",
    '[ -n "$({c})" ]',
    "case $({c}) in *) :;; esac",
    "case x in $({c})) :;; esac",
    "for x in $({c}); do :; done",
    "cat <({c})",
    "tee >({c}) < x",
    "cat <<E\n$({c})\nE",
    'cat <<< "$({c})"',
    "cat <<'E'\nx\nE\n{c}",
    "cat <<-E\n\tx\n\tE\n{c}",
    "echo x # y\n{c}",
    "echo x \\\n  ; {c}",
    ">out {c}",
    "{c} >out 2>&1",
    "2>/dev/null {c}",
    "X=1 {c}",
    "X=1 Y='a b' {c}",
    "trap {q} EXIT",
    "trap -- {q} INT TERM",
    "eval {q}",
    "eval {c}",
    "eval eval {c}",
    'x={q}; eval "$x"',
    "x={q}; $x",
    'x={q}; sh -c "$x"',
    "sh -c {q}",
    "bash -c {q}",
    "bash -lc {q}",
    "bash -o errexit -c {q}",
    "/bin/sh -ec {q}",
    "sh -c 'eval \"$1\"' _ {q}",
    "sh -c '\"$@\"' _ {c}",
    "sh <<E\n{c}\nE",
    "sh <<'E'\n{c}\nE",
    "sh <<< {q}",
    "bash -s <<E\n{c}\nE",
    "echo {q} | sh",
    "printf '%s\\n' {q} | bash",
    "echo {b} | base64 -d | sh",
    "base64 -d <<< {b} | bash",
    'eval "$(echo {b} | base64 -d)"',
    "bash <(echo {b} | base64 --decode)",
    "source <(echo {q})",
    ". /dev/stdin <<< {q}",
    "echo {q} > /tmp/x; sh /tmp/x",
    "echo {q} > x; chmod +x x; ./x",
    "echo {q} | tee x; . ./x",
    "cat > x <<'E'\n{c}\nE\nbash x",
    "alias x={q}\nx",
    'f() {{ "$@"; }}; f {c}',
    "f() {{ $1; }}; f {q}",
    'set -- {c}; "$@"',
    'a=({c}); "${{a[@]}}"',
    "env {c}",
    "env -i A=1 {c}",
    "env -S {q}",
    "nice {c}",
    "nice -n 5 {c}",
    "nohup {c} &",
    "timeout -k 5 10 {c}",
    "stdbuf -oL {c}",
    "setsid -w {c}",
    "ionice -c3 {c}",
    "taskset -c 0 {c}",
    "chrt -b 0 {c}",
    "flock /tmp/l {c}",
    "flock /tmp/l -c {q}",
    "watch -n1 {q}",
    "command {c}",
    "builtin command {c}",
    "exec {c}",
    "busybox {c}",
    "busybox sh -c {q}",
    "script -qc {q} /dev/null",
    "strace -f {c}",
    "xargs {c} < x",
    "echo | xargs {c}",
    "xargs -I@ sh -c {q} < x",
    "find . -exec {c} \\;",
    "find . -exec sh -c {q} \\;",
    "parallel ::: {q}",
    "ssh host {c}",
    "ssh host {q}",
    "ssh host <<E\n{c}\nE",
    "at now <<E\n{c}\nE",
    "echo '* * * * * '{q} | crontab -",
    "python3 -c 'import os; os.system(\"{c}\")'",
    "perl -e 'system(\"{c}\")'",
    "ruby -e 'system(\"{c}\")'",
    "awk 'BEGIN {{ system(\"{c}\") }}'",
    'node -e \'require("child_process").execSync("{c}")\'',
    "nice env -i nohup timeout 5 sh -c {q}",
    'sh -c "sh -c {q}"',
    "((({c})))",
]

AS_COMMANDS = ["(( $({c}) ))"]
"""In shells without `((`, such as dash, what is printed there is run as a command."""


def placed(place: str, command: str) -> str:
    encoded = base64.b64encode(command.encode()).decode()
    return place.format(c=command, q=shlex.quote(command), b=encoded)


@pytest.mark.parametrize("place", [*PLACES, *AS_COMMANDS])
def test_a_dangerous_command_is_found_there(place: str) -> None:
    plain = {command: {finding.rule for finding in POLICY.check(command).findings} for command in DANGEROUS}
    found = {
        command: {finding.rule for finding in POLICY.check(placed(place, command)).findings} for command in DANGEROUS
    }

    assert {command: plain[command] - found[command] for command in DANGEROUS if plain[command] - found[command]} == {}


@pytest.mark.parametrize("place", PLACES)
def test_a_harmless_command_is_allowed_there(place: str) -> None:
    refused = [placed(place, command) for command in HARMLESS if not POLICY.check(placed(place, command)).is_allowed]

    assert refused == []


SPELLINGS = [
    "s\\udo id",
    "'sudo' id",
    "s'u'do id",
    's"ud"o id',
    "$'\\x73udo' id",
    "$'\\163\\165do' id",
    "$'\\u0073udo' id",
    "su''do id",
    "su\\\ndo id",
    "su${nothing}do id",
    "su$(true)do id",
    "{sudo,id}",
    "s{u,}do id",
    "a=sudo; $a id",
    "a=su b=do; $a$b id",
    "a=xsudo; ${a#x} id",
    "a=SUDO; ${a,,} id",
    "a=xsudox; ${a:1:4} id",
    "a=b; b=sudo; ${!a} id",
    "${x:-sudo} id",
    "sudo${IFS}id",
    "IFS=,; a=sudo,id; $a",
    "$(echo sudo) id",
    "`printf sudo` id",
    "$(command -v sudo) id",
    "$(rev <<< odus) id",
    "/usr/bin/sudo id",
    "/usr/bin/../bin/./sudo id",
    "./../../usr/bin/sudo id",
    "$HOME/../../bin/sudo id",
    "cd /usr/bin; ./sudo id",
]


@pytest.mark.parametrize("command", SPELLINGS)
def test_sudo_is_found_however_it_is_spelled(command: str) -> None:
    assert "privilege.sudo" in {finding.rule for finding in POLICY.check(command).findings}
