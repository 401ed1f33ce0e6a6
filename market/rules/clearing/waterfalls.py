"""The waterfalls of trades as they are recorded: `pricing.price_terms` of each pair, kind by kind for all.

Figures come by column. A line of what two orders state, as certificates and penalties, is encoded once for
all trades with it. Whatever has an amount of each trade's own is written from a template, which is the
encoded line itself with holes where its numbers stand.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import partial
from itertools import compress, repeat
from operator import itemgetter, mod
from typing import Any, Final, NamedTuple

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
from events.market_terms import PenaltyRule, RequirementTerms, SupplyTerms
from events.vocabulary import INTEGER_MAX, RecycledContent
from market.rules.book import RequirementOrder, SupplyOrder
from market.rules.clearing.amounts import certificates_held, concentrated_origins, profile_of, unstated_of
from market.rules.clearing.assay_columns import NO_FIGURE, AssayColumns
from market.rules.clearing.bid_columns import BidColumns, Bids
from market.rules.clearing.candidates import Candidates, Ways
from market.rules.clearing.carbon_columns import NO_KG
from market.rules.clearing.columns import cells, int64s, microseconds
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
from market.rules.clearing.screening import Requirements
from market.rules.clearing.supply_columns import Nodes
from market.rules.clearing.valuation import Terms, Valuation
from market.rules.clearing.waterfall_lines import HOLE, LineColumns, Lines, Templates, template_of
from market.rules.clearing.written import decimals, encoded
from market.rules.full_origins import asks_for_stages, origin_of
from market.rules.match_terms import co_products_counted
from market.rules.optimum.problem import Int64s, Mask

TRADES_AT_ONCE: Final = 1 << 9
"""Whose lines and facts are written together, column by column: what they are of stays in a core's cache."""
PROJECT_PLACE: Final = 8
"""Of a waterfall's lines before the one about strategic projects, which not every one has."""
_NO_CONTENT: Final = RecycledContent()


class _CoProducts(NamedTuple):
    """A line of co-products: its template, the analytes whose ratios fill it, and the bids of a contract."""

    template: bytes
    analytes: tuple[str, ...]
    counted: bytes


@dataclass(frozen=True, eq=False, slots=True)
class _Figures:
    """Columns of trades, an entry each. carbon: what is shown of it; steps: of penalties.

    is_certified: bool, whether some certificate is paid for.
    """

    pairs: Candidates
    terms: Terms
    bids: Bids
    carbon: tuple[list[bool], list[int], list[int]]
    steps: tuple[Int64s, ...]
    is_certified: Mask

    def part(self, part: slice) -> "_Figures":
        counted, gains_g, kg_ppb = self.carbon
        return _Figures(
            pairs=Candidates(*_parts_of(self.pairs, part)),
            terms=Terms(*_parts_of(self.terms, part)),
            bids=Bids(*(column[part] for column in self.bids)),
            carbon=(counted[part], gains_g[part], kg_ppb[part]),
            steps=tuple(column[part] for column in self.steps),
            is_certified=self.is_certified[part],
        )


@dataclass(frozen=True, eq=False, slots=True)
class _Trades:
    """The trades that are told together, one entry each. sold, bought: what their orders state."""

    figures: _Figures
    supplies: Sequence[SupplyOrder]
    requirements: Sequence[RequirementOrder]
    sold: Sequence[SupplyTerms]
    bought: Sequence[RequirementTerms]
    deliveries: Sequence[Delivery]

    @property
    def terms(self) -> Terms:
        return self.figures.terms

    @property
    def bids(self) -> Bids:
        return self.figures.bids


