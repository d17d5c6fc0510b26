"""Evaluates shell arithmetic, as far as its numbers are known."""

import re

from runner.policy import placeholders
from runner.policy.shell.state import State

TOKEN = re.compile(r"\s*(0[xX][0-9a-fA-F]{1,15}|[0-9]{1,15}|[A-Za-z_][A-Za-z0-9_]*|[-+*/%()])")
CHANGED = re.compile(
    r"([A-Za-z_][A-Za-z0-9_]*)\s*(?:(?:[-+*/%&|^]|<<|>>)?=(?!=)|\+\+|--)|(?:\+\+|--)\s*([A-Za-z_][A-Za-z0-9_]*)"
)
PLAIN = re.compile(r"[-+*/%()\sA-Za-z0-9_]{1,200}\Z")
DEEPEST = 20


class NotKnown(Exception):
    """The value depends on something that the policy cannot know."""


def evaluate(text: str, state: State) -> str:
    """Return the number that the text evaluates to, or a placeholder; variables it assigns become unknown."""
    for before, after in CHANGED.findall(text):
        state.variables[before or after] = (placeholders.UNKNOWN,)
    if not PLAIN.match(text):
        return placeholders.UNKNOWN
    try:
        return str(Calculation(text, state).evaluate())
    except (NotKnown, ZeroDivisionError):
        return placeholders.UNKNOWN


class Calculation:
    """An evaluator for numbers, names, `+ - * / %` and parentheses."""

    def __init__(self, text: str, state: State) -> None:
        self.tokens = TOKEN.findall(text)
        self.state = state
        self.depth = 0
        if "".join(self.tokens) != "".join(text.split()):
            raise NotKnown

    def evaluate(self) -> int:
        found = self.read_sum()
        if self.tokens:
            raise NotKnown
        return found

    def read_sum(self) -> int:
        found = self.read_product()
        while self.tokens and self.tokens[0] in "+-":
            found += self.read_product() if self.tokens.pop(0) == "+" else -self.read_product()
        return self.check_size(found)

    def read_product(self) -> int:
        found = self.read_factor()
        while self.tokens and self.tokens[0] in "*/%":
            operator, other = self.tokens.pop(0), self.read_factor()
            found = found * other if operator == "*" else int(found / other) if operator == "/" else found % other
        return self.check_size(found)

    def read_factor(self) -> int:
        if not self.tokens or self.depth > DEEPEST:
            raise NotKnown
        token = self.tokens.pop(0)
        if token in ("-", "+", "("):
            self.depth += 1
            found = {"-": lambda: -self.read_factor(), "+": self.read_factor, "(": self.read_parentheses}[token]()
            self.depth -= 1
            return found
        return self.read_number(token)

    def read_parentheses(self) -> int:
        found = self.read_sum()
        if not self.tokens or self.tokens.pop(0) != ")":
            raise NotKnown
        return found

    def read_number(self, token: str) -> int:
        if not token[0].isdigit():
            values = self.state.get_variable(token)
            token = values[0] if len(values) == 1 else "?"
        if re.fullmatch(r"-?(?:0|[1-9][0-9]{0,14})", token):
            return int(token)
        if re.fullmatch(r"0[xX][0-9a-fA-F]+", token):
            return int(token, 16)
        if re.fullmatch(r"0[0-7]+", token):
            return int(token, 8)
        raise NotKnown

    def check_size(self, found: int) -> int:
        if abs(found) > 10**18:
            raise NotKnown
        return found
