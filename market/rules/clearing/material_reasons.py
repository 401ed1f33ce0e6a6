"""Reasons against a pair because of the material: analytes, purity, activity."""

from collections.abc import Iterator

from events.fractions import ppb_text
from events.market_terms import RequirementTerms, SupplyTerms
from events.vocabulary import (
    Composition,
    MarketBasis,
)
from market.rules.clearing.readings import reading_of
from market.rules.quantities import FULL_PANEL, DryAnalyte, purity_ppb
from market.rules.refusing.ineligibility import (
    Ineligibility,
    analyte_text,
    becquerel_text,
)


def material_reasons(
    supply: SupplyTerms, requirement: RequirementTerms, basis: MarketBasis
) -> Iterator[Ineligibility]:
    yield from _analyte_reasons(supply, requirement, basis)
    if requirement.purity is not None:
        yield from _purity_reasons(supply, requirement.purity.elements, requirement.purity.min_ppb)
    yield from _activity_reasons("Th-activity", supply.assay.th_mbq_per_g, requirement.th_max_mbq_per_g)
    yield from _activity_reasons("U-activity", supply.assay.u_mbq_per_g, requirement.u_max_mbq_per_g)


def _analyte_reasons(
    supply: SupplyTerms, requirement: RequirementTerms, basis: MarketBasis
) -> Iterator[Ineligibility]:
    """Limited or penalised analytes have to be measured; a limit must hold for every value that the figure
    allows."""
    found = reading_of(supply, basis).analytes
    asked = [limit.analyte for limit in requirement.limits]
    asked += [penalty.analyte for penalty in requirement.penalties]
    for analyte in dict.fromkeys(asked):
        if analyte not in found:
            yield Ineligibility(code="assay_missing", subject=analyte)
    for limit in requirement.limits:
        measured = found.get(limit.analyte)
        if measured is None:
            continue
        if limit.max_ppb is not None and measured.high_ppb > limit.max_ppb:
            yield _limit_reason("above_max", limit.analyte, measured, ">", limit.max_ppb)
        if limit.min_ppb is not None and measured.low_ppb < limit.min_ppb:
            yield _limit_reason("below_min", limit.analyte, measured, "<", limit.min_ppb)


def _activity_reasons(
    subject: str, activity: int | None, most_allowed: int | None
) -> Iterator[Ineligibility]:
    """Reasons because of activity; both figures in mBq per g."""
    if most_allowed is None:
        return
    if activity is None:
        yield Ineligibility(code="assay_missing", subject=subject)
    elif activity > most_allowed:
        yield Ineligibility(
            code="above_max",
            subject=subject,
            seller_figure=becquerel_text(activity),
            relation=">",
            buyer_figure=becquerel_text(most_allowed),
        )


def _limit_reason(
    code: str, analyte: str, measured: DryAnalyte, relation: str, limit_ppb: int
) -> Ineligibility:
    return Ineligibility(
        code=code,
        subject=analyte,
        seller_figure=analyte_text(measured),
        relation=relation,
        buyer_figure=ppb_text(limit_ppb),
    )


def _purity_reasons(supply: SupplyTerms, elements: tuple[str, ...], min_ppb: int) -> Iterator[Ineligibility]:
    share_ppb = purity_ppb(supply.composition, elements)
    if share_ppb is None or not carries_treo(supply.composition):
        yield Ineligibility(
            code="assay_missing", subject="TREO" if share_ppb is not None else "".join(elements)
        )
    elif share_ppb < min_ppb:
        yield Ineligibility(
            code="below_min",
            subject=f"{''.join(elements)}/TREO",
            seller_figure=ppb_text(share_ppb),
            relation="<",
            buyer_figure=ppb_text(min_ppb),
        )


def carries_treo(composition: Composition) -> bool:
    """Whether TREO is stated, or every rare earth that has to be measured before their sum counts as it."""
    figures = {cell.analyte for cell in composition.cells if cell.state != "not_available"}
    return bool(composition.treo_ppb) or figures >= FULL_PANEL
