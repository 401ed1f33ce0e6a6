"""Help and completion tell of every verb what its own file does, without reading what the file imports."""

import sys
from importlib import import_module
from subprocess import run

import pytest
import rich_click as click

from market.cli.commands import FILES, VERBS, commands


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_is_told_of_as_it_tells_itself(name: str) -> None:
    told = commands.get_command(click.Context(commands), name)
    itself = import_module(f"market.cli.{FILES.get(name, name)}").command
    assert told is not None
    assert (itself.name, itself.get_short_help_str(200)) == (told.name, told.get_short_help_str(200))
    assert (name, itself, []) == commands.resolve_command(click.Context(commands), [name])


def test_help_reads_no_verb() -> None:
    looked = "from market.cli.commands import commands; commands(['--help'], standalone_mode=False)"
    counted = "; import sys; print(sorted(m for m in sys.modules if m.startswith('market.cli.')))"
    told = run([sys.executable, "-c", looked + counted], capture_output=True, text=True, check=True).stdout
    assert "['market.cli.commands', 'market.cli.console', 'market.cli.verbs']" == told.splitlines()[-1]


@pytest.mark.parametrize("verb", ["", "rules", "topics", "look"])
def test_help_reads_nothing_that_asks_a_server(verb: str) -> None:
    """Each of these takes longer to read than all that help needs."""
    looked = (
        f"from market.cli.commands import commands; commands('{verb} --help'.split(), standalone_mode=False)"
    )
    heavy = {"aiokafka", "asyncpg", "httpx", "litestar", "numpy", "pydantic", "uvloop"}
    counted = f"; import sys; print(sorted({heavy} & set(sys.modules)))"
    told = run([sys.executable, "-c", looked + counted], capture_output=True, text=True, check=True).stdout
    assert "[]" == told.splitlines()[-1]


def test_services_are_called_as_the_pages_call_them() -> None:
    context = click.Context(import_module("market.cli.run").command, info_name="run")
    assert "Usage: run [OPTIONS] SERVICE…" == click.Command.get_usage(context.command, context)


INTERRUPTED = """
import os, signal, sys
from importlib.abc import MetaPathFinder

class Interrupting(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "MODULE":
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background has it ignored
from market.__main__ import main
sys.meta_path.insert(0, Interrupting())
sys.argv[1:] = ["schemas", "--check"]
main()
"""


@pytest.mark.parametrize("module", ["rich_click", "market.cli.console", "market.cli.schemas"])
def test_an_interruption_has_one_text_and_one_code_from_the_start(module: str) -> None:
    program = INTERRUPTED.replace("MODULE", module)
    found = run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (130, "", "interrupted\n") == (found.returncode, found.stdout, found.stderr)
