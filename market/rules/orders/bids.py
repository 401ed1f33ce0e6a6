"""A buyer's bids besides its limit: forms, co-products, penalties, carriage, sustainability."""

from itertools import combinations

from events.analytes import element_meant_by, meant_by, rare_earth_meant_by
from events.market_terms import (
    AcceptedForm,
    AnalyteLimit,
    Carriage,
    CoProductBid,
    PenaltyRule,
    PurityFloor,
    SustainabilityProfile,
)
from events.refusal import Refusal
from events.vocabulary import (
    ANALYTES,
    BASIS_ELEMENTS,
    ELEMENTS,
    PRICE_UEUR_PER_KG_MAX,
    REX_HIERARCHY,
    TRADED_OXIDE,
    MarketBasis,
)
from events.wellformed import duplicate_refusals
from market.rules.market_inputs import MarketInputs
from market.rules.orders.horizons import reference_unknown
from market.rules.quantities import EUR
from market.rules.references import is_price_of
from market.rules.refusing.defects import (
    AmountNegative,
    AmountOutOfRange,
    CoProductIsBasis,
    CoProductPriceAmbiguous,
    CoProductReferenceOfOther,
    LimitEmpty,
    ProfileFloorAboveCap,
    RexHierarchyBroken,
)
from market.rules.refusing.ineligibility import eur_per_kg_text
from market.rules.refusing.material_defects import AnalyteUnknown
from market.rules.refusing.refusals import FxMissing


def amount_refusals(value: int, pointer: str, *, signed: bool = False) -> list[Refusal]:
    """Refusals for an amount beyond the posting bound, or below zero unless `signed`."""
    if abs(value) > PRICE_UEUR_PER_KG_MAX:
        return [
            AmountOutOfRange(
                pointer=pointer,
                value=eur_per_kg_text(value),
                least=eur_per_kg_text(-PRICE_UEUR_PER_KG_MAX if signed else 0),
                most=eur_per_kg_text(PRICE_UEUR_PER_KG_MAX),
            )
        ]
    return (
        [AmountNegative(pointer=pointer, amount=eur_per_kg_text(value))] if value < 0 and not signed else []
    )


def profile_refusals(profile: SustainabilityProfile, pointer: str) -> list[Refusal]:
    """Refusals for a buyer's own profile and for a rule set's default one."""
    reasons: list[Refusal] = []
    for name in (
        "post_consumer_ueur_per_kg",
        "pre_consumer_ueur_per_kg",
        "eu_origin_ueur_per_kg",
        "concentrated_origin_deduction_ueur_per_kg",
    ):
        reasons += amount_refusals(getattr(profile, name), f"{pointer}/{name}")
    for name in ("floor_ueur_per_kg", "cap_ueur_per_kg"):
        reasons += amount_refusals(getattr(profile, name), f"{pointer}/{name}", signed=True)
    for index, certificate in enumerate(profile.certificates):
        reasons += amount_refusals(certificate.ueur_per_kg, f"{pointer}/certificates/{index}/ueur_per_kg")
    for index, step in enumerate(profile.rex):
        reasons += amount_refusals(step.ueur_per_kg, f"{pointer}/rex/{index}/ueur_per_kg")
    if profile.floor_ueur_per_kg > profile.cap_ueur_per_kg:
        reasons.append(
            ProfileFloorAboveCap(
                pointer=f"{pointer}/floor_ueur_per_kg",
                floor=eur_per_kg_text(profile.floor_ueur_per_kg),
                cap=eur_per_kg_text(profile.cap_ueur_per_kg),
            )
        )
    reasons += duplicate_refusals(f"{pointer}/certificates", (entry.scheme for entry in profile.certificates))
    reasons += duplicate_refusals(f"{pointer}/rex", (entry.route for entry in profile.rex))
    return reasons + _hierarchy_refusals(profile, pointer)


def _hierarchy_refusals(profile: SustainabilityProfile, pointer: str) -> list[Refusal]:
    ranked = sorted(
        enumerate(profile.rex), key=lambda numbered: (REX_HIERARCHY.index(numbered[1].route), numbered[0])
    )
    return [
        RexHierarchyBroken(pointer=f"{pointer}/rex/{index}", route=lower.route, above=upper.route)
        for (_, upper), (index, lower) in combinations(ranked, 2)
        if lower.ueur_per_kg > upper.ueur_per_kg and lower.route != upper.route
    ]


