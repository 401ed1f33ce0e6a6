"""The sold or shipped part of a lot that its owner still has, which cannot be used, given away or shipped
again."""

from collections.abc import Iterable
from datetime import date
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from events.fractions import tonnes_text
from events.market_terms import SupplyTerms
from events.refusal import Refusal
from events.vocabulary import PPB
from market.rules.passport import Passport
from market.rules.refusing.passport_refusals import LotSold

DELIVERED_LEAST_PPB: Final = 950_000_000
"""Share of the mass from which a lot counts as delivered in full, since scales and moisture differ between
two sites; below it, it came in part."""


class TakenPart(Struct, frozen=True, kw_only=True):
    """What one match takes of the lot's order. `agreement` None: there is none yet."""

    match: UUID
    agreement: UUID | None
    ended: bool
    buyer: UUID
    net_wet_g: int


class ShippedPart(Struct, frozen=True, kw_only=True):
    """A delivery that names the lot's passport and was not rejected. `closed`: accepted, or lost, so that
    nobody can sell it again."""

    agreement: UUID
    delivery: UUID
    buyer: UUID
    shipped_on: date
    net_wet_g: int
    moisture_ppb: int
    closed: bool


class Sale(Struct, frozen=True, kw_only=True):
    """What one contract takes of the lot, in grams at its passport's moisture.

    `owed_g`: owed by a match whose contract has not ended; `left_g` was shipped, of which `closed_g` is
    closed.
    """

    buyer: UUID
    owed_g: int = 0
    left_g: int = 0
    closed_g: int = 0

    @property
    def bound_g(self) -> int:
        return max(self.owed_g, self.left_g)

    @property
    def fulfilled(self) -> bool:
        return self.closed_g * PPB >= self.bound_g * DELIVERED_LEAST_PPB


Sales = dict[UUID, Sale]
"""Sales by agreement, or by match if there is none yet."""


def taken_wet_g(terms: SupplyTerms, quantity_basis_g: int) -> int:
    """Grams of an order's wet material that hold so much basis, rounded up."""
    return -(-quantity_basis_g * terms.net_wet_g // terms.basis_g) if terms.basis_g else 0


def lot_g(passport: Passport, net_wet_g: int, moisture_ppb: int) -> int:
    """The same dry mass as wet mass at the passport's moisture, since lots take up or lose water on the
    way."""
    dry = PPB - passport.content.moisture_ppb
    return net_wet_g * (PPB - moisture_ppb) // dry if dry else net_wet_g


def sales_of(passport: Passport, taken: Iterable[TakenPart], shipped: Iterable[ShippedPart]) -> Sales:
    """The sales of a lot by its current owner; shipments before the owner got it are not counted."""
    found: Sales = {}
    for part in taken:
        key = part.agreement or part.match
        sale = found.get(key, Sale(buyer=part.buyer))
        owed_g = 0 if part.ended else part.net_wet_g
        found[key] = replace(sale, owed_g=sale.owed_g + owed_g)
    since = None if passport.owned_since == passport.issued_at else passport.owned_since.date()
    for each in shipped:
        if each.delivery == passport.delivery or (since is not None and each.shipped_on < since):
            continue
        sale = found.get(each.agreement, Sale(buyer=each.buyer))
        grams = lot_g(passport, each.net_wet_g, each.moisture_ppb)
        found[each.agreement] = replace(
            sale,
            left_g=sale.left_g + grams,
            closed_g=sale.closed_g + (grams if each.closed else 0),
        )
    return found


def bound_g(sales: Sales) -> int:
    return sum(sale.bound_g for sale in sales.values())


def use_refusals(passport: Passport, sales: Sales, used_g: int, pointer: str) -> list[Refusal]:
    """Refusals for using a part of the lot that is sold."""
    sold_g = bound_g(sales)
    if used_g <= passport.remaining_g - sold_g or not sold_g:
        return []
    return [_sold(passport, sold_g, pointer)]


def title_refusals(passport: Passport, sales: Sales, owner: UUID) -> list[Refusal]:
    """Refusals for transferring title to a sold lot, except to its only buyer."""
    buyers = {sale.buyer for sale in sales.values() if sale.bound_g}
    if owner == passport.owner or buyers <= {owner}:
        return []
    return [_sold(passport, bound_g(sales), "/owner")]


def retirement_refusals(passport: Passport, sales: Sales) -> list[Refusal]:
    """Refusals for retiring a lot, unless all its buyers have accepted their parts, or these were lost."""
    open_g = sum(sale.bound_g for sale in sales.values() if not sale.fulfilled)
    return [_sold(passport, open_g, None)] if open_g else []


def _sold(passport: Passport, sold_g: int, pointer: str | None) -> Refusal:
    free_g = max(0, passport.remaining_g - sold_g)
    return LotSold(pointer=pointer, sold=tonnes_text(sold_g), free=tonnes_text(free_g))
