"""Many small rounds, each from its seed: coarse prices, packages, minima: ties abound."""

import random
from collections.abc import Callable
from typing import Any

from events.envelope import Draft, Recorded
from events.market_terms import AcceptedForm, SustainabilityProfile
from events.policy_terms import PortfolioLimits
from events.vocabulary import PPB, OriginStep, Packaging, ProductForm, RecycledContent, TermHorizon
from market.rules.clearing.clearing import conclude
from market.rules.clearing.rounds import Round, posed_round
from tests.blotter import BULK, EUR, Lane, T, days, eur, member, ndpr_price, rule_set

More = Callable[[random.Random], dict[str, Any]]
FORMS: tuple[ProductForm, ...] = ("swarf", "metal")
_ODD_DRUM = Packaging(unit="drum", package_wet_g=312_347)
"""Its grams of basis are no integer."""


def small_round(seed: int) -> tuple[Lane, Recorded]:
    """A lane whose book stands at the plan, with two to eight orders and a tolerance of 0, 1 or 20 %."""
    return _round(random.Random(seed), lambda rng: {}, lambda rng: {})


def small_round_of_portfolios(seed: int) -> tuple[Lane, Recorded]:
    """The same with recycled lots, lots from China and Australia, and buyers that hold these to shares."""
    return _round(random.Random(seed), _sustainable, _portfolio)


def _round(rng: random.Random, of_offer: More, of_requirement: More) -> tuple[Lane, Recorded]:
    tolerance_ppb = rng.choice([0, 10_000_000, 200_000_000])
    groups = rng.choice([1, 3])
    lane = Lane(rules=rule_set(marginality_tolerance_ppb=tolerance_ppb, thin_component_groups=groups))
    names = [f"s{k}" for k in range(3)] + [f"b{k}" for k in range(3)]
    lane.admit(*(member(name) for name in names))
    if rng.random() < 0.7:
        lane.record(ndpr_price())
    for k in range(rng.randint(1, 4)):
        lane.offer(f"s{rng.randrange(3)}", f"offer {k}", **(_offer(rng) | of_offer(rng)))
    for k in range(rng.randint(1, 4)):
        lane.require(f"b{rng.randrange(3)}", f"wanted {k}", **(_requirement(rng) | of_requirement(rng)))
    return lane, lane.plan()


def posed(lane: Lane, plan: Recorded) -> tuple[Round, tuple[Draft, ...]]:
    """The round as it is posed and as it was recorded."""
    return posed_round(lane.book, plan), conclude(lane.book, plan)


def _offer(rng: random.Random) -> dict[str, Any]:
    return {
        "ask": eur(rng.choice([58, 60, 62]) * EUR),
        "commitment": _commitment(rng),
        "form": rng.choice(FORMS),
        "net_wet_g": rng.choice([5, 10, 25, 26]) * T,
        "term": _term(rng),
        "packaging": rng.choice([BULK, Packaging(unit="big_bag", package_wet_g=T), _ODD_DRUM]),
        "minimum_parcel_wet_g": rng.choice([1, 1, 3 * T]),
        **rng.choice([{}, {}, {"all_or_nothing": True}, {"minimum_quantity_wet_g": 4 * T}]),
    }


def _requirement(rng: random.Random) -> dict[str, Any]:
    profile = None
    if rng.random() < 0.5:
        profile = SustainabilityProfile(eu_origin_ueur_per_kg=3 * EUR, cap_ueur_per_kg=9 * EUR)
    return {
        "limit": eur(rng.choice([58, 60, 62, 66]) * EUR),
        "commitment": _commitment(rng),
        "basis_g": rng.choice([1_120_000, 2_240_000, 5_600_000, 5_650_000]),
        "profile": profile,
        "minimum_parcel_g": rng.choice([1, 1, 500_000]),
        "minimum_quantity_g": rng.choice([None, None, 1_100_000]),
        "term": _term(rng),
        "window": days(0, 60),
    }


def _sustainable(rng: random.Random) -> dict[str, Any]:
    recycled_ppb = rng.choice([0, 0, PPB // 2, PPB])
    country = rng.choice(["DE", "CN", "AU"])
    return {
        "recycled": RecycledContent(post_consumer_ppb=recycled_ppb, pre_consumer_ppb=0),
        "origin": (OriginStep(stage="processing", country=country),),
    }


def _portfolio(rng: random.Random) -> dict[str, Any]:
    if rng.random() < 0.4:
        return {}
    return {
        "forms": tuple(AcceptedForm(form=form) for form in FORMS),
        "portfolio": PortfolioLimits(
            recycled_min_ppb=rng.choice([None, PPB // 4, PPB // 3, PPB // 2]),
            third_country_max_ppb=rng.choice([0, PPB // 2, 650_000_000]),
        ),
    }


def _commitment(rng: random.Random) -> str:
    return rng.choice(["firm", "firm", "subject_to_confirmation"])


def _term(rng: random.Random) -> TermHorizon | None:
    if rng.random() < 0.9:
        return None
    return TermHorizon(start_year=2027, profile_ppb=(10**9,), index="USGS-NdPr", quotation_period="M+1")
