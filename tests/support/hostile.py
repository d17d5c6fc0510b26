"""Hostile GraphQL requests, each with a name, what is sent, and the code of the one answer that is right for it.

They are sent by an operator, for whom the most is done: suggestions are made, variables are read, all kinds may run.
"""

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from graphql import get_introspection_query

COMPLEX, INVALID, DOCUMENT = "TOO_COMPLEX", "INVALID", "DOCUMENT_INVALID"
MEDIA, LARGE, ACCEPT = "UNSUPPORTED_MEDIA_TYPE", "TOO_LARGE", "NOT_ACCEPTABLE"
CREATE = "mutation($input: CreateTaskInput!) { createTask(input: $input) { task { id } } }"
RUN = "mutation($input: RunCommandInput!) { runCommand(input: $input) { errors { code } } }"
LIST = "query($filter: TaskExecutionFilter) { executions(filter: $filter) { nodes { id } } }"
TYPE_NAME = {"query": "{ __typename }"}


@dataclass(frozen=True, slots=True)
class Hostile:
    """`code`: the first error's; None: it is answered with data, and None within a payload of a mutation too."""

    name: str
    code: str | None
    body: Any = None
    raw: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        return json.dumps(self.body).encode() if self.raw is None else self.raw

    @property
    def query(self) -> str | None:
        """The document, where there is one that is read."""
        text = self.body.get("query") if isinstance(self.body, dict) else None
        return text if isinstance(text, str) and self.raw is None else None


def doc(name: str, code: str | None, query: str, **variables: Any) -> Hostile:
    return Hostile(name, code, {"query": query, "variables": variables} if variables else {"query": query})


def sent(name: str, code: str | None, raw: bytes, **headers: str) -> Hostile:
    return Hostile(name, code, raw=raw, headers={key.replace("_", "-"): value for key, value in headers.items()})


def many(pattern: str, count: int, between: str = " ") -> str:
    return between.join(pattern.replace("%", str(n)) for n in range(count))


def nested(start: str, end: str, count: int, middle: str = "") -> str:
    return start * count + middle + end * count


def spread(levels: int, times: int, condition: str = "Query", last: str = "__typename") -> str:
    """Fragments that each spread the next one `times` times."""
    each = [f"fragment F{n} on {condition} {{ {f'...F{n + 1} ' * times}}}" for n in range(levels)]
    return " ".join([*each, f"fragment F{levels} on {condition} {{ {last} }}"])


def circle(length: int) -> str:
    return " ".join(f"fragment C{n} on Query {{ ...C{(n + 1) % length} }}" for n in range(length))


def aliases() -> Iterator[Hostile]:
    yield doc("16 aliases", COMPLEX, f"{{ {many('a%: __typename', 16)} }}")
    yield doc("200 aliases", COMPLEX, f"{{ {many('a%: me { id }', 200)} }}")
    yield doc("aliases past all tokens", COMPLEX, f"{{ {many('a%: me { id }', 10_000)} }}")
    yield doc(
        "aliases in a fragment spread often", COMPLEX, f"{{ {'...F ' * 20}}} fragment F on Query {{ a: __typename }}"
    )
    yield doc("201 fields", COMPLEX, f"{{ {'__typename ' * 201}}}")
    yield doc("the same field 900 times", COMPLEX, f"{{ {'me { id } ' * 225}}}")
    login = 'a%: login(input: {username: "the.viewer", password: "guess %"}) { tokens { accessToken } }'
    yield doc("15 passwords at once", COMPLEX, f"mutation {{ {many(login, 15)} }}")


