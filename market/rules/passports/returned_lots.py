"""A passport is transferred back with a lot, or a part of one, that its buyer returns after acceptance."""

from uuid import UUID

from msgspec import Struct

from events.callers import Caller, role_refusals
from events.decision import Decision, Moment
from events.fractions import tonnes_text
from events.material_events import PassportTransferred
from events.refusal import Refusal, refuse
from events.vocabulary import MICRO, PPB, is_of_lot
from market.rules.orders.orders import Reservation
from market.rules.passport import Passport
from market.rules.passports.bound_lots import DELIVERED_LEAST_PPB, Sales, lot_g, title_refusals
from market.rules.passports.element_balance import TOLERANCE_PPM_MAX
from market.rules.passports.lot_checks import order_refusals, over_refusals, passport_draft
from market.rules.refusing.passport_refusals import (
    DeliveryNotOfPassport,
    LotAbovePassport,
    LotNumberNotOfPassport,
    LotReturnedInPart,
    PassportUnknown,
    ReturnUnproven,
)


class ReturnedLot(Struct, frozen=True, kw_only=True):
    """A return under a contract: a lot goes back from `buyer` to `seller`."""

    agreement: UUID
    delivery: UUID
    seller: UUID
    buyer: UUID
    lot_number: str
    net_wet_g: int
    moisture_ppb: int


class HeldLot(Struct, frozen=True, kw_only=True):
    """A passport, and what its owner has sold or offered of its lot."""

    passport: Passport | None
    reservation: Reservation | None = None
    sales: Sales = {}


class ReturnState(Struct, frozen=True, kw_only=True):
    """`returned`: None when no return that stands names the passport."""

    lanes: int
    lot: HeldLot
    returned: ReturnedLot | None


class GiveBackPassport(Struct, frozen=True, kw_only=True):
    """Given by a timer with the operator's role: transfers the passport after a return."""

    caller: Caller
    passport: UUID
    delivery: UUID


def give_back(state: ReturnState, argument: GiveBackPassport, moment: Moment) -> Decision:
    """Transfers the passport back, once per delivery: a lot that the buyer got again later stays with it.
    Raises Refusals."""
    refuse(role_refusals(argument.caller, "operator"))
    passport, returned = state.lot.passport, state.returned
    if passport is None:
        raise PassportUnknown
    if returned is None or passport.owner != returned.buyer:
        raise DeliveryNotOfPassport
    if not may_go_back(passport, returned.delivery):
        raise DeliveryNotOfPassport
    refuse(_refusals(passport, state.lot, returned))
    fact = PassportTransferred(
        passport=passport.passport,
        previous_owner=passport.owner,
        owner=returned.seller,
        holder=returned.seller,
        transferred_on=moment.now.date(),
        agreement=returned.agreement,
        returns=returned.delivery,
    )
    return Decision(drafts=(passport_draft(passport.passport, state.lanes, fact),))


def may_go_back(passport: Passport, delivery: UUID) -> bool:
    return delivery not in (passport.went_back or ())


def return_refusals(
    lot: HeldLot | None, returned: ReturnedLot, *, by_buyer: bool, delivered: HeldLot | None
) -> list[Refusal]:
    """Checks at the request. `lot`: the named passport's, None if none is named; `delivered`: the delivery's
    own passport, which has to be named while the buyer has title."""
    if lot is None:
        has = delivered is not None and delivered.passport is not None
        if by_buyer and has and delivered is not None and _is_owners(delivered, returned):
            return [ReturnUnproven(pointer="/passport")]
        return []
    passport = lot.passport
    seen = by_buyer or (delivered is not None and delivered.passport == passport)
    if passport is None or passport.owner != returned.buyer or not seen:
        return [PassportUnknown(pointer="/passport")]
    return _refusals(passport, lot, returned)


def _is_owners(lot: HeldLot, returned: ReturnedLot) -> bool:
    passport = lot.passport
    return passport is not None and passport.owner == returned.buyer and passport.status == "live"


def _refusals(passport: Passport, lot: HeldLot, returned: ReturnedLot) -> list[Refusal]:
    reasons: list[Refusal] = over_refusals(passport) + order_refusals(lot.reservation)
    if reasons:
        return reasons
    number = passport.content.lot_number
    if not is_of_lot(returned.lot_number, number):
        reasons.append(
            LotNumberNotOfPassport(pointer="/lot_number", stated=returned.lot_number, proven=number)
        )
    grams = lot_g(passport, returned.net_wet_g, returned.moisture_ppb)
    told = {"stated": tonnes_text(grams), "proven": tonnes_text(passport.remaining_g)}
    if grams * MICRO > passport.remaining_g * (MICRO + TOLERANCE_PPM_MAX):
        reasons.append(LotAbovePassport(pointer="/net_wet_g", **told))
    elif grams * PPB < passport.remaining_g * DELIVERED_LEAST_PPB:
        reasons.append(LotReturnedInPart(pointer="/net_wet_g", **told))
    return reasons + title_refusals(passport, lot.sales, returned.seller)
