"""The facts of a section's trades as canonical JSON, written without a struct per fact.

Facts that share all other members share a template: the first of them, encoded, with holes for the members
that differ per trade. The contents of a hole are encoded column by column. `struck`, `confirmed` and `listed`
return the facts.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import repeat
from typing import Final
from uuid import UUID

from msgspec import UNSET, Raw, Struct
from msgspec.structs import replace

from events.clearing_terms import ListedWaterfall, Premium
from events.market_events import MatchConfirmed, MatchStruck
from market.rules.book import RequirementOrder
from market.rules.clearing.cleared import Trade
from market.rules.clearing.columns import int64s
from market.rules.clearing.rounds import Round
from market.rules.clearing.told_trades import Told, ToldTrades, thousandths_of
from market.rules.clearing.waterfall_lines import LineColumns, TradeLines
from market.rules.clearing.written import (
    decimals,
    each_encoded,
    encoded,
    fact_template,
    from_templates,
)
from market.rules.goods import counts_pieces, states_goods
from market.rules.match_terms import demands_of, match_terms, stated_of
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
_BY_STATED_HOLES: Final = (*_CONFIRMED_HOLES, "contract.stated")
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
        goods_agreed=(of.planned.rule_set.goods_agreed is True and states_goods(supply.terms)) or UNSET,
        demands=demands_of(requirement.terms, supply.terms.form, of.planned.rule_set),
        splitting_by_stated=of.planned.rule_set.splitting_by_stated is True or UNSET,
    )


def confirmed(of: Round, struck: MatchStruck, trade: Trade, lines: TradeLines) -> MatchConfirmed:
    supply, requirement, facts = trade.seller.order, trade.buyer.order, of.facts
    contract = match_terms(
        struck, supply.terms, requirement.terms, (), facts.basis, facts.inputs, facts.umpire
    )
    said = {"terms": Raw(lines.moved), "co_products": Raw(lines.co_products)}
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
        limit_ueur_per_kg=trade.limit_ueur_per_kg,
        ask_ueur_per_kg=trade.ask_ueur_per_kg,
        lines=lines,
        term_total_ueur_per_kg=trade.term_total,
        value_ueur_per_kg=trade.value,
        seller_surplus_ueur_per_kg=trade.seller_surplus,
        buyer_surplus_ueur_per_kg=trade.buyer_surplus,
        price_ueur_per_kg=trade.price_ueur_per_kg,
        premiums=premiums,
    )


class MatchFacts:
    """The encoded facts of the trades of one section."""

    def __init__(self, of: Round, section: str) -> None:
        self._of, self._section = of, section
        self._templates: dict[tuple[str, ...], dict[Hashable, bytes]] = {}
        self._bought = _Bought()

    def struck(self, of: ToldTrades) -> list[bytes]:
        trades, agreed = of.trades, self._of.planned.rule_set.goods_agreed is True
        package_g = int64s([sold.packaging.package_wet_g for sold in of.sold], len(of.sold))
        keys = [
            (
                supply.kind,
                node.tranche,
                sold.form,
                sold.incoterm,
                sold.commitment,
                bought.commitment,
                sold.term is None,
                # what is told of a forecast is no member of its own
                None if sold.forecast is UNSET else supply.order,
                agreed and states_goods(sold),
                demands,
            )
            for node, supply, sold, bought, demands in zip(
                trades.seller, of.supplies, of.sold, of.bought, self._demands(of), strict=True
            )
        ]
        columns = (
            of.match,
            of.supply,
            of.requirement,
            of.quantity_g,
            of.product_wet_g,
            decimals(of.dry_g),
            decimals(thousandths_of(of.wet_g, package_g)),
            of.price_ueur_per_kg,
            decimals(trades.received_cents),
            decimals(trades.remainder_ueur_g_per_kg),
            of.delivery,
            of.place,
        )

        def fact(place: int) -> Struct:
            return struck(self._of, self._section, *of.told(place))

        return self._written(_STRUCK_HOLES, keys, zip(*columns, strict=True), fact, encoded)

    def confirmed(self, of: ToldTrades, lines: LineColumns) -> list[bytes]:
        """MatchConfirmed for trades that nobody has to confirm."""
        if not of.supplies:
            return []
        agreed = self._of.planned.rule_set.goods_agreed is True
        # of a term match profile, floor and index are those of these two orders, and pieces are of one trade
        keys = [
            None
            if sold.term is not None or (agreed and counts_pieces(sold))
            else (sold.form, sold.incoterm, bought.recycled_min_ppb, sold.condition, sold.rex_routes, demands)
            for sold, bought, demands in zip(of.sold, of.bought, self._demands(of), strict=True)
        ]
        buyer, limits, purity, penalties = self._bought.of(of.trades.buyer_index.tolist(), of.requirements)
        by_stated = self._of.planned.rule_set.splitting_by_stated is True
        columns: tuple[Iterable[bytes], ...] = (
            of.match,
            of.supply,
            of.requirement,
            each_encoded([order.organisation for order in of.supplies]),
            buyer,
            of.quantity_g,
            each_encoded([sold.packaging for sold in of.sold]),
            of.product_wet_g,
            of.price_ueur_per_kg,
            lines.moved,
            limits,
            purity,
            penalties,
            of.delivery,
            of.place,
            lines.co_products,
            *((self._stated(of),) if by_stated else ()),
        )

        def fact(place: int) -> Struct:
            trade, told = of.told(place)
            return confirmed(self._of, struck(self._of, self._section, trade, told), trade, lines.row(place))

        holes = _BY_STATED_HOLES if by_stated else _CONFIRMED_HOLES
        return self._written(holes, keys, zip(*columns, strict=True), fact, encoded)

    def listed(self, of: ToldTrades, premiums: Sequence[tuple[Premium, ...]]) -> list[bytes]:
        """The encoded ListedWaterfalls, with a hole for the indices of their lines.

        limit + T − ask = value of a trade; with what portfolio limits add to it u + v.
        """
        trades = of.trades
        worth = trades.limit_ueur_per_kg + trades.term_total - trades.ask_ueur_per_kg + trades.premium
        assert (worth == trades.seller_surplus + trades.buyer_surplus).all()
        columns = (
            of.supply,
            of.requirement,
            of.quantity_g,
            decimals(trades.limit_ueur_per_kg),
            decimals(trades.ask_ueur_per_kg),
            repeat(b"%b", len(of.supplies)),
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

    def _stated(self, of: ToldTrades) -> list[bytes]:
        """One supply meets many requirements, which pay for the same."""
        basis = self._of.facts.basis
        known: dict[Hashable, bytes] = {}
        found = []
        for supply, sold, bought in zip(of.supplies, of.sold, of.bought, strict=True):
            key = supply.order, tuple(bid.analyte for bid in bought.co_products)
            if key not in known:
                known[key] = encoded(stated_of(sold, bought, basis))
            found.append(known[key])
        return found

    def _demands(self, of: ToldTrades) -> Iterable[Hashable]:
        """Of each trade, as a part of its key."""
        rule_set = self._of.planned.rule_set
        if rule_set.demands_agreed is not True:
            return repeat(None, len(of.bought))
        known: dict[tuple[UUID, str], Hashable] = {}
        found = []
        for order, sold in zip(of.requirements, of.sold, strict=True):
            pair = order.order, sold.form
            if pair not in known:
                known[pair] = demands_of(order.terms, sold.form, rule_set)
            found.append(known[pair])
        return found

    def _written(
        self,
        holes: tuple[str, ...],
        keys: Sequence[Hashable],
        rows: Iterable[tuple[bytes, ...]],
        fact: Callable[[int], Struct],
        alone: Callable[[Struct], bytes],
    ) -> list[bytes]:
        """The facts of these keys, each filled with its row; `fact` makes the one at a place.

        A fact of no key is written `alone`.
        """
        known = self._templates.setdefault(holes, {})

        def template(place: int) -> bytes:
            return fact_template(fact(place), holes)

        if None not in keys:
            return from_templates(known, keys, rows, template)
        found = []
        for place, (key, row) in enumerate(zip(keys, rows, strict=True)):
            if key is None:
                found.append(alone(fact(place)))
                continue
            if key not in known:
                known[key] = template(place)
            found.append(known[key] % row)
        return found


class _Bought(dict[int, tuple[bytes, ...]]):
    """Of buyers by their places in the section: buyer, limits, purity and penalties, encoded."""

    def of(
        self, places: Sequence[int], requirements: Sequence[RequirementOrder]
    ) -> Iterator[tuple[bytes, ...]]:
        """A column of each of the four."""
        new = {place: order for place, order in zip(places, requirements, strict=True) if place not in self}
        orders, terms = new.values(), [order.terms for order in new.values()]
        columns = (
            [order.organisation for order in orders],
            [each.limits for each in terms],
            [each.purity for each in terms],
            [each.penalties for each in terms],
        )
        encoded_columns = [each_encoded(column) for column in columns]
        self.update(zip(new, zip(*encoded_columns, strict=True), strict=True))
        return zip(*map(self.__getitem__, places), strict=True)
