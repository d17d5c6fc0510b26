"""The escapes of shells, languages, databases and formats: how programs write a text inside other text.

Each function yields its `text` as one family of programs writes it, without the quotes around it. The forms were taken
from the programs themselves; tests/runner/test_secret_forms.py compares them again.
"""

import html
import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from html.entities import codepoint2name
from itertools import groupby, product
from urllib.parse import quote, quote_plus

Escaped = Iterator[str | bytes]
Keeps = Callable[[str], bool]

NAMED = {"\t": "\\t", "\n": "\\n", "\r": "\\r", "\\": "\\\\"}
NAMED_IN_JAVASCRIPT = NAMED | {"\b": "\\b", "\f": "\\f"}
NAMED_IN_C = NAMED | {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\v": "\\v"}
NAMED_IN_RUBY = NAMED_IN_C | {"\x1b": "\\e"}
NAMED_IN_SHELLS = NAMED_IN_C | {"'": "\\'"}
NAMED_IN_MKSH = NAMED_IN_SHELLS | {"\x1b": "\\E"}
NAMED_IN_KSH = NAMED | {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\x1b": "\\E", "'": "\\'"}
HEXADECIMAL = frozenset("0123456789abcdefABCDEF")
UNPRINTABLE = frozenset({"Cc", "Cn", "Cs", "Zl", "Zp"})
KEPT_IN_URLS = ("", "/", "!'()*", ";,/?:@&=+$!*'()#")
PERCENT = re.compile(r"%[0-9A-F]{2}")
JSON_ESCAPE = re.compile(r"\\(u[0-9a-f]{4}|.)")
FOR_JSON = tuple(
    {ord(char): f"\\u{ord(char):04x}" for char in chars} for chars in ("", "<>&", "<>&'", "<>&'=", "<>&'+`")
)
QUOTES_IN_XML = (("&quot;", "&#x27;"), ("&quot;", "&#39;"), ("&quot;", "&apos;"), ("&#34;", "&#39;"), ("&quot;", "'"))
MORE_IN_XML: tuple[dict[str, str], ...] = (
    {},
    {"+": "&#43;"},
    {"/": "&#x2F;", "`": "&#x60;", "=": "&#x3D;"},
    {"\t": "&#9;", "\n": "&#10;", "\r": "&#13;"},
    {"\t": "&#x9;", "\n": "&#xA;", "\r": "&#xD;"},
)
AFTER_BACKSLASH_IN_BASH = frozenset(" !\"$&'()*,;<>?[\\]^`{|}")
AFTER_BACKSLASH_IN_ZSH = frozenset(" \"#$&'()*;<>?[\\]^`{|}")
SPECIAL_IN_RUBY = re.compile(r"[^A-Za-z0-9_\-.,:+/@\n]")
WITHIN_QUOTES = re.compile(r'([$`"\\])')
QUOTE_MARKS = re.compile(r"'+")


def _is_printable(char: str) -> bool:
    """True if a shell in a UTF-8 locale prints the character as it is."""
    return unicodedata.category(char) not in UNPRINTABLE


def _is_plain(char: str) -> bool:
    """True if a shell in the C locale prints the character as it is."""
    return " " <= char <= "~"


def _is_no_control(char: str) -> bool:
    return unicodedata.category(char) not in ("Cc", "Cs")


def _format_octal(char: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in encode_utf8(char))


def encode_utf8(text: str) -> bytes:
    """Encode a text; a lone surrogate that stands for a byte (as of `surrogateescape`) becomes that byte."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def in_urls(text: str) -> Escaped:
    """Percent-encode; programs differ in the case of digits and in what they leave as it is, and some encode twice."""
    plain = encode_utf8(text)
    found = {quote_plus(plain), *(quote(plain, safe=safe) for safe in KEPT_IN_URLS)}
    found |= {each.replace("~", "%7E") for each in found}
    found |= {each.replace("%2A", "*") for each in found}
    found |= {PERCENT.sub(lambda code: code[0].lower(), each) for each in found}
    for each in found:
        yield each
        yield each.replace("%", "%25")


def in_json(text: str) -> Escaped:
    for ascii_only, slash, table in product((True, False), ("/", "\\/"), FOR_JSON):
        escaped = json.dumps(text, ensure_ascii=ascii_only)[1:-1].replace("/", slash).translate(table)
        yield from (escaped, _with_large_digits(escaped))
        if table:
            yield from (large := escaped.replace('\\"', "\\u0022"), _with_large_digits(large))


def _with_large_digits(escaped: str) -> str:
    return JSON_ESCAPE.sub(lambda found: found[0] if found[1][0] != "u" else f"\\u{found[1][1:].upper()}", escaped)


def in_json_within_json(text: str) -> Escaped:
    """Escape twice and three times."""
    inner = {json.dumps(text, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
    inner |= {each.translate(FOR_JSON[1]) for each in inner}
    inner |= {each.replace("/", "\\/") for each in inner}
    for twice in {json.dumps(each, ensure_ascii=ascii_only)[1:-1] for each in inner for ascii_only in (True, False)}:
        yield twice
        yield twice.replace("/", "\\/")
        yield json.dumps(twice)[1:-1]
        yield json.dumps(twice, ensure_ascii=False)[1:-1]


def in_xml(text: str) -> Escaped:
    """Escape for XML and HTML: five characters in several spellings, others by number or name, also twice."""
    safe = html.escape(text, quote=False)
    yield safe
    for (double, single), more in product(QUOTES_IN_XML, MORE_IN_XML):
        escaped = "".join(({'"': double, "'": single} | more).get(char, char) for char in safe)
        yield escaped
        yield html.escape(escaped, quote=False)
        if not text.isascii():
            for numbered in (
                lambda code: f"&#{code};",
                lambda code: f"&#x{code:x};",
                lambda code: f"&#x{code:X};",
                _name_character,
            ):
                yield "".join(char if char.isascii() else numbered(ord(char)) for char in escaped)


def _name_character(code: int) -> str:
    return f"&{codepoint2name[code]};" if code in codepoint2name else chr(code)


def in_single_quotes(text: str) -> Escaped:
    """Escape for single quotes of a shell, as `set -x`, `${v@Q}` and `shlex.quote` print.

    Some programs leave out the empty '...' where the text begins or ends with a quote.
    """
    forms = (
        text.replace("'", "'\\''"),
        text.replace("'", """'"'"'"""),
        QUOTE_MARKS.sub(lambda marks: f"""'"{marks[0]}"'""", text),
        QUOTE_MARKS.sub(lambda marks: "'" + "\\'" * len(marks[0]) + "'", text),
    )
    for form in forms:
        begun = form[1:] if text.startswith("'") else form
        yield begun[:-1] if text.endswith("'") else begun


