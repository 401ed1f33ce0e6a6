"""Tiny books with every feature at once, as plain terms, and the lane that says them.

Grids are coarse, so that prices tie; one gram of swarf holds 0.224 g of basis.
"""

import random
from fractions import Fraction
from typing import Any

from msgspec import Struct

from events.market_terms import AcceptedForm, Carriage, PassportEvidence, SustainabilityProfile
from events.origin_terms import OriginStage, StepShare
from events.policy_terms import PortfolioLimits
from events.vocabulary import (
    PPB,
    OriginStep,
    Packaging,
    Place,
    ProductForm,
    RecycledContent,
    TermHorizon,
    Tranche,
)
from tests.blotter import (
    BULK,
    EUR,
    PERCENT,
    Lane,
    T,
    assay,
    days,
    eur,
    ident,
    member,
    ndpr_price,
    rule_set,
)

SHARE = Fraction(224, 1000)
FEATURES = tuple(
    "pack parcel min whole tol pf S cond group excl term tranche carriage steps thin ref".split()
)
STAGES: tuple[OriginStage, ...] = ("extraction", "processing", "recycling")
FORMS: tuple[ProductForm, ...] = ("swarf", "swarf", "metal")
Steps = tuple[tuple[OriginStage, str | None], ...]
"""(stage, country); None: nobody states it."""


class Supply(Struct, frozen=True, kw_only=True):
    """`pkg`: grams of one package, 1 in bulk. `tranches`: (first day, last day, grams)."""

    id: str
    org: str
    form: ProductForm
    ask: int
    net: int
    pkg: int
    parcel: int
    least: int
    whole: bool
    cond: bool
    lot: bool
    term: TermHorizon | None
    recycled: tuple[int, int]
    origin: Steps
    steps: Steps | None
    tranches: tuple[tuple[int, int, int], ...]
    country: str


class Need(Struct, frozen=True, kw_only=True):
    """`pf`: recycled at least, one third country at most. `cap` ≥ `floor`, of S."""

    id: str
    org: str
    forms: dict[ProductForm, int]
    limit: int
    grams: int
    parcel: int
    least: int
    cond: bool
    term: TermHorizon | None
    pf: tuple[int | None, int | None] | None
    eu: int
    post: int
    pre: int
    cap: int
    floor: int
    excluded: tuple[str, ...]
    orgs_excluded: tuple[str, ...]
    fetched: dict[str, int]
    window: tuple[int, int]


class Book(Struct, frozen=True, kw_only=True):
    """`orders` in the order of posting, `groups` of companies by name."""

    tolerance_ppb: int
    thin: int
    reference: int | None
    by_stage: bool
    in_full: bool
    groups: dict[str, str]
    orders: tuple[Supply | Need, ...]


def made(seed: int) -> Book:
    rng = random.Random(seed)
    has = {name for name in FEATURES if rng.random() < 0.4}
    groups = {f"s{k}": f"g{k}" for k in range(3)} | {f"b{k}": f"h{k}" for k in range(3)}
    if "group" in has:
        groups["b0"] = "g0"
    kinds = ["supply"] * rng.randint(2, 5) + ["need"] * rng.randint(1, 4)
    rng.shuffle(kinds)
    orders = [
        _supply(rng, has, f"o{k}") if kind == "supply" else _need(rng, has, f"n{k}")
        for k, kind in enumerate(kinds)
    ]
    return Book(
        tolerance_ppb=rng.choice([10_000_000, 200_000_000]) if "tol" in has else 0,
        thin=rng.choice([2, 3]) if "thin" in has else 1,
        reference=rng.choice([45, 50, 51, 52, 54]) * EUR if "ref" in has else None,
        by_stage="excl" in has and rng.random() < 0.5,
        in_full="steps" in has,
        groups=groups,
        orders=tuple(orders),
    )


