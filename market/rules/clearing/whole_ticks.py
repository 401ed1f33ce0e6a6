"""Other members' orders with all prices rounded to whole ticks, in their owner's disfavour: bands are
computed from these.

So repeated computations cannot reveal a price more precisely than a tick.
"""

from msgspec.structs import replace

from events.market_terms import (
    AcceptedForm,
    Carriage,
    CoProductBid,
    PenaltyRule,
    RequirementTerms,
    SustainabilityProfile,
)
from events.vocabulary import INTEGER_MAX, PRICE_UEUR_PER_KG_MAX, TermHorizon
from market.rules.book import Book, RequirementOrder, SupplyOrder

CENTS_PER_T_PER_UEUR_PER_KG = 1_000
"""A carbon price moves in steps of one tick for 100 kg CO2e per kg: tick / 1,000 in cents per tonne."""


def up(value: int, tick: int, most: int = INTEGER_MAX) -> int:
    """The next whole tick; `most` where there is none."""
    return min(-(-value // tick) * tick, most)


def down(value: int, tick: int, most: int = INTEGER_MAX) -> int:
    """The whole tick before; −`most` where there is none."""
    return max(value // tick * tick, -most)


def book_in_ticks(book: Book) -> Book:
    tick = book.terms.tick_ueur_per_kg
    return replace(
        book,
        supplies={key: supply_in_ticks(order, tick) for key, order in book.supplies.items()},
        requirements={key: requirement_in_ticks(order, tick) for key, order in book.requirements.items()},
    )


def supply_in_ticks(order: SupplyOrder, tick: int) -> SupplyOrder:
    terms = order.terms
    ask_ueur_per_kg = up(terms.ask.ueur_per_kg, tick, PRICE_UEUR_PER_KG_MAX)
    dearer = replace(terms, ask=replace(terms.ask, ueur_per_kg=ask_ueur_per_kg))
    if terms.term is not None:
        dearer = replace(dearer, term=_with_floor(terms.term, tick, up_to=True))
    return replace(order, terms=dearer)


def requirement_in_ticks(order: RequirementOrder, tick: int) -> RequirementOrder:
    """Each amount of the bid in whole ticks, none more than was bid."""
    terms = order.terms
    limit_ueur_per_kg = down(terms.limit.ueur_per_kg, tick, PRICE_UEUR_PER_KG_MAX)
    meaner = replace(
        terms,
        limit=replace(terms.limit, ueur_per_kg=limit_ueur_per_kg),
        term=None if terms.term is None else _with_floor(terms.term, tick, up_to=False),
        forms=tuple(_form(each, tick) for each in terms.forms),
        co_products=tuple(_co_product(each, tick) for each in terms.co_products),
        penalties=tuple(_penalty(each, tick) for each in terms.penalties),
        carriage=tuple(_carriage(each, tick) for each in terms.carriage),
        profile=_profile(terms, tick),
    )
    return replace(order, terms=meaner)


def _with_floor(term: TermHorizon, tick: int, *, up_to: bool) -> TermHorizon:
    floor = term.floor_ueur_per_kg
    if floor is None:
        return term
    banded = (up if up_to else down)(floor, tick, PRICE_UEUR_PER_KG_MAX)
    return replace(term, floor_ueur_per_kg=banded)


def _form(accepted: AcceptedForm, tick: int) -> AcceptedForm:
    return replace(accepted, differential_ueur_per_kg=down(accepted.differential_ueur_per_kg, tick))


def _co_product(bid: CoProductBid, tick: int) -> CoProductBid:
    if bid.price_ueur_per_kg is None:
        return bid
    return replace(bid, price_ueur_per_kg=down(bid.price_ueur_per_kg, tick, PRICE_UEUR_PER_KG_MAX))


def _penalty(rule: PenaltyRule, tick: int) -> PenaltyRule:
    return replace(rule, ueur_per_kg_per_step=up(rule.ueur_per_kg_per_step, tick))


def _carriage(cost: Carriage, tick: int) -> Carriage:
    return replace(cost, ueur_per_kg=up(cost.ueur_per_kg, tick))


def _profile(terms: RequirementTerms, tick: int) -> SustainabilityProfile | None:
    """None stays: the amounts are the rule set's, which everybody may read."""
    profile = terms.profile
    if profile is None:
        return None
    cents_step = max(1, tick // CENTS_PER_T_PER_UEUR_PER_KG)
    deduction = up(profile.concentrated_origin_deduction_ueur_per_kg, tick)
    return replace(
        profile,
        carbon_cents_per_t=down(profile.carbon_cents_per_t, cents_step),
        post_consumer_ueur_per_kg=down(profile.post_consumer_ueur_per_kg, tick),
        pre_consumer_ueur_per_kg=down(profile.pre_consumer_ueur_per_kg, tick),
        certificates=tuple(
            replace(each, ueur_per_kg=down(each.ueur_per_kg, tick)) for each in profile.certificates
        ),
        eu_origin_ueur_per_kg=down(profile.eu_origin_ueur_per_kg, tick),
        concentrated_origin_deduction_ueur_per_kg=deduction,
        rex=tuple(replace(each, ueur_per_kg=down(each.ueur_per_kg, tick)) for each in profile.rex),
        floor_ueur_per_kg=down(profile.floor_ueur_per_kg, tick),
        cap_ueur_per_kg=down(profile.cap_ueur_per_kg, tick),
    )
