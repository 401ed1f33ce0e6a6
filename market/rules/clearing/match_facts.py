"""The facts of a section's trades as they are recorded: canonical JSON, written without a struct of each.

What makes one fact like another decides on its template: the first such fact, encoded, with holes where the
members stand that each trade has its own. `struck` and `confirmed` are the facts themselves.
"""

from collections.abc import Hashable
from typing import Final, NamedTuple
from uuid import UUID

from msgspec import UNSET, Raw, Struct
from msgspec.structs import replace

from contracts.rules.price_terms import round_half_even
from events.market_events import MatchConfirmed, MatchStruck
from market.rules.clearing.cleared import Trade
from market.rules.clearing.rounds import Round
from market.rules.clearing.waterfalls import TradeLines
from market.rules.clearing.written import encoded, fact_template
from market.rules.match_terms import match_terms
from market.rules.orders.forecast_supply import mark_of

_STRUCK_HOLES: Final = (
    "match",
    "supply",
    "requirement",
    "quantity_basis_g",
    "product_wet_g",
    "product_dry_g",
    "packages_thousandths",
    "price_ueur_per_kg",
    "amount_cents_eur",
    "remainder_ueur_g_per_kg",
    "delivery",
    "place",
)
_CONFIRMED_HOLES: Final = (
    "match",
    "supply",
    "requirement",
    "seller",
    "buyer",
    "quantity_basis_g",
    "contract.packaging",
    "contract.product_wet_g",
    "contract.price_ueur_per_kg",
    "contract.terms",
    "contract.limits",
    "contract.purity",
    "contract.penalties",
    "contract.delivery",
    "contract.place",
    "contract.co_products",
)


class Told(NamedTuple):
    """What is told of a trade beside the trade itself. product: wet and dry grams.

    ends: match and supply, encoded; delivered: period and place.
    """

    match: UUID
    product: tuple[int, int]
    packages_thousandths: int
    ends: tuple[bytes, bytes]
    delivered: tuple[bytes, bytes]

    @property
    def subject(self) -> str:
        """The match's id as text."""
        return self.ends[0][1:-1].decode()


class _Bought(NamedTuple):
    """What confirmed matches of a requirement have of it, encoded."""

    requirement: bytes
    buyer: bytes
    limits: bytes
    purity: bytes
    penalties: bytes


def told_of(trade: Trade, product: tuple[int, int], match: UUID) -> Told:
    supply, terms = trade.seller.order, trade.seller.order.terms
    package_g = terms.packaging.package_wet_g
    return Told(
        match,
        product,
        round_half_even(product[0] * 1000, package_g) if package_g else 0,
        (encoded(match), encoded(supply.order)),
        (encoded(trade.delivery.period), encoded(terms.place)),
    )


def must_confirm(trade: Trade) -> tuple[bool, bool]:
    """Seller, buyer."""
    supply, requirement = trade.seller.order.terms, trade.buyer.order.terms
    return supply.commitment != "firm", requirement.commitment != "firm"


def struck(of: Round, section: str, trade: Trade, told: Told) -> MatchStruck:
    planned, supply, requirement = of.planned, trade.seller.order, trade.buyer.order
    by_seller, by_buyer = must_confirm(trade)
    return MatchStruck(
        market=planned.market,
        match=told.match,
        plan=planned.plan,
        round=planned.round,
        section=section,
        supply=supply.order,
        supply_kind=supply.kind,
        tranche=trade.seller.tranche,
        requirement=requirement.order,
        form=supply.terms.form,
        quantity_basis_g=trade.quantity_g,
        product_wet_g=told.product[0],
        product_dry_g=told.product[1],
        packages_thousandths=told.packages_thousandths,
        price_ueur_per_kg=trade.price_ueur_per_kg,
        amount_cents_eur=trade.received_cents,
        remainder_ueur_g_per_kg=trade.remainder_ueur_g_per_kg,
        delivery=trade.delivery.period,
        incoterm=supply.terms.incoterm,
        place=supply.terms.place,
        reference=of.reference if supply.terms.term is None else None,
        confirm_by=planned.cut_time + of.confirmation,
        seller_must_confirm=by_seller,
        buyer_must_confirm=by_buyer,
        forecast=mark_of(supply.terms) or UNSET,
    )


