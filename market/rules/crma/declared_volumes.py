"""Volumes that were not traded here: declare, correct, withdraw. The corrected view is what counts."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Literal, assert_never
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from events.callers import Caller, role_refusals
from events.decision import Decision, Moment
from events.envelope import Draft, Fact, Recorded
from events.facts import DeclaredVolumeFact
from events.fractions import decimal_text
from events.material_events import VolumeCorrected, VolumeDeclared, VolumeWithdrawn
from events.refusal import NoChange, Refusal, VersionStale, refuse
from events.vocabulary import MICRO, lane_of
from events.volume_terms import VolumeTerms
from events.wellformed import malformed
from market.rules.crma.volume_content import terms_refusals
from market.rules.crma.volume_defects import (
    VolumeAboveLot,
    VolumeCorrectsOther,
    VolumeDeclaredTwice,
    VolumeOfOneself,
    VolumesOfQuarterUsed,
    VolumeTradedHere,
    VolumeUnknown,
    VolumeWithdrawnAlready,
)
from market.rules.parties.alike_names import reading_of
from market.rules.passports.passport_content import at
from market.rules.refusing.passport_refusals import PassportUnknown

GOODS = ("direction", "quarter", "masses", "lot_number", "passport")
VOLUMES_OF_QUARTER_MAX = 200
"""The most volumes of one organisation and quarter that count."""


class DeclaredVolume(Struct, frozen=True, kw_only=True):
    """`terms` is the corrected view; `stated_by` the event that stated it."""

    volume: UUID
    organisation: UUID
    terms: VolumeTerms
    stated_by: UUID
    declared_at: datetime
    version: int
    position: int
    corrections: int = 0
    withdrawn: bool = False

    @property
    def status(self) -> Literal["standing", "withdrawn"]:
        return "withdrawn" if self.withdrawn else "standing"


class VolumeState(Struct, frozen=True, kw_only=True):
    """`others`: the organisation's other counting volumes with the same reference, or in the quarter with the
    same document; `of_quarter`: number of all its volumes in the stated quarter. `lot_mg`: the most that the
    named passport's lot contains; None: the caller has no access to such a passport. `traded_mg`: how much of
    the named goods the caller has traded here. `own_name`: the caller's name; None in an audit."""

    lanes: int
    volume: DeclaredVolume | None = None
    others: tuple[DeclaredVolume, ...] = ()
    of_quarter: int = 0
    lot_mg: Mapping[str, int] | None = None
    traded_mg: Mapping[str, int] = {}
    own_name: str | None = None


class DeclareVolume(Struct, frozen=True, kw_only=True):
    caller: Caller
    volume: UUID
    terms: VolumeTerms


class CorrectVolume(Struct, frozen=True, kw_only=True):
    """`corrects`: the event that made the current statement; `terms` as they should have been."""

    caller: Caller
    volume: UUID
    expected_version: int
    corrects: UUID
    reason: str
    terms: VolumeTerms


class WithdrawVolume(Struct, frozen=True, kw_only=True):
    caller: Caller
    volume: UUID
    expected_version: int
    reason: str


def declare(state: VolumeState, argument: DeclareVolume, moment: Moment) -> Decision:
    """Raises Refusals."""
    assert state.volume is None, "a new volume has a new id"
    terms = argument.terms
    refuse(role_refusals(argument.caller, "trader", "compliance") + malformed(terms))
    refuse([*terms_refusals(terms, moment.now), *_known_refusals(state, terms, None)])
    organisation = argument.caller.organisation
    fact = VolumeDeclared(volume=argument.volume, organisation=organisation, terms=terms)
    return _decision(state, organisation, argument.volume, fact)


def correct(state: VolumeState, argument: CorrectVolume, moment: Moment) -> Decision:
    """The terms as they should have been declared. Raises Refusals."""
    standing, terms = _standing(state, argument.caller, argument.expected_version), argument.terms
    fact = VolumeCorrected(
        volume=standing.volume,
        organisation=standing.organisation,
        corrects=argument.corrects,
        reason=argument.reason,
        terms=terms,
    )
    refuse(malformed(replace(fact, terms=standing.terms)) + at("/terms", malformed(terms)))
    reasons: list[Refusal] = []
    if argument.corrects != standing.stated_by:
        reasons.append(VolumeCorrectsOther(pointer="/corrects", standing=f"evt_{standing.stated_by.hex}"))
    if terms == standing.terms:
        reasons.append(NoChange())
    wrong = [*terms_refusals(terms, moment.now), *_known_refusals(state, terms, standing)]
    refuse(reasons + at("/terms", wrong))
    return _decision(state, standing.organisation, standing.volume, fact)


def withdraw(state: VolumeState, argument: WithdrawVolume, moment: Moment) -> Decision:
    """Withdraws the volume, as if it had never been declared. Raises Refusals."""
    del moment
    standing = _standing(state, argument.caller, argument.expected_version)
    fact = VolumeWithdrawn(volume=standing.volume, organisation=standing.organisation, reason=argument.reason)
    refuse(malformed(fact))
    return _decision(state, standing.organisation, standing.volume, fact)


