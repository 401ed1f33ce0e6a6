"""The facts of a section's trades as they are recorded: canonical JSON, written without a struct of each.

What makes one fact like another decides on its template: the first such fact, encoded, with holes where the
members stand that each trade has its own. What fills a hole is encoded a column at a time, for all facts
that tell it. `struck`, `confirmed` and `listed` are the facts themselves.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import compress, repeat
from typing import Final, NamedTuple
from uuid import UUID

from msgspec import UNSET, Raw, Struct
from msgspec.structs import replace

from contracts.rules.price_terms import round_half_even
from events.clearing_terms import ListedWaterfall, Premium
from events.market_events import MatchConfirmed, MatchStruck
from market.rules.book import RequirementOrder, SupplyOrder
from market.rules.clearing.cleared import Trade, Trades
from market.rules.clearing.columns import int64s
from market.rules.clearing.graph import SellerNode
from market.rules.clearing.rounds import Round
from market.rules.clearing.waterfalls import TradeLines
from market.rules.clearing.written import decimals, encoded, fact_template
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
_LISTED_HOLES: Final = (
    "supply",
    "requirement",
    "quantity_basis_g",
    "limit_ueur_per_kg",
    "ask_ueur_per_kg",
    "lines",
    "term_total_ueur_per_kg",
    "value_ueur_per_kg",
    "seller_surplus_ueur_per_kg",
    "buyer_surplus_ueur_per_kg",
    "price_ueur_per_kg",
)


class Told(NamedTuple):
    """What is told of a trade beside the trade itself. product: wet and dry grams."""

    match: UUID
    product: tuple[int, int]
    packages_thousandths: int


def told_of(trade: Trade, match: UUID, product: tuple[int, int]) -> Told:
    return Told(match, product, packages_thousandths(product[0], trade.seller))


def packages_thousandths(wet_g: int, of: SellerNode) -> int:
    package_g = of.order.terms.packaging.package_wet_g
    return round_half_even(wet_g * 1000, package_g) if package_g else 0


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


def confirmed(of: Round, struck: MatchStruck, trade: Trade, lines: TradeLines) -> MatchConfirmed:
    supply, requirement, facts = trade.seller.order, trade.buyer.order, of.facts
    contract = match_terms(
        struck, supply.terms, requirement.terms, (), facts.basis, facts.inputs, facts.umpire
    )
    said = {"terms": Raw(b"[%b]" % lines.moved), "co_products": Raw(lines.co_products)}
    return MatchConfirmed(
        market=struck.market,
        match=struck.match,
        supply=struck.supply,
        requirement=struck.requirement,
        seller=supply.organisation,
        buyer=requirement.organisation,
        quantity_basis_g=struck.quantity_basis_g,
        contract=replace(contract, **said),
    )


def listed(trade: Trade, premiums: tuple[Premium, ...], lines: tuple[int, ...] = ()) -> ListedWaterfall:
    return ListedWaterfall(
        supply=trade.seller.order.order,
        tranche=trade.seller.tranche,
        requirement=trade.buyer.order.order,
        quantity_basis_g=trade.quantity_g,
        limit_ueur_per_kg=trade.buyer.order.terms.limit.ueur_per_kg,
        ask_ueur_per_kg=trade.seller.order.terms.ask.ueur_per_kg,
        lines=lines,
        term_total_ueur_per_kg=trade.term_total,
        value_ueur_per_kg=trade.value,
        seller_surplus_ueur_per_kg=trade.seller_surplus,
        buyer_surplus_ueur_per_kg=trade.buyer_surplus,
        price_ueur_per_kg=trade.price_ueur_per_kg,
        premiums=premiums,
    )


@dataclass(frozen=True, eq=False, slots=True)
class ToldTrades:
    """Some trades of a section, the orders of each, and what more than one of their facts tells, encoded."""

    trades: Trades
    supplies: Sequence[SupplyOrder]
    requirements: Sequence[RequirementOrder]
    ids: Sequence[UUID]
    products: Sequence[tuple[int, int]]
    match: Sequence[bytes]
    supply: Sequence[bytes]
    requirement: Sequence[bytes]
    quantity_g: Sequence[bytes]
    price_ueur_per_kg: Sequence[bytes]
    product_wet_g: Sequence[bytes]
    delivery: Sequence[bytes]
    place: Sequence[bytes]

    @property
    def firm(self) -> list[bool]:
        """Whether nobody has to confirm each."""
        return [
            supply.terms.commitment == requirement.terms.commitment == "firm"
            for supply, requirement in zip(self.supplies, self.requirements, strict=True)
        ]

    def kept(self, mask: Sequence[bool]) -> "ToldTrades":
        if all(mask):
            return self
        trades, *columns = (getattr(self, column.name) for column in fields(self))
        return ToldTrades(trades.kept(mask), *(list(compress(column, mask)) for column in columns))

    def told(self, place: int) -> tuple[Trade, Told]:
        trade = self.trades.row(place)
        return trade, told_of(trade, self.ids[place], self.products[place])


def told_trades(trades: Trades, ids: Sequence[UUID], products: Sequence[tuple[int, int]]) -> ToldTrades:
    supplies, requirements = [node.order for node in trades.seller], [node.order for node in trades.buyer]
    # trades with the same windows share one delivery
    periods = {id(delivery): delivery.period for delivery in trades.delivery}
    period = {delivery: encoded(told_period) for delivery, told_period in periods.items()}
    return ToldTrades(
        trades=trades,
        supplies=supplies,
        requirements=requirements,
        ids=ids,
        products=products,
        match=list(map(encoded, ids)),
        supply=[encoded(order.order) for order in supplies],
        requirement=[encoded(order.order) for order in requirements],
        quantity_g=decimals(trades.quantity_g),
        price_ueur_per_kg=decimals(trades.price_ueur_per_kg),
        product_wet_g=decimals([wet_g for wet_g, _ in products]),
        delivery=[period[id(delivery)] for delivery in trades.delivery],
        place=[encoded(order.terms.place) for order in supplies],
    )


class MatchFacts:
    """Of the trades of one section, encoded."""

    def __init__(self, of: Round, section: str) -> None:
        self._of, self._section = of, section
        self._templates: dict[tuple[str, ...], dict[Hashable, bytes]] = {}
        self._bought: dict[int, tuple[bytes, ...]] = {}

    def struck(self, of: ToldTrades) -> list[bytes]:
        keys, trades, wet_g = [], of.trades, [wet_g for wet_g, _ in of.products]
        for node, supply, requirement in zip(trades.seller, of.supplies, of.requirements, strict=True):
            terms = supply.terms
            # what is told of a forecast is no member of its own
            mark = None if terms.forecast is UNSET else supply.order
            bids = terms.commitment, requirement.terms.commitment, terms.term is None
            keys.append((supply.kind, node.tranche, terms.form, terms.incoterm, *bids, mark))
        columns = (
            of.match,
            of.supply,
            of.requirement,
            of.quantity_g,
            of.product_wet_g,
            decimals([dry_g for _, dry_g in of.products]),
            decimals(list(map(packages_thousandths, wet_g, trades.seller))),
            of.price_ueur_per_kg,
            decimals(trades.received_cents),
            decimals(trades.remainder_ueur_g_per_kg),
            of.delivery,
            of.place,
        )

        def fact(place: int) -> Struct:
            return struck(self._of, self._section, *of.told(place))

        return self._written(_STRUCK_HOLES, keys, zip(*columns, strict=True), fact, encoded)

    def confirmed(self, of: ToldTrades, lines: Sequence[TradeLines]) -> list[bytes]:
        """Of trades that nobody has to confirm."""
        if not lines:
            return []
        keys: list[Hashable] = []
        for supply, requirement in zip(of.supplies, of.requirements, strict=True):
            terms = supply.terms
            key = terms.form, terms.incoterm, requirement.terms.recycled_min_ppb
            # of a term match profile, floor and index are those of these two orders
            keys.append(key if terms.term is None else None)
        bought = map(self._bought_by, of.trades.buyer_index.tolist(), of.requirements)
        buyer, limits, purity, penalties = zip(*bought, strict=True)
        columns = (
            of.match,
            of.supply,
            of.requirement,
            [encoded(order.organisation) for order in of.supplies],
            buyer,
            of.quantity_g,
            [encoded(order.terms.packaging) for order in of.supplies],
            of.product_wet_g,
            of.price_ueur_per_kg,
            [b"[%b]" % each.moved for each in lines],
            limits,
            purity,
            penalties,
            of.delivery,
            of.place,
            [each.co_products for each in lines],
        )

        def fact(place: int) -> Struct:
            trade, told = of.told(place)
            return confirmed(self._of, struck(self._of, self._section, trade, told), trade, lines[place])

        return self._written(_CONFIRMED_HOLES, keys, zip(*columns, strict=True), fact, encoded)

    def listed(self, of: ToldTrades, premiums: Sequence[tuple[Premium, ...]]) -> list[bytes]:
        """With a hole where the places of the lines stand.

        limit + T − ask = value of a trade; with what portfolio limits add to it u + v.
        """
        trades, count = of.trades, len(of.supplies)
        limits = int64s((order.terms.limit.ueur_per_kg for order in of.requirements), count)
        asks = int64s((order.terms.ask.ueur_per_kg for order in of.supplies), count)
        worth = limits + trades.term_total - asks + trades.premium
        assert (worth == trades.seller_surplus + trades.buyer_surplus).all()
        columns = (
            of.supply,
            of.requirement,
            of.quantity_g,
            decimals(limits),
            decimals(asks),
            repeat(b"%b", count),
            decimals(trades.term_total),
            decimals(trades.value),
            decimals(trades.seller_surplus),
            decimals(trades.buyer_surplus),
            of.price_ueur_per_kg,
        )
        of_trade = zip(trades.seller, premiums, strict=True)
        keys = [None if each else node.tranche for node, each in of_trade]

        def fact(place: int) -> Struct:
            return listed(trades.row(place), premiums[place])

        def alone(fact: Struct) -> bytes:
            return fact_template(fact, ("lines",))

        return self._written(_LISTED_HOLES, keys, zip(*columns, strict=True), fact, alone)

    def _written(
        self,
        holes: tuple[str, ...],
        keys: Iterable[Hashable],
        rows: Iterable[tuple[bytes, ...]],
        fact: Callable[[int], Struct],
        alone: Callable[[Struct], bytes],
    ) -> list[bytes]:
        """The facts of these keys, each filled with its row; `fact` makes the one at a place.

        A fact of no key is written `alone`.
        """
        known, found = self._templates.setdefault(holes, {}), []
        for place, (key, row) in enumerate(zip(keys, rows, strict=True)):
            if key is None:
                found.append(alone(fact(place)))
                continue
            template = known.get(key)
            if template is None:
                template = known[key] = fact_template(fact(place), holes)
            found.append(template % row)
        return found

    def _bought_by(self, buyer: int, requirement: RequirementOrder) -> tuple[bytes, ...]:
        """Buyer, limits, purity and penalties, encoded."""
        found = self._bought.get(buyer)
        if found is None:
            terms = requirement.terms
            told = requirement.organisation, terms.limits, terms.purity, terms.penalties
            found = self._bought[buyer] = tuple(map(encoded, told))
        return found