def form_bid_refusals(forms: tuple[AcceptedForm, ...]) -> list[Refusal]:
    reasons = duplicate_refusals("/forms", (accepted.form for accepted in forms))
    for index, accepted in enumerate(forms):
        pointer = f"/forms/{index}/differential_ueur_per_kg"
        reasons += amount_refusals(accepted.differential_ueur_per_kg, pointer, signed=True)
    return reasons


def limit_refusals(limits: tuple[AnalyteLimit, ...]) -> list[Refusal]:
    """Refusals for limits of unknown analytes, or that no material can meet."""
    reasons = duplicate_refusals("/limits", (limit.analyte for limit in limits))
    for index, limit in enumerate(limits):
        reasons += _analyte_refusals(limit.analyte, f"/limits/{index}/analyte")
        least, most = limit.min_ppb, limit.max_ppb
        if (least is None and most is None) or (least is not None and most is not None and least > most):
            reasons.append(LimitEmpty(pointer=f"/limits/{index}", analyte=limit.analyte))
    return reasons


def purity_refusals(purity: PurityFloor | None) -> list[Refusal]:
    """A purity of rare earths."""
    if purity is None:
        return []
    reasons: list[Refusal] = [
        AnalyteUnknown(
            pointer=f"/purity/elements/{index}", analyte=element, meant=rare_earth_meant_by(element)
        )
        for index, element in enumerate(purity.elements)
        if element not in TRADED_OXIDE
    ]
    return reasons + duplicate_refusals("/purity/elements", purity.elements)


def co_product_refusals(
    bids: tuple[CoProductBid, ...], basis: MarketBasis, inputs: MarketInputs
) -> list[Refusal]:
    """A co-element is paid once: by a price of its own or by a recorded reference that can be converted."""
    reasons = duplicate_refusals("/co_products", (bid.analyte for bid in bids))
    for index, bid in enumerate(bids):
        pointer = f"/co_products/{index}"
        if bid.analyte not in ELEMENTS:
            meant = element_meant_by(bid.analyte)
            reasons.append(AnalyteUnknown(pointer=f"{pointer}/analyte", analyte=bid.analyte, meant=meant))
        if bid.analyte in BASIS_ELEMENTS[basis]:
            reasons.append(CoProductIsBasis(pointer=f"{pointer}/analyte", analyte=bid.analyte, basis=basis))
        if (bid.price_ueur_per_kg is None) == (bid.reference_code is None):
            reasons.append(CoProductPriceAmbiguous(pointer=pointer))
        if bid.price_ueur_per_kg is not None:
            reasons += amount_refusals(bid.price_ueur_per_kg, f"{pointer}/price_ueur_per_kg")
        if bid.reference_code is not None:
            reasons += _reference_refusals(
                bid.reference_code, bid.analyte, f"{pointer}/reference_code", inputs
            )
    return reasons


def _reference_refusals(code: str, analyte: str, pointer: str, inputs: MarketInputs) -> list[Refusal]:
    recorded = inputs.references.get(code)
    if recorded is None:
        return [reference_unknown(pointer, code, inputs)]
    if not is_price_of(recorded.value, analyte):
        priced = recorded.value.analyte
        return [CoProductReferenceOfOther(pointer=pointer, reference=code, priced=priced, analyte=analyte)]
    currency = recorded.value.price.currency
    if currency != EUR and currency not in inputs.fx:
        return [FxMissing(pointer=pointer, currency=currency)]
    return []


def penalty_refusals(penalties: tuple[PenaltyRule, ...]) -> list[Refusal]:
    """Penalties only ever lower the bid."""
    reasons: list[Refusal] = []
    for index, penalty in enumerate(penalties):
        reasons += _analyte_refusals(penalty.analyte, f"/penalties/{index}/analyte")
        pointer = f"/penalties/{index}/ueur_per_kg_per_step"
        reasons += amount_refusals(penalty.ueur_per_kg_per_step, pointer)
    steps = ((penalty.analyte, penalty.threshold_ppb) for penalty in penalties)
    return reasons + duplicate_refusals("/penalties", steps)


def carriage_refusals(carriage: tuple[Carriage, ...]) -> list[Refusal]:
    """Carriage only ever lowers the bid, and is stated once for each country."""
    reasons: list[Refusal] = []
    for index, leg in enumerate(carriage):
        reasons += amount_refusals(leg.ueur_per_kg, f"/carriage/{index}/ueur_per_kg")
    return reasons + duplicate_refusals("/carriage", (leg.country for leg in carriage))


def _analyte_refusals(analyte: str, pointer: str) -> list[Refusal]:
    if analyte in ANALYTES:
        return []
    return [AnalyteUnknown(pointer=pointer, analyte=analyte, meant=meant_by(analyte))]
