"""Tables of ids and figures on a terminal of 80 columns: no id and no figure is broken over two lines."""

from io import StringIO

from rich.console import Console
from rich.table import Table

from events.market_terms import SustainabilityProfile
from market.cli.clear import trades_table
from market.cli.rules_dry_run import pairs_table
from market.http.wire.ids import to_text
from tests.blotter import EUR, ident, rule_set
from tests.rules.test_rehearsals import Tried


def printed(table: Table) -> str:
    console = Console(width=80, file=StringIO(), highlight=False)
    with console.capture() as told:
        console.print(table)
    return told.get()


def test_trades_of_a_round_name_whole_orders_and_amounts() -> None:
    (trade,) = Tried().struck
    told = printed(trades_table([trade])).split()
    assert {to_text("offer", trade.supply), to_text("req", trade.requirement)} <= set(told)
    assert {"5600.000", f"{trade.amount_cents_eur / 100:.2f}"} <= set(told)


def test_pairs_that_trade_otherwise_name_whole_orders_and_figures() -> None:
    profile = SustainabilityProfile(eu_origin_ueur_per_kg=3 * EUR, cap_ueur_per_kg=3 * EUR)
    found = Tried().under(rule_set(default_profile=profile))
    names = {ident(name): f"Company {name} of some length, GmbH" for name in ("s0", "s1", "b0", "b1")}
    told = printed(pairs_table(found, names))
    for pair in found.pairs:
        assert {to_text("offer", pair.supply), to_text("req", pair.requirement)} <= set(told.split())
        assert names[pair.seller] in told
    assert {"before", "after", "5600.000", "0.000"} <= set(told.split())
