"""The price terms of many pairs at once; each equals the formula of its name in `amounts` exactly."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from contracts.rules.price_terms import is_european
from events.market_terms import SustainabilityProfile
from events.vocabulary import BASIS_ELEMENTS, PPB, REX_HIERARCHY
from market.rules.clearing.amounts import (
    AMOUNT_UEUR_G_PER_KG_MAX,
    VALUE_UEUR_PER_KG_MAX,
    co_product_price,
    concentrated_steps,
    is_strategic,
    profile_of,
)
from market.rules.clearing.assay_columns import AssayColumns
from market.rules.clearing.candidates import Candidates, Ways
from market.rules.clearing.carbon_columns import Carbon
from market.rules.clearing.columns import Slots, alike, cells, int64s
from market.rules.clearing.eligibility import MarketFacts
from market.rules.clearing.exact_floors import NOTHING, FloorSums, Ratio
from market.rules.clearing.paper_columns import PaperColumns
from market.rules.clearing.screening import Requirements
from market.rules.clearing.supply_columns import Supplies, unstated_stages
from market.rules.full_origins import asks_for_stages
from market.rules.optimum.problem import Int64s, Mask

Term = Callable[[Candidates], Int64s]
MASS_BITS = 20


@dataclass(frozen=True, eq=False, slots=True)
class Worth:
    """T, S and limit + T − ask of each pair, micro-EUR per basis kg; `held` where a round can hold them."""

    term_total: Int64s
    sustainability: Int64s
    value: Int64s
    held: Mask


@dataclass(frozen=True, eq=False, slots=True)
class Terms:
    """`amounts.Amounts` of each pair, a column each.

    recycled_alone, rex_alone: before only one of them counts. wanted: what floor and cap are held against.
    """

    form: Int64s
    co_product: Int64s
    carbon: Int64s
    recycled: Int64s
    certificates: Int64s
    origin: Int64s
    rex: Int64s
    sustainability: Int64s
    strategic_project: Int64s
    penalties: Int64s
    logistics: Int64s
    recycled_alone: Int64s
    rex_alone: Int64s
    wanted: Int64s

    @property
    def lines(self) -> tuple[Int64s, ...]:
        """What each line adds; their sum is T."""
        of_bid = self.carbon, self.recycled, self.certificates, self.origin, self.rex, self.sustainability
        of_value = self.form, self.co_product, self.strategic_project, self.penalties, self.logistics
        return *of_bid, *of_value

    @property
    def sustainability_total(self) -> Int64s:
        """S, floor and cap applied."""
        return self.wanted + self.sustainability + self.strategic_project

    @property
    def total(self) -> Int64s:
        """T."""
        of_value = self.form + self.co_product + self.penalties + self.logistics
        return of_value + self.sustainability_total


class Valuation:
    """The terms of all pairs of these orders."""

    def __init__(
        self,
        supplies: Supplies,
        requirements: Requirements,
        facts: MarketFacts,
        assays: AssayColumns,
        papers: PaperColumns,
        known: Ways,
    ) -> None:
        profiles = [profile_of(order, facts) for order in requirements]
        self._ways = known
        self._co_products = _co_products(requirements, facts, assays)
        self.carbon = Carbon(supplies, profiles, facts, papers, assays)
        self._recycled = _recycled(supplies, profiles)
        self._certificates = _certificates(profiles, facts, papers)
        self._origin = _origin(supplies, profiles, facts)
        self._rex = _rex(supplies, requirements, profiles)
        self._strategic_project = _strategic_project(supplies, requirements, facts)
        self.penalties = Penalties(requirements, assays)
        self._carried = _carried_product(assays, known)
        self._only_larger = facts.rule_set.only_larger_of_recycled_and_rex
        self._floor = int64s([profile.floor_ueur_per_kg for profile in profiles], len(profiles))
        self._cap = int64s([profile.cap_ueur_per_kg for profile in profiles], len(profiles))
        self._ask, self._supply_g = supplies.ask_ueur_per_kg, supplies.basis_g
        self._limit = int64s([order.terms.limit.ueur_per_kg for order in requirements], len(requirements))
        self._requirement_g = int64s([order.terms.basis_g for order in requirements], len(requirements))

    def of(self, pairs: Candidates) -> Worth:
        terms = self.terms(pairs)
        term_total = terms.total
        value = self._limit.take(pairs.requirement) + term_total - self._ask.take(pairs.supply)
        held = self._held(pairs, term_total, terms.lines)
        return Worth(term_total, terms.sustainability_total, value, held)

    def terms(self, pairs: Candidates) -> Terms:
        recycled_alone, rex_alone = self._recycled(pairs), self._rex(pairs)
        recycled, rex = recycled_alone, rex_alone
        if self._only_larger:
            both = (recycled > 0) & (rex > 0)
            rex, recycled = (
                np.where(both & (recycled >= rex), 0, rex),
                np.where(both & (recycled < rex), 0, recycled),
            )
        carbon, certificates, origin = self.carbon.of(pairs), self._certificates(pairs), self._origin(pairs)
        wanted = carbon + recycled + certificates + origin + rex
        floor, cap = self._floor.take(pairs.requirement), self._cap.take(pairs.requirement)
        return Terms(
            form=self._ways.differential.take(pairs.way),
            co_product=self._co_products(pairs),
            carbon=carbon,
            recycled=recycled,
            certificates=certificates,
            origin=origin,
            rex=rex,
            sustainability=np.maximum(floor, np.minimum(wanted, cap)) - wanted,
            strategic_project=self._strategic_project(pairs),
            penalties=-self.penalties.of(pairs),
            logistics=self._carried(pairs) - self._ways.per_basis.take(pairs.way),
            recycled_alone=recycled_alone,
            rex_alone=rex_alone,
            wanted=wanted,
        )

    def _held(self, pairs: Candidates, term_total: Int64s, terms: Sequence[Int64s]) -> Mask:
        """As `amounts.price_pair` has it."""
        worth = self._limit.take(pairs.requirement) + term_total
        ask = self._ask.take(pairs.supply)
        held = np.ones(len(pairs), dtype=np.bool_)
        for term in (worth - ask, *terms):
            # the ends tell it of nearly all columns
            if max(term.max(initial=0), -term.min(initial=0)) > VALUE_UEUR_PER_KG_MAX:
                held &= np.abs(term) <= VALUE_UEUR_PER_KG_MAX
        price = np.maximum(np.abs(worth), np.abs(ask))
        mass_g = np.minimum(self._supply_g.take(pairs.supply), self._requirement_g.take(pairs.requirement))
        # products of the upper halves: above the exact product, and within int64 for all that is held so far
        rough = ((price >> MASS_BITS) + 1) * ((mass_g >> MASS_BITS) + 1)
        doubtful = held & (rough > AMOUNT_UEUR_G_PER_KG_MAX >> 2 * MASS_BITS)
        for pair in np.flatnonzero(doubtful).tolist():
            held[pair] = int(price[pair]) * int(mass_g[pair]) <= AMOUNT_UEUR_G_PER_KG_MAX
        return held


def _no_amount(pairs: Candidates) -> Int64s:
    return np.zeros(len(pairs), dtype=np.int64)


def paid_analytes(requirements: Requirements) -> dict[str, None]:
    return dict.fromkeys(bid.analyte for order in requirements for bid in order.terms.co_products)


def _co_products(requirements: Requirements, facts: MarketFacts, assays: AssayColumns) -> Term:
    rows: list[list[tuple[int, int]]] = []
    prices: list[list[Ratio]] = []
    stated, which = alike([order.terms.co_products for order in requirements])
    for of_order in stated:
        rows.append([])
        prices.append([])
        for bid in of_order:
            price = co_product_price(bid, facts)
            if price is None or bid.analyte in BASIS_ELEMENTS[facts.basis]:
                continue
            rows[-1].append((assays.row[bid.analyte], bid.max_ratio_ppb))
            prices[-1].append((price.numerator * bid.payable_ppb, price.denominator * PPB**2))
    bids = Slots.of_lists(rows, 2)
    if not len(bids):
        return _no_amount
    most = max(most for of_order in rows for _, most in of_order)
    paid = FloorSums(prices, min(most, int(assays.ratio_ppb.max(initial=0))))

    def amount(pairs: Candidates) -> Int64s:
        factors, asked = [], which.take(pairs.requirement)
        for places, (row, most_ppb) in bids.of(asked):
            factors.append(_no_amount(pairs))
            factors[-1][places] = np.minimum(cells(assays.ratio_ppb, row, pairs.supply[places]), most_ppb)
        return paid.floors(factors, asked)

    return amount


def _recycled(supplies: Supplies, profiles: Sequence[SustainabilityProfile]) -> Term:
    post, pre = supplies.post_consumer_ppb, supplies.pre_consumer_ppb
    bid, which = alike([(each.post_consumer_ueur_per_kg, each.pre_consumer_ueur_per_kg) for each in profiles])
    bids = FloorSums([[(for_post, PPB), (for_pre, PPB)] for for_post, for_pre in bid], PPB)
    return lambda pairs: bids.floors(
        [post.take(pairs.supply), pre.take(pairs.supply)], which.take(pairs.requirement)
    )


def _certificates(
    profiles: Sequence[SustainabilityProfile], facts: MarketFacts, papers: PaperColumns
) -> Term:
    recognised = facts.rule_set.recognised_certificates
    stated, which = alike([profile.certificates for profile in profiles])
    bids = Slots.of_lists(
        [
            [(papers.row[bid.scheme], bid.ueur_per_kg) for bid in of_profile if bid.scheme in recognised]
            for of_profile in stated
        ],
        2,
    )

    def amount(pairs: Candidates) -> Int64s:
        found = _no_amount(pairs)
        for places, (row, bid) in bids.of(which.take(pairs.requirement)):
            held = cells(papers.certified, row, pairs.supply[places]) >= pairs.papers_until[places]
            found[places] += np.where(held, bid, 0)
        return found

    return amount


def _origin(supplies: Supplies, profiles: Sequence[SustainabilityProfile], facts: MarketFacts) -> Term:
    origins, which = alike(supplies.origin)
    european = int64s([is_european(steps, facts.rule_set) for steps in origins], len(origins))[which]
    concentrated = int64s([bool(concentrated_steps(steps, facts)) for steps in origins], len(origins))[which]
    if asks_for_stages(facts.rule_set):
        unstated = unstated_stages(supplies, facts.rule_set)
        european = np.where(unstated, 0, european)
        listed = facts.inputs.concentrated
        concentrated = np.where(unstated & bool(listed and listed.countries), 1, concentrated)
    bid = int64s([profile.eu_origin_ueur_per_kg for profile in profiles], len(profiles))
    deducted = int64s(
        [profile.concentrated_origin_deduction_ueur_per_kg for profile in profiles], len(profiles)
    )
    return lambda pairs: (
        european.take(pairs.supply) * bid.take(pairs.requirement)
        - concentrated.take(pairs.supply) * deducted.take(pairs.requirement)
    )


def _rex(supplies: Supplies, requirements: Requirements, profiles: Sequence[SustainabilityProfile]) -> Term:
    routes = {route: place for place, route in enumerate(REX_HIERARCHY)}
    fit_for, which = alike(supplies.rex_routes)
    offered = int64s([sum(1 << routes[route] for route in set(fit)) for fit in fit_for], len(fit_for))[which]
    of_order = zip([order.terms.rex_route for order in requirements], profiles, strict=True)
    wanted, of_profile = alike([(route, profile.rex) for route, profile in of_order])
    amounts = [next((bid.ueur_per_kg for bid in rex if bid.route == route), 0) for route, rex in wanted]
    bid = int64s(amounts, len(wanted))[of_profile]
    place = int64s([0 if route is None else routes[route] for route, _ in wanted], len(wanted))[of_profile]
    return lambda pairs: (
        (offered.take(pairs.supply) >> place.take(pairs.requirement) & 1) * bid.take(pairs.requirement)
    )


def _strategic_project(supplies: Supplies, requirements: Requirements, facts: MarketFacts) -> Term:
    bid = int64s([order.terms.strategic_project_ueur_per_kg for order in requirements], len(requirements))
    if not bid.any():
        return _no_amount
    counts = int64s([is_strategic(order, facts) for order in supplies.orders], len(supplies))
    return lambda pairs: counts.take(pairs.supply) * bid.take(pairs.requirement)


class Penalties:
    """What requirements take off for figures above their thresholds."""

    def __init__(self, requirements: Requirements, assays: AssayColumns) -> None:
        self._high_ppb = assays.high_ppb
        row = assays.row
        rules, self._which = alike([order.terms.penalties for order in requirements])
        self._rules = Slots.of_lists(
            [[(row[rule.analyte], rule.threshold_ppb, rule.step_ppb) for rule in each] for each in rules], 3
        )
        self._amounts = FloorSums(
            [[(rule.ueur_per_kg_per_step, 1) for rule in each] for each in rules],
            int(assays.high_ppb[assays.low_ppb >= 0].max(initial=0)) if len(self._rules) else 0,
        )

    def of(self, pairs: Candidates) -> Int64s:
        if not len(self._rules):
            return _no_amount(pairs)
        return self._amounts.floors(self.steps(pairs), self._which.take(pairs.requirement))

    def steps(self, pairs: Candidates) -> list[Int64s]:
        """Full or begun steps above the threshold of each requirement's first rule, its second, ….

        0 where it has no more rules.
        """
        found = []
        for places, (row, threshold, step) in self._rules.of(self._which.take(pairs.requirement)):
            excess = cells(self._high_ppb, row, pairs.supply[places]) - threshold
            found.append(_no_amount(pairs))
            found[-1][places] = -(-np.maximum(excess, 0) // step)
        return found


def _carried_product(assays: AssayColumns, known: Ways) -> Term:
    """What carriage per kg of product takes off, per basis kg."""
    if not known.per_product.any():
        return _no_amount
    ratios = FloorSums(
        [[NOTHING if each is None else each] for each in assays.per_basis_kg("wet")],
        int(np.abs(known.per_product).max()),
    )
    return lambda pairs: ratios.floors([-known.per_product.take(pairs.way)], pairs.supply)
