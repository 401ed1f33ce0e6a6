"""`lodestone schemas`: write the generated contracts of the events anew."""

import rich_click as click

from events.schema_documents import BreakingChange, refusals, stale, write
from market.cli.console import CommandFailed, Exit, print_line, say


@click.command("schemas")
@click.option("--check", is_flag=True, help="Write nothing; exit code 4 when what is committed is stale.")
def command(*, check: bool) -> None:
    """JSON Schema per event version, AsyncAPI document and events.md, generated from the types.

    Exit code 4, and nothing written, when a published version would break its readers.
    """
    if check:
        _check()
        return
    try:
        written = write()
    except BreakingChange as change:
        raise CommandFailed(Exit.DIVERGENCE, str(change)) from change
    for name in written:
        print_line(f"written {name}")
    say(f"{len(written)} documents were stale")


def _check() -> None:
    old, broken = stale(), refusals()
    for line in (*(f"stale {name}" for name in old), *(f"breaking {change}" for change in broken)):
        print_line(line)
    if old or broken:
        raise CommandFailed(Exit.DIVERGENCE, "the committed documents are not what the types say")