def _supply(rng: random.Random, has: set[str], name: str) -> Supply:
    horizon = _term(rng, has)
    net = rng.choice([2, 3, 4, 5, 6]) * T
    stages = [stage for stage in STAGES if rng.random() < 0.6]
    origin: Steps = tuple(
        (stage, country)
        for stage in stages or STAGES[1:2]
        for country in rng.sample(["DE", "CN", "AU", "FR"], rng.choice([1, 1, 2]))
    )
    before = (rng.choice(STAGES[:2]), rng.choice(["CN", "AU", "DE", "US", None]))
    halves = ((0, 20, net // 2), (30, 60, net - net // 2))
    shares = [(0, 0), (PPB // 2, 0), (PPB, 0), (0, PPB // 3), (PPB // 4, PPB // 4)]
    return Supply(
        id=name,
        org=f"s{rng.randrange(3)}",
        form=rng.choice(FORMS),
        ask=rng.choice([56, 58, 60, 60, 62]) * EUR,
        net=net,
        pkg=rng.choice([T, 2 * T, 312_347, 1_500_000]) if "pack" in has and rng.random() < 0.7 else 1,
        parcel=rng.choice([1, T, 2 * T, 700_000]) if "parcel" in has else 1,
        least=rng.choice([0, T, 2 * T]) if "min" in has else 0,
        whole="whole" in has and rng.random() < 0.4,
        cond="cond" in has and rng.random() < 0.5,
        lot=rng.random() < 0.3,
        term=horizon,
        recycled=rng.choice(shares) if has & {"S", "pf"} else (0, 0),
        origin=origin,
        steps=tuple(dict.fromkeys((*origin, before))) if "steps" in has and rng.random() < 0.5 else None,
        tranches=halves if "tranche" in has and horizon is None and rng.random() < 0.5 else (),
        country=rng.choice(["DE", "DE", "SE"]) if "carriage" in has else "DE",
    )


def _need(rng: random.Random, has: set[str], name: str) -> Need:
    grams = rng.choice([224_000, 448_000, 672_000, 896_000, 1_000_000, 1_344_000])
    shares = (rng.choice([None, PPB // 4, PPB // 2]), rng.choice([None, 0, PPB // 2, PPB // 3]))
    bids = "S" in has
    floor = rng.choice([0, 0, -EUR, EUR]) if bids else 0
    metal = rng.random() < 0.5
    return Need(
        id=name,
        org=f"b{rng.randrange(3)}",
        forms={"swarf": 0, "metal": rng.choice([-2, 0, 2]) * EUR} if metal else {"swarf": 0},
        limit=rng.choice([58, 60, 62, 62, 64, 66]) * EUR,
        grams=grams,
        parcel=rng.choice([1, 224_000, 300_000]) if "parcel" in has else 1,
        least=rng.choice([0, 224_000, 500_000, grams]) if "min" in has else 0,
        cond="cond" in has and rng.random() < 0.4,
        term=_term(rng, has),
        pf=shares if "pf" in has and rng.random() < 0.6 and shares != (None, None) else None,
        eu=rng.choice([0, 3]) * EUR if bids else 0,
        post=rng.choice([0, 2, 3]) * EUR if bids else 0,
        pre=rng.choice([0, 1]) * EUR if bids else 0,
        cap=max(floor, rng.choice([1, 4, 9]) * EUR) if bids else 0,
        floor=floor,
        excluded=rng.choice([(), (), ("CN",), ("CN", "AU")]) if "excl" in has else (),
        orgs_excluded=rng.choice([(), ("s0",)]) if "excl" in has else (),
        fetched={"SE": rng.choice([1, 2]) * EUR} if "carriage" in has and rng.random() < 0.7 else {},
        window=rng.choice([(0, 60), (0, 25), (35, 60)]) if "tranche" in has else (0, 60),
    )


def _term(rng: random.Random, has: set[str]) -> TermHorizon | None:
    if "term" not in has or rng.random() < 0.3:
        return None
    return TermHorizon(
        start_year=rng.choice([2027, 2027, 2027, 2028]),
        profile_ppb=rng.choice([(PPB // 2, PPB), (PPB // 2, PPB), (6 * PPB // 10, PPB), (PPB,)]),
        profile_tolerance_ppb=rng.choice([0, PPB // 10]),
        index="USGS-NdPr",
        quotation_period="M+1",
    )


def lane_of(book: Book) -> Lane:
    flags = {"origins_by_stage": book.by_stage, "origins_in_full": book.in_full}
    told = {name: True for name, is_set in flags.items() if is_set}
    lane = Lane(
        rules=rule_set(marginality_tolerance_ppb=book.tolerance_ppb, thin_component_groups=book.thin, **told)
    )
    lane.admit(*(member(name, group=ident(group)) for name, group in book.groups.items()))
    if book.reference is not None:
        lane.record(ndpr_price(book.reference))
    for order in book.orders:
        if isinstance(order, Need):
            lane.require(order.org, order.id, **_need_terms(order))
        else:
            (lane.lot if order.lot else lane.offer)(order.org, order.id, **_supply_terms(order))
    return lane


def _supply_terms(order: Supply) -> dict[str, Any]:
    recycled = RecycledContent(post_consumer_ppb=order.recycled[0], pre_consumer_ppb=order.recycled[1])
    origin = tuple(OriginStep(stage=stage, country=country or "") for stage, country in order.origin)
    found: dict[str, Any] = {
        "form": order.form,
        "ask": eur(order.ask),
        "net_wet_g": order.net,
        "packaging": BULK if order.pkg == 1 else Packaging(unit="big_bag", package_wet_g=order.pkg),
        "minimum_parcel_wet_g": order.parcel,
        "minimum_quantity_wet_g": order.least or None,
        "all_or_nothing": order.whole,
        "commitment": "subject_to_confirmation" if order.cond else "firm",
        "term": order.term,
        "recycled": recycled,
        "origin": origin,
        "place": Place(country=order.country, name="works"),
    }
    if order.tranches:
        parts = order.tranches
        found["tranches"] = tuple(Tranche(window=days(a, z), net_wet_g=grams) for a, z, grams in parts)
    if order.steps is not None:
        found["passport_evidence"] = PassportEvidence(
            passport=ident(f"passport {order.id}"),
            position=1,
            stated_by=ident(f"issue {order.id}"),
            form=order.form,
            remaining_wet_g=25 * T,
            moisture_ppb=20 * PERCENT,
            composition=assay(),
            recycled=recycled,
            origin=origin,
            steps=tuple(StepShare(stage=s, country=c, share_ppm=500_000) for s, c in order.steps),
        )
    return found


def _need_terms(order: Need) -> dict[str, Any]:
    limits = order.pf
    return {
        "limit": eur(order.limit),
        "basis_g": order.grams,
        "forms": tuple(AcceptedForm(form=k, differential_ueur_per_kg=v) for k, v in order.forms.items()),
        "minimum_parcel_g": order.parcel,
        "minimum_quantity_g": order.least or None,
        "commitment": "subject_to_confirmation" if order.cond else "firm",
        "term": order.term,
        "portfolio": limits and PortfolioLimits(recycled_min_ppb=limits[0], third_country_max_ppb=limits[1]),
        "profile": SustainabilityProfile(
            eu_origin_ueur_per_kg=order.eu,
            post_consumer_ueur_per_kg=order.post,
            pre_consumer_ueur_per_kg=order.pre,
            cap_ueur_per_kg=order.cap,
            floor_ueur_per_kg=order.floor,
        ),
        "origins_excluded": order.excluded,
        "organisations_excluded": tuple(ident(name) for name in order.orgs_excluded),
        "carriage": tuple(
            Carriage(country=country, per="basis", ueur_per_kg=cost)
            for country, cost in order.fetched.items()
        ),
        "window": days(*order.window),
    }