def in_double_quotes(text: str) -> Escaped:
    """Escape for double quotes of a shell, as `declare -p` prints."""
    yield WITHIN_QUOTES.sub(r"\\\1", text)
    yield WITHIN_QUOTES.sub(r"\\\1", text).replace("!", "\\!")


def in_dollar_quotes(text: str) -> Escaped:
    """Escape for $'...' of bash, zsh, ksh and mksh, by locale: `set -x`, `printf %q`, `${v@Q}` print it."""
    for keeps in (_is_printable, _is_plain):
        for own in ({"\x1b": "\\E"}, {}, {"!": "\\!"}):
            special = NAMED_IN_SHELLS | own
            yield "".join(special.get(char) or (char if keeps(char) else _format_octal(char)) for char in text)
        yield _of_zsh(text, keeps)
        yield _of_ksh(text, keeps)
    yield _of_mksh(text)
    yield "".join(map(_of_mksh_in_utf8, text))
    yield _within_zsh(text)


def _of_zsh(text: str, keeps: Keeps) -> str:
    r"""Escape as `set -x` of zsh: control characters as \C-X, bytes of 128 and more as \M-X."""
    units = text if keeps is _is_printable else encode_utf8(text).decode("latin-1")
    return "".join(
        _zsh_special(char)
        or (char if keeps(char) else _zsh_key(ord(char)) if ord(char) < 256 else f"\\u{ord(char):04x}")
        for char in units
    )


def _zsh_special(char: str) -> str | None:
    return {"\t": "\\t", "\n": "\\n", "\\": "\\\\", "'": "\\'"}.get(char)


def _zsh_key(code: int) -> str:
    meta, key = "\\M-" if code >= 128 else "", code & 127
    return f"{meta}\\C-{chr(key ^ 64)}" if key < 32 or key == 127 else f"{meta}{chr(key)}"


def _of_ksh(text: str, keeps: Keeps) -> str:
    """Escape as ksh: hexadecimal, in brackets if a digit follows, and any code point in a UTF-8 locale."""
    in_utf8, out = keeps is _is_printable, ""
    for char in reversed(text if in_utf8 else encode_utf8(text).decode("latin-1")):
        kept = char.isprintable() if in_utf8 else _is_plain(char)
        out = (NAMED_IN_KSH.get(char) or (char if kept else _ksh_number(char, out, in_utf8=in_utf8))) + out
    return out


def _ksh_number(char: str, follows: str, *, in_utf8: bool) -> str:
    code = ord(char)
    if in_utf8 and code >= 128:
        return f"\\u[{code:x}]"
    return f"\\x[{code:02x}]" if follows[:1] in HEXADECIMAL else f"\\x{code:02x}"


