"""`lodestone keys`: issue API keys where nobody holds an operator's key yet; the keys of checkpoints."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import get_args
from uuid import UUID

import rich_click as click

from events.refusal import Refusal, Refusals
from events.vocabulary import KeyRole
from market.cli import checkpoint_keys
from market.cli.console import (
    CommandFailed,
    Exit,
    print_json,
    print_line,
    run_async,
    say,
)
from market.cli.environment import settings_of
from market.ground import stand_on_database, wire
from market.http.wire.ids import to_text
from market.http.wire.tokens import SECRET_BYTES
from market.operators import MintedKey, ensure_operator, issue_key, told
from market.rules.parties.keys import late_cautions
from market.settings import Settings

ROLES: tuple[KeyRole, ...] = get_args(KeyRole)


@click.group("keys")
def command() -> None:
    """Issue API keys (needs a login to the database), and manage the keys that sign checkpoints."""


for verb in (checkpoint_keys.make, checkpoint_keys.show, checkpoint_keys.rotate):
    command.add_command(verb)


@command.command("issue")
@click.option(
    "--organisation", default="operator", show_default=True, help="Id (org_… or UUID), or `operator`."
)
@click.option(
    "--role", "roles", multiple=True, required=True, type=click.Choice(ROLES), help="May be repeated."
)
@click.option("--label", default="command line", show_default=True, help="Its name in lists.")
@click.option(
    "--days", type=click.IntRange(1, 3650), default=365, show_default=True, help="Until it expires."
)
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
def issue(*, organisation: str, roles: tuple[KeyRole, ...], label: str, days: int, as_json: bool) -> None:
    """Issue an API key and print it, only this once, since only its hash is stored."""
    settings = settings_of()
    try:
        chosen = None if organisation == "operator" else UUID(hex=organisation.removeprefix("org_"))
    except ValueError:
        raise CommandFailed(Exit.INVALID_INPUT, f"{organisation!r} is not an organisation's id") from None
    try:
        minted = run_async(_issue(settings, chosen, tuple(dict.fromkeys(roles)), label, timedelta(days=days)))
    except (Refusal, Refusals) as error:
        raise CommandFailed(Exit.INVALID_INPUT, told(error)) from error
    for caution in late_cautions(minted.expires_at, datetime.now(UTC)):
        say(f"warning: {caution.text}")
    if as_json:
        print_json(minted)
        return
    whose = f"{to_text('key', minted.key)} of {to_text('org', minted.organisation)}"
    say(f"{whose}, roles {', '.join(minted.roles)}, until {minted.expires_at:%Y-%m-%d}; it is shown only now")
    print_line(minted.token)


async def _issue(
    settings: Settings,
    organisation: UUID | None,
    roles: tuple[KeyRole, ...],
    label: str,
    valid: timedelta,
) -> MintedKey:
    async with stand_on_database(settings) as ground, wire(ground) as wiring:
        now = wiring.clock()
        operator = await ensure_operator(wiring.desk, wiring.deployment.deployment_id, now)
        return await issue_key(
            wiring.desk,
            operator,
            organisation or operator.organisation,
            roles=roles,
            label=label,
            expires_at=now + valid,
            secret=secrets.token_bytes(SECRET_BYTES),
        )
