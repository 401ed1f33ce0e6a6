"""No sentence is cut off where its line ends: what goes on there without a parenthesis belongs to nothing."""

import ast
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from tests.deploy.test_purity import parsed

CHECKOUT = Path(__file__).parents[2]
FOLDERS = ("events", "contracts", "market", "deploy", "bench", "examples", "tests")


def detached(source: str) -> Iterator[int]:
    """Lines of strings that are neither assigned nor the docstring of what stands before them."""
    for node in ast.walk(parsed(source)):
        for name in ("body", "orelse", "finalbody"):
            statements = getattr(node, name, None)
            if not isinstance(statements, list):
                continue
            for before, statement in pairwise(statements):
                if not isinstance(statement, ast.Expr) or not is_string(statement.value):
                    continue
                if not describes(node, before, statement.value):
                    yield statement.lineno


def is_string(value: ast.expr) -> bool:
    return isinstance(value, ast.JoinedStr) or (isinstance(value, ast.Constant) and type(value.value) is str)


def describes(node: ast.AST, before: ast.stmt, string: ast.expr) -> bool:
    """Whether a string after that statement is its docstring: of a name of a module or class, or a member."""
    if not isinstance(before, ast.Assign | ast.AnnAssign) or not isinstance(string, ast.Constant):
        return False
    if ast.unparse(before).endswith((" '", ' "')) and str(string.value)[:1].islower():
        return False
    targets = before.targets if isinstance(before, ast.Assign) else [before.target]
    return isinstance(node, ast.Module | ast.ClassDef) or isinstance(targets[0], ast.Attribute)


def test_each_string_belongs_to_something() -> None:
    sources = sorted(path for folder in FOLDERS for path in (CHECKOUT / folder).rglob("*.py"))
    found = [
        f"{path.relative_to(CHECKOUT)}:{line}"
        for path in sources
        if "'\n" in (text := path.read_text()) or '"\n' in text
        for line in detached(text)
    ]
    assert [] == found


def test_what_a_sentence_lacks_is_seen() -> None:
    cut = 'def told(day):\n    text = "until "\n    f"{day}."\n    return text\n'
    assert [3] == [*detached(cut)]
    assert [2] == [*detached('WHY = "as long as "\n"it stands."\n')]
    assert [] == [*detached('WHY = "as long as it stands."\n"""Told of an order."""\n')]
    assert [] == [*detached("def told(day):\n    text = (\n        'until '\n        f'{day}.'\n    )\n")]
    assert [] == [*detached('class A:\n    def __init__(self):\n        self.a = 1\n        """Grams."""\n')]
