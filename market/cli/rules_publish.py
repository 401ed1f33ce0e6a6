"""`lodestone rules publish`: a rule set of a market, signed by its operators."""

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import rich_click as click
from msgspec import Struct

from events.command import Outcome
from events.refusal import Refusal, Refusals
from market.cli.console import (
    CommandFailed,
    Exit,
    print_json,
    print_line,
    run_async,
)
from market.cli.environment import settings_of
from market.cli.files import read
from market.cli.rule_arguments import MARKET, caller, operators, token
from market.commands.inputs import publish_rule_set
from market.ground import stand_on_database, wire
from market.http.rounds.rule_sets import (
    RuleSetTerms,
    rule_set_warnings,
)
from market.http.wire.problems import DoorError
from market.http.wire.receipts import Warned
from market.operators import told
from market.settings import Settings


class Published(Struct, frozen=True, kw_only=True):
    """`position` is null when nothing was published because only checking was asked for; `warnings` as over
    HTTP."""

    version: int
    position: int | None
    signed_by: tuple[UUID, ...]
    warnings: tuple[Warned, ...]


@click.command("publish")
@click.argument("market", type=MARKET)
@click.argument("rule_set", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--key-file", "key_files", multiple=True, required=True, type=click.Path(path_type=Path, dir_okay=False),
    help="A file with an operator's API key; use it twice, since two operators sign, except in a sandbox.",
)  # fmt: skip
@click.option("--check", is_flag=True, help="Only check it, publish nothing.")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
def command(*, market: UUID, rule_set: Path, key_files: tuple[Path, ...], check: bool, as_json: bool) -> None:
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
