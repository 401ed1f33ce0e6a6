"""What is owed or on its way of a lot that its owner still has: it is not used, given away, shipped twice."""

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
"""Scales and moisture differ between two yards; a lot that is lighter than this came in part."""


class TakenPart(Struct, frozen=True, kw_only=True):
    """Of the order that the lot stands in, or was sold by: what one match takes. `agreement` None: it is not
    there yet."""

    match: UUID
    agreement: UUID | None
    ended: bool
    buyer: UUID
    net_wet_g: int


class ShippedPart(Struct, frozen=True, kw_only=True):
    """A delivery that names the passport of the lot and was not rejected. `closed`: accepted, or lost, which
    nobody has and nobody sells again."""

    agreement: UUID
    delivery: UUID
    buyer: UUID
    shipped_on: date
    net_wet_g: int
    moisture_ppb: int
    closed: bool


class Sale(Struct, frozen=True, kw_only=True):
    """What one contract takes of the lot, in grams as moist as its passport says.

    `owed_g`: by a match whose contract has not ended; `left_g` was shipped, `closed_g` of it is over.
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
"""By agreement, by match where there is none yet."""


def taken_wet_g(terms: SupplyTerms, quantity_basis_g: int) -> int:
    """Grams of an order's wet material that hold so much basis, rounded up."""
    return -(-quantity_basis_g * terms.net_wet_g // terms.basis_g) if terms.basis_g else 0


def lot_g(passport: Passport, net_wet_g: int, moisture_ppb: int) -> int:
    """The same dry matter, as moist as the passport says: lots take up water and lose it on the way."""
    dry = PPB - passport.content.moisture_ppb
    return net_wet_g * (PPB - moisture_ppb) // dry if dry else net_wet_g


def sales_of(passport: Passport, taken: Iterable[TakenPart], shipped: Iterable[ShippedPart]) -> Sales:
    """Of a lot that its owner has; what went before the owner got it is not counted."""
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
    """What is made into something else is of what nobody has bought."""
    sold_g = bound_g(sales)
    if used_g <= passport.remaining_g - sold_g or not sold_g:
        return []
    return [_sold(passport, sold_g, pointer)]


def title_refusals(passport: Passport, sales: Sales, owner: UUID) -> list[Refusal]:
    """Title to a lot that was sold goes to its buyer, if it is one."""
    buyers = {sale.buyer for sale in sales.values() if sale.bound_g}
    if owner == passport.owner or buyers <= {owner}:
        return []
    return [_sold(passport, bound_g(sales), "/owner")]


def retirement_refusals(passport: Passport, sales: Sales) -> list[Refusal]:
    """A lot whose buyers have all accepted theirs, or that was lost on the way, may leave the loop."""
    open_g = sum(sale.bound_g for sale in sales.values() if not sale.fulfilled)
    return [_sold(passport, open_g, None)] if open_g else []


def _sold(passport: Passport, sold_g: int, pointer: str | None) -> Refusal:
    free_g = max(0, passport.remaining_g - sold_g)
    return LotSold(pointer=pointer, sold=tonnes_text(sold_g), free=tonnes_text(free_g))
