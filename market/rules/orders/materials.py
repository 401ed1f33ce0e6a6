"""Checks whether a stated material is possible, and whether it may enter a market."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime

from contracts.rules.oxides import WHOLE_MOST_PPB
from contracts.rules.price_terms import divide, step_text
from events.analytes import cell_meant_by, counted_ppb, in_two_forms, reported_names, whole_ppb
from events.fractions import percent_text, ppb_text
from events.local_days import latest_day
from events.market_terms import MarketTerms, RuleSet
from events.origin_terms import StepShare
from events.refusal import Caution, DuplicateEntry, Refusal
from events.vocabulary import (
    ANALYTES,
    BASIS_ELEMENTS,
    MICRO,
    PPB,
    REPORTED,
    TRADED_OXIDE,
    Assay,
    Cell,
    Composition,
    MarketBasis,
    ProductForm,
    ValueChainStage,
    form_text,
)
from market.rules.market_inputs import MarketInputs
from market.rules.orders.value_shares import value_share
from market.rules.quantities import FULL_PANEL, basis_share, reo_sum_ppb
from market.rules.refusing.material_defects import (
    AnalyteInTwoForms,
    AnalyteUnknown,
    AssayInFuture,
    AssayMissing,
    BasisAboveProduct,
    BasisBelowMarketMinimum,
    CompositionOverWhole,
    DetectionLimitMissing,
    FormNotOfMarket,
    MoistureWhole,
    OxideNotOfElement,
    OxideUnknown,
    ReoSplitOutOfRange,
    TreoMissing,
    ValueShareTooLow,
)
from market.rules.refusing.refusals import ReferenceMissing

WHOLE_MAGNETS: frozenset[ProductForm] = frozenset({"finished_magnet", "magnet_block", "eol_magnet"})
NOT_POST_CONSUMER: frozenset[ProductForm] = frozenset(
    {"ore", "concentrate", "residue", "swarf", "hard_scrap"}
)
NOT_PRE_CONSUMER: frozenset[ProductForm] = frozenset({"ore", "concentrate", "eol_magnet", "core"})
REO_SUM_LEAST_PPB, REO_SUM_MOST_PPB = 950_000_000, 1_050_000_000
REO_SUM_USUAL_PPB = range(990_000_000, 1_010_000_001)


def form_refusals(forms: Iterable[ProductForm], basis: MarketBasis, pointers: Iterable[str]) -> list[Refusal]:
    """Refusals of forms: the market for whole magnets takes only whole magnets; every other market takes any
    form."""
    if BASIS_ELEMENTS[basis]:
        return []
    return [
        FormNotOfMarket(pointer=pointer, form=form, basis=basis)
        for form, pointer in zip(forms, pointers, strict=True)
        if form not in WHOLE_MAGNETS
    ]


def moisture_refusals(moisture_ppb: int) -> list[Refusal]:
    return [MoistureWhole(pointer="/moisture_ppb")] if moisture_ppb >= PPB else []


def composition_refusals(composition: Composition, basis: MarketBasis) -> list[Refusal]:
    """`cell_refusals`, and refusals for basis elements without a figure."""
    figures = {cell.analyte for cell in composition.cells if cell.state != "not_available"}
    return cell_refusals(composition) + [
        AssayMissing(pointer="/composition/cells", analyte=element, basis=basis)
        for element in BASIS_ELEMENTS[basis]
        if element not in figures
    ]


def cell_refusals(composition: Composition) -> list[Refusal]:
    """Refusals for impossible single cells of an assay."""
    reasons: list[Refusal] = []
    if composition.treo_ppb == 0:
        reasons.append(TreoMissing(pointer="/composition/treo_ppb"))
    seen: dict[str, Cell] = {}
    for index, cell in enumerate(composition.cells):
        reasons += _cell_refusals(cell, index)
        if cell.analyte in seen:
            pointer = f"/composition/cells/{index}/analyte"
            reasons.append(_twice(seen[cell.analyte], cell, pointer))
        seen.setdefault(cell.analyte, cell)
    return reasons


def _twice(before: Cell, cell: Cell, pointer: str) -> Refusal:
    if before.reported_as == cell.reported_as:
        return DuplicateEntry(pointer=pointer, entry=cell.analyte)
    return AnalyteInTwoForms(pointer=pointer, analyte=cell.analyte, forms=in_two_forms(before, cell))


def _cell_refusals(cell: Cell, index: int) -> Iterator[Refusal]:
    analyte, reported_as = cell.analyte, cell.reported_as
    if analyte not in ANALYTES:
        pointer = f"/composition/cells/{index}/analyte"
        yield AnalyteUnknown(pointer=pointer, analyte=analyte, meant=cell_meant_by(analyte))
    elif reported_as in REPORTED and REPORTED[reported_as][0] != analyte:
        yield OxideNotOfElement(
            pointer=f"/composition/cells/{index}/reported_as",
            reported_as=reported_as,
            element=REPORTED[reported_as][0],
            analyte=analyte,
        )
    elif reported_as != analyte and reported_as not in REPORTED:
        pointer = f"/composition/cells/{index}/reported_as"
        yield OxideUnknown(
            pointer=pointer, reported_as=reported_as, analyte=analyte, known=reported_names(analyte)
        )
    if cell.state == "below_detection" and not cell.fraction_ppb:
        yield DetectionLimitMissing(pointer=f"/composition/cells/{index}/fraction_ppb")


def sum_refusals(composition: Composition, moisture_ppb: int) -> list[Refusal]:
    """Refusals for impossible sums: more than the whole, or a TREO split that does not add up.

    A sample as received includes the water, a dry one does not.
    """
    reasons: list[Refusal] = []
    sum_ppb = whole_ppb(
        [(cell.analyte, counted_ppb(cell)) for cell in composition.cells if cell.state == "value"]
    )
    sum_ppb = max(sum_ppb if composition.of == "sample" else 0, composition.treo_ppb or 0)
    sum_ppb += moisture_ppb if composition.basis == "as_received" else 0
    if sum_ppb > WHOLE_MOST_PPB:
        reasons.append(CompositionOverWhole(pointer="/composition/cells", sum=ppb_text(sum_ppb)))
    reo_ppb = reo_sum_ppb(composition)
    if reo_ppb is not None and (
        reo_ppb > REO_SUM_MOST_PPB or (reo_ppb < REO_SUM_LEAST_PPB and _judged_low(composition))
    ):
        reasons.append(ReoSplitOutOfRange(pointer="/composition/cells", sum=ppb_text(reo_ppb)))
    return reasons


def _judged_low(composition: Composition) -> bool:
    """Whether too low sums are refused: always for a split of TREO; for elements of a sample only if all were
    measured."""
    measured = {cell.analyte for cell in composition.cells if cell.state != "not_available"}
    return composition.of == "treo" or measured >= FULL_PANEL


def assay_refusals(assay: Assay, now: datetime) -> list[Refusal]:
    if assay.sampled_on > latest_day(now):
        return [AssayInFuture(pointer="/assay/sampled_on")]
    return []


def admission_refusals(
    composition: Composition,
    moisture_ppb: int,
    terms: MarketTerms,
    rule_set: RuleSet | None,
    inputs: MarketInputs,
) -> list[Refusal]:
    """Refusals unless the material contains enough of the market's basis, by mass and by value at reference
    prices."""
    reasons: list[Refusal] = []
    carried, product = basis_share(terms.basis, moisture_ppb, composition)
    basis_ppb = carried * PPB // product
    if not carried or basis_ppb < terms.least_basis_ppb:
        reasons.append(
            BasisBelowMarketMinimum(
                pointer="/composition",
                basis=terms.basis,
                share=ppb_text(basis_ppb),
                least=ppb_text(terms.least_basis_ppb),
            )
        )
    if carried > product:
        share = ppb_text(divide(carried * PPB, product, "up"))
        reasons.append(BasisAboveProduct(pointer="/composition", basis=terms.basis, share=share))
    value = value_share(terms.basis, composition, inputs)
    reasons += [ReferenceMissing(pointer="/composition", analyte=analyte) for analyte in value.missing]
    if (
        rule_set is not None
        and value.share_ppb is not None
        and value.share_ppb < rule_set.min_value_share_ppb
    ):
        reasons.append(
            ValueShareTooLow(
                pointer="/composition",
                share=ppb_text(value.share_ppb),
                least=ppb_text(rule_set.min_value_share_ppb),
            )
        )
    return reasons


def _treo_cautions(composition: Composition) -> Iterator[Caution]:
    if composition.of != "treo":
        return
    others = [
        cell.analyte
        for cell in composition.cells
        if cell.analyte not in TRADED_OXIDE and cell.state != "not_available"
    ]
    if others:
        yield Caution(
            code="impurity_of_treo",
            text=f"{', '.join(others)} counted as fractions of TREO, like every cell, not of the sample.",
            pointer="/composition/of",
        )


def composition_cautions(composition: Composition) -> tuple[Caution, ...]:
    """Warnings about unusual compositions: impurities stated as shares of TREO, rare-earth splits outside 99
    to 101 %."""
    cautions = list(_treo_cautions(composition))
    reo_ppb = reo_sum_ppb(composition)
    if reo_ppb is not None and reo_ppb not in REO_SUM_USUAL_PPB and _judged_low(composition):
        cautions.append(
            Caution(
                code="reo_split_unusual",
                text=f"The rare-earth oxides add up to {ppb_text(reo_ppb)} of TREO; 99 to 101 % is usual.",
                pointer="/composition/cells",
            )
        )
    return tuple(cautions)


def recycling_cautions(recycled_ppb: int, stages: Collection[ValueChainStage]) -> Iterator[Caution]:
    """Warnings if a recycled share is claimed without a recycling stage, or a recycling stage is stated
    without a claimed share."""
    if recycled_ppb and "recycling" not in stages and {"extraction", "processing"} & set(stages):
        yield Caution(
            code="recycling_step_missing",
            text=(
                f"{percent_text(recycled_ppb)} are stated as recycled, but the origin names no "
                "recycling: in consumption it counts as mined and processed where the origin says, "
                "and as recycled nowhere."
            ),
            pointer="/origin",
        )
    if not recycled_ppb and "recycling" in stages:
        yield Caution(
            code="recycled_share_missing",
            text=(
                "The origin names a recycling, but no recycled share is stated: in consumption "
                "nothing of it counts as recycled."
            ),
            pointer="/origin",
        )


def stage_cautions(unstated: Sequence[ValueChainStage]) -> Iterator[Caution]:
    """Warnings about unstated stages of origin that the market's rules require."""
    if unstated:
        yield Caution(
            code="origin_stage_unstated",
            text=(
                f"The origin does not state {', '.join(unstated)}: no premium for a European origin is "
                "paid, what is bid against listed countries is deducted, and no requirement that "
                "excludes countries fits."
            ),
            pointer="/origin",
        )


