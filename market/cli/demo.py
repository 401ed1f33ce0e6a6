"""`lodestone demo`: a whole market on this machine, traded, cleared, audited, and stopped."""

import importlib
import importlib.util
from typing import Final

import rich_click as click

from market.cli.console import CommandFailed, Exit, run_async, settings_of
from market.logs import configure

STORY: Final = "market.demo.story"


@click.command("demo")
@click.option("--seed", type=int, default=20260302, show_default=True, help="Of the generated market.")
def command(*, seed: int) -> None:
    """Start everything, trade over HTTP, clear, audit from the topics, stop. Exit code 0: all of it held."""
    if importlib.util.find_spec(STORY) is None:
        raise CommandFailed(Exit.UNAVAILABLE, f"{STORY} is not part of this version")
    settings = settings_of(instance="demo", kafka_port=0, http_port=0)
    configure(settings, level="warning")
    code: int = run_async(importlib.import_module(STORY).play(settings, seed))
    if code:
        raise CommandFailed(Exit(code), "the demonstration did not hold")
