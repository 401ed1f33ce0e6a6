"""`lodestone demo`: a whole market on this machine, traded, cleared, audited, and stopped."""

import rich_click as click

from market.cli.console import (
    CommandFailed,
    Exit,
    run_async,
    say,
)
from market.cli.environment import settings_of
from market.demo.story import play
from market.logs import configure


@click.command("demo")
@click.option("--seed", type=int, default=20260302, show_default=True, help="Seed of the generated market.")
def command(*, seed: int) -> None:
    """Start everything, trade over HTTP, clear, audit from the topics, stop. Exit code 0: all is well."""
    settings = settings_of(instance="demo", kafka_port=0, http_port=0, checkpoint_seconds=1)
    configure(settings, level="warning")
    if not run_async(play(settings, seed, say)):
        raise CommandFailed(Exit.DIVERGENCE, "a check of the demonstration failed: see the message above")
