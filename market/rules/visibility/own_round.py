"""One side's view of an order in a round, and of a quote: own figures, counts, others' prices in ticks."""

from collections.abc import Sequence
from typing import Final, Literal
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from events.forecast_terms import ForecastMark
from events.fractions import ppb_text
from events.vocabulary import CountryCode, Side, ValueChainStage
from market.rules.clearing.posing import INDIVISIBLE, LIMIT_PRICE, MINIMUM, PORTFOLIO, TOLERANCE
from market.rules.refusing.ineligibility import PolicyLine, kg_text
from market.rules.viewers import Band, mass_band_g, price_band
from market.rules.visibility.own_side import GROUPS_MIN, OwnReason, Withheld, groups, guard, own_reasons, told
from market.rules.visibility.quotes import Quote
from market.rules.visibility.standings import Alternative, OrderInRound, Outcome

Why = Literal[
    "removed",
    "portfolio",
    "no_counter_orders",
    "withheld",
    "none_eligible",
    "eligible",
    "all_dearer",
    "indivisible",
    "all_taken",
    "outbid",
]
"""Why a part of an order was not traded. `eligible`: somebody fits, but too few groups to show whether prices
do. `withheld`: fewer than three groups of companies fit, or none. `portfolio`: its own portfolio limits, on
shares or price, prevented more. `indivisible`: the rest, its own or theirs, is less than one package or the
minimum parcel. `all_dearer`: all with which it did not trade are too expensive. `all_taken`: it traded with
all that fit and are not too expensive, and they had no more."""

NOT_THERE: Final[frozenset[Outcome]] = frozenset({"absent", "resting"})
REMOVED = {
    TOLERANCE: "Less than {tolerance} of its {capacity} would have traded, which is too little to count.",
    MINIMUM: "Of its {capacity} it would have traded less than its own minimum quantity.",
    INDIVISIBLE: "Nothing that was left fits its {capacity} in whole packages and minimum parcels.",
    PORTFOLIO: "What was left was less than one package, or would have broken its portfolio limits.",
    LIMIT_PRICE: "What keeps its portfolio limits would have cost more than it bids for all of it together.",
}
ALL_OR_NOTHING = (
    "It sells all or nothing, and of its {capacity} less than all whole packages would have traded."
)
SELLER_OF_PORTFOLIO = "The portfolio limits of a buyer left no room for it."
REMOVED_OTHERWISE = "The round left it out, by its rule {code}."


class Removed(Struct, frozen=True, kw_only=True):
    """The round's reason for leaving an order out, and the sentence that says so."""

    code: str
    text: str


class PricedLimit(Struct, frozen=True, kw_only=True):
    """What one of a requirement's portfolio limits cost it per kg of basis, up to the next whole tick.

    `limit_price`: by how much its bids were lowered to keep all it takes within them.
    `policies` that state it.
    """

    limit: str
    stage: ValueChainStage | None
    country: CountryCode | None
    ueur_per_kg: int
    policies: tuple[PolicyLine, ...] = ()


class OwnOrderInRound(Struct, frozen=True, kw_only=True):
    """What became of an order in a round, for its owner.

    `three_groups_ticks`: how far its price was from the trades, which it did not get, of three groups of
    companies, in whole ticks: where what they sold, or bought, went to three groups of its rivals or to none.
    That and `eligible` are shown if three groups of companies are eligible; `limits` then, or if it traded.
    Reasons against an order whose terms single companies out, or before which many others of its group stand:
    where they keep three groups away.
    """

    market: UUID
    plan: UUID
    round: int
    order: UUID
    side: Side
    outcome: Outcome
    capacity_g: int
    filled_g: int
    surplus_ueur_per_kg: int
    marginal: bool
    why: Why | None
    removed: Removed | None
    eligible: int | None
    three_groups_ticks: int | None
    reasons: tuple[OwnReason, ...]
    limits: tuple[PricedLimit, ...] = ()
    forecast: ForecastMark | None = None
    withheld: Withheld | None = None


class OwnQuote(Struct, frozen=True, kw_only=True):
    """How an order would have come out of a round, in bands.

    `would_trade` is None where fewer than three groups of companies fit, where one or two groups of rivals
    compete for these, whose price the answer would be, and where `present` is False: the asker could not
    trade so when the round was cut. Quantity and price per kg of basis: of what would have traded.
    """

    market: UUID
    quote: UUID
    plan: UUID
    round: int
    side: Side
    present: bool
    would_trade: bool | None
    quantity_g: Band | None
    price_ueur_per_kg: Band | None
    why: Why | None
    removed: Removed | None
    eligible: int | None
    three_groups_ticks: int | None
    reasons: tuple[OwnReason, ...]
    withheld: Withheld | None = None


def own_order_in_round(of: OrderInRound, organisation: UUID) -> OwnOrderInRound | None:
    """None for an organisation that does not own the order."""
    if organisation != of.organisation:
        return None
    seen = _own_order(of, guarded=guard(of) is not None)
    return replace(seen, withheld=None if seen.eligible is not None else guard(of) or "few_groups")