class Waterfalls:
    """Of the pairs of one horizon's orders."""

    def __init__(
        self,
        nodes: Nodes,
        supplies: Sequence[SupplyOrder],
        requirements: Requirements,
        facts: MarketFacts,
        assays: AssayColumns,
        papers: PaperColumns,
        known: Ways,
        valuation: Valuation,
    ) -> None:
        self._nodes, self._supplies, self._requirements, self._facts = nodes, supplies, requirements, facts
        self._assays, self._papers, self._ways, self._valuation = assays, papers, known, valuation
        self._bids = BidColumns(requirements, facts, papers.row)
        self._templates: dict[Hashable, bytes] = {}
        self._co_products: dict[Hashable, _CoProducts] = {}
        listed_at = facts.inputs.concentrated_position
        evidence = () if listed_at is None else (f"input:{listed_at}",)
        self._no_carbon = Lines(lambda cents, _: no_carbon_line(cents))
        self._certified = Lines(lambda paid, _: certificates_line(paid))
        self._origin = Lines(
            lambda steps, listed, unstated, ueur: origin_line(ueur, steps, listed, unstated, evidence)
        )
        self._form = Lines(lambda form, ueur: form_line(ueur, form))
        self._recycled_lines = Lines(_recycled_line)
        self._rex_lines = Lines(self._rex_line)
        self._penalty_lines = Lines(
            lambda number, *steps: _penalties_of(self._bids.penalties[number], steps[:-1])
        )
        self._carried = Templates(partial(logistics_line, 0))
        self._clamp = Templates(lambda sign, floor, cap: clamp_line(sign, HOLE, floor, cap))

    def of(
        self, node: Int64s, requirement: Int64s, deliveries: Sequence[Delivery], term_total: Int64s
    ) -> Iterator[LineColumns]:
        """Of eligible pairs, an entry each, of TRADES_AT_ONCE at a time.

        AssertionError where lines do not add up to the pair's T.
        """
        figures = self._figures(self._pairs(node, requirement, deliveries))
        assert (figures.terms.total == term_total).all()
        for start in range(0, len(node), TRADES_AT_ONCE):
            part = slice(start, start + TRADES_AT_ONCE)
            yield self._of(figures.part(part), deliveries[part])

    def _figures(self, pairs: Candidates) -> _Figures:
        bids = self._bids.of(pairs.requirement)
        held = self._papers.certified.take(pairs.supply, axis=1) >= pairs.papers_until
        return _Figures(
            pairs=pairs,
            terms=self._valuation.terms(pairs),
            bids=bids,
            carbon=self._valuation.carbon.shown(pairs),
            steps=tuple(self._valuation.penalties.steps(pairs)),
            is_certified=np.any(held & self._bids.recognised(pairs.requirement), axis=0),
        )

    def _of(self, figures: _Figures, deliveries: Sequence[Delivery]) -> LineColumns:
        supplies = [self._supplies[place] for place in figures.pairs.supply.tolist()]
        requirements = [self._requirements[place] for place in figures.pairs.requirement.tolist()]
        trades = _Trades(
            figures=figures,
            supplies=supplies,
            requirements=requirements,
            sold=[order.terms for order in supplies],
            bought=[order.terms for order in requirements],
            deliveries=deliveries,
        )
        (co_products, counted), penalties = self._co_product_lines(trades), list(self._penalties(trades))
        of_trade = zip(
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
        lines: list[tuple[bytes, ...]] = list(of_trade)
        for place, projects in self._strategic_projects(trades):
            told = lines[place]
            lines[place] = *told[:PROJECT_PLACE], *projects, *told[PROJECT_PLACE:]
        moved = list(map(b"[%b,%b]".__mod__, zip(co_products, penalties, strict=True)))
        return LineColumns(lines, moved, counted)

    def _pairs(self, node: Int64s, requirement: Int64s, deliveries: Sequence[Delivery]) -> Candidates:
        ways, count, supply = self._ways, len(self._requirements), self._nodes.supply[node]
        # they go by key, then requirement
        key = np.repeat(np.arange(len(ways.starts) - 1), np.diff(ways.starts))
        wanted = ways.key_of_supply[supply] * count + requirement
        way = np.searchsorted(key * count + ways.requirement, wanted)
        # trades with the same windows share one delivery
        distinct = dict(zip(map(id, deliveries), deliveries, strict=True))
        until = {known: microseconds(delivery.papers_until) for known, delivery in distinct.items()}
        papers_until = int64s(map(until.__getitem__, map(id, deliveries)), len(deliveries))
        return Candidates(node, supply, requirement, way, papers_until)

    def _forms(self, trades: _Trades) -> Iterator[bytes]:
        forms = [sold.form for sold in trades.sold]
        return map(self._form.__getitem__, zip(forms, trades.terms.form.tolist(), strict=True))

    def _logistics(self, trades: _Trades) -> Iterator[bytes]:
        keys = [
            (sold.place.country, carriage_row(sold, bought) if bought.carriage else None)
            for sold, bought in zip(trades.sold, trades.bought, strict=True)
        ]
        return map(mod, map(self._carried.__getitem__, keys), decimals(trades.terms.logistics))

    def _co_product_lines(self, trades: _Trades) -> tuple[list[bytes], list[bytes]]:
        """With the bids of the contract, as the cut has counted them."""
        numbers = trades.bids.co_products.tolist()
        bids = {number: self._bids.co_products[number] for number in set(numbers)}
        names = sorted({bid.analyte for of_order in bids.values() for bid in of_order})
        rows = np.array([self._assays.row[name] for name in names], dtype=np.int64)[:, None]
        supply = trades.figures.pairs.supply
        ratio_ppb = cells(self._assays.ratio_ppb, rows, supply)
        # the column has neither what is not measured nor what is larger
        told = (cells(self._assays.low_ppb, rows, supply) != NO_FIGURE) & (ratio_ppb < INTEGER_MAX)
        known = {number: self._filled(number, names) for number in bids}
        amounts = decimals(trades.terms.co_product)
        of_bids = [known[number] for number in numbers]
        figures = zip(amounts, *map(decimals, ratio_ppb), strict=True)
        lines = [line.template % of(row) for (line, of), row in zip(of_bids, figures, strict=True)]
        counted = [line.counted for line, _ in of_bids]
        for place in np.flatnonzero(~told.all(axis=0)).tolist():
            read = reading_of(trades.sold[place], self._facts.basis).ratio_ppb
            line = self._co_product(numbers[place], read)
            ratios = [b"%d" % read[name] for name in line.analytes]
            lines[place], counted[place] = line.template % (amounts[place], *ratios), line.counted
        return lines, counted

    def _filled(
        self, number: int, names: Sequence[str]
    ) -> tuple[_CoProducts, Callable[[tuple[bytes, ...]], Any]]:
        """The line of bids on these analytes, and what fills it of an amount and their ratios."""
        line = self._co_product(number, names)
        return line, itemgetter(0, *(1 + names.index(name) for name in line.analytes))

    def _co_product(self, number: int, ratio_ppb: Collection[str]) -> _CoProducts:
        bids = self._bids.co_products[number]
        key = (number, *[bid.analyte in ratio_ppb for bid in bids])
        found = self._co_products.get(key)
        if found is None:
            shown = {bid.analyte: HOLE for bid in bids if bid.analyte in ratio_ppb}
            line = co_product_line(0, bids, shown, self._facts)
            filled = sorted((ratio_input(name), name) for name in shown if ratio_input(name) in line.inputs)
            found = self._co_products[key] = _CoProducts(
                template_of(line),
                tuple(name for _, name in filled),
                encoded(tuple(co_products_counted([line]))),
            )
        return found

    def _carbon(self, trades: _Trades) -> Iterator[bytes]:
        forms, known = [sold.form for sold in trades.sold], self._templates
        benchmarks = {form: benchmark_for(form, self._facts.rule_set) for form in set(forms)}
        base_g = {form: of.benchmark_g_co2e_per_kg if of else 0 for form, of in benchmarks.items()}
        footprints = [sold.footprint for sold in trades.sold]
        counted, gains_g, kg_ppb = trades.figures.carbon
        amounts = trades.terms.carbon.tolist()
        figures = zip(
            decimals(amounts),
            decimals([0 if footprint is None else footprint.g_co2e_per_kg for footprint in footprints]),
            decimals([base_g[form] - gain_g for form, gain_g in zip(forms, gains_g, strict=True)]),
            decimals(kg_ppb),
            strict=True,
        )
        bids = trades.bids.carbon_cents_per_t.tolist()
        of_trade = zip(
            forms, footprints, trades.deliveries, bids, counted, amounts, kg_ppb, figures, strict=True
        )
        for form, footprint, delivery, cents, counts, ueur, kg, row in of_trade:
            benchmark = benchmarks[form]
            if cents == 0 or benchmark is None or kg == NO_KG:
                yield self._no_carbon[cents, ueur]
                continue
            defect = None if counts else footprint_defect(footprint, benchmark, delivery.papers_until)
            stated = None if footprint is None else (footprint.verified, footprint.standard)
            template = known.get((form, cents, defect, stated))
            if template is None:
                holes = {"effective_g": HOLE, "kg_ppb": HOLE, "declared_g": HOLE}
                line = carbon_line(0, cents, benchmark, footprint, defect, **holes)
                template = known[form, cents, defect, stated] = template_of(line)
            yield template % (row if stated else (row[0], *row[2:]))

    def _recycled(self, trades: _Trades) -> Iterator[bytes]:
        contents = [sold.recycled or _NO_CONTENT for sold in trades.sold]
        columns = (
            [content.post_consumer_ppb for content in contents],
            [content.pre_consumer_ppb for content in contents],
            trades.bids.post_consumer_ueur_per_kg.tolist(),
            trades.bids.pre_consumer_ueur_per_kg.tolist(),
            trades.terms.recycled_alone.tolist(),
            trades.terms.recycled.tolist(),
        )
        return map(self._recycled_lines.__getitem__, zip(*columns, strict=True))

    def _certificates(self, trades: _Trades) -> list[bytes]:
        facts, known = self._facts, self._certified
        amounts = trades.terms.certificates.tolist()
        is_paid: list[bool] = trades.figures.is_certified.tolist()
        lines = [b"" if pays else known[(), ueur] for pays, ueur in zip(is_paid, amounts, strict=True)]
        for place in compress(range(len(lines)), is_paid):
            named = certificates_held(trades.supplies[place], facts, trades.deliveries[place])
            profile = profile_of(trades.requirements[place], facts)
            lines[place] = known[tuple(certificates_paid(profile, facts.rule_set, named)), amounts[place]]
        return lines

    def _origins(self, trades: _Trades) -> Iterator[bytes]:
        rule_set = self._facts.rule_set
        steps = [origin_of(sold, rule_set) for sold in trades.sold]
        concentrated: Iterable[tuple[str, ...]] = repeat((), len(steps))
        unstated: Iterable[tuple[str, ...]] = repeat((), len(steps))
        if self._facts.inputs.concentrated is not None:
            concentrated = (concentrated_origins(supply, self._facts) for supply in trades.supplies)
        if asks_for_stages(rule_set):
            unstated = (unstated_of(supply, self._facts) for supply in trades.supplies)
        return map(
            self._origin.__getitem__,
            zip(steps, concentrated, unstated, trades.terms.origin.tolist(), strict=True),
        )

    def _rex(self, trades: _Trades) -> Iterator[bytes]:
        of_trade = zip(trades.sold, trades.bought, strict=True)
        columns = (
            trades.bids.route.tolist(),
            [bought.rex_route in sold.rex_routes for sold, bought in of_trade],
            trades.terms.rex_alone.tolist(),
            trades.terms.rex.tolist(),
        )
        return map(self._rex_lines.__getitem__, zip(*columns, strict=True))

    def _rex_line(self, route: int, offered: bool, alone: int, ueur: int) -> PriceTerm:  # noqa: FBT001  keys go by place
        return rex_line(ueur, alone, self._bids.routes[route], offered=offered)

    def _clamps(self, trades: _Trades) -> Iterator[bytes]:
        added = trades.terms.sustainability
        columns = (
            # lowered, as it is or raised: that decides on the reason
            np.sign(added).tolist(),
            trades.bids.floor_ueur_per_kg.tolist(),
            trades.bids.cap_ueur_per_kg.tolist(),
        )
        templates = map(self._clamp.__getitem__, zip(*columns, strict=True))
        return map(mod, templates, zip(decimals(added), decimals(trades.terms.wanted), strict=True))

    def _strategic_projects(self, trades: _Trades) -> Iterator[tuple[int, tuple[bytes, ...]]]:
        """Lines of those trades that have some, by their places."""
        amounts, bids = trades.terms.strategic_project, trades.bids.strategic_project_ueur_per_kg
        assert not amounts[bids == 0].any()
        for place in np.flatnonzero(bids).tolist():
            supply, requirement = trades.supplies[place], trades.requirements[place]
            lines = tuple(strategic_project_lines(supply, requirement, self._facts))
            assert sum(line.ueur_per_kg for line in lines) == amounts[place]
            yield place, tuple(map(encoded, lines))

    def _penalties(self, trades: _Trades) -> Iterator[bytes]:
        steps = [column.tolist() for column in trades.figures.steps]
        columns = trades.bids.penalties.tolist(), *steps, trades.terms.penalties.tolist()
        return map(self._penalty_lines.__getitem__, zip(*columns, strict=True))


def _parts_of(columns: Candidates | Terms, part: slice) -> Iterator[Int64s]:
    return (getattr(columns, column.name)[part] for column in fields(columns))


def _recycled_line(
    post_consumer_ppb: int, pre_consumer_ppb: int, post_ueur: int, pre_ueur: int, alone: int, ueur: int
) -> PriceTerm:
    content = RecycledContent(post_consumer_ppb=post_consumer_ppb, pre_consumer_ppb=pre_consumer_ppb)
    return recycled_line(ueur, alone, content, post_ueur, pre_ueur)


def _penalties_of(rules: tuple[PenaltyRule, ...], steps: Sequence[int]) -> PriceTerm:
    """steps: of each rule, and of none that the order does not have."""
    taken = (
        (index, count, count * rule.ueur_per_kg_per_step)
        for index, (rule, count) in enumerate(zip(rules, steps, strict=False))
        if count
    )
    return penalties_line(rules, tuple(taken))
