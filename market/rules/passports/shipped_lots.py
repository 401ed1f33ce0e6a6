"""Compares a shipped lot with the passport that it names: refusals and warnings.

Differences that no scale and no assay explains are refused; smaller ones are warned about.
"""

from collections.abc import Iterator
from datetime import date, datetime
from uuid import UUID

from msgspec import Struct

from events.contract_terms import AnalyteResult, DeliveryEvidence
from events.fractions import ppb_text, tonnes_text
from events.refusal import Caution, Refusal
from events.vocabulary import BASIS_ELEMENTS, MICRO, PPB, MarketBasis, ProductForm, is_of_lot
from market.rules.orders.orders import Reservation
from market.rules.orders.passport_evidence import claim_refusals, evidence_of, origin_refusals
from market.rules.passport import Passport
from market.rules.passports.bound_lots import DELIVERED_LEAST_PPB, Sale, Sales, bound_g, lot_g
from market.rules.passports.delivered_lots import comes_late
from market.rules.passports.element_balance import TOLERANCE_PPM_MAX
from market.rules.quantities import basis_share
from market.rules.refusing.passport_refusals import (
    BasisAbovePassport,
    FormNotOfPassport,
    LotAbovePassport,
    LotNumberNotOfPassport,
    PassportInOrder,
    PassportOver,
    PassportUnknown,
)


class NamedLot(Struct, frozen=True, kw_only=True):
    """`sales` of the lot, without the shipment; `offered_here`: the agreement is of a match of the order that
    the lot is reserved by; `late_g`: what was short of it and is on its way, without the shipment."""

    passport: Passport | None
    reservation: Reservation | None = None
    offered_here: bool = False
    sales: Sales = {}
    late_g: int = 0


class Shipment(Struct, frozen=True, kw_only=True):
    """As the seller states it; `stated` as element in the dry material."""

    agreement: UUID
    seller: UUID
    buyer: UUID
    basis: MarketBasis
    lot_number: str
    form: ProductForm
    shipped_on: date
    net_wet_g: int
    moisture_ppb: int
    stated: tuple[AnalyteResult, ...]
    evidence: DeliveryEvidence


def shipment_refusals(lot: NamedLot, shipment: Shipment, now: datetime) -> Iterator[Refusal]:
    """Refusals unless the passport belongs to the seller, or lacks what is shipped now, is not retired, and
    proves the shipped lot; another's passport counts as unknown."""
    passport = lot.passport
    late = passport is not None and _late(passport, shipment)
    if passport is None or not (late or passport.owner == shipment.seller):
        yield PassportUnknown(pointer="/passport")
        return
    if passport.status == "retired" or (passport.status == "consumed" and not late):
        yield PassportOver(pointer="/passport", status=passport.status)
        return
    if not late and lot.reservation is not None and not lot.reservation.released and not lot.offered_here:
        yield PassportInOrder(pointer="/passport")
    number = passport.content.lot_number
    if not is_of_lot(shipment.lot_number, number):
        yield LotNumberNotOfPassport(pointer="/lot_number", stated=shipment.lot_number, proven=number)
    if shipment.form != passport.content.form:
        yield FormNotOfPassport(pointer="/form", stated=shipment.form, proven=passport.content.form)
    grams, free_g = _grams(lot, passport, shipment)
    if grams * MICRO > free_g * (MICRO + TOLERANCE_PPM_MAX):
        yield LotAbovePassport(
            pointer="/net_wet_g", stated=tonnes_text(shipment.net_wet_g), proven=tonnes_text(free_g)
        )
    stated, proven = _basis(passport, shipment)
    if stated * MICRO > proven * (MICRO + TOLERANCE_PPM_MAX):
        yield _basis_above(shipment, stated, proven)
    evidence, shown = evidence_of(passport, shipment.basis, now), shipment.evidence
    yield from claim_refusals(shown.footprint, shown.recycled, evidence)
    if shown.origin:
        yield from origin_refusals(shown.origin, evidence)


