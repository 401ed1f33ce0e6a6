"""One lane checked from its records alone: chain, order, clearings, facts of agreements and of passports."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict, replace

from events.chain import next_head
from events.codec import Undecodable, decode_envelope, decode_event
from events.decision import LaneKey
from events.envelope import Recorded, source_of
from events.market_events import (
    ClearingPlanned,
    MatchConfirmed,
)
from events.merkle import Frontier
from market.audit.contract_audit import ContractAudit
from market.audit.fact_faults import FactFault
from market.audit.fact_progress import Counted, Folded
from market.audit.halt_audit import halt_fault
from market.audit.known_heads import KnownHeads
from market.audit.lane_progress import Followed, beginning
from market.audit.lane_rounds import NO_MARKET, RoundsAudit, unfit
from market.audit.lane_verdict import (
    OF_THE_HEAD,
    WHOLE,
    Bounds,
    Divergence,
    LaneVerdict,
    Wrong,
    chain_broken,
    divergence_at,
    foreign_source,
    gap,
    misplaced,
    undecodable,
)
from market.audit.match_audit import MatchAudit
from market.audit.material_audit import MaterialAudit, Settled
from market.audit.member_audit import leaving_fault
from market.audit.operator_audit import Operators
from market.audit.order_audit import order_fault
from market.audit.repeats import Repeats
from market.audit.round_audit import RoundCheck
from market.audit.shelf import AuditShelf
from market.rules.book import Books, fold


class LaneRecord(Struct, frozen=True, kw_only=True):
    """A record as it stands on its topic; `chain` is the header's lane head in hexadecimal."""

    offset: int
    body: bytes
    chain: str


