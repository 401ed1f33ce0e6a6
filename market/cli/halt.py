"""`lodestone halt`: a market neither takes orders nor clears, by an operator's key."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID

import rich_click as click
from msgspec import Struct

from events.command import Outcome
from events.desk import Answer
from events.refusal import Refusal, Refusals
from market.cli.console import (
    CommandFailed,
    Exit,
    print_json,
    print_line,
    run_async,
)
from market.cli.environment import settings_of
from market.cli.rule_arguments import MARKET, caller, operators, token
from market.commands import clearings
from market.ground import stand_on_database, wire
from market.http.wire.problems import DoorError
from market.operators import told
from market.settings import Settings

KEY_FILE = click.option(
    "--key-file", required=True, type=click.Path(path_type=Path, dir_okay=False),
    help="A file with an operator's API key.",
)  # fmt: skip
REASON = click.option("--reason", required=True, help="On the public tape: no name, no price.")
JSON = click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")


class Stood(Struct, frozen=True, kw_only=True):
    """`position` of the event that halts the market or lets it go on."""

    market: UUID
    halted: bool
    position: int


@click.command("halt")
@click.argument("market", type=MARKET)
@REASON
@KEY_FILE
@JSON
def command(*, market: UUID, reason: str, key_file: Path, as_json: bool) -> None:
    """Halt MARKET (mkt_… or UUID) at once: an open round is abandoned, none is planned, no order is taken.

    Orders may be withdrawn and open matches answered. Exit code 3: it is already halted, or the key is not an
    operator's.
    """
    show(stood(clearings.halt, market, reason, key_file), as_json=as_json)


def stood(change: Callable[..., Awaitable[Answer]], market: UUID, reason: str, key_file: Path) -> Stood:
    """CommandFailed when it is refused."""
    given = token(key_file)
    try:
        return run_async(_change(settings_of(), change, market, reason, given))
    except (DoorError, Refusal, Refusals) as error:
        raise CommandFailed(Exit.INVALID_INPUT, told(error)) from error


def show(found: Stood, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    print_line(f"{'halted' if found.halted else 'resumed'} from position {found.position}")


async def _change(
    settings: Settings, change: Callable[..., Awaitable[Answer]], market: UUID, reason: str, given: str
) -> Stood:
    async with stand_on_database(settings) as ground, wire(ground) as wiring:
        (operator,) = await operators(wiring, [given])
        result = await change(wiring.desk, caller(operator), market=market, reason=reason)
        assert isinstance(result, Outcome)
        return Stood(market=market, halted=change is clearings.halt, position=result.events[-1].position)
