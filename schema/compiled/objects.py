"""Makes the objects of an answer out of completed columns."""

import ast
from collections.abc import Callable, Sequence
from typing import Any

from schema.compiled.columns import Column

Maker = Callable[[Sequence[Column]], list[dict[str, Any]]]


def build_maker(names: Sequence[str]) -> Maker:
    """Return `lambda columns: [{"a": v0, "b": v1} for v0, v1 in zip(*columns)]` for these names.

    It takes a third of the time of `dict(zip(names, values))`. The names are constants in its tree, never its text.
    """
    values = [f"v{place}" for place in range(len(names))]
    shown = ast.Dict([ast.Constant(name) for name in names], [ast.Name(value, ast.Load()) for value in values])
    target = ast.Tuple([ast.Name(value, ast.Store()) for value in values], ast.Store())
    columns = ast.Starred(ast.Name("columns", ast.Load()), ast.Load())
    zipped = ast.Call(ast.Name("zip", ast.Load()), [columns], [ast.keyword("strict", ast.Constant(True))])
    made = ast.ListComp(shown, [ast.comprehension(target, zipped, [], 0)])
    takes = ast.arguments(posonlyargs=[], args=[ast.arg("columns")], kwonlyargs=[], kw_defaults=[], defaults=[])
    tree = ast.fix_missing_locations(ast.Expression(ast.Lambda(takes, made)))
    found: Maker = eval(compile(tree, "<plan>", "eval"), {"zip": zip})  # noqa: S307 - no text of anybody is in it
    return found
