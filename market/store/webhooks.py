"""Webhooks: table `webhook`."""

from collections.abc import Sequence
from typing import assert_never, cast
from uuid import UUID

import asyncpg
import msgspec

from events.connections import Connection
from events.envelope import Recorded
from events.facts import WebhookFact
from events.party_events import (
    WebhookChanged,
    WebhookDisabled,
    WebhookRegistered,
    WebhookRemoved,
    WebhookSecretRotated,
)
from events.row_counts import expect_rows
from market.rules.webhook_terms import Webhook, WebhookTerms
from market.store import bodies
from market.store.reading import Page, page

INSERT = """
insert into webhook (
    lane, organisation, webhook, version, position, removed, active, generation, registered_at, body
) values ($1, $2, $3, 1, $4, false, true, 1, $5, $6)
"""

CHANGE = """
update webhook set version = version + 1, position = $4, body = $5, active = $6,
    disabled = case when $6 then null else disabled end
where lane = $1 and organisation = $2 and webhook = $3 and not removed
"""

ROTATE = """
update webhook set version = version + 1, position = $4, generation = $5, previous_until = $6
where lane = $1 and organisation = $2 and webhook = $3 and not removed and generation = $5 - 1
"""

DISABLE = """
update webhook set version = version + 1, position = $4, active = false, disabled = $5
where lane = $1 and organisation = $2 and webhook = $3 and active
"""

REMOVE = """
update webhook set version = version + 1, position = $4, active = false, removed = true
where lane = $1 and organisation = $2 and webhook = $3 and not removed
"""


def holds(event: Recorded) -> bool:
    """Whether an event of the parties stream is about a webhook."""
    return isinstance(event.data, WebhookFact)


async def apply(connection: Connection, events: Sequence[Recorded]) -> None:
    """One statement an event, as of parties."""
    for event in events:
        fact = cast(WebhookFact, event.data)
        statement, arguments = _statement(event, fact)
        status = await connection.execute(
            statement, event.lane, fact.organisation, fact.webhook, event.position, *arguments
        )
        expect_rows(status, 1, type(fact).__name__)


def _statement(event: Recorded, fact: WebhookFact) -> tuple[str, tuple[object, ...]]:
    """The SQL of a fact and its arguments after lane, organisation, webhook and position."""
    match fact:
        case WebhookRegistered():
            return INSERT, (event.time, _body(fact))
        case WebhookChanged():
            return CHANGE, (_body(fact), fact.active)
        case WebhookSecretRotated():
            return ROTATE, (fact.generation, fact.previous_until)
        case WebhookDisabled():
            return DISABLE, (fact.reason,)
        case WebhookRemoved():
            return REMOVE, ()
        case _:
            assert_never(fact)


def _body(fact: WebhookRegistered | WebhookChanged) -> bytes:
    return bodies.encode(WebhookTerms(url=fact.url, types=fact.types, markets=fact.markets))


READ_ALL_OF = "select * from webhook where lane = $1 and organisation = $2 order by webhook"


async def of_organisation(
    connection: Connection, lane: int, organisation: UUID
) -> tuple[tuple[Webhook, ...], int]:
    """Removed ones too, and the position of the newest fact about any of them; 0 before any."""
    rows = await connection.fetch(READ_ALL_OF, lane, organisation)
    return tuple(map(_webhook, rows)), max((row["position"] for row in rows), default=0)


READ_ONE = "select * from webhook where webhook = $1 and not removed"


async def load(connection: Connection, webhook: UUID) -> Webhook | None:
    """None of one that was removed, or is another's."""
    row = await connection.fetchrow(READ_ONE, webhook)
    return None if row is None else _webhook(row)


READ_PAGE = """
select * from webhook
where organisation = $1 and not removed and ($2::uuid is null or webhook > $2) order by webhook limit $3
"""


async def list_webhooks(
    connection: Connection, organisation: UUID, *, after: UUID | None, limit: int
) -> Page[Webhook]:
    rows = await connection.fetch(READ_PAGE, organisation, after, limit + 1)
    return page([_webhook(row) for row in rows], limit)


_bodies = msgspec.json.Decoder(WebhookTerms)


def _webhook(row: asyncpg.Record) -> Webhook:
    return Webhook(
        organisation=row["organisation"],
        webhook=row["webhook"],
        terms=_bodies.decode(row["body"]),
        version=row["version"],
        active=row["active"],
        disabled=row["disabled"],
        generation=row["generation"],
        previous_until=row["previous_until"],
        registered_at=row["registered_at"],
        removed=row["removed"],
    )
