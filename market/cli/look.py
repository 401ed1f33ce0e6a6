"""`lodestone look`: what stands behind an id, whatever it names, for whoever answers a partner's call.

Help reads this; what looks is read when it is called.
"""

from typing import Any

import rich_click as click

from market.cli.console import print_json, print_line, run_async


@click.command("look")
@click.argument("asked", metavar="ID")
@click.option(
    "--log", type=click.File("rb"), help="The API's log as JSON lines, for the id of a request; - for stdin."
)
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
def command(*, asked: str, log: Any, as_json: bool) -> None:
    """Show what ID is, whose it is, its state, its newest events, and where to find more; starts nothing.

    ID is any id that the product prints, the id of a request (with --log what became of it), a place of the
    record (STREAM/LANE/POSITION), or a part of an organisation's name. It is for operators: it takes the
    database's rights. No terms, no prices. Exit code 3: it is none of these, or there is none such.
    """
    from market.cli.environment import settings_of  # noqa: PLC0415  pydantic
    from market.cli.look_up import look_up, told_lines  # noqa: PLC0415  all tables
    from market.ground import clock  # noqa: PLC0415  the clients of both servers

    found = run_async(look_up(settings_of(), asked.strip(), log, clock()))
    if as_json:
        print_json(found)
        return
    for each in found:
        for line in told_lines(each):
            print_line(line)