def shipment_cautions(lot: NamedLot, shipment: Shipment) -> Iterator[Caution]:
    """Warnings about an accepted shipment."""
    passport = lot.passport
    if passport is None:
        return
    late = _late(passport, shipment)
    if not late and passport.owner != shipment.seller:
        return
    grams, free_g = _grams(lot, passport, shipment)
    if grams > free_g:
        yield Caution(
            code="lot_above_passport",
            text=f"{tonnes_text(shipment.net_wet_g)} are shipped, but only {tonnes_text(free_g)} of the "
            "passport's lot are left.",
            pointer="/net_wet_g",
        )
    stated, proven = _basis(passport, shipment)
    if stated > proven:
        yield Caution(
            code="basis_above_passport",
            text=_basis_above(shipment, stated, proven).detail(),
            pointer="/stated",
        )
    if late:
        yield Caution(
            code="short_part_shipped",
            text=f"{tonnes_text(passport.open_g)} of this lot did not arrive: of them its passport says so "
            "much more to the buyer as it accepts of these.",
            pointer="/passport",
        )
    elif grams * PPB < passport.remaining_g * DELIVERED_LEAST_PPB:
        yield Caution(
            code="lot_shipped_in_part",
            text=f"{tonnes_text(shipment.net_wet_g)} of a lot of {tonnes_text(passport.remaining_g)} are "
            "shipped: its passport goes to its buyer only once a transformation has drawn all the "
            "rest into lots of other numbers. To send a passport along, withdraw the shipment, make a "
            "lot of the part first, and ship that.",
            pointer="/passport",
        )
    elif shipment.shipped_on < passport.owned_since.date():
        yield Caution(
            code="shipped_before_passport",
            text=f"The lot left on {shipment.shipped_on}, but its passport has been the seller's only since "
            f"{passport.owned_since.date()}: it will not follow by itself, so transfer it after "
            "acceptance.",
            pointer="/shipped_on",
        )


def unnamed_cautions(matched: UUID | None) -> Iterator[Caution]:
    """`matched`: the passport of the lot that the match is of, where a shipment of it names none."""
    if matched is not None:
        yield Caution(
            code="passport_left_out",
            text=f"The lot of this contract was offered with pass_{matched.hex}: name it in the shipment, "
            "then it goes to the buyer by itself.",
            pointer="/passport",
        )


def _grams(lot: NamedLot, passport: Passport, shipment: Shipment) -> tuple[int, int]:
    """(shipped, allowed): allowed is what other contracts do not take, minus what was shipped under this one;
    for a lot already delivered, what was short."""
    grams = lot_g(passport, shipment.net_wet_g, shipment.moisture_ppb)
    if _late(passport, shipment):
        return grams, max(0, passport.open_g - lot.late_g)
    own = lot.sales.get(shipment.agreement, Sale(buyer=shipment.seller))
    taken_g = bound_g(lot.sales) - own.bound_g + own.left_g
    return grams, max(0, passport.remaining_g - taken_g)


def _late(passport: Passport, shipment: Shipment) -> bool:
    return comes_late(passport, None, (shipment.seller, shipment.buyer), shipment.shipped_on)


def _basis(passport: Passport, shipment: Shipment) -> tuple[int, int]:
    """Basis in the dry material by both; of whole magnets nothing but the mass counts."""
    elements, content = BASIS_ELEMENTS[shipment.basis], passport.content
    if not elements or content.moisture_ppb >= PPB:
        return 0, 0
    stated = sum(each.fraction_ppb for each in shipment.stated if each.analyte in elements)
    proven, of_wet = basis_share(shipment.basis, content.moisture_ppb, content.composition)
    return stated, proven * PPB * PPB // (of_wet * (PPB - content.moisture_ppb))


def _basis_above(shipment: Shipment, stated: int, proven: int) -> Refusal:
    return BasisAbovePassport(
        pointer="/stated", basis=shipment.basis, stated=ppb_text(stated), proven=ppb_text(proven)
    )
