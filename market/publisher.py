"""PROCESS events → public and partner topics and the feed, through `rules.visibility`.

The public tape is anonymised, by kind, with its own sequence: the place of a line follows from the lane
alone, and so does the event with which it is published (`mixing`, `deal_mixing`), whose time is the only time
it shows. Repeats after a crash have the same bytes, there and on partner topics.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property, lru_cache
from itertools import groupby
from typing import Any, Final, Generic, TypeAlias, TypeVar
from uuid import UUID

from msgspec import Struct

from events.connections import Pool, acquire
from events.decision import LaneKey
from events.envelope import Recorded
from events.facts import LifecycleFact
from events.faults import crash_point
from events.handling import Batch
from events.ids import text_of
from events.market_events import SupplyOffered
from events.publishing import DerivedIds, MessageKind, TopicWriter, message_kind, moment, written_event
from events.record_batches import WrittenRecord, written_text
from market.feed_writer import FeedWriter
from market.lane_memory import SNAPSHOT_AFTER_EVENTS, LaneMemory
from market.metrics import TAPE_RECORDS
from market.partner_topics import PartnerTopics, Records, WrittenLines, publish_until_taken, together
from market.rules.book import Books
from market.rules.passport import Lots, fold_lots
from market.rules.streams.partner_lines import Telling, lines_of, shown
from market.rules.streams.wire_units import PUBLIC_UNITS
from market.rules.streams.wire_writing import SEQUENCE, encoded_at, line_encoder
from market.rules.viewers import PublicViewer
from market.rules.visibility.crowd import Crowds, fold_crowd, pass_event
from market.rules.visibility.deal_mixing import DealMix, steps_leaving
from market.rules.visibility.deal_tape import TapeAgreement
from market.rules.visibility.deals import Deals, fold_deal, follow_standing, standing_of
from market.rules.visibility.mixing import Mix, leaving
from market.rules.visibility.offer_passing import PassOffer, offers_past
from market.rules.visibility.record_visibility import Before, see_event
from market.rules.visibility.tape import TapeClearing, TapeLine, TapeMarket, TapeOrder, TapeRuleSet, TapeTrade
from market.store.feed import PUBLISHER

NAME: Final = PUBLISHER
SOURCE: Final = "urn:lodestone:public"
PublicLine: TypeAlias = TapeLine | TapeAgreement
Told: TypeAlias = tuple[UUID, PublicLine]
"""The id of a line's event, and the line."""


class Tape(Struct, kw_only=True):
    """A lane's books, their crowds, the lines of each market that wait for the tape, and the number of
    published lines per `<topic> <market>`."""

    books: Books = {}
    crowds: Crowds = {}
    mixes: dict[UUID, Mix] = {}
    sequences: dict[str, int] = {}

    def before(self, event: Recorded, last: Before | None = None) -> Before:
        market: UUID = event.data.market  # type: ignore[attr-defined]
        if last is not None and last.book is not None and last.book.market.int == market.int:
            return last
        return Before(book=self.books.get(market), crowd=self.crowds.get(market))

    def passing(self, event: Recorded, before: Before, viewer: PublicViewer) -> tuple[Told, ...]:
        book, crowd = before.book, before.crowd
        if book is None or crowd is None:
            fold_crowd(self.books, self.crowds, event, viewer)
            return ()
        mix = self.mixes.get(book.market)
        if mix is None:
            mix = self.mixes[book.market] = Mix()
        fact = event.data
        if type(fact) is SupplyOffered and event.stream == "market":
            told = offers_past(book, crowd, mix, viewer)(event, fact)
            if told is not None:
                return told
        seen = see_event(event, viewer, before)
        assert seen is None or isinstance(seen, TapeLine), f"the public may not see {type(seen).__name__}"
        told = leaving(mix, event, seen, book)
        pass_event(book, crowd, event, viewer)
        return told

    def offers(self, before: Before, viewer: PublicViewer) -> PassOffer | None:
        """The fast path for consecutive offers of a market; None for a market that is not open."""
        book, crowd = before.book, before.crowd
        if book is None or crowd is None:
            return None
        mix = self.mixes.get(book.market)
        return None if mix is None else offers_past(book, crowd, mix, viewer)


class DealTape(Struct, kw_only=True, dict=True):
    """As `Tape`, of a lane of agreements."""

    deals: Deals = {}
    mix: DealMix = {}
    sequences: dict[str, int] = {}

    @cached_property
    def standing(self) -> Deals:
        """Follows from `deals`, so no snapshot holds it."""
        return standing_of(self.deals)

    def before(self, event: Recorded, last: Before | None = None) -> Before:
        del event
        return last or Before(deals=self.deals, standing=self.standing)

    def passing(self, event: Recorded, before: Before, viewer: PublicViewer) -> tuple[Told, ...]:
        told = steps_leaving(self.mix, event, _agreement_line(event, viewer, before), self.deals)
        fact: Any = event.data
        fold_deal(self.deals, fact)
        if isinstance(fact, LifecycleFact):
            follow_standing(self.standing, self.deals, fact.agreement)
        return told