def step_cautions(before: Sequence[StepShare]) -> Iterator[Caution]:
    """Warnings about earlier steps that the lot's passport states, if the market's rules count them."""
    steps = [step for step in before if step.country is not None]
    if steps:
        told = ", ".join(f"{step_text(step)} ({_part(step)})" for step in steps)
        yield Caution(
            code="origin_step_before",
            text=f"By its passport the lot went through {told} before. Under this market's rules no "
            "requirement that excludes such a country fits, what is bid against it is deducted, and a "
            "premium for a European origin is paid only if all of it was in the Union.",
            pointer="/physical_lot/passport",
        )
    untold = [f"{step.stage} ({_part(step)})" for step in before if step.country is None]
    if untold:
        yield Caution(
            code="origin_step_untold",
            text=f"By its passport not every step of {', '.join(untold)} is stated: no premium for a "
            "European origin is paid, what is bid against listed countries is deducted, and no "
            "requirement that excludes countries fits. The maker of the lot can add its `paths` by a "
            "correction; the order keeps what the passport said when it was posted, so then withdraw "
            "it and post it again.",
            pointer="/physical_lot/passport",
        )


def _part(step: StepShare) -> str:
    return percent_text(step.share_ppm * (PPB // MICRO))


def form_claim_cautions(form: ProductForm, post_ppb: int, pre_ppb: int) -> Iterator[Caution]:
    """Warnings about recycled content that is unlikely for a form; pre- and post-consumer as in ISO 14021,
    7.8.1.1."""
    unlike = [
        kind
        for kind, share_ppb, forms in (
            ("post-consumer", post_ppb, NOT_POST_CONSUMER),
            ("pre-consumer", pre_ppb, NOT_PRE_CONSUMER),
        )
        if share_ppb and form in forms
    ]
    if unlike:
        yield Caution(
            code="recycled_unlike_form",
            text=(
                f"{form_text(form).capitalize()} is stated with {' and '.join(unlike)} content. What "
                "is mined is not recycled; what a maker grinds or cuts off is pre-consumer, except "
                "what its own input contained; what users give back is post-consumer."
            ),
            pointer="/recycled",
        )


def value_cautions(composition: Composition, basis: MarketBasis, inputs: MarketInputs) -> tuple[Caution, ...]:
    """Warnings about rare earths without a reference price in the market."""
    unpriced = value_share(basis, composition, inputs).unpriced
    if not unpriced:
        return ()
    text = f"No reference price for {', '.join(unpriced)}: left out of the value share."
    return (Caution(code="value_without_reference", text=text, pointer="/composition/cells"),)
