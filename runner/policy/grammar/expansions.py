"""Parses expansions: everything that begins with a dollar sign or a backtick."""

import re
from collections.abc import Callable

from runner.policy.grammar.source import Source
from runner.policy.grammar.syntax import Arithmetic, CommandSubstitution, Literal, Parameter, Part, Sequence, Word

CONTINUED = re.compile(r"(?:\\\n)+")
NAME = re.compile(r"[A-Za-z_](?:[A-Za-z0-9_]|\\\n)*|[0-9]|[@*#?$!-]")
BRACED = re.compile(r"[A-Za-z_](?:[A-Za-z0-9_]|\\\n)*|[0-9]+|[@*#?$!-]")
OPERATOR = re.compile(r":?[-=?+]|##?|%%?|//?[#%]?|\^\^?|,,?|@|:")
BACKTICKED = re.compile(r"(?:[^`\\]|\\.)*", re.DOTALL)
ARITHMETIC = re.compile(r"[^()$`\\'\"]+")


def parse_dollar(source: Source, *, quoted: bool) -> list[Part]:
    """Parse `$` and what follows it; a lone dollar sign stands for itself."""
    source.budget.spend()
    _check_not_continued(source)
    if source.starts_with("$(("):
        return [_parse_arithmetic_or_commands(source, quoted)]
    if source.take("$("):
        return [CommandSubstitution(parse_until_parenthesis(source), quoted)]
    if source.take("${"):
        return [_parse_braced_parameter(source, quoted)]
    if source.take("$["):
        return [_parse_bracket_arithmetic(source, quoted)]
    source.pos += 1
    name = _parse_parameter_name(source, NAME)
    return [Parameter(name, quoted)] if name else [Literal("$", quoted=True)]


def _check_not_continued(source: Source) -> None:
    """Raise SyntaxFault if the line is continued right after the dollar sign: the rest may make it an expansion."""
    if source.text.startswith("\\\n", source.pos + 1):
        raise source.build_fault("a line must not go on right after a dollar sign")


def _parse_parameter_name(source: Source, pattern: re.Pattern[str]) -> str:
    """Read the name of a parameter, which may run over a continued line."""
    return CONTINUED.sub("", source.match(pattern))


def _parse_bracket_arithmetic(source: Source, quoted: bool) -> Part:
    """Parse `$[…]`, the old form of arithmetic."""
    found = source.operand(source, True, "]")
    source.expect("]")
    return Arithmetic(found.parts, quoted)


def parse_until_parenthesis(source: Source) -> Sequence:
    source.budget.enter()
    program = source.program(source)
    source.expect(")")
    source.budget.leave()
    return program


def _parse_arithmetic_or_commands(source: Source, quoted: bool) -> Part:
    """Parse `$((`: arithmetic, or a command substitution that begins with a subshell."""
    start, pending = source.pos, list(source.pending)
    source.pos += 3
    found = parse_arithmetic(source)
    if found is not None:
        return Arithmetic(found, quoted)
    source.pos, source.pending = start + 2, pending
    return CommandSubstitution(parse_until_parenthesis(source), quoted)


def parse_arithmetic(source: Source) -> tuple[Part, ...] | None:
    """Parse arithmetic up to and including `))`; return None if the parentheses do not close that way."""
    depth = 0
    parts: list[Part] = []
    while source.pos < len(source.text):
        source.budget.spend()
        if depth == 0 and source.starts_with("))"):
            source.pos += 2
            return tuple(parts)
        depth += _parse_arithmetic_piece(source, parts)
        if depth < 0:
            return None
    return None


def _parse_arithmetic_piece(source: Source, parts: list[Part]) -> int:
    """Parse one piece of arithmetic, and return the change in the depth of parentheses."""
    if text := source.match(ARITHMETIC):
        parts.append(Literal(text, quoted=True))
        return 0
    char = source.peek()
    if char in "$`":
        parts.extend(parse_dollar(source, quoted=True) if char == "$" else parse_backtick(source, quoted=True))
        return 0
    source.pos += len(source.peek(2)) if char == "\\" else 1
    parts.append(Literal(char if char in "()" else "", quoted=True))
    return {"(": 1, ")": -1}.get(char, 0)


def _parse_braced_parameter(source: Source, quoted: bool) -> Part:
    """Parse the rest of `${…}` after its brace."""
    source.budget.enter()
    prefix = (
        "" if source.starts_with("#}") or source.peek() not in "#!" or _is_special_parameter(source) else source.peek()
    )
    source.pos += len(prefix)
    name = _parse_parameter_name(source, BRACED)
    if not name:
        raise source.build_fault("the name of a parameter was expected")
    index = parse_subscript(source)
    operator = source.match(OPERATOR)
    operand = source.operand(source, quoted, "}") if operator else None
    if prefix == "!" and not operator:
        source.match(STARRED)
    source.expect("}")
    source.budget.leave()
    return Parameter(name, quoted, operator, operand, index, prefix)


def parse_subscript(source: Source) -> Word | None:
    """Parse `[index]` after a name; return None if there is none."""
    if not source.take("["):
        return None
    found = source.operand(source, False, "]")
    source.expect("]")
    return found


STARRED = re.compile(r"[*@]")
SPECIAL = re.compile(r"#(?:[-=?+:%/]|##?)[^}]|!(?:[-=?+:%/#}])")


def _is_special_parameter(source: Source) -> bool:
    """True if the parameter is `#` or `!` itself, as in `${#-x}` and `${!}`."""
    return SPECIAL.match(source.text, source.pos) is not None and not re.compile(r"#[-?]\}").match(
        source.text, source.pos
    )


def parse_backtick(source: Source, *, quoted: bool) -> list[Part]:
    source.pos += 1
    base = source.at
    raw = source.match(BACKTICKED)
    source.expect("`")
    source.budget.enter()
    nested = source.build_nested(_unescape_backtick(raw, quoted), base)
    program = nested.program(nested)
    if nested.pos < len(nested.text):
        raise nested.build_fault(f"unexpected {nested.peek()!r}")
    source.budget.leave()
    return [CommandSubstitution(program, quoted)]


UNESCAPE: dict[bool, Callable[[str], str]] = {
    False: lambda raw: re.sub(r"\\([$`\\])", r"\1", raw),
    True: lambda raw: re.sub(r"\\([$`\\\"])", r"\1", raw),
}


def _unescape_backtick(raw: str, quoted: bool) -> str:
    return UNESCAPE[quoted](raw) if "\\" in raw else raw
