"""`lodestone rules`: the rule sets of a market, what one changed of another, and a new one, published."""

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import rich_click as click
from msgspec import Struct
from rich.table import Column, Table

from events.command import Outcome
from events.connections import Pool
from events.refusal import Refusal, Refusals
from market.cli.console import (
    CommandFailed,
    Exit,
    print_json,
    print_line,
    print_table,
    run_async,
    settings_of,
)
from market.cli.files import read
from market.cli.rule_arguments import MARKET, caller, operators, token
from market.cli.verbs import Verbs
from market.commands.inputs import publish_rule_set
from market.ground import stand_on_database, wire
from market.http.rounds.rule_sets import (
    RuleSetDiff,
    RuleSetTerms,
    RuleSetView,
    rule_set_diff,
    rule_set_warnings,
)
from market.http.wire.problems import DoorError
from market.http.wire.receipts import Warned
from market.operators import told
from market.settings import Settings
from market.store import inputs
from market.store.inputs import RuleSetRow
from market.store.reading import PAGE_MAX, reading

VERSION = click.IntRange(1, 10**6)


@click.group(
    "rules", cls=Verbs, modules={"dry-run": "market.cli.rules_dry_run", "next": "market.cli.rules_next"}
)
def command() -> None:
    """Pricing rule sets of a market; needs a login to the database, and operators' keys to try or publish."""


@command.command("list")
@click.argument("market", type=MARKET)
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
def list_rule_sets(*, market: UUID, as_json: bool) -> None:
    """List all published rule sets of MARKET (mkt_… or UUID), oldest first."""
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
    print_table(table)


@command.command("diff")
@click.argument("market", type=MARKET)
@click.option("--before", type=VERSION, help="Version; default the last but one.")
@click.option("--after", type=VERSION, help="Version; default the last.")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
def diff(*, market: UUID, before: int | None, after: int | None, as_json: bool) -> None:
    """Show what changed between two rule sets of MARKET (mkt_… or UUID)."""
    rows = {row.rule_set.version: row for row in run_async(_load(settings_of(), market))}
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


class Published(Struct, frozen=True, kw_only=True):
    """`position` is null when nothing was published because only checking was asked for; `warnings` as over
    HTTP."""

    version: int
    position: int | None
    signed_by: tuple[UUID, ...]
    warnings: tuple[Warned, ...]


@command.command("publish")
@click.argument("market", type=MARKET)
@click.argument("rule_set", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--key-file", "key_files", multiple=True, required=True, type=click.Path(path_type=Path, dir_okay=False),
    help="A file with an operator's API key; use it twice, since two operators sign, except in a sandbox.",
)  # fmt: skip
@click.option("--check", is_flag=True, help="Only check it, publish nothing.")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
def publish(*, market: UUID, rule_set: Path, key_files: tuple[Path, ...], check: bool, as_json: bool) -> None:
    """Publish RULE_SET, a JSON file as `POST …/rule-sets` takes it, in MARKET (mkt_… or UUID).

    It takes effect after the market's notice period at the earliest. Exit code 3: the file or a key is wrong,
    or the rule set is refused; every reason is named.
    """
    given = read(rule_set, RuleSetTerms)
    tokens = [token(path) for path in key_files]
    try:
        found = run_async(_publish(settings_of(), market, given, tokens, check=check))
    except (DoorError, Refusal, Refusals) as error:
        raise CommandFailed(Exit.INVALID_INPUT, told(error)) from error
    if as_json:
        print_json(found)
        return
    for each in found.warnings:
        print_line(f"{each.pointer} {each.code}: {each.detail}")
    if found.position is None:
        print_line(f"version {found.version} may be published")
    else:
        print_line(f"version {found.version} is published at position {found.position}")


async def _publish(
    settings: Settings, market: UUID, given: RuleSetTerms, tokens: Sequence[str], *, check: bool
) -> Published:
    async with stand_on_database(settings) as ground, wire(ground) as wiring:
        signers = await operators(wiring, tokens)
        signed_by = tuple(dict.fromkeys(signer.key for signer in signers))
        result = await publish_rule_set(
            wiring.desk,
            caller(signers[0]),
            market=market,
            rule_set=given.inside(),
            signed_by=signed_by,
            dry_run=check,
        )
        position = result.events[0].position if isinstance(result, Outcome) else None
        warnings = rule_set_warnings(given, wiring.clock())
        return Published(version=given.version, position=position, signed_by=signed_by, warnings=warnings)


def _version(rows: dict[int, RuleSetRow], version: int) -> RuleSetRow:
    if version not in rows:
        raise CommandFailed(Exit.INVALID_INPUT, f"the market has no rule set of version {version}")
    return rows[version]


async def _load(settings: Settings, market: UUID) -> Sequence[RuleSetRow]:
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


def _print(found: RuleSetDiff) -> None:
    names = ("member", f"version {found.before}", f"version {found.after}")
    table = Table(*(Column(name, overflow="fold") for name in names), box=None)
    for change in found.changes:
        table.add_row(change.path.lstrip("/"), change.before or "–", change.after or "–")
    print_table(table)
