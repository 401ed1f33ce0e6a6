"""One lane checked from its records alone: chain, order, every clearing, every fact of an agreement."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from events.chain import genesis, next_head
from events.codec import Undecodable, decode_envelope, decode_event
from events.decision import LaneKey
from events.envelope import Recorded, source_of
from events.market_events import (
    ClearingAbandoned,
    ClearingCompleted,
    ClearingEvidence,
    ClearingPlanned,
    MatchConfirmed,
    MatchStruck,
)
from events.merkle import Frontier, leaf_hash
from market.audit_shelf import AuditShelf
from market.contract_audit import ContractAudit
from market.lane_verdict import (
    WHOLE,
    Bounds,
    Divergence,
    Kind,
    LaneVerdict,
    divergence_at,
    sealed_to,
    shortfall,
    unanchored,
)
from market.repeats import Repeats
from market.round_audit import RoundCheck, copied, difference_at, may_abandon, round_fault
from market.rules.book import Book, Books, fold
from market.rules.differences import Difference


class LaneRecord(Struct, frozen=True, kw_only=True):
    """A record as it stands on its topic; `chain` is the header's lane head in hexadecimal."""

    offset: int
    body: bytes
    chain: str


class _Open(Struct, kw_only=True):
    """A planned round, the book at its plan, and what it has recorded so far."""

    plan: Recorded
    book: Book
    offsets: list[int] = []
    events: list[Recorded] = []


