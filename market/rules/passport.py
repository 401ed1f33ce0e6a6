"""The state of a passport: a pure fold of its facts, the same for tables, replay and audit."""

from datetime import datetime
from typing import Literal, assert_never
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from events.contract_terms import Evidence
from events.envelope import Recorded
from events.facts import PassportFact
from events.material_events import (
    PassportAcknowledged,
    PassportCorrected,
    PassportDrawn,
    PassportIssued,
    PassportNoted,
    PassportRetired,
    PassportTransferred,
)
from events.passport_terms import PassportContent, RetireReason

PassportStatus = Literal["live", "consumed", "retired"]


class LotParties(Struct, frozen=True, kw_only=True):
    """The parties of a lot: `organisation` issues its passport, `owner` has title, `holder` has the goods."""

    organisation: UUID
    owner: UUID
    holder: UUID

    @property
    def parties(self) -> frozenset[UUID]:
        return frozenset((self.organisation, self.owner, self.holder))


Lots = dict[UUID, LotParties]
"""The parties by passport, for all passports of a lane."""


class PassportNote(Struct, frozen=True, kw_only=True):
    event: UUID
    at: datetime
    note: str
    evidence: tuple[Evidence, ...] = ()


class Received(Struct, frozen=True, kw_only=True):
    """What deliveries brought of a lot, at its passport's moisture.

    `short_g` in all never reached the owner. Of that, `seller`, which had the lot from `since` on, may still
    deliver `open_g`; `deliveries` are those that the passport has followed; of those before the first with a
    received mass only the last.
    """

    short_g: int
    open_g: int
    seller: UUID
    since: datetime
    deliveries: tuple[UUID, ...]


class Proposed(Struct, frozen=True, kw_only=True):
    """A correction that waits for the owner's acknowledgement; `event` stated it."""

    event: UUID
    content: PassportContent


class Passport(LotParties, frozen=True, kw_only=True):
    """`content` is the corrected view; `stated_by` the event that stated it. `drawn_by`: the first
    transformation; `delivery`: the last one that it followed; `notes` in order; `awaited`: who got title or
    goods outside a delivery, and has neither acknowledged nor used the lot; `received`: set once a delivery
    stated its received mass; `proposed`: the newest waiting correction; `went_back`: deliveries whose return
    it has followed."""

    passport: UUID
    content: PassportContent
    stated_by: UUID
    issued_at: datetime
    version: int
    position: int
    transformation: UUID | None = None
    corrections: int = 0
    drawn_g: int = 0
    drawn_by: UUID | None = None
    owned_since: datetime
    delivery: UUID | None = None
    retired: RetireReason | None = None
    notes: tuple[PassportNote, ...] | UnsetType = UNSET
    awaited: tuple[UUID, ...] | UnsetType = UNSET
    received: Received | UnsetType = UNSET
    proposed: Proposed | UnsetType = UNSET
    went_back: tuple[UUID, ...] | UnsetType = UNSET

    @property
    def short_g(self) -> int:
        return 0 if self.received is UNSET else self.received.short_g

    @property
    def open_g(self) -> int:
        """What was short and may still be delivered."""
        return 0 if self.received is UNSET else self.received.open_g

    @property
    def remaining_g(self) -> int:
        return self.content.net_wet_g - self.short_g - self.drawn_g

    @property
    def status(self) -> PassportStatus:
        if self.retired is not None:
            return "retired"
        return "live" if self.remaining_g else "consumed"


def fold(before: Passport | None, event: Recorded, fact: PassportFact) -> Passport:
    """LookupError when the passport was not issued, AssertionError when a fact cannot follow what stands."""
    if isinstance(fact, PassportIssued):
        assert before is None, f"passport {fact.passport} was issued before"
        return Passport(
            passport=fact.passport,
            organisation=fact.organisation,
            owner=fact.owner,
            holder=fact.holder,
            content=fact.content,
            stated_by=event.id,
            issued_at=event.time,
            owned_since=event.time,
            version=1,
            position=event.position,
            transformation=fact.transformation,
        )
    if before is None:
        raise LookupError(f"passport {fact.passport} was never issued")
    known = replace(before, version=before.version + 1, position=event.position)
    match fact:
        case PassportTransferred():
            since = event.time if fact.owner != known.owner else known.owned_since
            return replace(
                known,
                owner=fact.owner,
                holder=fact.holder,
                owned_since=since,
                delivery=fact.delivery or known.delivery,
                awaited=_awaited(known, fact),
                received=received_after(known, fact),
                went_back=known.went_back
                if fact.returns is UNSET
                else (*(known.went_back or ()), fact.returns),
            )
        case PassportAcknowledged():
            return _acknowledged(known, fact)
        case PassportDrawn():
            return _drawn(known, fact)
        case PassportCorrected():
            proposed = Proposed(event=event.id, content=fact.content)
            waits = replace(known, proposed=proposed)
            return waits if fact.acceptance is not UNSET else _stated(known, proposed)
        case PassportNoted():
            note = PassportNote(event=event.id, at=event.time, note=fact.note, evidence=fact.evidence)
            return replace(known, notes=(*(known.notes or ()), note))
        case PassportRetired():
            assert known.retired is None, f"passport {fact.passport} was retired before"
            return replace(known, retired=fact.reason)
        case _:
            assert_never(fact)


