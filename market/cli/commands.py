"""The verbs of `lodestone` put together."""

import signal
import sys
from typing import Final

import rich_click as click

from market.cli.console import CommandFailed, Terminated, explain, say
from market.cli.verbs import Interrupted, Verbs
from market.version import version

VERBS: Final = (
    "run",
    "up",
    "demo",
    "migrate",
    "topics",
    "keys",
    "rules",
    "halt",
    "resume",
    "replay",
    "recover",
    "audit",
    "clear",
    "import",
    "verify",
    "statement",
    "events",
    "doctor",
    "look",
    "schemas",
    "witness",
    "streams",
    "brokers",
)
TERMINATED: Final = 128 + signal.SIGTERM
FILES: Final = {"import": "imports"}
"""Of verbs that are no names of modules."""


def _tell_version(context: click.Context, _: click.Parameter, asked: object) -> None:
    if asked:
        click.echo(f"lodestone, version {version()}")
        context.exit()


@click.group(
    "lodestone",
    cls=Verbs,
    modules={verb: f"market.cli.{FILES.get(verb, verb)}" for verb in VERBS},
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_tell_version,
    help="Show the version and exit.",
)  # fmt: skip
def commands() -> None:
    """An event-driven marketplace for rare earths and permanent magnets.

    Data goes to stdout, messages to stderr. Exit codes: 0 ok, 2 usage, 3 invalid input, 4 divergence found,
    5 a dependency is unavailable, 130 interrupted by Ctrl-C, 143 ended by SIGTERM.
    """


def run() -> None:
    """Runs the command line; never returns. KeyboardInterrupt for Ctrl-C."""
    try:
        commands()
    except CommandFailed as failure:
        sys.exit(explain(failure))
    except Terminated:
        say("terminated")
        sys.exit(TERMINATED)
    except Interrupted:
        raise KeyboardInterrupt from None
