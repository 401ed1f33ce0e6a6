"""A passport is transferred to the buyer of an accepted delivery, for what arrived of its lot.

What was short remains as a figure in the passport and is in nobody's stock. The seller may still deliver it
to the same buyer, as a part of the lot's number with the passport; it is then added to the buyer's stock.
"""

from collections.abc import Iterable
from datetime import date
from uuid import UUID

from msgspec import Struct

from events.callers import Caller, role_refusals
from events.decision import Decision, Moment
from events.fractions import tonnes_text
from events.material_events import PassportTransferred
from events.refusal import refuse
from events.vocabulary import PPB
from market.rules.passport import Passport
from market.rules.passports.bound_lots import DELIVERED_LEAST_PPB, lot_g
from market.rules.passports.lot_checks import over_refusals, passport_draft
from market.rules.refusing.passport_refusals import (
    DeliveryNotOfPassport,
    LotDeliveredInPart,
    PassportOver,
    PassportUnknown,
)


class WetMass(Struct, frozen=True, kw_only=True):
    net_wet_g: int
    moisture_ppb: int


class AcceptedDelivery(Struct, frozen=True, kw_only=True):
    """An accepted delivery of the contracts stream; title passed on that day. `received`: the mass that
    counts, as weighed or settled."""

    agreement: UUID
    delivery: UUID
    seller: UUID
    buyer: UUID
    shipped: WetMass
    received: WetMass
    shipped_on: date
    title_passed_on: date


class DeliveryState(Struct, frozen=True, kw_only=True):
    """`accepted`: None when the delivery was not, or names another passport."""

    lanes: int
    passport: Passport | None
    accepted: AcceptedDelivery | None


class DeliverPassport(Struct, frozen=True, kw_only=True):
    """Given by a timer with the operator's role: transfers the passport after its lot."""

    caller: Caller
    passport: UUID
    delivery: UUID


class LatePart(Struct, frozen=True, kw_only=True):
    """A delivery that names a passport, whoever has it by now. `parties`: seller and buyer."""

    delivery: UUID
    parties: tuple[UUID, UUID]
    shipped_on: date
    net_wet_g: int
    moisture_ppb: int


def deliver(state: DeliveryState, argument: DeliverPassport, moment: Moment) -> Decision:
    """Transfers the passport to the buyer of an accepted delivery, for what arrived of the lot. Raises
    Refusals."""
    del moment
    refuse(role_refusals(argument.caller, "operator"))
    passport, accepted = state.passport, state.accepted
    if passport is None:
        raise PassportUnknown
    if accepted is None:
        raise DeliveryNotOfPassport
    late = comes_late(passport, accepted.delivery, (accepted.seller, accepted.buyer), accepted.shipped_on)
    if not late and not _sold_by_owner(passport, accepted):
        raise DeliveryNotOfPassport
    shipped_g = _lot_g(passport, accepted.shipped)
    received_g = min(shipped_g, _lot_g(passport, accepted.received))
    if late:
        refuse([PassportOver(status="retired")] if passport.retired is not None else [])
    else:
        reasons = over_refusals(passport)
        if shipped_g * PPB < passport.remaining_g * DELIVERED_LEAST_PPB:
            delivered, remaining = tonnes_text(shipped_g), tonnes_text(passport.remaining_g)
            reasons.append(LotDeliveredInPart(delivered=delivered, remaining=remaining))
        refuse(reasons)
    fact = PassportTransferred(
        passport=passport.passport,
        previous_owner=passport.owner,
        owner=accepted.buyer,
        holder=passport.holder if late else accepted.buyer,
        transferred_on=accepted.title_passed_on,
        agreement=accepted.agreement,
        delivery=accepted.delivery,
        received_g=min(received_g, passport.open_g if late else passport.remaining_g),
    )
    return Decision(drafts=(passport_draft(passport.passport, state.lanes, fact),))


def received_whole_g(passport: Passport, accepted: AcceptedDelivery) -> int | None:
    """What arrived of the whole lot by the delivery that the passport followed last, or is about to; None: it
    is another, or of a part."""
    shipped_g = _lot_g(passport, accepted.shipped)
    whole = shipped_g * PPB >= passport.remaining_g * DELIVERED_LEAST_PPB
    if passport.delivery == accepted.delivery or (whole and _sold_by_owner(passport, accepted)):
        return min(shipped_g, _lot_g(passport, accepted.received))
    return None


def comes_late(
    passport: Passport, delivery: UUID | None, parties: tuple[UUID, UUID], shipped_on: date
) -> bool:
    """Whether it brings what was short of the lot. `parties`: seller and buyer, which has title by then;
    `delivery` None: one that is about to leave."""
    received = passport.received
    if not received or not received.open_g:
        return False
    return (
        parties == (received.seller, passport.owner)
        and delivery not in received.deliveries
        and received.since.date() <= shipped_on
    )


def late_g(passport: Passport, shipped: Iterable[LatePart]) -> int:
    """Grams of what was short that are shipped now, at the passport's moisture."""
    return sum(
        lot_g(passport, each.net_wet_g, each.moisture_ppb)
        for each in shipped
        if comes_late(passport, each.delivery, each.parties, each.shipped_on)
    )


def _lot_g(passport: Passport, mass: WetMass) -> int:
    return lot_g(passport, mass.net_wet_g, mass.moisture_ppb)


def _sold_by_owner(passport: Passport, accepted: AcceptedDelivery) -> bool:
    return may_follow(passport, accepted.delivery, accepted.seller, accepted.shipped_on)


def may_follow(passport: Passport, delivery: UUID, seller: UUID, shipped_on: date) -> bool:
    """Whether the passport still has to follow this delivery; a lot that its seller got back later does not
    follow the old delivery again."""
    followed = passport.received.deliveries if passport.received else ()
    return (
        passport.owner == seller
        and delivery not in (passport.delivery, *followed)
        and passport.owned_since.date() <= shipped_on
    )