def received_after(known: Passport, fact: PassportTransferred) -> Received | UnsetType:
    """AssertionError when more is received than there was, or than was short of it."""
    before = known.received
    if fact.delivery is None or fact.received_g is UNSET:
        if before is UNSET or fact.owner == known.owner:
            return before
        return replace(before, open_g=0)
    if fact.owner == fact.previous_owner:
        assert before is not UNSET, f"delivery {fact.delivery} brings what was not short"
        assert fact.received_g <= before.open_g, f"{fact.received_g} g of {before.open_g} g come late"
        return replace(
            before,
            short_g=before.short_g - fact.received_g,
            open_g=before.open_g - fact.received_g,
            deliveries=(*before.deliveries, fact.delivery),
        )
    followed = () if before is UNSET else before.deliveries
    if known.delivery is not None and known.delivery not in followed:
        followed = (*followed, known.delivery)
    short_g = known.remaining_g - fact.received_g
    assert short_g >= 0, f"{fact.received_g} g are received of {known.remaining_g} g"
    return Received(
        short_g=known.short_g + short_g,
        open_g=short_g,
        seller=fact.previous_owner,
        since=known.owned_since,
        deliveries=(*followed, fact.delivery),
    )


def _awaited(known: Passport, fact: PassportTransferred) -> tuple[UUID, ...] | UnsetType:
    """A late part of a lot does not acknowledge who holds the rest. Goods that a holder hands back await
    their owner's acknowledgement; an owner's transfer to itself never needed one."""
    if fact.delivery is not None and fact.owner == fact.previous_owner:
        return known.awaited
    return UNSET if fact.acceptance is UNSET else awaited_after(known, fact) or (fact.owner,)


def awaited_after(known: Passport, fact: PassportTransferred) -> tuple[UUID, ...]:
    """Who gets title or goods by a fact without having agreed: neither the giver nor a party that has already
    acknowledged them."""
    without_word = frozenset(known.awaited or ())
    had = {fact.previous_owner, *({known.owner, known.holder} - without_word)}
    return tuple(sorted({fact.owner, fact.holder} - had))


def _acknowledged(known: Passport, fact: PassportAcknowledged) -> Passport:
    if fact.correction is UNSET:
        assert fact.organisation in (known.awaited or ()), f"nobody awaits the word of {fact.organisation}"
        return _said(known, fact.organisation)
    proposed = known.proposed
    assert proposed is not UNSET, f"no correction of passport {fact.passport} waits"
    assert (proposed.event, known.owner) == (fact.correction, fact.organisation), "another correction waits"
    return _stated(known, proposed)


def _stated(known: Passport, correction: Proposed) -> Passport:
    return replace(
        known,
        content=correction.content,
        stated_by=correction.event,
        corrections=known.corrections + 1,
        proposed=UNSET,
    )


def _said(known: Passport, organisation: UUID) -> Passport:
    left = tuple(each for each in known.awaited or () if each != organisation)
    return replace(known, awaited=left or UNSET)


def _drawn(known: Passport, fact: PassportDrawn) -> Passport:
    left_g = known.remaining_g
    assert fact.net_wet_g <= left_g, f"passport {fact.passport}: {fact.net_wet_g} g are drawn of {left_g} g"
    return replace(
        _said(known, known.holder),
        drawn_g=known.drawn_g + fact.net_wet_g,
        drawn_by=known.drawn_by or fact.transformation,
    )


def parties_after(lots: Lots, fact: PassportFact) -> LotParties:
    """What `fold` makes of the parties. LookupError when the passport was not issued."""
    if isinstance(fact, PassportIssued):
        return LotParties(organisation=fact.organisation, owner=fact.owner, holder=fact.holder)
    before = lots.get(fact.passport)
    if before is None:
        raise LookupError(f"passport {fact.passport} was never issued")
    match fact:
        case PassportTransferred():
            return replace(before, owner=fact.owner, holder=fact.holder)
        case PassportDrawn() | PassportCorrected() | PassportNoted() | PassportRetired():
            return before
        case PassportAcknowledged():
            return before
        case _:
            assert_never(fact)


def fold_lots(lots: Lots, fact: Struct) -> None:
    """Bring a lane's lots past one of its facts: those of passports alone change them."""
    if isinstance(fact, PassportFact):
        lots[fact.passport] = parties_after(lots, fact)