def _of_mksh(text: str) -> bytes:
    """Escape as mksh in the C locale, which takes bytes from 160 on as printable."""
    special = {ord(char): escape.encode() for char, escape in NAMED_IN_MKSH.items()}
    return b"".join(
        special.get(byte) or (bytes([byte]) if 32 <= byte < 127 or byte >= 160 else f"\\{byte:03o}".encode())
        for byte in encode_utf8(text)
    )


def _of_mksh_in_utf8(char: str) -> str:
    if char in NAMED_IN_MKSH:
        return NAMED_IN_MKSH[char]
    if "\x80" <= char <= "\x9f":
        return f"\\u{ord(char):04x}"
    return char if _is_plain(char) or "\xa0" <= char <= "\uffff" else _format_octal(char)


def _within_zsh(text: str) -> bytes:
    """Return the text in zsh's internal form, which escapes certain bytes; zsh prints it when it traces a loop."""
    return b"".join(bytes([0x83, byte ^ 32]) if 0x83 <= byte <= 0xA2 else bytes([byte]) for byte in encode_utf8(text))


def after_backslashes(text: str) -> Escaped:
    """Put a backslash before special characters: bash's `printf %q`, zsh's `${(q)v}`, Ruby's `shellescape`."""
    for special in (AFTER_BACKSLASH_IN_BASH, AFTER_BACKSLASH_IN_ZSH):
        quoted = "".join(f"\\{char}" if char in special else char for char in text)
        yield quoted
        yield re.sub(r"(?<=[:=])~", r"\\~", quoted)
        if quoted.startswith(("#", "~", "=")):
            yield f"\\{quoted}"
    for together, keeps in product((False, True), (_is_printable, _is_plain)):
        yield "".join(_zsh_pieces(char, keeps, together=together) for char in text)
    yield SPECIAL_IN_RUBY.sub(r"\\\g<0>", text)
    yield re.escape(text)


def _zsh_pieces(char: str, keeps: Keeps, *, together: bool) -> str:
    if keeps(char):
        return f"\\{char}" if char in AFTER_BACKSLASH_IN_ZSH else char
    escape = NAMED_IN_C.get(char) or _format_octal(char)
    return f"$'{escape}'" if together or char in NAMED_IN_C else re.sub(r"\\\d{3}", r"$'\g<0>'", escape)


def in_pieces(text: str) -> Escaped:
    """Escape as GNU `ls` and `printf %q`: '...', with $'...' in between for unprintable characters."""
    quoted = text.replace("'", "'\\''")
    for keeps in (_is_printable, _is_plain):
        runs = ((kept, "".join(run)) for kept, run in groupby(quoted, keeps))
        parts = (
            run if kept else "'$'" + "".join(NAMED_IN_C.get(char) or _format_octal(char) for char in run) + "''"
            for kept, run in runs
        )
        yield "".join(parts).removeprefix("'$'").removesuffix("''")


def in_strings(text: str) -> Escaped:
    """Escape for literals of Python, Ruby, Go, C, JavaScript and YAML, by their digits and their quote."""
    plain = encode_utf8(text).decode("latin-1")
    units: list[tuple[str, Keeps]] = [(text, _is_plain)]
    if not text.isascii():
        units += [(text, _is_printable), (plain, _is_plain), (text, _is_no_control)]
    for names, large, (chars, keeps) in product(
        (NAMED, NAMED_IN_JAVASCRIPT, NAMED_IN_C, NAMED_IN_RUBY), (False, True), units
    ):
        whole = "".join(
            names.get(char) or (char if keeps(char) else _format_number(char, large=large)) for char in chars
        )
        for mark in ("", "'", '"'):
            yield whole.replace(mark, f"\\{mark}") if mark else whole
    yield "".join(NAMED_IN_C.get(char) or (char if _is_plain(char) else _format_octal(char)) for char in text).replace(
        '"', '\\"'
    )


def _format_number(char: str, *, large: bool) -> str:
    code = ord(char)
    letter, width = ("x", 2) if code < 0x100 else ("u", 4) if code < 0x10000 else ("U", 8)
    return f"\\{letter}{code:0{width}{'X' if large else 'x'}}"


def in_sql(text: str) -> Escaped:
    """Escape for SQL: doubled quotes of every dialect (and of CSV), PostgreSQL's E'...', MySQL's backslashes."""
    yield text.replace("'", "''")
    yield text.replace('"', '""')
    yield text.replace("'", "''").replace("\\", "\\\\")
    yield text.replace("\\", "\\\\")
    for_mysql = {"\\": "\\\\", "'": "\\'", "\x1a": "\\Z"}
    for more in ({}, {'"': '\\"', "\n": "\\n", "\r": "\\r"}):
        yield "".join((for_mysql | more).get(char, char) for char in text)
