"""The waterfalls of trades as they are recorded: `pricing.price_terms` of each pair, kind by kind for all.

Figures come by column. A line of what two orders state, as certificates and penalties, is encoded once for
all trades with it. Whatever has an amount of each trade's own is written from a template, which is the
encoded line itself with holes where its numbers stand.
"""

from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from operator import mod
from typing import Final, NamedTuple

import numpy as np

from contracts.rules.price_lines import (
    carbon_line,
    certificates_line,
    clamp_line,
    no_carbon_line,
    origin_line,
    penalties_line,
    recycled_line,
    rex_line,
)
from contracts.rules.price_terms import (
    benchmark_for,
    certificates_paid,
    footprint_defect,
)
from events.clearing_terms import PriceTerm
from events.market_terms import CoProductBid, PenaltyRule, SustainabilityProfile
from events.vocabulary import BASIS_ELEMENTS, INTEGER_MAX, RecycledContent, RexRoute
from market.rules.book import RequirementOrder, SupplyOrder
from market.rules.clearing.amounts import certificates_held, concentrated_origins, profile_of
from market.rules.clearing.assay_columns import NO_FIGURE, AssayColumns
from market.rules.clearing.candidates import Candidates, Nodes, Ways
from market.rules.clearing.carbon_columns import NO_KG
from market.rules.clearing.columns import ROWS_AT_ONCE, int64s, microseconds
from market.rules.clearing.eligibility import Delivery, MarketFacts, carriage_row
from market.rules.clearing.paper_columns import PaperColumns
from market.rules.clearing.pricing import (
    co_product_line,
    form_line,
    logistics_line,
    ratio_input,
    strategic_project_lines,
)
from market.rules.clearing.readings import reading_of
from market.rules.clearing.screening import Requirements, Supplies
from market.rules.clearing.valuation import Terms, Valuation
from market.rules.clearing.waterfall_lines import HOLE, Lines, Templates, template_of
from market.rules.clearing.written import encoded
from market.rules.match_terms import co_products_counted
from market.rules.optimum.problem import Int64s

PROJECT_PLACE: Final = 8
"""Of a waterfall's lines before the one about strategic projects, which not every one has."""
_NO_CONTENT: Final = RecycledContent()


class TradeLines(NamedTuple):
    """A trade's waterfall, each line encoded, and what of it a contract takes over.

    moved: of its lines, those that a final assay moves. co_products: what the buyer pays for them, encoded.
    """

    lines: tuple[bytes, ...]
    moved: bytes
    co_products: bytes


class _Bought(NamedTuple):
    """What a requirement pays by. schemes: of certificates, those that the rule set recognises. bids: of
    co-products, those that the basis does not hold already.

    The numbers are the same for equal bids and for equal penalties.
    """

    profile: SustainabilityProfile
    schemes: tuple[str, ...]
    penalties_number: int
    bids: tuple[CoProductBid, ...]
    bids_number: int


class _CoProducts(NamedTuple):
    """A line of co-products: its template, the analytes whose ratios fill it, and the bids of a contract."""

    template: bytes
    analytes: tuple[str, ...]
    counted: bytes


@dataclass(frozen=True, eq=False, slots=True)
class _Trades:
    """The trades that are told, one entry each."""

    pairs: Candidates
    terms: Terms
    supplies: list[SupplyOrder]
    requirements: list[RequirementOrder]
    bought: list[_Bought]
    deliveries: Sequence[Delivery]


