"""`lodestone rules next`: the last rule set of a market as the file of the next, with all rules of now."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import rich_click as click
from msgspec import structs

from events.market_terms import RuleSet
from market.cli.console import (
    print_json,
    run_async,
    say,
)
from market.cli.environment import settings_of
from market.cli.rule_arguments import MARKET
from market.cli.rule_switches import lacking, switched_off
from market.cli.rules_list import rule_sets
from market.ground import clock, stand_on_database
from market.http.rounds.rule_sets import RuleSetTerms
from market.settings import Settings
from market.store.markets import load_market
from market.store.reading import reading

TO_SIGN: Final = timedelta(hours=1)


@click.command("next")
@click.argument("market", type=MARKET)
def command(*, market: UUID) -> None:
    """The last rule set of MARKET (mkt_… or UUID) as JSON for `rules publish`, with the next version.

    All amounts stay; each rule that came with a later version of the program than the last rule set is put
    into effect, and named on stderr; what the last one switches off stays so. It takes effect an hour after
    the market's notice, or with the last rule set where that is later. Nothing is stored.
    """
    stands, notice = run_async(_read(settings_of(), market))
    print_json(following(stands, clock() + notice + TO_SIGN))
    off = switched_off(stands)
    if missing := lacking(stands):
        say(f"version {stands.version} is without {', '.join(missing)}; this one has them")
    elif not off:
        say(f"version {stands.version} has every rule of this version")
    if off:
        say(f"version {stands.version} switches off {', '.join(off)}, and so does this one")


def following(recorded: RuleSet, earliest: datetime) -> RuleSetTerms:
    """`earliest` is rounded up to the minute; what was announced for a later day does not begin before it."""
    stands = RuleSetTerms.outside(recorded)
    begins = max(earliest.replace(second=0, microsecond=0) + timedelta(minutes=1), stands.effective_from)
    return structs.replace(
        stands, version=stands.version + 1, effective_from=begins, **dict.fromkeys(lacking(recorded), True)
    )


async def _read(settings: Settings, market: UUID) -> tuple[RuleSet, timedelta]:
    """The last rule set, and how long before it takes effect the market has one published."""
    async with stand_on_database(settings) as ground, ground.opened_pool("reader", 1) as pool:
        rows = await rule_sets(pool, market)
        async with reading(pool, organisation=None, role="operator") as connection:
            found = await load_market(connection, market)
    assert found is not None
    return rows[-1].rule_set, timedelta(seconds=found.terms.rule_notice_seconds)