def _own_order(of: OrderInRound, *, guarded: bool) -> OwnOrderInRound:
    """`guarded`: whether anybody fits, and each reason, is only shown from three groups of companies on."""
    guarded = guarded and bool(of.alternatives)
    eligible = _eligible(of)
    enough = groups(eligible) >= GROUPS_MIN
    left = [each for each in eligible if each.traded_g == 0]
    return OwnOrderInRound(
        market=of.market,
        plan=of.plan,
        round=of.round,
        order=of.order,
        side=of.side,
        outcome=of.outcome,
        capacity_g=of.capacity_g,
        filled_g=of.filled_g,
        surplus_ueur_per_kg=of.surplus_ueur_per_kg,
        marginal=of.marginal,
        why=_why(of, eligible, guarded=guarded),
        removed=removed(of),
        eligible=len(eligible) if enough or not (eligible or guarded) else None,
        three_groups_ticks=_three_groups_ticks(left) if enough else None,
        reasons=own_reasons(of.alternatives, of.side, guarded=guarded),
        limits=priced_limits(of, of.tick_ueur_per_kg) if enough or of.filled_g else (),
        forecast=of.forecast,
    )


def priced_limits(of: OrderInRound, tick: int) -> tuple[PricedLimit, ...]:
    """In whole ticks; exact for a tick of 1."""
    return tuple(
        PricedLimit(
            limit=each.limit,
            stage=each.stage,
            country=each.country,
            ueur_per_kg=-(-each.ueur_per_kg // tick) * tick,
            policies=tuple(line for line in of.limits_of_policies if line.line == each.limit),
        )
        for each in of.multipliers
    )


def own_quote(of: Quote, organisation: UUID) -> OwnQuote | None:
    """None for an organisation that did not ask."""
    standing = of.standing
    if organisation != standing.organisation:
        return None
    seen = _own_order(standing, guarded=True)
    fit = groups(_eligible(standing)) >= GROUPS_MIN
    crowded = of.rivals == 0 or of.rivals >= GROUPS_MIN
    enough = fit and crowded
    present = seen.outcome not in NOT_THERE
    traded = enough and standing.filled_g > 0
    price = of.price_ueur_per_kg
    return OwnQuote(
        market=standing.market,
        quote=of.quote,
        plan=standing.plan,
        round=standing.round,
        side=standing.side,
        present=present,
        would_trade=traded if enough else None,
        quantity_g=mass_band_g(standing.filled_g) if traded else None,
        price_ueur_per_kg=price_band(price, of.tick_ueur_per_kg) if traded and price is not None else None,
        why=None if traded or not present else seen.why if enough else "withheld",
        removed=None if traded or not enough else seen.removed,
        eligible=seen.eligible if fit else None,
        three_groups_ticks=seen.three_groups_ticks if crowded and not traded else None,
        reasons=tuple(_as_asked(reason, of) for reason in seen.reasons),
        withheld=None if enough or not present else "few_rivals" if fit else "few_groups",
    )


def _as_asked(reason: OwnReason, of: Quote) -> OwnReason:
    """The order stood in the round with parcels of a gram that nobody stated: its quantity alone counted."""
    if reason.code != "parcel_too_large":
        return reason
    figure = f"{kg_text(of.asked_g)}, counted as {kg_text(of.counted_g)}"
    return replace(reason, own_figure=figure)


def _eligible(of: OrderInRound) -> list[Alternative]:
    return [each for each in of.alternatives if not told(each, of.side)]


def _three_groups_ticks(left: Sequence[Alternative]) -> int | None:
    """Within how many ticks three groups of companies are; those taken by others have no distance. None if
    what they traded went to one or two rival groups, since it would reveal a rival's price."""
    nearest: dict[UUID, int] = {}
    for each in left:
        if each.short_ticks is not None:
            nearest[each.counter_group] = min(each.short_ticks, nearest.get(each.counter_group, 2**62))
    ordered = sorted(nearest.values())
    if len(ordered) < GROUPS_MIN:
        return None
    within = ordered[GROUPS_MIN - 1]
    rivals = {
        group
        for each in left
        if each.short_ticks is not None and each.short_ticks <= within
        for group in each.taker_groups
    }
    return within if len(rivals) >= GROUPS_MIN or not rivals else None


def _why(of: OrderInRound, eligible: Sequence[Alternative], *, guarded: bool) -> Why | None:
    if of.outcome in (*NOT_THERE, "filled"):
        return None
    if of.removed_by is not None:
        own_limits = of.side == "buyer" and of.removed_by in (PORTFOLIO, LIMIT_PRICE)
        return "portfolio" if own_limits else "removed"
    if not of.alternatives:
        return "no_counter_orders"
    if guarded and groups(eligible) < GROUPS_MIN:
        return "withheld"
    if not eligible:
        return "none_eligible"
    if groups(eligible) < GROUPS_MIN:
        return "eligible"
    return _why_of_prices(of.capacity_g - of.filled_g, eligible)


def _why_of_prices(
    rest_g: int, eligible: Sequence[Alternative]
) -> Literal["all_dearer", "indivisible", "all_taken", "outbid"]:
    worth_it = [each for each in eligible if each.worth_it]
    if not worth_it:
        return "all_dearer"
    missed = [each for each in worth_it if each.traded_g == 0 or each.left_g >= each.least_g]
    if not missed:
        return "all_taken" if len(worth_it) == len(eligible) else "all_dearer"
    taken = any(each.traded_g == 0 and each.elsewhere_g and each.least_g <= rest_g for each in missed)
    return "outbid" if taken else "indivisible"


def removed(of: OrderInRound) -> Removed | None:
    if of.removed_by is None:
        return None
    text = REMOVED.get(of.removed_by, REMOVED_OTHERWISE)
    if of.side == "seller" and of.removed_by == PORTFOLIO:
        text = SELLER_OF_PORTFOLIO
    if of.all_or_nothing and of.removed_by == MINIMUM:
        text = ALL_OR_NOTHING
    return Removed(
        code=of.removed_by,
        text=text.format(
            code=of.removed_by, tolerance=ppb_text(of.tolerance_ppb), capacity=kg_text(of.capacity_g)
        ),
    )
