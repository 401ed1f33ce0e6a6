"""Pure modules ask nobody for the time, an id, chance, the environment or a file: these are arguments."""

import ast
import gc
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]

PURE = sorted(
    [
        *CHECKOUT.glob("market/rules/**/*.py"),
        *CHECKOUT.glob("contracts/rules/**/*.py"),
        *CHECKOUT.glob("events/*_events.py"),
        *(
            CHECKOUT / "events" / f"{name}.py"
            for name in (
                "catalog",
                "codec",
                "envelope",
                "vocabulary",
                "chain",
                "decision",
                "merkle",
                "refusal",
            )
        ),
    ]
)

IMPURE_NAMES = {"breakpoint", "eval", "exec", "input", "open", "print"}
IMPURE_ATTRIBUTES = {
    *("now", "utcnow", "today", "uuid1", "uuid4", "uuid6", "uuid7", "getenv", "environ", "urandom"),
}
IMPURE_MODULES = {
    *("asyncio", "logging", "multiprocessing", "os", "pathlib", "random", "secrets", "select", "shutil"),
    *("socket", "ssl", "subprocess", "tempfile", "threading", "time", "urllib"),
}

# One switch, LODESTONE_NO_NUMBA, that changes the speed and never the result; what takes an address apart;
# functions written of the names of our own fields (docs/decisions/0174).
EXEMPT = {
    "market/rules/optimum/compiled.py": {"os", "environ"},
    "market/rules/streams/reach.py": {"urllib"},
    "market/rules/streams/wire_writing.py": {"exec"},
}


def parsed(source: str) -> ast.AST:
    # What the collector ends may parse, too; before 3.11.5 both then fail (python/cpython#106905).
    gc.disable()
    try:
        return ast.parse(source)
    finally:
        gc.enable()


def impurities(source: str) -> set[str]:
    """What a module's text uses that a pure module must not."""
    found = set()
    for node in ast.walk(parsed(source)):
        match node:
            case ast.Import(names=names):
                found |= {alias.name.split(".")[0] for alias in names} & IMPURE_MODULES
            case ast.ImportFrom(module=str(module), names=names):
                found |= {module.split(".")[0]} & IMPURE_MODULES
                found |= {alias.name for alias in names} & IMPURE_ATTRIBUTES
            case ast.Call(func=ast.Name(id=name)) if name in IMPURE_NAMES:
                found.add(name)
            case ast.Attribute(attr=name) if name in IMPURE_ATTRIBUTES and not _is_argument(node):
                found.add(name)
    return found


def _is_argument(node: ast.Attribute) -> bool:
    """`context.now`, `command.today`: a value that was handed in, not a class that is asked."""
    return isinstance(node.value, ast.Name) and node.value.id not in {
        "datetime",
        "date",
        "uuid",
        "os",
        "uuid_utils",
    }


@pytest.mark.parametrize("path", PURE, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_pure_module_stays_pure(path: Path) -> None:
    assert EXEMPT.get(str(path.relative_to(CHECKOUT)), set()) >= impurities(path.read_text("utf-8"))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import time", {"time"}),
        ("from os.path import join", {"os"}),
        ("from datetime import datetime\ndatetime.now()", {"now"}),
        ("import datetime\ndatetime.datetime.now()", {"now"}),
        ("from uuid import uuid4", {"uuid4"}),
        ("open('x')", {"open"}),
        ("def f(context):\n    return context.now", set()),
        ("from datetime import UTC, datetime\ndatetime(2026, 1, 1, tzinfo=UTC)", set()),
    ],
)
def test_the_check_sees_what_it_is_for(source: str, expected: set[str]) -> None:
    assert expected == impurities(source)


def test_nothing_waits_for_a_connection_for_ever() -> None:
    """Every `acquire` of the exchange names its limit."""
    bare = [
        f"{path.relative_to(CHECKOUT)}:{node.lineno}"
        for path in sorted((CHECKOUT / "market").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "acquire"
        and "timeout" not in {keyword.arg for keyword in node.keywords}
    ]
    assert [] == bare
