"""The demonstration's lane, read from its topic: the round without sustainability, and the forged copy."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from events.brokers import Bootstrap
from events.chain import genesis, next_head
from events.codec import decode_envelope, decode_event, headers
from events.connections import open_producer
from events.envelope import Recorded
from events.market_events import ClearingPlanned, MatchStruck
from events.topics import record_topic
from market.audit.auditor import audit
from market.audit.report import AuditReport
from market.rules.book import Books, fold
from market.rules.clearing.cleared import Trade
from market.rules.clearing.clearing import Clearing, clear
from market.topics import create_topics, open_reading

SPOT = ("spot-firm", "spot-all")
FORGED_PREFIX = "forged."
FORGED_CHANGE_UEUR_PER_KG = 1


class Compared(Struct, frozen=True, kw_only=True):
    """A round's spot trades as they were, and as they would have been had nobody bid for sustainability."""

    trades: tuple[Trade, ...]
    trades_without: tuple[Trade, ...]


class Forged(Struct, frozen=True, kw_only=True):
    """One price of a copied record changed by a millionth of a euro per kg, every later hash recomputed."""

    match: UUID
    recorded_ueur_per_kg: int
    forged_ueur_per_kg: int
    report: AuditReport


async def lane_bodies(bootstrap: Bootstrap, lane: int) -> list[bytes]:
    """The bodies of a lane of the market stream, in order, without repeats."""
    bodies: dict[int, bytes] = {}
    async with open_reading(bootstrap, record_topic("", "market")) as reading:
        async for partition, records in reading.batches():
            if partition == lane:
                bodies |= {decode_envelope(record.value).position: record.value for record in records}
    return [bodies[position] for position in sorted(bodies)]


def events_of(bodies: Sequence[bytes], deployment_id: UUID, lane: int) -> list[Recorded]:
    head = genesis(deployment_id, "market", lane)
    events = []
    for body in bodies:
        head = next_head(head, body)
        events.append(decode_event(body, head))
    return events


def without_sustainability(events: Sequence[Recorded]) -> Compared:
    """Clear the newest round of the lane twice from its events: as planned, and with S = 0."""
    books: Books = {}
    found: tuple[Clearing, Clearing] | None = None
    for event in events:
        fold(books, event)
        if isinstance(event.data, ClearingPlanned):
            book = books[event.data.market]
            found = clear(book, event), clear(book, event, sustainability=False)
    if found is None:
        raise LookupError("the lane holds no round")
    with_s, without_s = (
        tuple(trade for section in cleared.sections if section.name in SPOT for trade in section.trades)
        for cleared in found
    )
    return Compared(trades=with_s, trades_without=without_s)


async def forge(
    bootstrap: Bootstrap, bodies: Sequence[bytes], deployment_id: UUID, lane: int, lanes: int
) -> Forged:
    """Audit a copy of the lane with one price changed, as one who owns the broker could make it."""
    events = events_of(bodies, deployment_id, lane)
    place, event = next(
        (place, event) for place, event in enumerate(events) if isinstance(event.data, MatchStruck)
    )
    assert isinstance(event.data, MatchStruck)
    was = event.data.price_ueur_per_kg
    forged = was + FORGED_CHANGE_UEUR_PER_KG
    changed = list(bodies)
    changed[place] = bodies[place].replace(
        b'"price_ueur_per_kg":%d' % was, b'"price_ueur_per_kg":%d' % forged, 1
    )
    assert changed[place] != bodies[place]
    await create_topics(bootstrap, lanes, prefix=FORGED_PREFIX)
    producer = await open_producer(bootstrap)
    try:
        head = genesis(deployment_id, "market", lane)
        for position, body in enumerate(changed, start=1):
            head = next_head(head, body)
            await producer.send_and_wait(
                record_topic(FORGED_PREFIX, "market"),
                body,
                partition=lane,
                headers=headers(body, position, head),
            )
    finally:
        await producer.stop()
    report = await audit(bootstrap, prefix=FORGED_PREFIX, deployment_id=deployment_id, streams=("market",))
    return Forged(match=event.data.match, recorded_ueur_per_kg=was, forged_ueur_per_kg=forged, report=report)