def fragments() -> Iterator[Hostile]:
    yield doc("a fragment that spreads itself", DOCUMENT, "{ ...F } fragment F on Query { ...F }")
    yield doc("a circle of two fragments", DOCUMENT, "{ ...C0 } " + circle(2))
    yield doc("a circle of 90 fragments", DOCUMENT, "{ ...C0 } " + circle(90))
    yield doc("a circle nobody enters", DOCUMENT, "{ __typename } " + circle(90))
    pairs = " ".join(f"fragment D{n} on Query {{ ...D{(n + 1) % 40} ...D{(n + 2) % 40} }}" for n in range(40))
    yield doc("a circle with short cuts", DOCUMENT, "{ ...D0 } " + pairs)
    full = " ".join(f"fragment M{n} on Query {{ {many('...M%', 16)} }}" for n in range(16))
    yield doc("every fragment spreads every other", DOCUMENT, "{ ...M0 } " + full)
    for levels in (7, 10, 20, 40, 90):
        yield doc(
            f"doubled fragments, {levels} levels", None if levels == 7 else COMPLEX, "{ ...F0 } " + spread(levels, 2)
        )
    yield doc("tripled fragments, 60 levels", COMPLEX, "{ ...F0 } " + spread(60, 3))
    yield doc("doubled fragments that nobody uses", DOCUMENT, "{ __typename } " + spread(60, 2))
    yield doc(
        "doubled fragments within a list", COMPLEX, "{ tasks { nodes { ...F0 } } } " + spread(60, 2, "Task", "id")
    )
    yield doc("a chain of 120 fragments", None, "{ ...F0 } " + spread(120, 1))
    yield doc("a fragment spread 300 times", COMPLEX, f"{{ {'...F ' * 300}}} fragment F on Query {{ __typename }}")
    yield doc("a fragment spread 150 times", None, f"{{ {'...F ' * 150}}} fragment F on Query {{ __typename }}")
    yield doc("fragments that are not there", DOCUMENT, f"{{ {many('...Missing%', 300)} }}")
    yield doc(
        "fragments that nobody uses", DOCUMENT, "{ __typename } " + many("fragment U% on Query { __typename }", 120)
    )
    yield doc("fragments of one name", DOCUMENT, "{ ...F } " + "fragment F on Query { __typename } " * 120)
    yield doc("fragments on what has no fields", DOCUMENT, "{ ...F0 } " + many("fragment F% on Int { x }", 100))
    yield doc("a fragment named on", DOCUMENT, "{ ...on } fragment on on Query { __typename }")
    yield doc("inline fragments, 100 deep", None, nested("{ ...on Query ", "}", 100, "{ __typename }"))
    yield doc("inline fragments, 240 deep", COMPLEX, nested("{ ...on Query ", "}", 240, "{ __typename }"))
    yield doc("150 inline fragments", None, f"{{ {'... { __typename } ' * 150}}}")


def depths() -> Iterator[Hostile]:
    yield doc("lists within lists", COMPLEX, nested("{ tasks { nodes { server ", "} } }", 4, "{ id }"))
    yield doc("pages of pages", COMPLEX, "{ tasks(first: 100) { nodes { executions(first: 100) { nodes { id } } } } }")
    yield doc("braces, 249 deep", COMPLEX, nested("{ me ", "}", 249))
    yield doc("braces, 5000 deep", COMPLEX, nested("{ me ", "}", 5000))
    yield doc("braces that never close", COMPLEX, "{ me " * 50_000)
    yield doc("lists as a value, 400 deep", COMPLEX, f"{{ tasks(filter: {nested('[', ']', 400)}) {{ totalCount }} }}")
    yield doc(
        "objects as a value, 300 deep", COMPLEX, f"{{ tasks(filter: {nested('{a:', '}', 300, '1')}) {{ totalCount }} }}"
    )
    yield doc("types of lists, 400 deep", COMPLEX, f"query($a: {nested('[', ']', 400, 'Int')}) {{ __typename }}")
    yield doc("types of lists, 90 deep", DOCUMENT, f"query($a: {nested('[', ']', 90, 'Int')}) {{ __typename }}")


