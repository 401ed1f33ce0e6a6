"""`lodestone rules list`: the rule sets of a market."""

from collections.abc import Sequence
from uuid import UUID

import rich_click as click
from rich.table import Table

from events.connections import Pool
from market.cli.console import (
    CommandFailed,
    Exit,
    print_json,
    print_table,
    run_async,
)
from market.cli.environment import settings_of
from market.cli.rule_arguments import MARKET
from market.ground import stand_on_database
from market.http.rounds.rule_sets import (
    RuleSetView,
)
from market.settings import Settings
from market.store import inputs
from market.store.inputs import RuleSetRow
from market.store.reading import PAGE_MAX, reading


@click.command("list")
@click.argument("market", type=MARKET)
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
def command(*, market: UUID, as_json: bool) -> None:
    """List all published rule sets of MARKET (mkt_… or UUID), oldest first."""
    rows = run_async(load_rule_sets(settings_of(), market))
    if as_json:
        print_json([RuleSetView.of(row) for row in rows])
        return
    table = Table("version", "algorithm", "effective from", "published", "signatures", box=None)
    for row in rows:
        table.add_row(
            str(row.rule_set.version),
            row.rule_set.algorithm,
            f"{row.rule_set.effective_from:%Y-%m-%d %H:%M}Z",
            f"{row.published_time:%Y-%m-%d %H:%M}Z",
            str(len(row.signed_by)),
        )
    print_table(table)


async def load_rule_sets(settings: Settings, market: UUID) -> Sequence[RuleSetRow]:
    async with stand_on_database(settings) as ground, ground.opened_pool("reader", 1) as pool:
        return await rule_sets(pool, market)


async def rule_sets(pool: Pool, market: UUID) -> Sequence[RuleSetRow]:
    """All pages, the oldest first; a market without a rule set, or an unknown one, ends the command."""
    found: list[RuleSetRow] = []
    more = True
    while more:
        async with reading(pool, organisation=None, role="operator") as connection:
            after = found[-1].rule_set.version if found else None
            page = await inputs.list_rule_sets(connection, market, after=after, limit=PAGE_MAX)
        found += page.items
        more = page.more
    if not found:
        raise CommandFailed(Exit.INVALID_INPUT, f"no rule set of a market mkt_{market.hex}")
    return found
