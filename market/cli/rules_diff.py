"""`lodestone rules diff`: what one rule set of a market changed of another."""

from uuid import UUID

import rich_click as click
from rich.table import Column, Table

from market.cli.console import (
    CommandFailed,
    Exit,
    print_json,
    print_table,
    run_async,
)
from market.cli.environment import settings_of
from market.cli.rule_arguments import MARKET
from market.cli.rules_list import load_rule_sets
from market.http.rounds.rule_sets import (
    RuleSetDiff,
    rule_set_diff,
)
from market.store.inputs import RuleSetRow

VERSION = click.IntRange(1, 10**6)


@click.command("diff")
@click.argument("market", type=MARKET)
@click.option("--before", type=VERSION, help="Version; default the last but one.")
@click.option("--after", type=VERSION, help="Version; default the last.")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
def command(*, market: UUID, before: int | None, after: int | None, as_json: bool) -> None:
    """Show what changed between two rule sets of MARKET (mkt_… or UUID)."""
    rows = {row.rule_set.version: row for row in run_async(load_rule_sets(settings_of(), market))}
    last = max(rows)
    if before is None and after is None and len(rows) == 1:
        told = f"the market has one rule set, version {last}: there is nothing to compare it with"
        raise CommandFailed(Exit.INVALID_INPUT, told)
    found = rule_set_diff(
        _version(rows, last - 1 if before is None else before).rule_set,
        _version(rows, last if after is None else after).rule_set,
    )
    if as_json:
        print_json(found)
    else:
        _print(found)


def _version(rows: dict[int, RuleSetRow], version: int) -> RuleSetRow:
    if version not in rows:
        raise CommandFailed(Exit.INVALID_INPUT, f"the market has no rule set of version {version}")
    return rows[version]


def _print(found: RuleSetDiff) -> None:
    names = ("member", f"version {found.before}", f"version {found.after}")
    table = Table(*(Column(name, overflow="fold") for name in names), box=None)
    for change in found.changes:
        table.add_row(change.path.lstrip("/"), change.before or "–", change.after or "–")
    print_table(table)
