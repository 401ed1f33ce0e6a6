"""The waterfall of a pair: each term of T with its rule, inputs, evidence, and the reason if it is 0.

The amounts are computed in `amounts`, by formulas shared with agreements in `contracts.rules.price_terms` and
`price_lines`. Rounds compute and record by column (`valuation`, `waterfalls`), with the lines of this module;
tests compare these columns with this module's result for one pair.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from contracts.rules.price_lines import LINES_REMEMBERED, Claims, penalty_term, sustainability_terms
from contracts.rules.price_terms import round_to
from events.clearing_terms import PriceTerm
from events.market_terms import Carriage, CoProductBid
from events.vocabulary import BASIS_ELEMENTS, CountryCode, ProductForm
from market.rules.book import RequirementOrder, SupplyOrder
from market.rules.clearing.amounts import (
    certificates_held,
    co_product_price,
    co_product_total,
    concentrated_origins,
    form_ueur,
    is_strategic,
    logistics_ueur,
    most_of,
    profile_of,
    strategic_project_ueur,
)
from market.rules.clearing.eligibility import Delivery, MarketFacts, carriage_row
from market.rules.clearing.readings import Reading, reading_of
from market.rules.full_origins import steps_of
from market.rules.quantities import fx_for

SUSTAINABILITY_KINDS = frozenset(
    {"carbon", "recycled", "certificates", "origin", "rex", "sustainability", "strategic_project"}
)


def price_terms(
    supply: SupplyOrder, requirement: RequirementOrder, facts: MarketFacts, delivery: Delivery
) -> tuple[PriceTerm, ...]:
    """All terms of an eligible pair, in the order of a waterfall; their sum is T.

    The parts of S are from `carbon` to `rex`; `sustainability` is what its minimum and maximum add or
    subtract. There is no line for strategic projects if the buyer bids nothing for them.
    """
    reading = reading_of(supply.terms, facts.basis)
    claims = _claims(supply, requirement, reading, facts, delivery)
    return (
        form_line(form_ueur(supply, requirement), supply.terms.form),
        co_product_line(
            co_product_total(requirement, reading, facts),
            requirement.terms.co_products,
            {analyte: str(ratio_ppb) for analyte, ratio_ppb in reading.ratio_ppb.items()},
            facts,
        ),
        *sustainability_terms(profile_of(requirement, facts), facts.rule_set, claims),
        *strategic_project_lines(supply, requirement, facts),
        penalty_term(requirement.terms.penalties, most_of(reading)),
        logistics_line(
            logistics_ueur(supply, requirement, reading),
            supply.terms.place.country,
            carriage_row(supply.terms, requirement.terms),
        ),
    )


@lru_cache(maxsize=LINES_REMEMBERED)
def form_line(ueur_per_kg: int, form: ProductForm) -> PriceTerm:
    return PriceTerm(kind="form", rule="form.1", ueur_per_kg=ueur_per_kg, inputs={"form": form})


def total(terms: Iterable[PriceTerm]) -> int:
    """T of a waterfall."""
    return sum(term.ueur_per_kg for term in terms)


def sustainability(terms: Iterable[PriceTerm]) -> int:
    """S of a waterfall, floor and cap applied."""
    return sum(term.ueur_per_kg for term in terms if term.kind in SUSTAINABILITY_KINDS)


def co_product_line(
    ueur_per_kg: int, bids: Iterable[CoProductBid], ratio_ppb: Mapping[str, str], facts: MarketFacts
) -> PriceTerm:
    """`ratio_ppb`: as it is shown, kg per kg of basis; an analyte without a figure has none."""
    inputs: dict[str, str] = {}
    evidence: list[str] = []
    for bid in bids:
        if bid.analyte not in BASIS_ELEMENTS[facts.basis]:
            inputs |= _co_product_inputs(bid, ratio_ppb.get(bid.analyte), facts, evidence)
    return PriceTerm(
        kind="co_product",
        rule="co_product.1",
        ueur_per_kg=ueur_per_kg,
        inputs=inputs,
        evidence=tuple(evidence),
    )


def ratio_input(analyte: str) -> str:
    """What the ratio of an analyte is called among the inputs of its line."""
    return f"{analyte}_kg_per_basis_kg_ppb"


def _co_product_inputs(
    bid: CoProductBid, ratio_ppb: str | None, facts: MarketFacts, evidence: list[str]
) -> dict[str, str]:
    name = bid.analyte
    if ratio_ppb is None:
        return {f"{name}_reason": "assay_missing"}
    price = co_product_price(bid, facts)
    if price is None:
        return {f"{name}_reason": "reference_missing"}
    if bid.price_ueur_per_kg is None and bid.reference_code is not None:
        recorded = facts.inputs.references[bid.reference_code]
        fx = fx_for(facts.inputs, recorded.value.price.currency)
        evidence += [f"input:{each.position}" for each in (recorded, fx) if each is not None]
    return {
        ratio_input(name): ratio_ppb,
        f"{name}_max_ratio_ppb": str(bid.max_ratio_ppb),
        f"{name}_price_ueur_per_kg": str(price if isinstance(price, int) else round_to(price, "down")),
        f"{name}_payable_ppb": str(bid.payable_ppb),
    }


def _claims(
    supply: SupplyOrder,
    requirement: RequirementOrder,
    reading: Reading,
    facts: MarketFacts,
    delivery: Delivery,
) -> Claims:
    position = facts.inputs.concentrated_position
    return Claims(
        form=supply.terms.form,
        footprint=supply.terms.footprint,
        recycled=supply.terms.recycled,
        origin=supply.terms.origin,
        concentrated=concentrated_origins(supply, facts),
        concentrated_evidence=() if position is None else (f"input:{position}",),
        certificates=certificates_held(supply, facts, delivery),
        rex_route=requirement.terms.rex_route,
        rex_routes=supply.terms.rex_routes,
        kg_per_basis_kg=reading.kg_per_basis_kg,
        papers_until=delivery.papers_until,
        steps=steps_of(supply.terms),
    )


def strategic_project_lines(
    supply: SupplyOrder, requirement: RequirementOrder, facts: MarketFacts
) -> Iterator[PriceTerm]:
    bid = requirement.terms.strategic_project_ueur_per_kg
    if bid:
        counts = is_strategic(supply, facts)
        yield PriceTerm(
            kind="strategic_project",
            rule="strategic_project.1",
            ueur_per_kg=strategic_project_ueur(supply, requirement, facts),
            reason=None if counts else "not_strategic",
            inputs={"strategic_project_ueur_per_kg": str(bid)},
            evidence=(f"facility:{supply.terms.facility}",) if counts else (),
        )


@lru_cache(maxsize=LINES_REMEMBERED)
def logistics_line(ueur_per_kg: int, country: CountryCode, row: Carriage | None) -> PriceTerm:
    inputs: dict[str, str] = {"country": country}
    if row is not None:
        inputs |= {"per": row.per, "ueur_per_kg": str(row.ueur_per_kg)}
    return PriceTerm(kind="logistics", rule="logistics.1", ueur_per_kg=ueur_per_kg, inputs=inputs)