def confirmed(of: Round, struck: MatchStruck, trade: Trade) -> MatchConfirmed:
    """Without what its lines say."""
    supply, requirement, facts = trade.seller.order, trade.buyer.order, of.facts
    return MatchConfirmed(
        market=struck.market,
        match=struck.match,
        supply=struck.supply,
        requirement=struck.requirement,
        seller=supply.organisation,
        buyer=requirement.organisation,
        quantity_basis_g=struck.quantity_basis_g,
        contract=match_terms(
            struck, supply.terms, requirement.terms, (), facts.basis, facts.inputs, facts.umpire
        ),
    )


class MatchFacts:
    """Of the trades of one section, encoded."""

    def __init__(self, of: Round, section: str) -> None:
        self._of, self._section = of, section
        self._templates: dict[Hashable, bytes] = {}
        self._bought: dict[int, _Bought] = {}

    def struck(self, trade: Trade, told: Told) -> bytes:
        supply, terms = trade.seller.order, trade.seller.order.terms
        # what is told of a forecast is no member of its own
        mark = None if terms.forecast is UNSET else supply.order
        bids = terms.commitment, trade.buyer.order.terms.commitment, terms.term is None
        key = ("struck", supply.kind, trade.seller.tranche, terms.form, terms.incoterm, *bids, mark)
        template = self._templates.get(key)
        if template is None:
            fact = struck(self._of, self._section, trade, told)
            template = self._template(key, fact, _STRUCK_HOLES)
        return template % (
            *told.ends,
            self._bought_by(trade).requirement,
            trade.quantity_g,
            *told.product,
            told.packages_thousandths,
            trade.price_ueur_per_kg,
            trade.received_cents,
            trade.remainder_ueur_g_per_kg,
            *told.delivered,
        )

    def confirmed(self, trade: Trade, told: Told, waterfall: TradeLines) -> bytes:
        supply, wanted = trade.seller.order, trade.buyer.order
        terms, bought = supply.terms, self._bought_by(trade)
        moved = b"[%b]" % waterfall.moved
        key = ("confirmed", terms.form, terms.incoterm, wanted.terms.recycled_min_ppb)
        # of a term match profile, floor and index are those of these two orders
        template = self._templates.get(key) if terms.term is None else None
        if template is None:
            fact = confirmed(self._of, struck(self._of, self._section, trade, told), trade)
            if terms.term is not None:
                assert fact.contract is not None
                said = {"terms": Raw(moved), "co_products": Raw(waterfall.co_products)}
                return encoded(replace(fact, contract=replace(fact.contract, **said)))
            template = self._template(key, fact, _CONFIRMED_HOLES)
        return template % (
            *told.ends,
            bought.requirement,
            encoded(supply.organisation),
            bought.buyer,
            trade.quantity_g,
            encoded(terms.packaging),
            told.product[0],
            trade.price_ueur_per_kg,
            moved,
            bought.limits,
            bought.purity,
            bought.penalties,
            *told.delivered,
            waterfall.co_products,
        )

    def _template(self, key: Hashable, fact: Struct, holes: tuple[str, ...]) -> bytes:
        found = self._templates[key] = fact_template(fact, holes)
        return found

    def _bought_by(self, trade: Trade) -> _Bought:
        found = self._bought.get(trade.buyer_index)
        if found is None:
            order = trade.buyer.order
            terms = order.terms
            found = self._bought[trade.buyer_index] = _Bought(
                *map(encoded, (order.order, order.organisation, terms.limits, terms.purity, terms.penalties))
            )
        return found
