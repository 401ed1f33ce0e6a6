"""`lodestone resume`: a market that was halted goes on, by an operator's key."""

from pathlib import Path
from uuid import UUID

import rich_click as click

from market.cli.halt import JSON, KEY_FILE, REASON, show, stood
from market.cli.rule_arguments import MARKET
from market.commands import clearings


@click.command("resume")
@click.argument("market", type=MARKET)
@REASON
@KEY_FILE
@JSON
def command(*, market: UUID, reason: str, key_file: Path, as_json: bool) -> None:
    """Resume the halted MARKET (mkt_… or UUID): it takes orders, and its next round is planned when due.

    Exit code 3: it is not halted, or the key is not an operator's.
    """
    show(stood(clearings.resume, market, reason, key_file), as_json=as_json)
