"""The complete result of an order in a completed round, from the book at the cut and the round's recorded
duals.

Traders never see it in this form: `visibility` reduces it to what one side may see.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, Literal, NamedTuple
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from events.clearing_terms import ListedWaterfall, Multiplier, OrderDual, Waterfall
from events.forecast_terms import ForecastMark
from events.market_events import ClearingPlanned
from events.vocabulary import Side
from market.rules.book import Book, RequirementOrder, SupplyOrder
from market.rules.clearing.amounts import price_pair
from market.rules.clearing.eligibility import MarketFacts, eligible_deliveries, facts_of, reasons, rests
from market.rules.clearing.graph import horizons
from market.rules.clearing.order_limits import ShareKind, packed
from market.rules.clearing.posing import LIMIT_PRICE, PORTFOLIO
from market.rules.clearing.whole_ticks import requirement_in_ticks, supply_in_ticks, up
from market.rules.packages import packages_g, packages_needed
from market.rules.policy_lines import LineName, stating
from market.rules.refusing.ineligibility import Ineligibility, PolicyLine
from market.rules.visibility.explanations import (
    Order,
    counter_orders,
    group_of,
    names_companies,
    order_mark,
    orders_before,
    paired,
)

Outcome = Literal["absent", "resting", "unmatched", "partly_filled", "filled"]
"""`absent`: the order had nothing to trade at the cut, had expired, or its owner could not trade. `resting`:
it is subject to confirmation, and its owner has too many failings."""
RIVALS_AT_ONCE: Final = 64
"""Number of orders examined first, among which there are usually enough competing groups."""


class RoundDual(Struct, frozen=True, kw_only=True):
    """What a round recorded of one order (of one tranche of a supply) in one of its sections."""

    section: str
    dual: OrderDual


class RoundMultiplier(Struct, frozen=True, kw_only=True):
    """What one of an order's portfolio limits cost it in one section of a round."""

    section: str
    multiplier: Multiplier


class Alternative(Struct, frozen=True, kw_only=True):
    """A counter-order at the cut: the reasons against it, or how far the pair is from a trade.

    `short_ueur_per_kg`: by how much the gains of both sides in the round, per kg, exceed the value of the
    pair; at least 0, and 0 for trades. `short_ticks` is the same with the counter-order's figures in whole
    ticks, and `worth_it` whether the pair's own value, so counted, is at least 0. None: the two were in no
    common section, or the buyer has portfolio limits, so that no lot is judged alone. `elsewhere_g`: what it
    traded with others, of `taker_groups` of companies, `left_g`: with nobody; `least_g`: the least that the
    two could still trade, in whole packages and parcels.
    """

    counter_order: UUID
    counter_organisation: UUID
    counter_group: UUID
    reasons: tuple[Ineligibility, ...]
    traded_g: int = 0
    elsewhere_g: int = 0
    taker_groups: frozenset[UUID] = frozenset()
    left_g: int = 0
    least_g: int = 1
    value_ueur_per_kg: int | None = None
    short_ueur_per_kg: int | None = None
    short_ticks: int | None = None
    worth_it: bool | None = None
    counter_forecast: bool = False


