"""Matched → confirmed → contracted → delivered → settled: how far matches got, and why others dropped out."""

from collections.abc import Iterable
from datetime import date
from typing import Final, Literal
from uuid import UUID

from msgspec import Struct

from contracts.rules.price_terms import MICRO_G_PER_KG_PER_CENT, round_half_even
from market.rules.matches import MatchStatus

Stage = Literal["matched", "confirmed", "contracted", "delivered", "settled"]
STAGES: Final[tuple[Stage, ...]] = ("matched", "confirmed", "contracted", "delivered", "settled")
NEGOTIATED: Final = frozenset({"draft", "term_sheet"})


class Trail(Struct, frozen=True, kw_only=True):
    """Sums over the matches of a market and month that reached the same stage.

    `reason` is that of a decline; `agreement_status` None: there is no contract yet. Delivered is valued at
    the matched price, in gram·micro-EUR per kg; settled is what was invoiced in EUR.
    """

    market: UUID
    month: date
    status: MatchStatus
    reason: str | None
    agreement_status: str | None
    ended_reason: str | None
    matches: int
    matched_g: int
    matched_cents: int
    delivered_g: int
    delivered_value: int
    off_spec_g: int
    settled_g: int
    settled_cents: int


class Amount(Struct, frozen=True, kw_only=True):
    matches: int = 0
    quantity_g: int = 0
    cents_eur: int = 0


class DropOut(Struct, frozen=True, kw_only=True):
    """What did not get beyond stage `after`, and why; `off_spec` counts rejected grams, not matches."""

    after: Stage
    reason: str
    amount: Amount


class Funnel(Struct, frozen=True, kw_only=True):
    market: UUID
    month: date
    stages: dict[Stage, Amount]
    dropped: tuple[DropOut, ...]


def funnels(trails: Iterable[Trail]) -> list[Funnel]:
    """One for each market and month of the round's cut, in this order."""
    grouped: dict[tuple[UUID, date], list[Trail]] = {}
    for trail in trails:
        grouped.setdefault((trail.market, trail.month), []).append(trail)
    return [_funnel(market, month, grouped[market, month]) for market, month in sorted(grouped)]


def _funnel(market: UUID, month: date, trails: list[Trail]) -> Funnel:
    stages = dict.fromkeys(STAGES, Amount())
    dropped: dict[tuple[Stage, str], Amount] = {}
    for trail in trails:
        whole = Amount(matches=trail.matches, quantity_g=trail.matched_g, cents_eur=trail.matched_cents)
        reached, why = _reached(trail)
        for stage in STAGES[: STAGES.index(reached) + 1]:
            stages[stage] = _sum(stages[stage], whole)
        if why is not None:
            dropped[reached, why] = _sum(dropped.get((reached, why), Amount()), whole)
        stages["delivered"] = _sum(stages["delivered"], _delivered(trail))
        stages["settled"] = _sum(stages["settled"], _settled(trail))
        if trail.off_spec_g:
            rejected = Amount(quantity_g=trail.off_spec_g)
            place: tuple[Stage, str] = ("contracted", "off_spec")
            dropped[place] = _sum(dropped.get(place, Amount()), rejected)
    return Funnel(
        market=market,
        month=month,
        stages=stages,
        dropped=tuple(
            DropOut(after=after, reason=reason, amount=amount)
            for (after, reason), amount in sorted(
                dropped.items(), key=lambda entry: (STAGES.index(entry[0][0]), entry[0][1])
            )
        ),
    )


def _reached(trail: Trail) -> tuple[Stage, str | None]:
    """The last stage that the matches reached, and why they ended there; None: they have not ended."""
    if trail.status == "open":
        return "matched", None
    if trail.status == "declined":
        return "matched", f"declined:{trail.reason or 'other_side'}"
    if trail.status == "lapsed":
        return "matched", "lapsed"
    if trail.agreement_status is None or trail.agreement_status in NEGOTIATED:
        return "confirmed", None
    if trail.agreement_status == "terminated":
        return "confirmed", f"terminated:{trail.ended_reason or 'unknown'}"
    return "contracted", None


def _delivered(trail: Trail) -> Amount:
    if not trail.delivered_g:
        return Amount()
    cents = round_half_even(trail.delivered_value, MICRO_G_PER_KG_PER_CENT)
    return Amount(matches=trail.matches, quantity_g=trail.delivered_g, cents_eur=cents)


def _settled(trail: Trail) -> Amount:
    if not trail.settled_g:
        return Amount()
    return Amount(matches=trail.matches, quantity_g=trail.settled_g, cents_eur=trail.settled_cents)


def _sum(one: Amount, other: Amount) -> Amount:
    return Amount(
        matches=one.matches + other.matches,
        quantity_g=one.quantity_g + other.quantity_g,
        cents_eur=one.cents_eur + other.cents_eur,
    )
