"""What the verbs of `lodestone rules` are given: a market, and the API keys of operators in files."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from uuid import UUID

import rich_click as click

from events.callers import Caller
from market.cli.console import CommandFailed, Exit
from market.ground import Wiring
from market.http.wire.access import OPERATORS, Credential, KeyRing, require
from market.http.wire.credentials import find_credential


class _Market(click.ParamType[UUID]):
    name = "MARKET"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> UUID:
        try:
            return value if isinstance(value, UUID) else UUID(hex=str(value).removeprefix("mkt_"))
        except ValueError:
            self.fail(f"{value!r} is not a market's id", param, ctx)


MARKET = _Market()


def token(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(Exit.INVALID_INPUT, f"{path}: {error}") from error


async def operators(wiring: Wiring, tokens: Sequence[str]) -> list[Credential]:
    """DoorError for a key that is unknown, or no operator's."""
    ring = KeyRing(partial(find_credential, wiring.reader), wiring.clock)
    found = [await ring.credential(f"Bearer {each}", lambda: None) for each in tokens]
    for credential in found:
        require(OPERATORS, credential.roles)
    return found


def caller(credential: Credential) -> Caller:
    return Caller(organisation=credential.organisation, roles=credential.roles, key=credential.key)
