"""The events of one agreement from the journal, for its history and its export."""

from collections.abc import Collection
from uuid import UUID

from events.codec import decode_event
from events.connections import Connection
from events.envelope import Recorded

# All events of an agreement have it as their key.
READ = """
select body, chain from record.journal
where stream = 'contracts' and lane = $1 and key = $2 and type = any($3::text[])
order by position
"""

# Without its deliveries, which may be thousands: these types have an index of their own. `offset 0` prevents
# a plan that scans the whole lane for the order of the page.
READ_LIFE = """
select body, chain from (
    select position, type, body, chain from record.journal
    where stream = 'contracts' and lane = $1 and key = $2 and type in (
        'contracts.agreement.drafted.v1', 'contracts.agreement.proposed.v1',
        'contracts.proposal.withdrawn.v1', 'contracts.agreement.signed.v1',
        'contracts.agreement.advanced.v1', 'contracts.condition.settled.v1',
        'contracts.agreement.extended.v1', 'contracts.force-majeure.declared.v1',
        'contracts.force-majeure.ended.v1', 'contracts.agreement.terminated.v1',
        'contracts.declaration.contested.v1', 'contracts.contest.settled.v1'
    )
    offset 0
) life
where position > $3 and position <= $4 and ($5::text[] is null or type = any($5))
order by position limit $6
"""

# A payment has the agreement of its first part as key, and may name invoices of others.
READ_PAYMENTS = """
with named as materialized (
    select lane, market, payment from payment_part where agreement = $2
)
select body, chain from (
    select position, body, chain from record.journal
    where stream = 'contracts' and lane = $1 and type in (
        'contracts.payment.stated.v1', 'contracts.payment.received.v1', 'contracts.payment.denied.v1',
        'contracts.payment.withdrawn.v1', 'contracts.payment.reversed.v1'
    ) and key in (
        select p.agreement::text from named n
        join payment_part p on p.lane = n.lane and p.market = n.market and p.payment = n.payment
    )
    offset 0
) said
where position > $3
    and (convert_from(body, 'UTF8')::jsonb #>> '{data,payment}')::uuid in (select payment from named)
order by position limit $4
"""


async def load_events(
    connection: Connection, lane: int, agreement: UUID, types: Collection[str]
) -> list[Recorded]:
    """The agreement's events of these types, in order."""
    rows = await connection.fetch(READ, lane, str(agreement), list(types))
    return [decode_event(row["body"], row["chain"]) for row in rows]


async def load_life(
    connection: Connection,
    lane: int,
    agreement: UUID,
    *,
    to: int,
    after: int = 0,
    types: Collection[str] | None = None,
    limit: int | None = None,
) -> list[Recorded]:
    """The agreement's events, of these types or all, after position `after` up to `to`, in order."""
    named = None if types is None else list(types)
    rows = await connection.fetch(READ_LIFE, lane, str(agreement), after, to, named, limit)
    return [decode_event(row["body"], row["chain"]) for row in rows]


async def load_payments(
    connection: Connection, lane: int, agreement: UUID, *, after: int, limit: int
) -> list[Recorded]:
    """The events of payments that name an invoice of the agreement, in order."""
    rows = await connection.fetch(READ_PAYMENTS, lane, agreement, after, limit)
    return [decode_event(row["body"], row["chain"]) for row in rows]
