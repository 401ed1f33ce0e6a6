"""`lodestone streams`: partners' logins at a secured Kafka: give one, take it away, replace its password."""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple, TypeVar
from uuid import UUID

import rich_click as click
from msgspec.structs import asdict

from events.access import Access, AccessError
from events.connections import acquire
from market.broker_logins import partner_servers
from market.cli.console import (
    CommandFailed,
    Exit,
    print_json,
    print_line,
    run_async,
    say,
)
from market.cli.environment import settings_of
from market.ground import stand, wire
from market.http.wire.ids import to_text
from market.settings import Settings
from market.store.party_reads import existing, open_streams, standing
from market.topic_access import AlreadyGranted, Granted, NotGranted
from market.topic_access import grant as give
from market.topic_access import revoke as take
from market.topic_access import rotate as replace

PLAIN: Final = (
    "this Kafka accepts plain text without a login, so it has no users: start it with make up SECURE=1, "
    "or set LODESTONE_KAFKA_SECURITY_PROTOCOL for a secured cluster"
)

CLOSED: Final = (
    "{organisation} is closed, and a closed organisation gets no login: if it still has one, remove it by "
    "lodestone streams revoke {organisation}"
)

T = TypeVar("T")


@click.group("streams")
def command() -> None:
    """Manage partners' logins to a secured Kafka: own topic, public tape and heads, own consumer groups."""


@command.command("grant")
@click.argument("organisation", metavar="ORG")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
def grant(*, organisation: str, as_json: bool) -> None:
    """Create a partner's user and ACLs and print the password, only this once, since it is not stored."""
    _print(run_async(_handed(settings_of(), organisation, give)), as_json=as_json)


@command.command("rotate")
@click.argument("organisation", metavar="ORG")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
def rotate(*, organisation: str, as_json: bool) -> None:
    """Replace a partner's password and print the new one; new connections need it at once.

    A connection that is open goes on until its login has to be repeated, an hour at most; where that is too
    long, revoke and grant again: without rights it reads nothing.
    """
    _print(run_async(_handed(settings_of(), organisation, replace)), as_json=as_json)


@command.command("revoke")
@click.argument("organisation", metavar="ORG")
def revoke(*, organisation: str) -> None:
    """Remove a partner's ACLs and user: open connections can read nothing more."""
    run_async(_on_kafka(settings_of(), organisation, take))
    say(f"{organisation} has no Kafka login any more; its topic stays")


class Reached(NamedTuple):
    """`servers`: where partners log in; None: at another listener. `ca_file` None: whom the system trusts."""

    servers: str | None
    ca_file: str | None


class Handed(Granted, frozen=True, kw_only=True):
    """All that a partner's client needs. `ca_file`: a copy of it goes to the partner; None: the system's."""

    servers: str | None
    ca_file: str | None


def _print(granted: Handed, *, as_json: bool) -> None:
    if as_json:
        print_json(granted)
        return
    for name, value in (
        ("servers", granted.servers or "those of the listener for logins (SASL_SSL)"),
        ("ca file", granted.ca_file or "none: the system's trusted certificates"),
        ("protocol", granted.protocol),
        ("mechanism", granted.mechanism),
        ("user", granted.user),
        ("password", granted.password),
        ("topic", granted.topic),
        ("groups", f"{granted.group_prefix}*"),
    ):
        print_line(f"{name:<10} {value}")
    say(
        "the password is shown only now; send it over a secure channel, with all of the above and the ca file"
    )


async def _handed(
    settings: Settings, text: str, change: Callable[[Access, str, UUID], Awaitable[Granted]]
) -> Handed:
    granted, reached = await _on_kafka(settings, text, change)
    return Handed(**asdict(granted), servers=reached.servers, ca_file=reached.ca_file)


async def _on_kafka(
    settings: Settings, text: str, change: Callable[[Access, str, UUID], Awaitable[T]]
) -> tuple[T, Reached]:
    """What the change gave, and how a partner reaches these brokers.

    CommandFailed with the reason; an organisation has to be registered, not to have opened its stream. From
    one that is closed a login is only taken.
    """
    organisation = _organisation(text)
    async with stand(settings) as ground, wire(ground) as wiring:
        if isinstance(ground.bootstrap, str):
            raise CommandFailed(Exit.INVALID_INPUT, PLAIN)
        async with acquire(wiring.writer) as connection:
            known = await existing(connection, [organisation])
            stands = await standing(connection, [organisation])
            streaming = organisation in await open_streams(connection)
        reached = Reached(partner_servers(settings, ground.bootstrap), ground.bootstrap.ca_file)
        if not known:
            raise CommandFailed(
                Exit.INVALID_INPUT, f"there is no organisation {to_text('org', organisation)}"
            )
        if not stands and change is not take:
            raise CommandFailed(Exit.INVALID_INPUT, CLOSED.format(organisation=to_text("org", organisation)))
        try:
            done = await change(Access(ground.bootstrap), settings.topic_prefix, organisation)
        except (AlreadyGranted, NotGranted) as refused:
            raise CommandFailed(Exit.INVALID_INPUT, str(type(refused).__doc__)) from None
        except AccessError as error:
            raise CommandFailed(Exit.UNAVAILABLE, str(error)) from error
    if not streaming and change is not take:
        say(f"its topic is created when it opens its stream: PUT /v1/organisations/{text}/stream")
    return done, reached


def _organisation(text: str) -> UUID:
    try:
        return UUID(hex=text.removeprefix("org_"))
    except ValueError:
        raise CommandFailed(Exit.INVALID_INPUT, f"{text!r} is not an organisation's id") from None
