"""Parses commands: lists, pipelines, and simple commands with their assignments and redirects."""

import re

from runner.policy.grammar import compounds, expansions, heredocs, words
from runner.policy.grammar.blanks import skip_blank, skip_lines
from runner.policy.grammar.source import Source, SyntaxFault
from runner.policy.grammar.syntax import (
    Assignment,
    Block,
    Chain,
    Command,
    Element,
    Function,
    Literal,
    Pipeline,
    Redirect,
    RedirectedCommand,
    Sequence,
    Simple,
    Word,
)

AND_OR = re.compile(r"&&|\|\|")
PIPE = re.compile(r"\|&|\|(?!\|)")
REDIRECT = re.compile(r"([0-9]+|\{[A-Za-z_][A-Za-z0-9_]*\})?(<<<|<<-|<<|<>|<&|<(?!\()|&>>|&>|>>|>\||>&|>(?!\())")
ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:(\+?=)|(?=\[))")
EQUALS = re.compile(r"\+?=")
FUNCTION = re.compile(r"([^ \t\n|&;()<>\\'\"$`{}#=]+)[ \t]*\([ \t]*\)")
FUNCTION_WORD = re.compile(r"function[ \t]+([^ \t\n|&;()<>\\'\"$`]+)[ \t]*(?:\([ \t]*\))?")
KEYWORD = re.compile(r"(?:if|while|until|for|select|case|\{|\[\[|coproc)(?=[ \t\n;&|()<>]|\Z)|\(\(|\(")
BANG = re.compile(r"!(?=[ \t\n(]|\Z)")
TIME = re.compile(r"time(?=[ \t\n;&|]|\Z)(?:[ \t]+-p(?=[ \t]))?(?:[ \t]+--(?=[ \t]))?")
RESERVED = frozenset({"then", "do", "done", "fi", "elif", "else", "esac", "}", "in", "]]"})
OPENING = frozenset({"if", "while", "until", "for", "select", "case", "function", "{", "!", "[["})
OPTION = re.compile(r"[ \t]+-")


def parse_chain(source: Source) -> Command:
    """Parse pipelines joined by `&&` and `||`."""
    first = _parse_pipeline(source)
    rest: list[tuple[str, Command]] = []
    skip_blank(source)
    while operator := source.match(AND_OR):
        skip_lines(source)
        rest.append((operator, _parse_pipeline(source)))
        skip_blank(source)
    return Chain(first, tuple(rest)) if rest else first


def _parse_pipeline(source: Source) -> Command:
    while source.match(BANG) or _skip_time_keyword(source):
        skip_blank(source)
    if _has_no_command(source):
        return Sequence()
    found = [_parse_command(source)]
    skip_blank(source)
    while source.match(PIPE):
        skip_lines(source)
        found.append(_parse_command(source))
        skip_blank(source)
    return Pipeline(tuple(found)) if len(found) > 1 else found[0]


def _skip_time_keyword(source: Source) -> bool:
    """Skip the keyword `time`; with options other than `-p` it is the program of that name, and is not skipped."""
    start = source.pos
    if source.match(TIME) and OPTION.match(source.text, source.pos) is None:
        return True
    source.pos = start
    return False


def _has_no_command(source: Source) -> bool:
    """True if the `!` or `time` that was just read has no command after it."""
    before = source.text[max(0, source.pos - 32) : source.pos].rstrip(" \t")
    return before.endswith(("!", "time")) and (source.pos >= len(source.text) or source.peek() in "\n;)")


def _parse_command(source: Source) -> Command:
    source.budget.enter()
    found = _parse_compound(source) or _parse_simple(source)
    source.budget.leave()
    return found


def _parse_compound(source: Source) -> Command | None:
    """Parse a compound command or a function; return None if a simple command is next."""
    start = source.pos
    if source.match(FUNCTION_WORD):
        return _parse_function(source, start, FUNCTION_WORD)
    keyword = source.match(KEYWORD)
    if keyword == "coproc":
        return _parse_coproc(source)
    if keyword and (found := compounds.READERS[keyword](source, start)) is not None:
        return _parse_redirects(source, found)
    source.pos = start
    if source.match(FUNCTION):
        return _parse_function(source, start, FUNCTION)
    return None


def _parse_function(source: Source, start: int, pattern: re.Pattern[str]) -> Command:
    found = pattern.match(source.text, start)
    if found is None or (name := found.group(1)) in RESERVED:
        raise source.build_fault("a command was expected")
    skip_lines(source)
    body = _parse_compound(source)
    if body is None:
        raise source.build_fault("the body of a function was expected")
    return Function(name, body, source.base + start, source.at)


