"""Secrets as real programs print them: whatever quotes, escapes or encodes one, none of it is left to read."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from db.store import open_store
from runner.output.encodings import FAMILIES
from runner.output.masking import Masker
from runner.output.matcher import SecretMatcher
from runner.secrets.secret import Secret
from tests.support.postgres import Postgres

SECURITY = Path(__file__).parents[2] / "docs" / "security.md"
SECRETS = (
    "pa55 w'rd",
    'tab\tand"quote',
    "dollar$tick`back\\slash",
    "café-ünï-中文-💥!",
    "#hash~tilde=~x:~y",
    "e\x1bsc\x01ape\x7fdel",
    "two''quotes'''three'",
    "'begun with one",
    '<tag>&amp;"x"/y',
    "100%/+?&=;@[]{}|^*",
    "nel\u0085sep\u2028zw\u200bnb\xa0x",
    "bell\x07bs\x08vt\x0bff\x0cend!",
    "curly’quote‘s",
    "carriage\rreturn and\nsecond line",
    "(paren),comma!bang\\'both\"",
    "~tilde/path=value",
)
LETTERS = re.compile(r"\w")
STRAIGHT = tuple("Q" * 8 for _ in SECRETS)
LOCALES = ("C", "C.UTF-8")


@dataclass(frozen=True)
class Program:
    """A program that prints each of its arguments in its own way. `is_usual`: asked in every run of the tests."""

    name: str
    command: Sequence[str]
    is_usual: bool = False

    def printed(self, arguments: Sequence[str], locale: str) -> bytes:
        environment = {"PATH": os.environ["PATH"], "LC_ALL": locale, "PS4": "+", "PYTHONIOENCODING": "utf-8"}
        command: list[str | bytes] = [*self.command, *map(os.fsencode, arguments)]
        done = subprocess.run(command, env=environment, capture_output=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr


def shell(name: str, *how: str, each: str, trace: bool = False) -> Program:
    script = f"{'set -x; ' if trace else ''}for a; do {each}; done"
    called = f"{name} {each}{' traced' if trace else ''}"
    return Program(called, [name, *how, "-c", script, "_"], is_usual=name == "bash")


def python(expression: str) -> Program:
    script = f"import sys, json, html, shlex, re, urllib.parse as u\nfor a in sys.argv[1:]: print({expression})"
    return Program(f"python {expression}", [sys.executable, "-X", "utf8", "-c", script])


def node(expression: str) -> Program:
    script = f"for (const a of process.argv.slice(1)) console.log({expression})"
    return Program(f"node {expression}", ["node", "-e", script, "--"])


def jq(filter: str) -> Program:
    return Program(f"jq {filter}", ["jq", "-nr", f"$ARGS.positional[] | {filter}", "--args", "--"])


PROGRAMS = (
    *(shell(name, each=': "$a"', trace=True) for name in ("bash", "dash", "ksh", "mksh")),
    *(shell(name, each='v="$a"', trace=True) for name in ("bash", "dash", "ksh", "mksh")),
    *(shell("zsh", "-f", each=each, trace=True) for each in (': "$a"', 'v="$a"')),
    shell("busybox", "sh", each=': "$a"', trace=True),
    *(
        shell("bash", each=each)
        for each in ('printf "%q\\n" "$a"', 'echo "${a@Q}"', "declare -p a", "set | grep -a ^a=")
    ),
    *(shell("ksh", each=each) for each in ('printf "%q\\n" "$a"', "set | grep -a ^a=")),
    *(shell("mksh", each=each) for each in ('print -r -- "${a@Q}"',)),
    *(shell("zsh", "-f", each=f"print -r -- ${{({flag})a}}") for flag in ("q", "qq", "qqq", "qqqq", "q+")),
    *(shell("dash", each=each) for each in ('/usr/bin/printf "%q\\n" "$a"',)),
    *map(
        python, ("repr(a)", "ascii(a)", "a.encode()", "shlex.quote(a)", "html.escape(a)", "u.quote(a)", "re.escape(a)")
    ),
    *map(
        python,
        ("u.quote_plus(a)", "json.dumps(a)", "json.dumps(a, ensure_ascii=False)", "repr([a])", "a.encode().hex()"),
    ),
    *map(
        python,
        ("json.dumps(json.dumps(a))", "json.dumps({'x': json.dumps({'y': json.dumps([a])})}, ensure_ascii=False)"),
    ),
    *map(
        node, ("JSON.stringify(a)", "JSON.stringify(JSON.stringify(a))", "encodeURIComponent(a)", "encodeURI(a)", "[a]")
    ),
    *map(node, ("new URLSearchParams({a}).toString()", "JSON.stringify(a).replaceAll('/', '\\\\/')")),
    *map(jq, ("@json", "@sh", "@html", "@uri", "[.] | @csv", "tojson|tojson|tojson")),
)


@cache
def make_matcher(*secrets: str) -> SecretMatcher:
    return SecretMatcher(map(Secret, secrets))


def shown(printed: bytes, secrets: Sequence[str] = SECRETS) -> str:
    masker = Masker(make_matcher(*secrets))
    return (masker.feed(printed) + masker.finish()).decode("utf-8", "replace")


def letters(printed: str) -> str:
    return "".join(LETTERS.findall(printed.replace("*", "")))


def marked(program: Program) -> Any:
    """The usual ones always; the others, of which each costs a process, when everything is tested."""
    return pytest.param(program, marks=() if program.is_usual else pytest.mark.faults, id=program.name)


@pytest.mark.parametrize("program", [*map(marked, PROGRAMS)])
def test_what_a_program_prints_of_secrets_shows_none_of_their_letters(program: Program) -> None:
    """In the locale C and in a UTF-8 one."""
    if shutil.which(program.command[0]) is None and "CI" not in os.environ:
        pytest.skip(f"{program.command[0]} is not installed")
    own = letters(shown(program.printed(STRAIGHT, "C"), STRAIGHT[:1]))
    for locale in LOCALES:
        found = shown(program.printed(SECRETS, locale))
        assert letters(found) == own, found


def quote_in_every_way(conn: Connection, secret: str) -> str:
    query = text("SELECT concat(quote_literal(:it), quote_ident(:it), to_json(cast(:it AS text)))")
    return str(conn.scalar(query, {"it": secret}))


@pytest.mark.anyio
async def test_what_databases_quote_shows_none_of_their_letters(postgres: Postgres) -> None:
    with sqlite3.connect(":memory:") as sqlite:
        found = [row[0] for secret in SECRETS for row in sqlite.execute("SELECT quote(?)", (secret,))]
    sqlite.close()
    async with postgres.database() as url:
        store = await open_store(url)
        for secret in SECRETS:
            found.append(await store.read(quote_in_every_way, secret))
        await store.close()
    assert letters(shown("\n".join(found).encode())).replace("E", "") == "", (
        "E'...' says that there are backslashes in it"
    )


@pytest.mark.parametrize(
    ("secret", "printed"),
    [
        ("it's a", "'it''s a'"),
        ('say "x" on', '"say ""x"" on"'),
        ("it's\\a", "E'it''s\\\\a'"),
        ('it\'s "\\\n\x1a"', "'it\\'s \\\"\\\\\\n\\Z\\\"'"),
        ("née <b>'", "n&eacute;e &lt;b&gt;&#39;"),
        ("née <b>'", "n&#233;e &lt;b&gt;&apos;"),
        ("née <b>'", "n&#xE9;e &lt;b&gt;&#x27;"),
        ("a<b>&c", "a&amp;lt;b&amp;gt;&amp;amp;c"),
        ("a+b<c>'d", "a\\u002Bb\\u003Cc\\u003E\\u0027d"),
        ("a/b c~d*", "a%2fb+c%7ed*"),
        ("a/b c~d", "a%252Fb%2520c~d"),
        ("née-né\x1b\x07", '"n\\xE9e-n\\xE9\\e\\a"'),
        ("-+née💥", '"-+n\\u00e9e\\ud83d\\udca5"'),
        ("-+née💥", '"\\"-+n\\\\u00e9e\\\\ud83d\\\\udca5\\""'),
        ("a/b/c d", '{"x": "{\\"y\\": \\"a\\\\/b\\\\/c d\\"}"}'),
    ],
)
def test_what_others_print_shows_nothing_either(secret: str, printed: str) -> None:
    """MySQL, YAML, PHP, .NET, Java and so on, which are not at hand here."""
    found = shown(printed.encode(), (secret,))
    assert set(found) <= set("*\"'E{}: xy\\"), found
    assert "*" * 6 in found


def test_security_md_names_every_family_of_forms_and_no_other() -> None:
    table = re.findall(r"^\| \*\*(.+?)\*\* \|", SECURITY.read_text(), re.MULTILINE)
    assert table == list(FAMILIES)


HARD = "ca'f\"é\x1b\\$~/<💥> #\x07é"


@pytest.mark.parametrize("family", FAMILIES)
def test_every_form_is_hidden_wherever_it_is_cut(family: str) -> None:
    found = {form if isinstance(form, bytes) else form.encode() for form in FAMILIES[family](HARD)}
    assert found
    for form in sorted(found)[:: max(1, len(found) // 3)]:
        expected = shown_in_pieces(form)
        assert set(expected) <= set(b"*\r\n")
        for at in range(0, len(form), 3):
            assert shown_in_pieces(form[:at], form[at:]) == expected
        assert shown_in_pieces(*(form[n : n + 1] for n in range(len(form)))) == expected


def shown_in_pieces(*pieces: bytes) -> bytes:
    masker = Masker(make_matcher(HARD))
    return b"".join(map(masker.feed, pieces)) + masker.finish()