def directives() -> Iterator[Hostile]:
    yield doc("120 directives on a field", DOCUMENT, f"{{ __typename {'@skip(if: false) ' * 120}}}")
    yield doc("unknown directives", DOCUMENT, f"{{ __typename {many('@d%', 400)} }}")
    yield doc("a directive with 300 arguments", DOCUMENT, f"{{ __typename @skip({many('a%: 1', 300)}) }}")
    yield doc(
        "directives with variables that are not there", DOCUMENT, f"{{ {many('a: __typename @skip(if: $v%)', 15)} }}"
    )
    yield doc("@defer without end", DOCUMENT, f"{{ {'... @defer { __typename } ' * 120}}}")
    yield doc("@stream without end", DOCUMENT, f"{{ {'tasks { nodes @stream(initialCount: 0) { id } } ' * 50}}}")
    yield doc("@include with variables", None, "query($v: Boolean!) { me @include(if: $v) { id } }", v=False)
    yield doc("directives of the schema", DOCUMENT, '{ __typename @specifiedBy(url: "x") @deprecated @oneOf }')


def values() -> Iterator[Hostile]:
    yield doc("an integer of 100,000 digits", DOCUMENT, f"{{ tasks(first: {'9' * 100_000}) {{ totalCount }} }}")
    yield doc("a fraction of 100,000 digits", DOCUMENT, f"{{ tasks(first: 1.{'9' * 100_000}) {{ totalCount }} }}")
    yield doc("a number without measure", DOCUMENT, "{ tasks(first: 1e999999999) { totalCount } }")
    yield doc("an id of 100,000 digits", DOCUMENT, f"{{ task(id: {'9' * 100_000}) {{ id }} }}")
    yield doc("zeros in front", DOCUMENT, f"{{ tasks(first: {'0' * 1000}1) {{ totalCount }} }}")
    yield doc("a string of 100 KB", INVALID, f'{{ task(id: "{"x" * 100_000}") {{ id }} }}')
    yield doc("a string that never ends", DOCUMENT, '{ task(id: "' + "x" * 100_000)
    yield doc("a block string of 60,000 lines", INVALID, '{ task(id: """' + "\n  x" * 30_000 + '""") { id } }')
    yield doc("a block string that never ends", DOCUMENT, '{ task(id: """' + ' \\""" ' * 20_000)
    yield doc(
        "a block string of indents",
        INVALID,
        '{ task(id: """' + "\n".join(" " * (n % 400) for n in range(500)) + '""") { id } }',
    )
    yield doc("quotes without end", DOCUMENT, "{ task(id: " + '"' * 100_001 + ") { id } }")
    yield doc("escapes without end", INVALID, '{ task(id: "' + "\\u0041" * 15_000 + '") { id } }')
    yield doc("half of a surrogate pair", DOCUMENT, '{ task(id: "\\ud83d") { id } }')
    yield doc("a character beyond Unicode", DOCUMENT, '{ task(id: "\\u{110000}") { id } }')
    yield doc("an escape without end", DOCUMENT, '{ task(id: "\\u{' + "0" * 50_000 + '41}") { id } }')
    yield doc("NUL in a string", INVALID, '{ task(id: "\\u0000") { id } }')
    yield doc("a name of 100 KB", DOCUMENT, "{ " + "n" * 100_000 + " }")