class LotTape(Struct, kw_only=True):
    """As `Tape`, of a lane of lots."""

    lots: Lots = {}
    sequences: dict[str, int] = {}

    def before(self, event: Recorded, last: Before | None = None) -> Before:
        del event
        return last or Before(lots=self.lots)

    def passing(self, event: Recorded, before: Before, viewer: PublicViewer) -> tuple[Told, ...]:
        _nothing(event, viewer, before)
        fold_lots(self.lots, event.data)
        return ()


class Register(Struct, kw_only=True):
    """As `Tape`, of a lane whose events depend on none before."""

    sequences: dict[str, int] = {}

    def before(self, event: Recorded, last: Before | None = None) -> Before:
        del event
        return last or Before()

    def passing(self, event: Recorded, before: Before, viewer: PublicViewer) -> tuple[Told, ...]:
        _nothing(event, viewer, before)
        return ()


T = TypeVar("T", Tape, DealTape, LotTape, Register)
"""`before` returns what has to be known of the lane before an event, perhaps the same as at the `last` one;
`passing` applies the event to the tape, and returns the lines published with it."""


def _agreement_line(event: Recorded, viewer: PublicViewer, before: Before) -> TapeAgreement | None:
    seen = see_event(event, viewer, before)
    assert isinstance(seen, TapeAgreement | None), f"the public may not see {type(seen).__name__}"
    return seen


def _nothing(event: Recorded, viewer: PublicViewer, before: Before) -> None:
    seen = see_event(event, viewer, before)
    assert seen is None, f"the public may not see {type(seen).__name__}"


class Left(Struct, frozen=True, gc=False):
    """Lines of one topic and market published together, at `time`; the first has number `sequence`."""

    topic: str
    market: str
    sequence: int
    time: datetime
    told: Sequence[Told]


class Passed(Struct, frozen=True, gc=False):
    """The lines of consecutive events: for partners, and for the tape."""

    lines: WrittenLines
    tape: Records


class InHand(Struct, Generic[T], kw_only=True):
    """A lane's tape after the event at `position`; None while further events are applied."""

    tape: T
    position: int | None
    unsaved: int = 0


class Publisher(Generic[T]):
    """Keeper of one stream: applies events to its books, and writes their lines. Sends first, then moves its
    position: at least once, with the same ids."""

    def __init__(
        self,
        pool: Pool,
        feed: FeedWriter,
        topics: TopicWriter,
        partners: PartnerTopics,
        shape: type[T],
        *,
        public_id_key: bytes,
        topic_prefix: str = "",
        snapshot_after_events: int = SNAPSHOT_AFTER_EVENTS,
    ) -> None:
        self._pool = pool
        self._feed = feed
        self._topics = topics
        self._partners = partners
        self._viewer = PublicViewer(key=public_id_key)
        self._ids = tape_ids(public_id_key)
        self._prefix = topic_prefix
        self._snapshot_after_events = snapshot_after_events
        self._memory: LaneMemory[T] = LaneMemory(NAME, shape, shape, self._step)
        self._lanes: dict[LaneKey, InHand[T]] = {}

    async def opened(self, key: LaneKey, position: int) -> None:
        """Rebuild the lane's books and sequences at `position`. On a retry, lines already made are kept."""
        hand = self._lanes.get(key)
        if hand is None or hand.position is None or hand.position < position:
            tape = await self._memory.recall(self._pool, key, position)
            self._lanes[key] = InHand(tape=tape, position=position)
        await self._partners.opened(key)

    def closed(self, key: LaneKey) -> None:
        """The lane is read no more."""
        self._lanes.pop(key, None)
        self._partners.closed(key)

    def keep(self, events: Sequence[Recorded]) -> Sequence[Passed]:
        key = LaneKey(events[0].stream, events[0].lane)
        hand = self._lanes[key]
        tape, hand.position = hand.tape, None
        seen: list[Telling] = []
        left: list[Left] = []
        before: Before | None = None
        viewer, pass_offer = self._viewer, None
        for event in events:
            last, before = before, tape.before(event, before)
            fact = event.data
            told: tuple[Told, ...] | None = None
            if type(fact) is SupplyOffered and event.stream == "market" and isinstance(tape, Tape):
                # Most of a record.
                if pass_offer is None or before is not last:
                    pass_offer = tape.offers(before, viewer)
                if pass_offer is not None:
                    told = pass_offer(event, fact)
            if told is None:
                seen += shown(event, before)
                told, pass_offer = tape.passing(event, before, viewer), None
            else:
                seen.append(event)
                if told:
                    left.append(_together(tape, event, told))
                continue
            if told:
                left += _left(tape, event, told)
        # Step by step for all of them: what a step needs is in the cache then.
        lines = lines_of(seen)
        records: Records = {}
        for each in left:
            records.setdefault((self._prefix + each.topic, 0), []).extend(self._records(each))
        passed = Passed(self._partners.write(key, lines), records)
        hand.position = events[-1].position
        hand.unsaved += len(events)
        return (passed,)

    async def handle(self, batch: Batch) -> None:
        passed: Sequence[Passed] = batch.kept
        async with self._partners.holding(batch.lane):
            await asyncio.gather(
                self._publish(together(part.tape for part in passed)),
                self._partners.publish(batch.lane, [part.lines for part in passed]),
            )
            crash_point("publisher.sent")
            await self._feed.write(batch, [line for part in passed for line in part.lines.lines])
        if self._lanes[batch.lane].unsaved >= self._snapshot_after_events:
            await self._keep_memory(batch.lane, batch.place.position)

    async def _keep_memory(self, lane: LaneKey, position: int) -> None:
        hand = self._lanes[lane]
        snapshot = self._memory.snapshot(position, hand.tape)
        async with acquire(self._pool) as connection:
            await self._memory.keep(connection, lane, snapshot)
        hand.unsaved = 0

    def _step(self, tape: T, event: Recorded) -> list[Left]:
        return _left(tape, event, tape.passing(event, tape.before(event), self._viewer))

    def _records(self, left: Left) -> list[WrittenRecord]:
        key, at, identity = written_text(left.market.encode()), moment(left.time), self._ids.of_id
        records: list[WrittenRecord] = []
        for sequence, (event, seen) in enumerate(left.told, left.sequence):
            if type(seen) is TapeOrder:
                # Most of the tape.
                kind, subject = _order_kind(seen.topic, seen.action), seen.id
                data = _order_wire(seen, sequence)
            else:
                kind, subject, data = _kind(seen), _subject(seen), wire(seen, sequence)
            records.append(
                written_event(key, identity(event), kind, written_text(subject.encode()), at, data)
            )
        return records

    async def _publish(self, records: Records) -> None:
        await publish_until_taken(self._topics, records)
        for (topic, _), found in records.items():
            TAPE_RECORDS.labels(topic).inc(len(found))


