"""What a check of a command costs: `python -m bench.policy`.

1. Microseconds of CPU a command, over the worked cases of the tests and over unseen ones.
2. Milliseconds of CPU for texts that are made to cost much; each is bounded by the policy's own limits.
"""

import gc
import statistics
import time
from collections.abc import Callable, Iterator

from runner.policy import Policy
from tests.support.policy_cases import HERE, read

ROUNDS = 5
LONG = 64_000

HOSTILE: dict[str, Callable[[], str]] = {
    "64 KB of words": lambda: "echo " + "word " * (LONG // 5),
    "64 KB of commands": lambda: "true;" * (LONG // 5),
    "a pipeline of 2,000 commands": lambda: "|".join(["cat"] * 2000),
    "3,000 assignments": lambda: ";".join(f"a{n % 90}=b" for n in range(3000)),
    "nested substitutions": lambda: "echo " + "$(echo " * 40 + ")" * 40,
    "nested sh -c by eval": lambda: "eval " * 400 + "ls",
    "braces that multiply": lambda: "echo " + "{a,b,c,d}" * 12,
    "variables that double": lambda: "a=xxxxxxxx;" + "a=$a$a;" * 60 + "echo $a",
    "alternatives that multiply": lambda: (
        ";".join(f"[ x ] && v{n}=a || v{n}=b" for n in range(30)) + ";echo " + "".join(f"$v{n}" for n in range(30))
    ),
    "a function that calls itself": lambda: "f() { f; g; }; g() { f; g; }; f",
    "functions that call each other twice": lambda: (
        "".join(f"f{n}() {{ f{n + 1}; f{n + 1}; }};" for n in range(30)) + "f0"
    ),
    "wildcards in a row": lambda: "x=" + "a" * 1000 + "; echo ${x%%" + "*a" * 40 + "b}",
    "unclosed parentheses": lambda: "(" * LONG,
    "here-documents": lambda: "\n".join(f"cat <<E{n}\nx\nE{n}" for n in range(800)),
    "loops in loops": lambda: "for i in a b c d; do " * 30 + "echo $i;" + "done;" * 30,
    "cases": lambda: "case $x in " + "a|b|c) ls ;; " * 1000 + "esac",
    "a long python program": lambda: "python3 -c '" + 'os.system("ls") ; x = "a" + "b"\n' * 400 + "'",
    "regular expressions of code": lambda: "perl -e '" + "while ( fork fork " * 800 + "'",
}


def main() -> None:
    policy = Policy.load()
    for name in sorted(path.name for path in HERE.glob("*.jsonl")):
        report(name, sorted(timed(policy, [case.command for case in read(name)])))
    print(f"{'hostile text':40} {'characters':>10} {'ms':>8}")
    for name, made in HOSTILE.items():
        text = made()[:65_536]
        print(f"{name:40} {len(text):10,} {min(timed(policy, [text])) * 1e3:8.1f}")


def timed(policy: Policy, commands: list[str]) -> Iterator[float]:
    """The best of some rounds for each command, in seconds."""
    for command in commands:
        gc.collect(0)
        yield min(once(policy, command) for _ in range(ROUNDS))


def once(policy: Policy, command: str) -> float:
    start = time.thread_time()
    policy.check(command)
    return time.thread_time() - start


def report(name: str, seconds: list[float]) -> None:
    micro = [value * 1e6 for value in seconds]
    p95, p99 = (micro[int(len(micro) * share)] for share in (0.95, 0.99))
    print(
        f"{name:24} {len(micro):6,} commands  mean {statistics.fmean(micro):7.1f}"
        f"  median {statistics.median(micro):7.1f}"
        f"  p95 {p95:7.1f}  p99 {p99:7.1f}  most {micro[-1]:8.1f} us"
    )


if __name__ == "__main__":
    main()