NAMED = re.compile(r"[ \t]+[A-Za-z_][A-Za-z0-9_]*(?=[ \t]+(?:\{|\(|while|until|if|for|case)[ \t\n(])")


def _parse_coproc(source: Source) -> Command:
    source.match(NAMED)
    skip_blank(source)
    return Block("coproc", Sequence((_parse_command(source),)))


def _parse_redirects(source: Source, found: Command) -> Command:
    redirects: list[Redirect] = []
    skip_blank(source)
    while (redirect := _parse_redirect(source)) is not None:
        redirects.append(redirect)
        skip_blank(source)
    return RedirectedCommand(found, tuple(redirects)) if redirects else found


def _parse_redirect(source: Source) -> Redirect | None:
    found = REDIRECT.match(source.text, source.pos)
    if found is None:
        return None
    source.pos = found.end()
    skip_blank(source)
    target = words.parse_word(source)
    if target is None:
        raise source.build_fault("a redirection needs a target")
    redirect = Redirect(found.group(2), found.group(1) or "", target)
    if redirect.operator in ("<<", "<<-"):
        heredocs.queue_heredoc(source, redirect)
    return redirect


def _parse_simple(source: Source) -> Command:
    start = source.at
    assignments: list[Assignment] = []
    found: list[Word] = []
    redirects: list[Redirect] = []
    while True:
        source.budget.spend()
        skip_blank(source)
        if (redirect := _parse_redirect(source)) is not None:
            redirects.append(redirect)
        elif not _takes_assignment(found) or _parse_assignment(source, found, assignments) is None:
            if (word := words.parse_word(source)) is None:
                break
            found.append(word)
    if not (assignments or found or redirects):
        raise source.build_fault(f"a command was expected, not {source.peek() or 'the end'!r}")
    _check_not_reserved(found, assignments, source)
    return Simple(tuple(assignments), tuple(found), tuple(redirects), start, source.at)


DECLARES = frozenset({"declare", "typeset", "local", "export", "readonly"})


def _takes_assignment(found: list[Word]) -> bool:
    return not found or found[0].bare in DECLARES


def _check_not_reserved(found: list[Word], assignments: list[Assignment], source: Source) -> None:
    """Raise SyntaxFault if a keyword stands where a command name is expected.

    The keyword may be made of pieces that a continued line separates; shells differ in how they read it.
    """
    if found and not assignments:
        name = _get_unquoted_text(found[0])
        if name in RESERVED or name in OPENING:
            raise SyntaxFault(f"{name!r} is out of place", found[0].start)
    if source.peek() == "(":
        raise source.build_fault("unexpected '('")


def _get_unquoted_text(word: Word) -> str:
    """Return the text of a word that is entirely unquoted literals, "" for other words."""
    if any(not isinstance(part, Literal) or part.quoted for part in word.parts):
        return ""
    return "".join(part.text for part in word.parts if isinstance(part, Literal))


def _parse_assignment(source: Source, found: list[Word], assignments: list[Assignment]) -> Assignment | None:
    """Parse an assignment at this position and append it to `assignments`; return None if there is none."""
    start, match = source.pos, ASSIGNMENT.match(source.text, source.pos)
    if match is None:
        return None
    source.pos = match.end()
    operator = match[2]
    index = None if operator else expansions.parse_subscript(source)
    if index is not None and not (operator := source.match(EQUALS)):
        source.pos = start
        return None
    made = Assignment(match[1], operator == "+=", *_parse_value(source, index))
    assignments.append(made)
    return made


def _parse_value(source: Source, index: Word | None) -> tuple[Word | None, tuple[Element, ...] | None, Word | None]:
    """Parse the right side of an assignment: (value, array elements, index)."""
    if index is None and source.take("("):
        return None, _parse_elements(source), None
    return words.parse_word(source), None, index


def _parse_elements(source: Source) -> tuple[Element, ...]:
    """Parse the elements of an array, up to and including the closing parenthesis."""
    found: list[Element] = []
    skip_lines(source)
    while not source.take(")"):
        index = _parse_element_index(source)
        word = words.parse_word(source)
        if word is None and index is None:
            raise source.build_fault("an array is not closed")
        found.append(Element(word or Word((Literal("", quoted=True),), source.at, source.at), index))
        skip_lines(source)
    return tuple(found)


def _parse_element_index(source: Source) -> Word | None:
    """Parse `[index]=` before an element; return None if the element only begins with a bracket."""
    start = source.pos
    try:
        with source.budget.restore_depth():
            index = expansions.parse_subscript(source)
    except SyntaxFault:
        index = None
    if index is None or not source.match(EQUALS):
        source.pos = start
        return None
    return index
