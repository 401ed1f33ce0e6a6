"""Explains why a trade has its price, and why an order has no trade; complete, for operators and auditors.

Traders never see it in this form: `visibility` reduces it to what one side may see.
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from events.clearing_terms import PriceTerm, Waterfall
from events.forecast_terms import ForecastMark
from events.market_events import ClearingPlanned, MatchStruck
from events.market_terms import RequirementTerms, RuleSet, SupplyTerms
from events.vocabulary import MarketBasis, Side, TermHorizon
from market.rules.book import Book, RequirementOrder, SupplyOrder
from market.rules.clearing.amounts import price_pair
from market.rules.clearing.eligibility import MarketFacts, eligible_deliveries, facts_of, reasons, rests
from market.rules.goods import Goods, goods_of
from market.rules.orders.forecast_supply import mark_of
from market.rules.refusing.ineligibility import Ineligibility
from market.rules.visibility.own_refusals import own_refusals
from market.rules.visibility.term_matches import term_of_match
from market.rules.visibility.tickets import Ticket, ticket

Order = SupplyOrder | RequirementOrder
MatchOutcome = Literal["open", "confirmed", "declined", "lapsed"]
Standing = Literal[
    "closed",
    "resting",
    "no_counter_orders",
    "withheld",
    "none_eligible",
    "eligible",
    "all_dearer",
    "in_the_money",
]
"""`eligible`: somebody fits; whether the prices do is not shown. `withheld`: not even whether anybody fits is
shown. `resting`: its group has too many failings, and the order is subject to confirmation, so it is not
eligible until it is firm."""


class MatchExplanation(Struct, frozen=True, kw_only=True):
    """A match with everything that led to it: both parties, the whole waterfall, the ticket.

    `sold`, `bought`: for a term match, the contract years of the two orders.
    """

    struck: MatchStruck
    outcome: MatchOutcome
    seller: UUID
    buyer: UUID
    waterfall: Waterfall
    ticket: Ticket
    goods: Goods | None = None
    sold: TermHorizon | None = None
    bought: TermHorizon | None = None


class Verdict(Struct, frozen=True, kw_only=True):
    """The result for an order and one counter-order: the reasons against the pair, or its value.

    `gap_bands` is by how many ticks this side would have to move (below one: not at all), computed from the
    other's price in whole ticks, so that changing one's own figures cannot reveal it more precisely. None
    when not eligible.
    """

    counter_order: UUID
    counter_organisation: UUID
    counter_group: UUID
    counter_rank: int
    reasons: tuple[Ineligibility, ...]
    value_ueur_per_kg: int | None = None
    gap_bands: int | None = None
    counter_forecast: bool = False


class Candidates(Struct, frozen=True, kw_only=True):
    """An order against every open counter-order of its market, in order of rank.

    `alone`: reasons against every trade, whoever the other side is. `names_companies`: its terms select
    certain companies, so that its results would reveal something about them. `orders_before`: the number of
    older open orders of its side and group of companies.
    """

    market: UUID
    order: UUID
    organisation: UUID
    side: Side
    rank: int
    at_position: int
    open_g: int
    standing: Standing
    verdicts: tuple[Verdict, ...]
    alone: tuple[Ineligibility, ...] = ()
    forecast: ForecastMark | None = None
    names_companies: bool = False
    orders_before: int = 0


def match_explanation(
    struck: MatchStruck,
    waterfall: Waterfall,
    terms: SupplyTerms,
    requirement: RequirementTerms,
    basis: MarketBasis,
    rule_set: RuleSet,
    *,
    seller: UUID,
    buyer: UUID,
    outcome: MatchOutcome,
) -> MatchExplanation:
    """`rule_set`: of the round. ValueError when the waterfall belongs to another match.

    An ask or limit that was amended since does not belong on the ticket, and is not there.
    """
    of_match = (struck.supply, struck.tranche, struck.requirement, struck.price_ueur_per_kg)
    if of_match != (waterfall.supply, waterfall.tranche, waterfall.requirement, waterfall.price_ueur_per_kg):
        raise ValueError(f"the waterfall is not that of match {struck.match}")
    confirmed = outcome == "confirmed"
    term = term_of_match(struck, terms.term, requirement.term, None, confirmed=confirmed)
    made = ticket(struck, terms, requirement, basis, term)
    same_ask = terms.ask.ueur_per_kg == waterfall.ask_ueur_per_kg
    same_limit = requirement.limit.ueur_per_kg == waterfall.limit_ueur_per_kg
    lines = tuple(_with_counted_share(line, rule_set) for line in waterfall.terms)
    return MatchExplanation(
        struck=struck,
        outcome=outcome,
        seller=seller,
        buyer=buyer,
        waterfall=replace(waterfall, terms=lines),
        ticket=replace(made, ask=made.ask if same_ask else None, limit=made.limit if same_limit else None),
        goods=goods_of(terms),
        sold=terms.term,
        bought=requirement.term,
    )


def _with_counted_share(line: PriceTerm, rule_set: RuleSet) -> PriceTerm:
    """Of a footprint below the benchmark that nobody verified: the share of the improvement that counts.

    The record has what counts in whole grams, rounded up, the amount is of the exact figure.
    """
    given = line.inputs
    if line.kind != "carbon" or line.reason is not None or given.get("verified") != "no":
        return line
    if int(given["declared_g_co2e_per_kg"]) >= int(given["benchmark_g_co2e_per_kg"]):
        return line
    share = str(rule_set.self_declared_improvement_ppb)
    return replace(line, inputs=given | {"self_declared_improvement_ppb": share})


def candidates(book: Book, facts: MarketFacts, order: UUID) -> Candidates | None:
    """Who fits an order of the book, who does not and why; also the answer to why it stayed unmatched.

    None when the book does not hold the order.
    """
    own = book.supplies.get(order) or book.requirements.get(order)
    if own is None:
        return None
    alone = by_itself(book, facts, own)
    if alone.standing in ("closed", "resting"):
        return alone
    tick = book.terms.tick_ueur_per_kg
    verdicts = tuple(_verdict(own, counter, facts, tick) for counter in counter_orders(book, own, facts.at))
    standing = price_standing(verdicts) if verdicts else "no_counter_orders"
    return replace(alone, standing=standing, verdicts=verdicts)


def by_itself(book: Book, facts: MarketFacts, own: Order) -> Candidates:
    """The part of an order's result that does not depend on other orders; `withheld`: it is open and eligible
    for others."""
    standing: Standing = "withheld" if still_open(own, facts.at) else "closed"
    if standing == "withheld" and rests(own, facts):
        standing = "resting"
    return Candidates(
        market=book.market,
        order=own.order,
        organisation=own.organisation,
        side="seller" if isinstance(own, SupplyOrder) else "buyer",
        rank=own.rank,
        at_position=book.position,
        open_g=own.available_g,
        standing=standing,
        verdicts=(),
        alone=tuple(own_refusals(own, facts)) if standing == "withheld" else (),
        forecast=order_mark(own),
        names_companies=names_companies(own),
        orders_before=orders_before(book, own, facts),
    )


def as_taken(own: Order, book: Book, planned: ClearingPlanned) -> Candidates | None:
    """The order against what a round found at its cut, where `book` stands.

    None where the round did not take it as it stands now: it was not there, or had other terms, another place
    in time or nothing to give.
    """
    taken = book.supplies.get(own.order) or book.requirements.get(own.order)
    if taken is None or (taken.rank, taken.terms) != (own.rank, own.terms):
        return None
    found = candidates(book, facts_of(book, planned.rule_set, planned.cut_time), own.order)
    return None if found is None or found.standing in ("closed", "resting") else found


def closed_order(own: Order, at_position: int) -> Candidates:
    """An order that has left the book: withdrawn, expired or sold, it fits nobody any more."""
    return Candidates(
        market=own.market,
        order=own.order,
        organisation=own.organisation,
        side="seller" if isinstance(own, SupplyOrder) else "buyer",
        rank=own.rank,
        at_position=at_position,
        open_g=0,
        standing="closed",
        verdicts=(),
        forecast=order_mark(own),
    )


def order_mark(order: Order) -> ForecastMark | None:
    return mark_of(order.terms) if isinstance(order, SupplyOrder) else None


def names_companies(order: Order) -> bool:
    return isinstance(order, RequirementOrder) and bool(order.terms.organisations_excluded)


def orders_before(book: Book, own: Order, facts: MarketFacts) -> int:
    """How many open orders of its side and group of companies stand before it in time."""
    orders = book.supplies if isinstance(own, SupplyOrder) else book.requirements
    group = group_of(facts, own.organisation)
    return sum(
        (each.rank, each.order) < (own.rank, own.order)
        and group_of(facts, each.organisation) == group
        and still_open(each, facts.at)
        for each in orders.values()
    )


def group_of(facts: MarketFacts, organisation: UUID) -> UUID:
    known = facts.members.get(organisation)
    return organisation if known is None else known.group


def counter_orders(book: Book, own: Order, at: datetime) -> list[Order]:
    """The orders of the other side that are open at a time and have something left, in order of rank."""
    counters = book.requirements if isinstance(own, SupplyOrder) else book.supplies
    found = [each for each in counters.values() if still_open(each, at)]
    return sorted(found, key=lambda each: (each.rank, each.order))


def still_open(order: Order, at: datetime) -> bool:
    """Not one whose time is over and whose expiry is not yet recorded."""
    return order.available_g != 0 and order.terms.valid_until > at


def paired(own: Order, counter: Order) -> tuple[SupplyOrder, RequirementOrder]:
    """The two in the order of a pair. AssertionError for two of one side."""
    supply, requirement = (own, counter) if isinstance(own, SupplyOrder) else (counter, own)
    assert isinstance(supply, SupplyOrder)
    assert isinstance(requirement, RequirementOrder)
    return supply, requirement


def _verdict(own: Order, counter: Order, facts: MarketFacts, tick: int) -> Verdict:
    """Of an eligible pair's tranches the one with the highest value."""
    supply, requirement = paired(own, counter)
    against = reasons(supply, requirement, facts)
    value: int | None = None
    gap_bands: int | None = None
    if not against:
        ask, limit = supply.terms.ask.ueur_per_kg, requirement.terms.limit.ueur_per_kg
        for delivery in eligible_deliveries(supply, requirement, facts):
            priced = price_pair(supply, requirement, facts, delivery)
            if isinstance(priced, Ineligibility):
                against = (priced,)
                continue
            _, term_total, pair_value = priced
            if value is None or pair_value > value:
                value = pair_value
                bid = limit + term_total
                needed = -(-ask // tick) * tick - bid if counter is supply else ask - bid // tick * tick
                gap_bands = -(-needed // tick)
        if value is not None:
            against = ()
    return Verdict(
        counter_order=counter.order,
        counter_organisation=counter.organisation,
        counter_group=facts.members[counter.organisation].group,
        counter_rank=counter.rank,
        reasons=against,
        value_ueur_per_kg=value,
        gap_bands=gap_bands,
        counter_forecast=order_mark(counter) is not None,
    )


def price_standing(verdicts: tuple[Verdict, ...]) -> Standing:
    """What the values of these verdicts say; `eligible` when those that would decide are taken out."""
    eligible = [verdict for verdict in verdicts if not verdict.reasons]
    values = [verdict.value_ueur_per_kg for verdict in eligible if verdict.value_ueur_per_kg is not None]
    if not eligible:
        return "none_eligible"
    if any(value >= 0 for value in values):
        return "in_the_money"
    return "all_dearer" if len(values) == len(eligible) else "eligible"