class LaneAudit:
    """Feed the lane's records in topic order; the first divergence ends the check of this lane."""

    def __init__(
        self,
        key: LaneKey,
        deployment_id: UUID,
        check: RoundCheck,
        expected_end: int | None = None,
        *,
        repeats: Repeats | None = None,
        shelf: AuditShelf | None = None,
        seals: Mapping[int, bytes] | None = None,
        anchors: Mapping[int, str] | None = None,
        bounds: Bounds = WHOLE,
    ) -> None:
        """`shelf` is shared by all lanes of an audit; `seals`: the roots that the operator has signed, by the
        number of events that they hold; `anchors`: heads that a recovery of the record found, by position.
        `bounds` begin with the first event: a book is made of all before it.
        """
        assert bounds.first == WHOLE.first
        self._bounds = bounds
        self.done = False
        self._key = key
        self._source = source_of(deployment_id)
        self._check = check
        self._expected_end = expected_end
        self._seals = seals or {}
        self._anchors = anchors or {}
        self._tree = Frontier()
        self._head = genesis(deployment_id, key.stream, key.lane)
        self._position = 0
        self._records = 0
        self._repeats = repeats or Repeats()
        self._clearings = 0
        self._matches = 0
        self._abandoned_unproven = 0
        self._books: Books = {}
        self._shelf = shelf or AuditShelf()
        self._contracts = ContractAudit(self._shelf)
        self._open: dict[UUID, _Open] = {}
        self._rounds: dict[UUID, int] = {}
        self.divergence: Divergence | None = None

    def feed(self, record: LaneRecord) -> None:
        if not self.done and self._bounds.ended(self._position):
            self._end()
        if self.done:
            return
        self._records += 1
        if self.divergence is not None:
            return
        try:
            envelope = decode_envelope(record.body)
        except Undecodable as error:
            self._diverge(record, "undecodable", f"is no event: {error}")
            return
        position, expected = envelope.position, self._position + 1
        leaf = leaf_hash(record.body)
        if (envelope.stream, envelope.lane) != self._key:
            self._diverge(record, "placement", f"belongs to lane {envelope.stream}/{envelope.lane}")
        elif position < expected:
            self._settle(record, self._repeats.repeat(position, leaf))
        elif position > expected:
            self._diverge(
                record, "gap", f"has position {position}; {position - expected} before it are missing"
            )
        elif envelope.source != self._source:
            self._diverge(record, "source", f"comes from {envelope.source}, not from {self._source}")
        elif self._bounds.beyond(envelope):
            self._records -= 1
            self._end()
        else:
            self._head = next_head(self._head, record.body)
            self._position = position
            self._repeats.record(leaf)
            self._take(record)
            self._compare_root(record, leaf)

    def _end(self) -> None:
        """The range that was asked for ends here."""
        self.done = True
        self._expected_end = None
        if self._key.stream == "market":
            self._shelf.break_off(self._key.lane)

    def _compare_root(self, record: LaneRecord, leaf: bytes) -> None:
        """With the head that a recovery found here and the root that was signed of what ends here, if any."""
        fault = unanchored(self._anchors, self._position, self._head)
        if fault is not None and self.divergence is None:
            self._diverge(record, "anchor", fault[0], decode_event(record.body, self._head), fault[1])
        if self.divergence is not None or not self._seals:
            return
        self._tree.append(leaf)
        signed = self._seals.get(self._position)
        if signed is not None and signed != self._tree.root():
            told = f"is not, or what stands before it is not, what was signed as {self._position} events"
            self._diverge(record, "checkpoint", told, decode_event(record.body, self._head))

    @property
    def unsettled(self) -> bool:
        """Whether repeats can be compared only by `reread` of the lane's records from the first."""
        return self.divergence is None and self._repeats.unsettled

    def reread(self, record: LaneRecord) -> None:
        if self.unsettled:
            position = decode_envelope(record.body).position
            self._settle(record, self._repeats.reread(position, leaf_hash(record.body)))

    def _settle(self, record: LaneRecord, told: str | None) -> None:
        if told is not None:
            self._diverge(record, "repeat", told)

    def _take(self, record: LaneRecord) -> None:
        try:
            event = decode_event(record.body, self._head)
        except Undecodable as error:
            self._diverge(record, "undecodable", f"cannot be read: {error}")
            return
        if record.chain != self._head.hex():
            told = "does not continue the chain: its bytes are not those that the chain was computed over"
            self._diverge(record, "chain", told, event, self._difference(event))
        elif self._key.stream == "market":
            self._follow(record, event)
        elif self._key.stream == "contracts":
            self._follow_agreement(record, event)

    def _follow(self, record: LaneRecord, event: Recorded) -> None:
        """Check what a clearing recorded, bring the book to the event, and keep the book of each plan."""
        if not self._as_cleared(record, event):
            return
        try:
            fold(self._books, event)
        except (AssertionError, KeyError, ValueError) as error:
            told = f"does not fit the book that the lane made before it ({type(error).__name__}: {error})"
            self._diverge(record, "fold", told, event)
            return
        if isinstance(event.data, ClearingPlanned):
            self._plan(record, event, event.data)
        elif isinstance(event.data, MatchConfirmed):
            self._shelf.keep_match(event, event.data)

    def _follow_agreement(self, record: LaneRecord, event: Recorded) -> None:
        fault = self._contracts.follow(event)
        if fault is not None:
            self._diverge(record, fault.kind, fault.told, event, fault.difference)

    def _plan(self, record: LaneRecord, event: Recorded, plan: ClearingPlanned) -> None:
        book = self._books[plan.market]
        if plan.market in self._open:
            self._diverge(record, "plan", "plans a round while the market's last one is still open", event)
        elif all(published.rule_set != plan.rule_set for published in book.rule_sets):
            self._diverge(record, "plan", "clears by a rule set that the market never published", event)
        elif plan.round != self._rounds.get(plan.market, 0) + 1:
            self._diverge(record, "plan", f"is round {plan.round}, which does not follow the last one", event)
        else:
            self._rounds[plan.market] = plan.round
            self._open[plan.market] = _Open(plan=event, book=copied(book))

    def _as_cleared(self, record: LaneRecord, event: Recorded) -> bool:
        """Whether the event may stand where it does: in its market's open round, or in none at all."""
        fact: Any = event.data
        opened = self._open.get(getattr(fact, "market", None) or UUID(int=0))
        of_round = isinstance(fact, MatchStruck | ClearingEvidence | ClearingCompleted | ClearingAbandoned)
        if opened is None or not (of_round or event.cause == str(opened.plan.id)):
            if of_round:
                self._diverge(record, "unplanned", "is the outcome of a round, but no round is open", event)
            return not of_round
        if isinstance(fact, ClearingAbandoned):
            return self._abandoned(record, event, fact, opened)
        opened.offsets.append(record.offset)
        opened.events.append(event)
        return not isinstance(fact, ClearingCompleted) or self._completed(opened, fact)

    def _abandoned(self, record: LaneRecord, event: Recorded, fact: ClearingAbandoned, opened: _Open) -> bool:
        if opened.events or not may_abandon(event, fact, opened.book, opened.plan, self._check):
            told = "gives its round up in a way that the round does not allow"
            self._diverge(record, "clearing", told, event)
            return False
        del self._open[fact.market]
        self._abandoned_unproven += not self._check.confirms(opened.book, opened.plan, fact.code)
        return True

    def _completed(self, opened: _Open, fact: ClearingCompleted) -> bool:
        del self._open[fact.market]
        fault = round_fault(opened.events, opened.book, opened.plan, self._check, self._source)
        if fault is None:
            self._clearings += 1
            self._matches += sum(isinstance(each.data, MatchStruck) for each in opened.events)
            return True
        event, offset = opened.events[fault.index], opened.offsets[fault.index]
        record = LaneRecord(offset=offset, body=event.body, chain=event.chain.hex())
        self._diverge(record, fault.kind, fault.told, event, fault.difference)
        return False

    def _difference(self, event: Recorded) -> Difference | None:
        """How an event that broke the chain differs from what its round records next, where that is known."""
        opened = self._open.get(getattr(event.data, "market", None) or UUID(int=0))
        if opened is None:
            return None
        return difference_at([*opened.events, event], opened.book, opened.plan, self._check, self._source)

    def _diverge(
        self,
        record: LaneRecord,
        kind: Kind,
        told: str,
        event: Recorded | None = None,
        difference: Difference | None = None,
    ) -> None:
        if self._key.stream == "market":
            self._shelf.break_off(self._key.lane)
        fact: Any = event.data if event else None
        found = divergence_at(
            self._key,
            event.position if event else self._position + 1,
            record.offset,
            kind,
            told,
            event_id=event.id if event else None,
            event_type=event.type if event else None,
            difference=difference,
        )
        self.divergence = replace(
            found, market=getattr(fact, "market", None), round=getattr(fact, "round", None)
        )

    def verdict(self) -> LaneVerdict:
        sealed = sealed_to(self._seals, self._position, bounded=self.done)
        if self.divergence is None:
            anchored = 0 if self.done else max(self._anchors, default=0)
            missing = shortfall(self._position, self._expected_end, sealed, anchored)
            if missing is not None:
                self._diverge(LaneRecord(offset=-1, body=b"", chain=""), *missing)
        return LaneVerdict(
            stream=self._key.stream,
            lane=self._key.lane,
            records=self._records,
            repeats=self._repeats.count,
            position=self._position,
            head=self._head.hex(),
            clearings=self._clearings,
            matches=self._matches,
            abandoned_unproven=self._abandoned_unproven,
            agreements=self._contracts.agreements,
            deliveries=self._contracts.deliveries,
            invoices=self._contracts.invoices,
            years=self._contracts.years,
            expected_end=self._expected_end,
            end_proven=self.divergence is None and self._expected_end is not None,
            divergence=self.divergence,
            sealed=sealed,
            bounded=self.done,
        )