class Waterfalls:
    """Of the pairs of one horizon's orders."""

    def __init__(
        self,
        nodes: Nodes,
        supplies: Supplies,
        requirements: Requirements,
        facts: MarketFacts,
        assays: AssayColumns,
        papers: PaperColumns,
        known: Ways,
        valuation: Valuation,
    ) -> None:
        self._nodes, self._supplies, self._requirements, self._facts = nodes, supplies, requirements, facts
        self._assays, self._papers, self._ways, self._valuation = assays, papers, known, valuation
        self._templates: dict[Hashable, bytes] = {}
        self._until: dict[datetime, int] = {}
        self._bought: dict[int, _Bought] = {}
        self._numbers: dict[Hashable, int] = {}
        self._co_products: dict[Hashable, _CoProducts] = {}
        listed_at = facts.inputs.concentrated_position
        evidence = () if listed_at is None else (f"input:{listed_at}",)
        self._no_carbon = Lines(lambda cents, _: no_carbon_line(cents))
        self._certified = Lines(lambda paid, _: certificates_line(paid))
        self._origin = Lines(lambda steps, listed, ueur: origin_line(ueur, steps, listed, evidence))
        self._form = Lines(lambda form, ueur: form_line(ueur, form))
        self._recycled_lines, self._rex_lines = Lines(_recycled_line), Lines(_rex_line)
        self._penalties_numbered: dict[int, tuple[PenaltyRule, ...]] = {}
        self._penalty_lines = Lines(
            lambda number, *steps: _penalties_of(self._penalties_numbered[number], steps[:-1])
        )
        self._carried = Templates(partial(logistics_line, 0))
        self._clamp = Templates(lambda sign, floor, cap: clamp_line(sign, HOLE, floor, cap))

    def of(
        self, node: Int64s, requirement: Int64s, deliveries: Sequence[Delivery], term_total: Int64s
    ) -> Iterator[TradeLines]:
        """Of eligible pairs, an entry each, of some pairs at a time.

        AssertionError where lines do not add up to the pair's T.
        """
        ways = self._ways
        # they go by key, then requirement
        key = np.repeat(np.arange(len(ways.starts) - 1), np.diff(ways.starts))
        way_of = key * len(self._requirements) + ways.requirement
        for start in range(0, len(node), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            pairs = self._pairs(way_of, node[part], requirement[part], deliveries[part])
            yield from self._of(pairs, deliveries[part], term_total[part])

    def _of(
        self, pairs: Candidates, deliveries: Sequence[Delivery], term_total: Int64s
    ) -> Iterator[TradeLines]:
        terms = self._valuation.terms(pairs)
        assert (terms.total == term_total).all()
        trades = _Trades(
            pairs=pairs,
            terms=terms,
            supplies=[self._supplies[place] for place in pairs.supply.tolist()],
            requirements=[self._requirements[place] for place in pairs.requirement.tolist()],
            bought=[self._bought_by(place) for place in pairs.requirement.tolist()],
            deliveries=deliveries,
        )
        co_products, counted = zip(*self._co_product_lines(trades), strict=True)
        penalties = list(self._penalties(trades))
        lines = zip(
            self._forms(trades),
            co_products,
            self._carbon(trades),
            self._recycled(trades),
            self._certificates(trades),
            self._origins(trades),
            self._rex(trades),
            self._clamps(trades),
            penalties,
            self._logistics(trades),
            strict=True,
        )
        of_trade = zip(lines, self._strategic_projects(trades), co_products, penalties, counted, strict=True)
        for told, project, co_product, penalty, bids in of_trade:
            whole = (*told[:PROJECT_PLACE], *project, *told[PROJECT_PLACE:]) if project else told
            yield TradeLines(whole, b"%b,%b" % (co_product, penalty), bids)

    def _pairs(
        self, way_of: Int64s, node: Int64s, requirement: Int64s, deliveries: Sequence[Delivery]
    ) -> Candidates:
        """way_of: key and requirement of each way in one number, ascending."""
        supply = self._nodes.supply[node]
        wanted = self._ways.key_of_supply[supply] * len(self._requirements) + requirement
        way = np.searchsorted(way_of, wanted)
        until = int64s((self._until_of(delivery.papers_until) for delivery in deliveries), len(deliveries))
        return Candidates(node, supply, requirement, way, until)

    def _until_of(self, moment: datetime) -> int:
        found = self._until.get(moment)
        if found is None:
            found = self._until[moment] = microseconds(moment)
        return found

    def _bought_by(self, place: int) -> _Bought:
        found = self._bought.get(place)
        if found is None:
            order, elements = self._requirements[place], BASIS_ELEMENTS[self._facts.basis]
            bids = tuple(bid for bid in order.terms.co_products if bid.analyte not in elements)
            penalties, numbers = tuple(order.terms.penalties), self._numbers
            profile, recognised = profile_of(order, self._facts), self._facts.rule_set.recognised_certificates
            number = numbers.setdefault(penalties, len(numbers))
            self._penalties_numbered[number] = penalties
            found = self._bought[place] = _Bought(
                profile,
                tuple(bid.scheme for bid in profile.certificates if bid.scheme in recognised),
                number,
                bids,
                numbers.setdefault(bids, len(numbers)),
            )
        return found

    def _forms(self, trades: _Trades) -> Iterator[bytes]:
        forms = [supply.terms.form for supply in trades.supplies]
        return map(self._form.__getitem__, zip(forms, trades.terms.form.tolist(), strict=True))

    def _logistics(self, trades: _Trades) -> Iterator[bytes]:
        orders = zip(trades.supplies, trades.requirements, strict=True)
        keys = [
            (
                sold.terms.place.country,
                carriage_row(sold.terms, bought.terms) if bought.terms.carriage else None,
            )
            for sold, bought in orders
        ]
        return map(mod, map(self._carried.__getitem__, keys), trades.terms.logistics.tolist())

    def _co_product_lines(self, trades: _Trades) -> Iterator[tuple[bytes, bytes]]:
        """With the bids of the contract, as the cut has counted them."""
        names = sorted({bid.analyte for bought in trades.bought for bid in bought.bids})
        rows = np.array([self._assays.row[name] for name in names], dtype=np.int64)
        places = np.ix_(rows, trades.pairs.supply)
        ratio_ppb = self._assays.ratio_ppb[places].T
        # the column has neither what is not measured nor what is larger
        told = (self._assays.low_ppb[places].T != NO_FIGURE) & (ratio_ppb < INTEGER_MAX)
        known: dict[int, tuple[bytes, list[int], bytes]] = {}
        amounts, in_columns = trades.terms.co_product.tolist(), told.all(axis=1).tolist()
        of_trade = zip(amounts, trades.supplies, trades.bought, ratio_ppb.tolist(), in_columns, strict=True)
        for ueur, supply, bought, ratio, has in of_trade:
            if not has:
                read = reading_of(supply.terms, self._facts.basis).ratio_ppb
                line = self._co_product(bought, read)
                yield line.template % (ueur, *[read[name] for name in line.analytes]), line.counted
                continue
            of_bids = known.get(bought.bids_number)
            if of_bids is None:
                line = self._co_product(bought, dict.fromkeys(names))
                shown = [names.index(name) for name in line.analytes]
                of_bids = known[bought.bids_number] = line.template, shown, line.counted
            template, shown, counted = of_bids
            yield template % (ueur, *[ratio[place] for place in shown]), counted

    def _co_product(self, bought: _Bought, ratio_ppb: Collection[str]) -> _CoProducts:
        key = (bought.bids_number, *[bid.analyte in ratio_ppb for bid in bought.bids])
        found = self._co_products.get(key)
        if found is None:
            shown = {bid.analyte: HOLE for bid in bought.bids if bid.analyte in ratio_ppb}
            line = co_product_line(0, bought.bids, shown, self._facts)
            filled = sorted((ratio_input(name), name) for name in shown if ratio_input(name) in line.inputs)
            found = self._co_products[key] = _CoProducts(
                template_of(line),
                tuple(name for _, name in filled),
                encoded(tuple(co_products_counted([line]))),
            )
        return found

    def _carbon(self, trades: _Trades) -> Iterator[bytes]:
        rule_set, pairs, known = self._facts.rule_set, trades.pairs, self._templates
        forms = {supply.terms.form for supply in trades.supplies}
        benchmarks = {form: benchmark_for(form, rule_set) for form in forms}
        shown, amounts = self._valuation.carbon.shown(pairs), trades.terms.carbon.tolist()
        of_trade = zip(amounts, trades.supplies, trades.bought, trades.deliveries, *shown, strict=True)
        for ueur, supply, bought, delivery, counted, gain_g, kg_ppb in of_trade:
            cents, benchmark = bought.profile.carbon_cents_per_t, benchmarks[supply.terms.form]
            if cents == 0 or benchmark is None or kg_ppb == NO_KG:
                yield self._no_carbon[cents, ueur]
                continue
            footprint = supply.terms.footprint
            defect = None if counted else footprint_defect(footprint, benchmark, delivery.papers_until)
            numbers = [benchmark.benchmark_g_co2e_per_kg - gain_g, kg_ppb]
            if footprint is None:
                key: tuple[Hashable, ...] = (benchmark.form, cents, defect)
            else:
                key = (benchmark.form, cents, defect, footprint.verified, footprint.standard)
                numbers.insert(0, footprint.g_co2e_per_kg)
            template = known.get(key)
            if template is None:
                holes = {"effective_g": HOLE, "kg_ppb": HOLE, "declared_g": HOLE}
                line = carbon_line(0, cents, benchmark, footprint, defect, **holes)
                template = known[key] = template_of(line)
            yield template % (ueur, *numbers)

    def _recycled(self, trades: _Trades) -> Iterator[bytes]:
        contents = [supply.terms.recycled or _NO_CONTENT for supply in trades.supplies]
        columns = (
            [content.post_consumer_ppb for content in contents],
            [content.pre_consumer_ppb for content in contents],
            [bought.profile.post_consumer_ueur_per_kg for bought in trades.bought],
            [bought.profile.pre_consumer_ueur_per_kg for bought in trades.bought],
            trades.terms.recycled_alone.tolist(),
            trades.terms.recycled.tolist(),
        )
        return map(self._recycled_lines.__getitem__, zip(*columns, strict=True))

    def _certificates(self, trades: _Trades) -> Iterator[bytes]:
        pairs, facts = trades.pairs, self._facts
        held = {
            scheme: (self._papers.certified[row, pairs.supply] >= pairs.papers_until).tolist()
            for scheme, row in self._papers.row.items()
        }
        known, amounts = self._certified, trades.terms.certificates.tolist()
        of_trade = zip(amounts, trades.supplies, trades.bought, trades.deliveries, strict=True)
        for place, (ueur, supply, bought, delivery) in enumerate(of_trade):
            paid: tuple[tuple[str, int, tuple[str, ...]], ...] = ()
            for scheme in bought.schemes:
                if held[scheme][place]:
                    named = certificates_held(supply, facts, delivery)
                    paid = tuple(certificates_paid(bought.profile, facts.rule_set, named))
                    break
            yield known[paid, ueur]

    def _origins(self, trades: _Trades) -> Iterator[bytes]:
        known, listed = self._origin, self._facts.inputs.concentrated is not None
        for ueur, supply in zip(trades.terms.origin.tolist(), trades.supplies, strict=True):
            concentrated = concentrated_origins(supply, self._facts) if listed else ()
            yield known[tuple(supply.terms.origin), concentrated, ueur]

    def _rex(self, trades: _Trades) -> Iterator[bytes]:
        routes = [requirement.terms.rex_route for requirement in trades.requirements]
        columns = (
            routes,
            [route in supply.terms.rex_routes for route, supply in zip(routes, trades.supplies, strict=True)],
            trades.terms.rex_alone.tolist(),
            trades.terms.rex.tolist(),
        )
        return map(self._rex_lines.__getitem__, zip(*columns, strict=True))

    def _clamps(self, trades: _Trades) -> Iterator[bytes]:
        columns = (
            # lowered, as it is or raised: that decides on the reason
            np.sign(trades.terms.sustainability).tolist(),
            [bought.profile.floor_ueur_per_kg for bought in trades.bought],
            [bought.profile.cap_ueur_per_kg for bought in trades.bought],
        )
        amounts = trades.terms.sustainability.tolist(), trades.terms.wanted.tolist()
        templates = map(self._clamp.__getitem__, zip(*columns, strict=True))
        return map(mod, templates, zip(*amounts, strict=True))

    def _strategic_projects(self, trades: _Trades) -> Iterator[tuple[bytes, ...]]:
        amounts = trades.terms.strategic_project.tolist()
        of_trade = zip(amounts, trades.supplies, trades.requirements, strict=True)
        for ueur, supply, requirement in of_trade:
            if not requirement.terms.strategic_project_ueur_per_kg:
                assert ueur == 0
                yield ()
                continue
            lines = tuple(strategic_project_lines(supply, requirement, self._facts))
            assert sum(line.ueur_per_kg for line in lines) == ueur
            yield tuple(map(encoded, lines))

    def _penalties(self, trades: _Trades) -> Iterator[bytes]:
        numbers = [bought.penalties_number for bought in trades.bought]
        columns = numbers, *self._steps(trades.pairs), trades.terms.penalties.tolist()
        return map(self._penalty_lines.__getitem__, zip(*columns, strict=True))

    def _steps(self, pairs: Candidates) -> list[list[int]]:
        return [column.tolist() for column in self._valuation.penalties.steps(pairs)]


def _recycled_line(
    post_consumer_ppb: int, pre_consumer_ppb: int, post_ueur: int, pre_ueur: int, alone: int, ueur: int
) -> PriceTerm:
    content = RecycledContent(post_consumer_ppb=post_consumer_ppb, pre_consumer_ppb=pre_consumer_ppb)
    return recycled_line(ueur, alone, content, post_ueur, pre_ueur)


def _rex_line(route: RexRoute | None, offered: bool, alone: int, ueur: int) -> PriceTerm:  # noqa: FBT001  keys go by place
    return rex_line(ueur, alone, route, offered=offered)


def _penalties_of(rules: tuple[PenaltyRule, ...], steps: Sequence[int]) -> PriceTerm:
    """steps: of each rule, and of none that the order does not have."""
    taken = (
        (index, count, count * rule.ueur_per_kg_per_step)
        for index, (rule, count) in enumerate(zip(rules, steps, strict=False))
        if count
    )
    return penalties_line(rules, tuple(taken))