NO_RECORD: Final = LaneRecord(offset=-1, body=b"", chain="")


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
        folded: Folded | None = None,
        operators: Operators | None = None,
    ) -> None:
        """`shelf` is shared by all lanes of an audit; `seals`: the roots that the operator has signed, by the
        number of events that they hold; `anchors`: heads at which a recovery of the record found the lane, in
        hexadecimal, by position. Of `bounds` that begin later, all before is followed and folded, as a book
        is made of it; rounds that were planned there are taken as they are. `folded`: what an earlier reading
        kept; the tree then grows even where nothing is signed yet. `operators`: those who are.
        """
        kept = folded or Folded(followed=beginning(deployment_id, key))
        at = kept.followed
        self._bounds = bounds
        self._key = key
        self._source = source_of(deployment_id)
        self._expected_end = None if at.done else expected_end
        self._known = KnownHeads(
            seals,
            anchors,
            tree=Frontier(at.subtrees, at.position),
            compared=at.compared,
            growing=folded is not None,
        )
        self._head = at.head
        self._position = at.position
        self._records = at.records
        self._read_before = at.records
        self._repeats = repeats or Repeats(seen=at.seen)
        self._repeats.begin(at.head)
        self._books: Books = kept.books
        self._shelf = shelf or AuditShelf()
        self._contracts = ContractAudit(self._shelf, kept.counted)
        self._materials = MaterialAudit(self._shelf.materials, kept.counted)
        self._answers = MatchAudit(kept.answers)
        self._operators = operators or Operators()
        self._latest = kept.latest
        self._rounds = RoundsAudit(check, self._source, bounds.first, self._answers, kept)
        self.done = at.done
        self.divergence: Divergence | None = at.divergence
        if self.done or self.divergence is not None:
            self._break_off()
        self._compare_head(NO_RECORD)

    def folded(self) -> Folded:
        return Folded(
            followed=Followed(
                position=self._position,
                head=self._head,
                records=self._records,
                subtrees=self._known.subtrees,
                compared=self._known.compared,
                seen=self._repeats.seen(),
                done=self.done,
                divergence=self.divergence,
            ),
            counted=self._counted(),
            books=self._books,
            open=self._rounds.kept(),
            rounds=self._rounds.newest,
            latest=self._latest,
            answers=self._answers.kept(),
        )

    def _counted(self) -> Counted:
        return Counted(
            clearings=self._rounds.clearings,
            matches=self._rounds.matches,
            abandoned_unproven=self._rounds.abandoned_unproven,
            agreements=self._contracts.agreements,
            deliveries=self._contracts.deliveries,
            invoices=self._contracts.invoices,
            payments=self._contracts.payments,
            years=self._contracts.years,
            passports=self._materials.passports,
            transformations=self._materials.transformations,
            former_rule=self._contracts.former_rule,
        )

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
            self._diverge(record.offset, undecodable(record.body, error))
            return
        position, expected = envelope.position, self._position + 1
        place = LaneKey(envelope.stream, envelope.lane)
        if place != self._key:
            self._diverge(record.offset, misplaced(place, self._key))
        elif position < expected:
            self._settle(record, self._repeats.repeat(position, record.body))
        elif position > expected:
            self._diverge(record.offset, gap(position, expected))
        elif envelope.source != self._source:
            self._diverge(record.offset, foreign_source(envelope.source, self._source))
        else:
            self._head = next_head(self._head, record.body)
            self._position = position
            self._repeats.record(self._head)
            self._take(record)
            self._known.append(record.body)
            self._compare_head(record)

    def _end(self) -> None:
        """The range that was asked for ends here."""
        self.done = True
        self._expected_end = None
        self._break_off()

    def _break_off(self) -> None:
        if self._key.stream == "market":
            self._shelf.break_off(self._key.lane)

    def _compare_head(self, record: LaneRecord) -> None:
        if self.divergence is not None:
            return
        wrong = self._known.wrong_at(self._position, self._head)
        if wrong is not None:
            event = decode_event(record.body, self._head) if record.body else None
            self._diverge(record.offset, wrong, event)

    @property
    def unsettled(self) -> bool:
        """Whether repeats can be compared only by `reread` of the lane's records from the first."""
        return self.divergence is None and self._repeats.unsettled

    def reread(self, record: LaneRecord) -> None:
        if self.unsettled:
            position = decode_envelope(record.body).position
            self._settle(record, self._repeats.reread(position, record.body))

    def _settle(self, record: LaneRecord, wrong: Wrong | None) -> None:
        if wrong is not None:
            self._diverge(record.offset, wrong)

    def _take(self, record: LaneRecord) -> None:
        try:
            event = decode_event(record.body, self._head)
        except Undecodable as error:
            self._diverge(record.offset, undecodable(record.body, error))
            return
        if record.chain != self._head.hex():
            broken = chain_broken(record.chain, self._head)
            known = self._rounds.difference(event) or broken.difference
            self._diverge(record.offset, broken._replace(difference=known), event)
        elif self._key.stream == "market":
            self._follow(record, event)
        elif self._key.stream == "contracts":
            self._told(record.offset, event, self._contracts.follow(event) or self._operators.fault(event))
        elif self._key.stream == "materials":
            self._told(record.offset, event, self._materials.follow(event, record.offset))
        self._latest = event.time

    def _follow(self, record: LaneRecord, event: Recorded) -> None:
        """Check what a round or a command recorded, bring the book to it, and keep the book of each plan."""
        misfit = self._rounds.follow(event, record.offset)
        if misfit is not None:
            self._diverge(misfit.offset, misfit.wrong, misfit.event)
            return
        if not self._as_commanded(record, event):
            return
        try:
            fold(self._books, event)
        except (AssertionError, KeyError, ValueError) as error:
            told = f"does not fit the book that the lane made before it ({type(error).__name__}: {error})"
            self._diverge(record.offset, Wrong("fold", told, unfit(event)), event)
            return
        if isinstance(event.data, ClearingPlanned):
            wrong = self._rounds.planned(self._books[event.data.market], event, event.data)
            if wrong is not None:
                self._diverge(record.offset, wrong, event)
        elif isinstance(event.data, MatchConfirmed):
            self._shelf.keep_match(event, event.data)

    def _told(self, offset: int, event: Recorded, fault: FactFault | None) -> None:
        if fault is not None:
            self._diverge(offset, Wrong(fault.kind, fault.told, fault.difference or unfit(event)), event)

    def read_past(self, moment: datetime) -> bool:
        """Whether all that the lane holds of a moment was followed: times in a lane never go back."""
        return self.divergence is None and self._latest is not None and self._latest > moment

    def settle(self, of: Settled) -> None:
        """A transformation of this lane was decided again with its parts in other lanes."""
        if of.fault is None:
            self._materials.transformations += 1
        elif self.divergence is None or of.event.position < self.divergence.position:
            self._told(of.offset, of.event, of.fault)

    def _as_commanded(self, record: LaneRecord, event: Recorded) -> bool:
        """Whether a command could have recorded the event; what a round records is proved with the round."""
        market = getattr(event.data, "market", NO_MARKET)
        opened, book = self._rounds.open.get(market), self._books.get(market)
        if opened is not None and event.cause == str(opened.plan.id):
            return True
        fault = (
            self._answers.follow(book, event)
            or halt_fault(book, event)
            or order_fault(book, event)
            or leaving_fault(book, event)
            or self._operators.fault(event)
        )
        self._told(record.offset, event, fault)
        return fault is None

    def _diverge(self, offset: int, wrong: Wrong, event: Recorded | None = None) -> None:
        self._break_off()
        fact: Any = event.data if event else None
        found = divergence_at(
            self._key,
            event.position if event else self._position + (wrong.kind not in OF_THE_HEAD),
            offset,
            wrong,
            event_id=event.id if event else None,
            event_type=event.type if event else None,
        )
        self.divergence = replace(
            found, market=getattr(fact, "market", None), round=getattr(fact, "round", None)
        )

    def verdict(self) -> LaneVerdict:
        if self.divergence is None:
            lacking = self._known.lacking(self._position, self._expected_end, bounded=self.done)
            if lacking is not None:
                self._diverge(NO_RECORD.offset, lacking)
        return LaneVerdict(
            stream=self._key.stream,
            lane=self._key.lane,
            records=self._records,
            repeats=self._repeats.count,
            position=self._position,
            head=self._head.hex(),
            **asdict(self._counted()),
            expected_end=self._expected_end,
            end_proven=self.divergence is None and self._expected_end is not None,
            divergence=self.divergence,
            sealed=self._known.sealed_to(self._position, bounded=self.done),
            first=self._bounds.first,
            bounded=self.done,
            read_before=self._read_before,
        )
