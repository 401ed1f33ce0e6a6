"""`lodestone rules`: the rule sets of a market, and what one changed of another."""

from collections.abc import Sequence
from uuid import UUID

import rich_click as click
from rich.table import Table

from market.cli.console import CommandFailed, Exit, out, print_json, run_async, settings_of
from market.ground import stand_on_database
from market.http.rule_sets import RuleSetDiff, RuleSetView, rule_set_diff
from market.settings import Settings
from market.store import inputs
from market.store.inputs import RuleSetRow
from market.store.reading import PAGE_MAX, reading

VERSION = click.IntRange(1, 10**6)


class _Market(click.ParamType[UUID]):
    name = "MARKET"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> UUID:
        try:
            return value if isinstance(value, UUID) else UUID(hex=str(value).removeprefix("mkt_"))
        except ValueError:
            self.fail(f"{value!r} is no market's id", param, ctx)


MARKET = _Market()


@click.group("rules")
def command() -> None:
    """Pricing rule sets of a market, read with the database's rights."""


@command.command("list")
@click.argument("market", type=MARKET)
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
def list_rule_sets(*, market: UUID, as_json: bool) -> None:
    """All published rule sets of MARKET (mkt_… or UUID), the oldest first."""
    rows = run_async(_load(settings_of(), market))
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
    out.print(table)


@command.command("diff")
@click.argument("market", type=MARKET)
@click.option("--before", type=VERSION, help="Version; else the last but one.")
@click.option("--after", type=VERSION, help="Version; else the last.")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
def diff(*, market: UUID, before: int | None, after: int | None, as_json: bool) -> None:
    """What one rule set of MARKET (mkt_… or UUID) changed of another."""
    rows = {row.rule_set.version: row for row in run_async(_load(settings_of(), market))}
    last = max(rows)
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


async def _load(settings: Settings, market: UUID) -> Sequence[RuleSetRow]:
    """All pages; a market without a rule set, or an unknown one, ends the command."""
    found: list[RuleSetRow] = []
    async with stand_on_database(settings) as ground, ground.opened_pool("reader", 1) as pool:
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


def _print(found: RuleSetDiff) -> None:
    table = Table("member", f"version {found.before}", f"version {found.after}", box=None)
    for change in found.changes:
        table.add_row(change.path.lstrip("/"), change.before or "–", change.after or "–")
    out.print(table)