def fold(before: DeclaredVolume | None, event: Recorded, fact: DeclaredVolumeFact) -> DeclaredVolume:
    """The volume after a fact. LookupError when it was not declared, AssertionError when the fact cannot
    follow its state."""
    if isinstance(fact, VolumeDeclared):
        assert before is None, f"volume {fact.volume} was declared before"
        return DeclaredVolume(
            volume=fact.volume,
            organisation=fact.organisation,
            terms=fact.terms,
            stated_by=event.id,
            declared_at=event.time,
            version=1,
            position=event.position,
        )
    if before is None:
        raise LookupError(f"volume {fact.volume} was never declared")
    assert not before.withdrawn, f"volume {fact.volume} was withdrawn before"
    known = replace(before, version=before.version + 1, position=event.position)
    match fact:
        case VolumeCorrected():
            assert fact.corrects == known.stated_by, f"volume {fact.volume} is stated by another event"
            return replace(known, terms=fact.terms, stated_by=event.id, corrections=known.corrections + 1)
        case VolumeWithdrawn():
            return replace(known, withdrawn=True)
        case _:
            assert_never(fact)


def masses_mg(terms: VolumeTerms) -> dict[str, int]:
    return {mass.element: mass.contained_mg for mass in terms.masses}


def _decision(state: VolumeState, organisation: UUID, volume: UUID, fact: Fact) -> Decision:
    """In the lane of the organisation: nobody else declares for it meanwhile."""
    lane = lane_of(str(organisation), state.lanes)
    return Decision(drafts=(Draft(stream="materials", lane=lane, subject=str(volume), data=fact),))


def _standing(state: VolumeState, caller: Caller, expected_version: int) -> DeclaredVolume:
    volume = state.volume
    if volume is None or volume.organisation != caller.organisation:
        raise VolumeUnknown
    refuse(role_refusals(caller, "trader", "compliance"))
    if volume.version != expected_version:
        raise VersionStale(expected=expected_version, current=volume.version)
    if volume.withdrawn:
        raise VolumeWithdrawnAlready
    return volume


def _known_refusals(
    state: VolumeState, terms: VolumeTerms, standing: DeclaredVolume | None
) -> Iterator[Refusal]:
    """Refusals for goods that the record already contains; `standing`: the volume to be corrected."""
    yield from _twice_refusals(state.others, terms)
    if terms.counterparty and state.own_name and reading_of(terms.counterparty) == reading_of(state.own_name):
        yield VolumeOfOneself(pointer="/counterparty", counterparty=terms.counterparty)
    moves = standing is None or standing.terms.quarter != terms.quarter
    if moves and state.of_quarter >= VOLUMES_OF_QUARTER_MAX:
        yield VolumesOfQuarterUsed(
            pointer="/quarter", most=VOLUMES_OF_QUARTER_MAX, quarter=terms.quarter.isoformat()
        )
    if state.traded_mg:
        yield VolumeTradedHere(
            pointer="/lot_number" if terms.passport is None else "/passport",
            lot="This lot" if terms.lot_number is None else f"Lot {terms.lot_number}",
            direction=terms.direction,
            traded=masses_text(state.traded_mg),
            declared=masses_text(masses_mg(terms)),
        )
    elif terms.passport is not None:
        yield from _lot_refusals(state.lot_mg, terms)


def _twice_refusals(others: Iterable[DeclaredVolume], terms: VolumeTerms) -> Iterator[Refusal]:
    """A reference may be declared once, and so may the same goods on one document."""
    for other in others:
        stated = other.terms
        same_goods = all(getattr(stated, member) == getattr(terms, member) for member in GOODS)
        by_reference = stated.reference == terms.reference
        if by_reference or (same_goods and stated.document.sha256 == terms.document.sha256):
            yield VolumeDeclaredTwice(
                pointer="/reference" if by_reference else "/document",
                standing=f"vol_{other.volume.hex}",
                masses=masses_text(masses_mg(stated)),
                quarter=stated.quarter.isoformat(),
                by=f"reference {stated.reference}" if by_reference else f"document {stated.document.title}",
            )


def _lot_refusals(lot_mg: Mapping[str, int] | None, terms: VolumeTerms) -> Iterator[Refusal]:
    if lot_mg is None:
        yield PassportUnknown(pointer="/passport")
        return
    for index, mass in enumerate(terms.masses):
        held_mg = lot_mg.get(mass.element, 0)
        if mass.contained_mg > held_mg:
            yield VolumeAboveLot(
                pointer=f"/masses/{index}/contained_mg",
                element=mass.element,
                held=mass_text(held_mg),
                declared=mass_text(mass.contained_mg),
            )


def masses_text(masses: Mapping[str, int]) -> str:
    return ", ".join(f"{element} {mass_text(mass_mg)}" for element, mass_mg in masses.items())


def mass_text(mass_mg: int) -> str:
    return f"{decimal_text(mass_mg, MICRO)} kg"
