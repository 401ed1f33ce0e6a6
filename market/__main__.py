"""`lodestone`: the command line's verbs put together."""

import sys

import rich_click as click

from market import __version__
from market.cli import (
    audit,
    clear,
    demo,
    doctor,
    events,
    keys,
    migrate,
    replay,
    rules,
    run,
    schemas,
    statement,
    topics,
    up,
    verify,
)
from market.cli.console import CommandFailed, explain


@click.group("lodestone", context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def commands() -> None:
    """An event-driven marketplace for rare earths and permanent magnets.

    Data goes to stdout, messages to stderr. Exit codes: 0 ok, 2 usage, 3 invalid input, 4 divergence found,
    5 a dependency is unavailable.
    """


for module in (
    run,
    up,
    demo,
    migrate,
    topics,
    keys,
    rules,
    replay,
    audit,
    clear,
    verify,
    statement,
    events,
    doctor,
    schemas,
):
    commands.add_command(module.command)


def main() -> None:
    """Runs the command line; never returns."""
    try:
        commands()
    except CommandFailed as failure:
        sys.exit(explain(failure))


if __name__ == "__main__":
    main()