def variables() -> Iterator[Hostile]:
    task = {"name": "t", "command": "true", "serverId": "1", "cronExpr": "@manual"}
    yield doc("200 variables", DOCUMENT, f"query({many('$v%: Int', 200)}) {{ __typename }}")
    yield doc("variables of one name", DOCUMENT, f"query({'$v: Int ' * 200}) {{ __typename }}")
    yield doc("variables that are not there", DOCUMENT, f"{{ {many('tasks(first: $v%) { totalCount }', 90)} }}")
    yield doc("defaults that are not values", DOCUMENT, f"query({many('$v%: Int = [1, 2]', 90)}) {{ __typename }}")
    yield doc("20,000 states", INVALID, LIST, filter={"states": ["RUNNING"] * 20_000})
    yield doc("1,900 states", None, LIST, filter={"states": ["RUNNING"] * 1900})
    yield doc("1,900 words that are no states", DOCUMENT, LIST, filter={"states": ["RUNING"] * 1900})
    yield doc("12,000 unknown fields", INVALID, CREATE, input=task | {f"nam{n}": 1 for n in range(12_000)})
    yield doc("1,900 unknown fields", DOCUMENT, CREATE, input=task | {f"nam{n}": 1 for n in range(1900)})
    yield doc("fields with names of 60 KB", DOCUMENT, CREATE, input=task | {"n" * 60_000: 1, "m" * 60_000: 2})
    yield doc(
        "12,000 variables that nobody asked for", INVALID, "{ __typename }", **{f"v{n}": n for n in range(12_000)}
    )
    yield doc("1,900 variables that nobody asked for", None, "{ __typename }", **{f"v{n}": n for n in range(1900)})
    yield doc("a list where a word belongs", DOCUMENT, CREATE, input=task | {"name": list(range(1900))})
    yield doc("4,000 environment variables", INVALID, RUN, input=run(4000))
    yield doc("600 environment variables", None, RUN, input=run(600))
    yield doc("a command of 200 KB", None, RUN, input={"serverId": "1", "command": "x" * 200_000})
    yield doc("a command of quotes", None, RUN, input={"serverId": "1", "command": "$(" * 30_000})
    yield doc("NUL in a variable", None, RUN, input={"serverId": "1", "command": "\0"})
    yield doc("a schedule of 200 KB", None, CREATE, input=task | {"cronExpr": "1," * 100_000})
    yield doc("a number of 64 bits", DOCUMENT, "query($n: Int) { tasks(first: $n) { totalCount } }", n=2**63)
    yield doc("a number beyond 64 bits", DOCUMENT, "query($n: Int) { tasks(first: $n) { totalCount } }", n=10**30)
    yield doc("a cursor of 100 KB", INVALID, "query($c: String) { tasks(after: $c) { totalCount } }", c="a" * 100_000)
    yield Hostile(
        "variables, 33 deep", INVALID, raw=b'{"query": "{ __typename }", "variables": {"a": %s}}' % nested_json(32)
    )
    yield Hostile(
        "variables, 28 deep", None, raw=b'{"query": "{ __typename }", "variables": {"a": %s}}' % nested_json(28)
    )
    yield Hostile(
        "variables, 100,000 deep",
        INVALID,
        raw=b'{"query": "{ __typename }", "variables": {"a": %s}}' % nested_json(100_000),
    )


def run(variables: int) -> dict[str, Any]:
    """The input of a command with so many environment variables."""
    return {"serverId": "1", "command": "w", "env": [{"name": f"V{n}", "value": "x"} for n in range(variables)]}


