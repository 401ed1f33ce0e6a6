"""Decides facts of passports again from the state before them; each has to equal its rule's result.

What other streams and lanes contain is assumed as the fact implies it: that the site existed and worked at
the stage, its country, that receivers exist, that the days of a lot are in order, that nobody had bought what
was used or given away. The caller is the event's actor.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, assert_never
from uuid import UUID

from msgspec import UNSET, Struct
from msgspec.structs import replace

from events.callers import Caller
from events.decision import Decision, Moment
from events.envelope import Recorded
from events.facts import DeclaredVolumeFact
from events.material_events import (
    MassBalanceMoved,
    PassportAcknowledged,
    PassportCorrected,
    PassportIssued,
    PassportNoted,
    PassportRetired,
    PassportTransferred,
    PassportTransformed,
    ProductTwinStated,
    VolumeCorrected,
    VolumeDeclared,
    VolumeWithdrawn,
)
from events.passport_terms import ClaimKind, PassportContent
from market.rules.crma import declared_volumes
from market.rules.crma.declared_volumes import (
    CorrectVolume,
    DeclareVolume,
    VolumeState,
    WithdrawVolume,
    masses_mg,
)
from market.rules.orders.orders import Reservation
from market.rules.parties.parties import Facility, FacilityDetails
from market.rules.passport import Passport
from market.rules.passports import passports, transformations
from market.rules.passports.mass_balance import Account
from market.rules.passports.passports import (
    AcknowledgeCorrection,
    AcknowledgePassport,
    CorrectPassport,
    IssuePassport,
    IssueState,
    NotePassport,
    PassportState,
    RetirePassport,
    TransferPassport,
)
from market.rules.passports.transformations import DrawnPart, MadeLot, Transform, TransformState
from market.rules.twins import product_twins
from market.rules.twins.product_twins import ProductTwin, StateTwin, TwinState, bill_of

ANY_LANES = 1
"""Lanes of drafts are not compared: a fact lies where its passport was issued."""
NOWHERE = "XX"


class Drawn(Struct, frozen=True, kw_only=True):
    """An input as it stood when it was drawn on."""

    passport: Passport
    reservation: Reservation | None = None


class Whole(Struct, frozen=True, kw_only=True):
    """A transformation with its parts, which lie in lanes of their own: what it drew on, made and moved.

    `accounts`: of its facility, as they stood before it; `taken`: lot numbers given to others.
    """

    event: Recorded
    fact: PassportTransformed
    drawn: Mapping[UUID, Drawn]
    issued: Mapping[UUID, PassportIssued]
    moved: MassBalanceMoved | None = None
    accounts: Mapping[tuple[str, ClaimKind], Account] = {}
    taken: frozenset[str] = frozenset()


def issued_again(event: Recorded, fact: PassportIssued, taken: frozenset[str]) -> Decision:
    """Of a lot that no passport went into. Raises what the rule raises."""
    facility = _site(event.actor, fact.content.facility)
    argument = IssuePassport(caller=_caller(event), passport=fact.passport, content=fact.content)
    state = IssueState(lanes=ANY_LANES, facility=facility, taken=taken)
    return passports.issue(state, argument, _moment(event))


def stepped_again(
    passport: Passport,
    reservation: Reservation | None,
    event: Recorded,
    fact: PassportTransferred | PassportAcknowledged | PassportCorrected | PassportNoted | PassportRetired,
) -> Decision:
    """A fact of a passport that stands, but a transfer by a delivery. Raises what the rule raises."""
    moment = _moment(event)
    state = PassportState(lanes=ANY_LANES, passport=passport, reservation=reservation)
    named: dict[str, Any] = {
        "caller": _caller(event),
        "passport": fact.passport,
        "expected_version": passport.version,
    }
    match fact:
        case PassportTransferred():
            given = TransferPassport(
                **named,
                owner=fact.owner,
                holder=fact.holder,
                transferred_on=fact.transferred_on,
                awaited=fact.acceptance is not UNSET,
            )
            receivers = frozenset((fact.owner, fact.holder))
            return passports.transfer(replace(state, receivers=receivers), given, moment)
        case PassportAcknowledged():
            if fact.correction is not UNSET:
                return passports.acknowledge_correction(state, AcknowledgeCorrection(**named), moment)
            return passports.acknowledge(state, AcknowledgePassport(**named), moment)
        case PassportCorrected():
            corrected = CorrectPassport(
                **named,
                corrects=fact.corrects,
                reason=fact.reason,
                content=fact.content,
                awaited=fact.acceptance is not UNSET,
            )
            return passports.correct(state, corrected, moment)
        case PassportNoted():
            noted = NotePassport(**named, note=fact.note, evidence=fact.evidence)
            return passports.note(state, noted, moment)
        case PassportRetired():
            retired = RetirePassport(**named, reason=fact.reason, note=fact.note)
            return passports.retire(state, retired, moment)
        case _:
            assert_never(fact)


def stated_again(twin: ProductTwin | None, event: Recorded, fact: ProductTwinStated) -> Decision:
    """The record of the passport that it names is taken to be its bill. Raises what the rule raises."""
    argument = StateTwin(
        caller=_caller(event), twin=fact.twin, expected_version=fact.version - 1, terms=fact.terms
    )
    state = TwinState(lanes=ANY_LANES, twin=twin, record=bill_of(fact.terms.magnets), recorded=True)
    return product_twins.state_twin(state, argument, _moment(event))


def declared_again(state: VolumeState, event: Recorded, fact: DeclaredVolumeFact) -> Decision:
    """The lot of a passport that it names is taken to hold as much, and not to be traded here.

    Raises what the rule raises.
    """
    caller, moment = _caller(event), _moment(event)
    version = 0 if state.volume is None else state.volume.version
    match fact:
        case VolumeDeclared():
            state = replace(state, lot_mg=masses_mg(fact.terms))
            declaring = DeclareVolume(caller=caller, volume=fact.volume, terms=fact.terms)
            return declared_volumes.declare(state, declaring, moment)
        case VolumeCorrected():
            state = replace(state, lot_mg=masses_mg(fact.terms))
            correcting = CorrectVolume(
                caller=caller,
                volume=fact.volume,
                expected_version=version,
                corrects=fact.corrects,
                reason=fact.reason,
                terms=fact.terms,
            )
            return declared_volumes.correct(state, correcting, moment)
        case VolumeWithdrawn():
            withdrawing = WithdrawVolume(
                caller=caller, volume=fact.volume, expected_version=version, reason=fact.reason
            )
            return declared_volumes.withdraw(state, withdrawing, moment)
        case _:
            assert_never(fact)


def transformed_again(whole: Whole) -> Decision:
    """The transformation, its draws and issues in the order of its parts, and what it moves in accounts.

    Raises what the rule raises, KeyError where a part is missing.
    """
    event, fact = whole.event, whole.fact
    contents = [whole.issued[part.passport].content for part in fact.outputs]
    state = TransformState(
        lanes=ANY_LANES,
        facility=_site(event.actor, fact.facility, fact, contents),
        passports={each: drawn.passport for each, drawn in whole.drawn.items()},
        reservations={
            each: drawn.reservation for each, drawn in whole.drawn.items() if drawn.reservation is not None
        },
        taken=whole.taken,
        accounts=whole.accounts,
    )
    argument = Transform(
        caller=_caller(event),
        transformation=fact.transformation,
        facility=fact.facility,
        stage=fact.stage,
        transformed_on=fact.transformed_on,
        custody=fact.custody,
        method=fact.method,
        balance_days=_balance_days(whole),
        tolerance_ppm=fact.tolerance_ppm,
        inputs=tuple(DrawnPart(passport=part.passport, net_wet_g=part.net_wet_g) for part in fact.inputs),
        outputs=tuple(
            _lot(part.passport, content) for part, content in zip(fact.outputs, contents, strict=True)
        ),
        losses=fact.losses,
        names_owner=fact.owner is not UNSET,
        tells_paths=any(content.paths is not UNSET for content in contents),
    )
    return transformations.transform(state, argument, _moment(event))


def _balance_days(whole: Whole) -> int | None:
    """Of a movement that left no line, any number does."""
    if whole.fact.method is None:
        return None
    return 1 if whole.moved is None else (whole.moved.expires_at - whole.event.time) // timedelta(days=1)


def _lot(passport: UUID, content: PassportContent) -> MadeLot:
    stated = {name: getattr(content, name) for name in MadeLot.__struct_fields__ if name != "passport"}
    return MadeLot(passport=passport, **stated)


def _site(
    organisation: UUID,
    facility: UUID,
    fact: PassportTransformed | None = None,
    contents: list[PassportContent] | None = None,
) -> Facility:
    """As the facts show it: its country and its project stand in the origin of what it made."""
    steps = [
        share
        for content in contents or ()
        for share in content.origin
        if fact is not None and (share.stage, share.facility) == (fact.stage, facility)
    ]
    details = FacilityDetails(
        name="as recorded",
        country=steps[0].country if steps else NOWHERE,
        place="as recorded",
        stages=() if fact is None else (fact.stage,),
        scale="industrial",
        readiness_level=1,
        strategic_project="as recorded" if steps and steps[0].strategic_project else None,
    )
    return Facility(organisation=organisation, facility=facility, details=details, version=1)


def _caller(event: Recorded) -> Caller:
    return Caller(organisation=event.actor, roles=frozenset({"trader"}))


def _moment(event: Recorded) -> Moment:
    return Moment(event.time, lambda: event.id)