class OrderInRound(Struct, frozen=True, kw_only=True):
    """An order in a round: grams of basis it brought and traded, its surplus, and every counter-order.

    `removed_by` is the round's reason for leaving the order out, or why its portfolio limits gave it less,
    `marginal` that it was filled in part and so sets its own price. `surplus_ueur_per_kg`: of its best
    tranche. `all_or_nothing`: as a supply states it. `tolerance_ppb`: of the round's rule set. `multipliers`:
    of its portfolio limits, in the section where it traded; `limits_of_policies`: which of these limits a
    policy states. `names_companies`, `orders_before`: as of `Candidates`.
    """

    market: UUID
    plan: UUID
    round: int
    order: UUID
    organisation: UUID
    side: Side
    outcome: Outcome
    capacity_g: int = 0
    filled_g: int = 0
    surplus_ueur_per_kg: int = 0
    marginal: bool = False
    removed_by: str | None = None
    all_or_nothing: bool = False
    tolerance_ppb: int = 0
    tick_ueur_per_kg: int = 1
    multipliers: tuple[Multiplier, ...] = ()
    limits_of_policies: tuple[PolicyLine, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    forecast: ForecastMark | None = None
    names_companies: bool = False
    orders_before: int = 0


def order_in_round(
    book: Book,
    planned: ClearingPlanned,
    duals: Sequence[RoundDual],
    trades: Iterable[Waterfall | ListedWaterfall],
    order: UUID,
    pairs: Iterable[tuple[UUID, UUID]],
    multipliers: Sequence[RoundMultiplier] = (),
) -> OrderInRound | None:
    """`book` stands at the cut, `trades` are at least the order's, `pairs` all of the round as supply and
    requirement. None when the book does not hold the order."""
    own = book.supplies.get(order) or book.requirements.get(order)
    if own is None:
        return None
    side: Side = "seller" if isinstance(own, SupplyOrder) else "buyer"
    facts = facts_of(book, planned.rule_set, planned.cut_time)
    traded_g: dict[UUID, int] = {}
    for trade in trades:
        if order in (trade.supply, trade.requirement):
            counter = trade.requirement if side == "seller" else trade.supply
            traded_g[counter] = traded_g.get(counter, 0) + trade.quantity_basis_g
    met = _Met(duals, book.terms.tick_ueur_per_kg, _takers(book, facts, own, pairs))
    nodes, capacity_g, filled_g = met.nodes(order), met.brought_g(order), met.filled_g(order)
    return OrderInRound(
        market=book.market,
        plan=planned.plan,
        round=planned.round,
        order=order,
        organisation=own.organisation,
        side=side,
        outcome="resting" if rests(own, facts) else _outcome(nodes, capacity_g, filled_g),
        capacity_g=capacity_g,
        filled_g=filled_g,
        surplus_ueur_per_kg=max((node.surplus_ueur_per_kg for node in nodes), default=0),
        marginal=any(node.marginal for node in nodes),
        removed_by=_removed_by(nodes),
        all_or_nothing=isinstance(own, SupplyOrder) and own.terms.all_or_nothing,
        tolerance_ppb=planned.rule_set.marginality_tolerance_ppb,
        tick_ueur_per_kg=book.terms.tick_ueur_per_kg,
        multipliers=_multipliers(duals, order, multipliers),
        limits_of_policies=() if isinstance(own, SupplyOrder) else _limits_of_policies(own),
        alternatives=tuple(_alternatives(book, facts, own, met, traded_g)) if nodes else (),
        forecast=order_mark(own),
        names_companies=names_companies(own),
        orders_before=orders_before(book, own, facts),
    )


def _takers(
    book: Book, facts: MarketFacts, own: Order, pairs: Iterable[tuple[UUID, UUID]]
) -> dict[UUID, frozenset[UUID]]:
    """By counter-order the groups of companies of the own side, without the own, that it traded with."""
    rivals: Mapping[UUID, Order] = book.supplies if isinstance(own, SupplyOrder) else book.requirements
    found = defaultdict[UUID, set[UUID]](set)
    for supply, requirement in pairs:
        rival, counter = (supply, requirement) if isinstance(own, SupplyOrder) else (requirement, supply)
        found[counter].add(group_of(facts, rivals[rival].organisation))
    others = {group_of(facts, own.organisation)}
    return {counter: frozenset(takers - others) for counter, takers in found.items()}


def rival_groups(book: Book, planned: ClearingPlanned, of: OrderInRound, most: int) -> int:
    """How many groups of companies, counted up to `most`, competed in the round for what fits an order.

    Theirs are orders of its side that fit a counter-order which it fits, whether or not they traded.
    """
    own = book.supplies.get(of.order) or book.requirements[of.order]
    facts = facts_of(book, planned.rule_set, planned.cut_time)
    fitting = {each.counter_order for each in of.alternatives if not each.reasons}
    rivals: Mapping[UUID, Order] = book.supplies if isinstance(own, SupplyOrder) else book.requirements
    known, found, at_once = {group_of(facts, own.organisation)}, set[UUID](), RIVALS_AT_ONCE
    left = [*rivals.values()] if fitting else []
    while len(found) < most and (
        left := [each for each in left if group_of(facts, each.organisation) not in known | found]
    ):
        found |= _groups_that_fit(book, facts, {each.order for each in left[:at_once]}, fitting)
        left, at_once = left[at_once:], 2 * at_once
    return min(len(found), most)


def _groups_that_fit(
    book: Book, facts: MarketFacts, rivals: AbstractSet[UUID], counters: AbstractSet[UUID]
) -> set[UUID]:
    """Whose of the rivals a round would find a counter-order for: all pairs at once, in its columns."""
    asked = rivals | counters
    part = replace(
        book,
        supplies={order: each for order, each in book.supplies.items() if order in asked},
        requirements={order: each for order, each in book.requirements.items() if order in asked},
    )
    found: set[UUID] = set()
    for of_horizon in horizons(part, facts):
        pairs, sellers, buyers = of_horizon.pairs, of_horizon.sellers, of_horizon.buyers
        found |= {sellers[at].group for at in set(pairs.seller.tolist()) if sellers[at].order.order in rivals}
        found |= {buyers[at].group for at in set(pairs.buyer.tolist()) if buyers[at].order.order in rivals}
    return found


def _limits_of_policies(order: RequirementOrder) -> tuple[PolicyLine, ...]:
    """Named as multipliers name their limits."""
    limits: tuple[tuple[ShareKind, LineName], ...] = (
        ("recycled_min", "portfolio_recycled_min"),
        ("third_country_max", "portfolio_third_country_max"),
    )
    return tuple(replace(each, line=kind) for kind, line in limits for each in stating(order.terms, line))


def _outcome(nodes: Sequence[OrderDual], capacity_g: int, filled_g: int) -> Outcome:
    if not nodes:
        return "absent"
    if filled_g == 0:
        return "unmatched"
    return "filled" if filled_g == capacity_g else "partly_filled"


def _removed_by(nodes: Sequence[OrderDual]) -> str | None:
    """Why the order was left out where it stood last, or held back by its own portfolio limits."""
    for node in reversed(nodes):
        reason = node.effective_reason
        held_back = node.side == "buyer" and reason in (PORTFOLIO, LIMIT_PRICE)
        if reason is not None and (node.effective_g == 0 or held_back):
            return reason
    return None


def _multipliers(
    duals: Sequence[RoundDual], order: UUID, of_order: Sequence[RoundMultiplier]
) -> tuple[Multiplier, ...]:
    """Of the first section in which it traded; without a trade of the last one."""
    sections = list(dict.fromkeys(each.section for each in of_order))
    traded = {each.section for each in duals if each.dual.order == order and each.dual.filled_g}
    told = next((section for section in sections if section in traded), sections[-1] if sections else None)
    return tuple(each.multiplier for each in of_order if each.section == told)


class _Met:
    """The duals of a round by section, order and tranche, and by order."""

    def __init__(self, duals: Sequence[RoundDual], tick: int, takers: Mapping[UUID, frozenset[UUID]]) -> None:
        self.tick = tick
        self.takers = takers
        self._nodes = defaultdict[UUID, list[OrderDual]](list)
        for each in duals:
            self._nodes[each.dual.order].append(each.dual)
        self._sections = list(dict.fromkeys(each.section for each in duals))
        self._surplus = {
            (each.section, each.dual.order, each.dual.tranche): each.dual.surplus_ueur_per_kg
            for each in duals
            if each.dual.effective_g != 0 or each.dual.capacity_g == 0
        }

    def nodes(self, order: UUID) -> Sequence[OrderDual]:
        return self._nodes.get(order, ())

    def left_g(self, order: UUID) -> int:
        return self.brought_g(order) - self.filled_g(order)

    def filled_g(self, order: UUID) -> int:
        return sum(node.filled_g for node in self.nodes(order))

    def brought_g(self, order: UUID) -> int:
        """What each tranche brought to the first section that it stood in."""
        brought: dict[int, int] = {}
        for node in self.nodes(order):
            brought[node.tranche] = max(node.capacity_g, brought.get(node.tranche, 0))
        return sum(brought.values())

    def surpluses(self, supply: UUID, tranche: int, requirement: UUID) -> tuple[int, int] | None:
        """Of seller and buyer in the last section in which both had a part; None: in no section."""
        for section in reversed(self._sections):
            seller = self._surplus.get((section, supply, tranche))
            buyer = self._surplus.get((section, requirement, 0))
            if seller is not None and buyer is not None:
                return seller, buyer
        return None


class _Meeting(NamedTuple):
    """What a pair could trade by one of its tranches; shorts are None where the two met in no section."""

    tranche: int
    value_ueur_per_kg: int
    worth_it: bool
    short_ueur_per_kg: int | None
    short_ticks: int | None


def _alternatives(
    book: Book,
    facts: MarketFacts,
    own: Order,
    met: _Met,
    traded_g: Mapping[UUID, int],
) -> Iterator[Alternative]:
    for counter in counter_orders(book, own, facts.at):
        against, meetings = _pair(own, counter, facts, met)
        nearest = min(meetings, key=_nearness, default=None)
        with_own_g = traded_g.get(counter.order, 0)
        alternative = Alternative(
            counter_order=counter.order,
            counter_organisation=counter.organisation,
            counter_group=group_of(facts, counter.organisation),
            reasons=against if nearest is None else (),
            traded_g=with_own_g,
            elsewhere_g=met.filled_g(counter.order) - with_own_g,
            taker_groups=met.takers.get(counter.order, frozenset()),
            left_g=met.left_g(counter.order),
            counter_forecast=order_mark(counter) is not None,
        )
        if nearest is None:
            yield alternative
            continue
        pair = paired(own, counter)
        yield replace(
            alternative,
            least_g=min(_least_g(*pair, each.tranche, traded=with_own_g > 0) for each in meetings),
            value_ueur_per_kg=nearest.value_ueur_per_kg,
            short_ueur_per_kg=nearest.short_ueur_per_kg,
            short_ticks=nearest.short_ticks,
            worth_it=nearest.worth_it,
        )


def _least_g(supply: SupplyOrder, requirement: RequirementOrder, tranche: int, *, traded: bool) -> int:
    """Of a pair that has traded one package more, else its least match; rounded down."""
    of = packed(supply.terms, tranche)
    of_buyer = packages_needed(requirement.terms.minimum_parcel_g, of.package_g)
    return packages_g(1 if traded else max(1, of.parcel, of_buyer), of.package_g)


def _nearness(meeting: _Meeting) -> tuple[bool, int, int]:
    short = meeting.short_ueur_per_kg
    return short is None, short or 0, -meeting.value_ueur_per_kg


def _pair(
    own: Order, counter: Order, facts: MarketFacts, met: _Met
) -> tuple[tuple[Ineligibility, ...], list[_Meeting]]:
    """The reasons against the pair; without any, what it could trade tranche by tranche."""
    supply, requirement = paired(own, counter)
    if own is supply:
        in_ticks = supply, requirement_in_ticks(requirement, met.tick)
    else:
        in_ticks = supply_in_ticks(supply, met.tick), requirement
    against = reasons(supply, requirement, facts)
    meetings: list[_Meeting] = []
    for delivery in () if against else eligible_deliveries(supply, requirement, facts):
        exact, banded = (
            price_pair(supply, requirement, facts, delivery),
            price_pair(*in_ticks, facts, delivery),
        )
        if isinstance(exact, Ineligibility) or isinstance(banded, Ineligibility):
            against = (Ineligibility(code="value_out_of_range", compares_price_of=("seller", "buyer")),)
            continue
        limited = requirement.terms.portfolio is not None
        surpluses = None if limited else met.surpluses(supply.order, delivery.tranche, requirement.order)
        short, short_ticks = None, None
        if surpluses is not None:
            gained, yielded = surpluses if supply is own else surpluses[::-1]
            short = gained + yielded - exact[2]
            short_ticks = max(0, -(-(gained + up(yielded, met.tick) - banded[2]) // met.tick))
        meetings.append(_Meeting(delivery.tranche, exact[2], banded[2] >= 0, short, short_ticks))
    return against, meetings
