"""Help and completion tell of every verb what its own file does, without reading what the file imports."""

import sys
from importlib import import_module
from subprocess import run

import pytest
import rich_click as click

from market.__main__ import FILES, VERBS, commands


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_is_told_of_as_it_tells_itself(name: str) -> None:
    told = commands.get_command(click.Context(commands), name)
    itself = import_module(f"market.cli.{FILES.get(name, name)}").command
    assert told is not None
    assert (itself.name, itself.get_short_help_str(200)) == (told.name, told.get_short_help_str(200))
    assert (name, itself, []) == commands.resolve_command(click.Context(commands), [name])


def test_help_reads_no_verb() -> None:
    looked = "import sys; from market.__main__ import commands; commands(['--help'], standalone_mode=False)"
    counted = "; print(sorted(m for m in sys.modules if m.startswith('market.cli.')))"
    told = run([sys.executable, "-c", looked + counted], capture_output=True, text=True, check=True).stdout
    assert "['market.cli.console', 'market.cli.verbs']" == told.splitlines()[-1]