def nested_json(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def introspection() -> Iterator[Hostile]:
    yield doc("the tools' introspection", None, get_introspection_query(descriptions=True))
    yield doc(
        "introspection in a circle", COMPLEX, nested("{ __schema { types { fields { type ", "} } } }", 5, "{ name }")
    )
    yield doc(
        "fields of fields", DOCUMENT, "{ __schema { types " + nested("{ fields { type ", "} }", 4, "{ name }") + " } }"
    )
    yield doc("introspection four times", COMPLEX, f"{{ {many('a%: __schema { types { name } }', 4)} }}")
    yield doc("a type 90 times", COMPLEX, "{ " + many('a%: __type(name: "Task") { name }', 90) + " }")
    kinds = nested("{ ofType ", "}", 14, "{ name }")
    yield doc("a type of a type of a type", COMPLEX, f"{{ __schema {{ types {{ fields {{ type {kinds} }} }} }} }}")


def operations() -> Iterator[Hostile]:
    yield doc("11 operations", COMPLEX, many("query Q% { __typename }", 11))
    yield doc("200 operations", COMPLEX, many("query Q% { __typename }", 200))
    yield doc("operations of one name", DOCUMENT, "query Q { __typename } " * 10)
    yield doc("several without a name", DOCUMENT, "{ __typename } " * 10)
    yield doc("definitions of a schema", DOCUMENT, many("type T% { a: Int }", 100))
    yield Hostile("a batch of 100", INVALID, [TYPE_NAME] * 100)
    yield Hostile("a batch within a batch", INVALID, [[TYPE_NAME]])
    yield Hostile(
        "the name of an operation of 100 KB",
        DOCUMENT,
        {"query": "query Q { __typename }", "operationName": "Q" * 100_000},
    )
    yield Hostile("the name of an operation as a list", INVALID, TYPE_NAME | {"operationName": ["Q"]})
    yield doc("a subscription by plain POST", ACCEPT, "subscription { executionUpdates { id } }")
    yield doc(
        "a subscription to two things", DOCUMENT, "subscription { executionUpdates { id } scheduleEvents { id } }"
    )
    yield doc("a subscription within a query", DOCUMENT, "{ subscription { executionUpdates { id } } }")
    yield doc("50 changes at once", COMPLEX, f"mutation {{ {many('a%: logout { ok }', 50)} }}")


def overlaps() -> Iterator[Hostile]:
    yield doc(
        "one field with 80 arguments that differ", DOCUMENT, f"{{ {many('tasks(first: %) { totalCount }', 80)} }}"
    )
    yield doc("one field 140 times", None, f"{{ {'me { id } ' * 90}}}")
    yield doc("one alias for many fields", COMPLEX, f"{{ {'a: me { id } a: tasks { totalCount } ' * 15}}}")
    pair = "tasks { nodes { server { id name } } } "
    yield doc("the same tree 30 times", None, f"{{ {pair * 30}}}")
    trees = "fragment T% on Query { tasks { nodes { ...N% } } } fragment N% on Task { id }"
    yield doc("35 fragments over the same fields", None, f"{{ {many('...T%', 35)} }} {many(trees, 35)}")
    yield doc(
        "95 fragments on one user", None, f"{{ me {{ {many('...F%', 95)} }} }} {many('fragment F% on User { id }', 95)}"
    )
    meet = " ".join(f"fragment P{n} on Query {{ ...P{n + 1} tasks {{ totalCount }} ...P{n + 1} }}" for n in range(5))
    yield doc("fragments that meet again", None, "{ ...P0 ...P1 } " + meet + " fragment P5 on Query { __typename }")
    yield doc("one value 190 times", None, f"{{ me {{ {'id ' * 190}}} }}")


def names() -> Iterator[Hostile]:
    yield doc("240 unknown fields", COMPLEX, f"{{ {many('task%', 240)} }}")
    yield doc("190 unknown fields", DOCUMENT, f"{{ {many('task%', 190)} }}")
    yield doc("300 unknown arguments", DOCUMENT, f"{{ tasks({many('firs%: 1', 300)}) {{ totalCount }} }}")
    yield doc("150 unknown types", DOCUMENT, f"{{ {many('... on Tas% { id }', 150)} }}")
    yield doc("fields with names of 4 KB", DOCUMENT, f"{{ {many('task' + 'x' * 4000 + '%', 30)} }}")
    yield doc("an argument with a name of 60 KB", DOCUMENT, f"{{ tasks({'first' * 12_000}: 1) {{ totalCount }} }}")
    states = many("RUNNIN%", 300, ", ")
    yield doc("300 unknown enum values", DOCUMENT, f"{{ executions(filter: {{states: [{states}]}}) {{ totalCount }} }}")


def characters() -> Iterator[Hostile]:
    yield doc("200 KB of comments", COMPLEX, "#" + "x" * 200_000 + "\n{ __typename }")
    yield doc("100 KB of comments", None, "#" + "x" * 100_000 + "\n{ __typename }")
    yield doc("60,000 lines of comments", COMPLEX, "#\n" * 60_000 + "{ __typename }")
    yield doc("100,000 commas", None, "," * 100_000 + "{ __typename }")
    yield doc("100 KB of spaces", None, " \t\n " * 25_000 + "{ __typename }")
    yield doc("a byte order mark everywhere", None, "\ufeff{\ufeff __typename \ufeff}")
    yield doc("a name in another script", DOCUMENT, "{ \u0442\u0430\u0441\u043a }")
    yield doc("text that turns around", DOCUMENT, "{ \u202eme }")
    yield doc("characters without width", DOCUMENT, "{ m\u200be { id } }")
    yield doc("a picture as a name", DOCUMENT, "{ \U0001f4a3 }")
    yield doc("control characters", DOCUMENT, "{ \x00\x01\x1b[2J }")
    yield doc("dots without end", DOCUMENT, "{ " + "." * 100_000 + " }")
    yield doc("dollars without end", DOCUMENT, "$" * 100_000)
    yield doc("nothing but spaces", DOCUMENT, " " * 1000)


def bodies() -> Iterator[Hostile]:
    good = json.dumps(TYPE_NAME).encode()
    yield sent("no body", INVALID, b"")
    yield sent("null", INVALID, b"null")
    yield sent("half of an object", INVALID, good[:-1])
    yield sent("the query twice", None, b'{"query": "{ me { id } }", "query": "{ __typename }"}')
    yield sent("invalid UTF-8", INVALID, b'{"query": "{ __typename \xff\xfe }"}')
    yield sent("a surrogate in UTF-8", INVALID, b'{"query": "{ __typename #\xed\xa0\x80 }"}')
    yield sent("half of a surrogate pair as JSON", INVALID, b'{"query": "{ __typename #\\ud800 }"}')
    yield sent("UTF-16", INVALID, json.dumps(TYPE_NAME).encode("utf-16"))
    yield sent("a byte order mark", INVALID, b"\xef\xbb\xbf" + good)
    yield sent("NaN", INVALID, b'{"query": "{ __typename }", "variables": {"a": NaN}}')
    yield sent("Infinity", INVALID, b'{"query": "{ __typename }", "variables": {"a": -Infinity}}')
    yield sent("a fraction beyond measure", INVALID, b'{"query": "{ __typename }", "variables": {"a": 1e400}}')
    yield sent(
        "an integer of 200 KB", INVALID, b'{"query": "{ __typename }", "variables": {"a": ' + b"9" * 200_000 + b"}}"
    )
    yield sent("JSON with comments", INVALID, b'{/**/"query": "{ __typename }"}')
    yield sent("brackets without end", INVALID, b"[" * 200_000)
    yield sent("objects without end", INVALID, b'{"a":' * 40_000)
    yield sent("a compressed body", MEDIA, gzip.compress(good), content_encoding="gzip")
    yield sent("a compressed bomb", MEDIA, zlib.compress(b" " * 10_000_000), content_encoding="deflate")
    yield sent("a body of 257 KB", LARGE, b'{"query": "' + b" " * 263_000 + b'"}')
    yield sent("a form", MEDIA, b"query=%7B__typename%7D", content_type="application/x-www-form-urlencoded")
    yield sent("plain text", MEDIA, good, content_type="text/plain")
    yield sent(
        "files",
        MEDIA,
        b'--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{}\r\n--x--',
        content_type="multipart/form-data; boundary=x",
    )
    yield sent("another character set", MEDIA, good, content_type="application/json; charset=utf-7")
    yield Hostile("a query that is a list", INVALID, {"query": ["{ __typename }"]})
    yield Hostile("a query that is a number", INVALID, {"query": 7})
    yield Hostile("variables that are a list", INVALID, TYPE_NAME | {"variables": [1]})
    yield Hostile("extensions that are a list", INVALID, TYPE_NAME | {"extensions": [1]})


PARTS = (
    aliases,
    fragments,
    depths,
    directives,
    values,
    variables,
    introspection,
    operations,
    overlaps,
    names,
    characters,
    bodies,
)
CASES = [case for part in PARTS for case in part()]