def _left(tape: T, event: Recorded, told: Sequence[Told]) -> list[Left]:
    """The lines published with an event, which the tape has already applied, in order."""
    found: list[Left] = []
    for _, alike in groupby(told, _topic_market):
        found.append(_together(tape, event, list(alike)))
    return found


def _together(tape: T, event: Recorded, told: Sequence[Told]) -> Left:
    """Of lines of one topic and market."""
    first = told[0][1]
    of = text_of(first.market)
    place = f"{first.topic} {of}"
    before = tape.sequences.get(place, 0)
    tape.sequences[place] = before + len(told)
    return Left(first.topic, of, before + 1, event.time, told)


def _topic_market(told: Told) -> tuple[str, UUID]:
    return told[1].topic, told[1].market


def _kind(line: PublicLine) -> MessageKind:
    match line:
        case TapeOrder():
            return _order_kind(line.topic, line.action)
        case TapeAgreement():
            return message_kind(f"public.offtake-agreement.{line.action}.v1", SOURCE)
        case TapeTrade():
            return message_kind("public.trade.struck.v1", SOURCE)
        case TapeClearing():
            return message_kind(f"public.clearing.{line.outcome}.v1", SOURCE)
        case TapeRuleSet():
            return message_kind("public.pricing-rule.published.v1", SOURCE)
        case TapeMarket():
            return message_kind(f"public.market.{line.standing}.v1", SOURCE)


@lru_cache(maxsize=64)
def _order_kind(topic: str, action: str) -> MessageKind:
    """`public.supply-offers.v1` → `public.supply-offer.posted.v1`."""
    return message_kind(f"{topic.removesuffix('s.v1')}.{action}.v1", SOURCE)


def _subject(line: PublicLine) -> str:
    match line:
        case TapeOrder() | TapeTrade() | TapeAgreement():
            return line.id
        case TapeClearing():
            return str(line.plan)
        case TapeRuleSet() | TapeMarket():
            return str(line.market)


def wire(line: PublicLine, sequence: int) -> bytes:
    """The JSON of a public record: decimal strings with the unit in the name, and the sequence."""
    return encoded_at(sequence, line, PUBLIC_UNITS)


_order_wire = line_encoder(TapeOrder, PUBLIC_UNITS, (SEQUENCE,))


def tape_id(public_id_key: bytes, event: UUID) -> UUID:
    """The CloudEvents id of an event's public line; without the key, neither can be found from the other."""
    return tape_ids(public_id_key).of_id(event)


def tape_ids(public_id_key: bytes) -> DerivedIds:
    """`tape_id` of many."""
    return DerivedIds(public_id_key, "tape")
