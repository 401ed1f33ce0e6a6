"""What a passport proves about an order for its lot: copied into the market's lane; the order may not claim
more."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from msgspec.structs import replace

from events.callers import Caller
from events.fractions import percent_text, ppb_text, tonnes_text
from events.market_terms import CertifiedPeriod, PassportEvidence, SupplyTerms
from events.passport_terms import CLAIM_KINDS, ClaimKind, PassportCertificate, PassportContent
from events.refusal import Refusal
from events.vocabulary import (
    BASIS_ELEMENTS,
    PPB,
    RARE_EARTHS,
    Footprint,
    MarketBasis,
    OriginStep,
    RecycledContent,
)
from market.rules.custody import claimed_ppb
from market.rules.element_masses import BALANCED, contained
from market.rules.orders.orders import PostingState
from market.rules.orders.reservations import reservation_refusals
from market.rules.orders.supplies import SupplyDraft
from market.rules.passport import Passport
from market.rules.quantities import DryAnalyte, basis_share, dry_analytes
from market.rules.refusing.passport_refusals import (
    AnalyteNotOfPassport,
    BasisAbovePassport,
    FootprintNotOfPassport,
    FormNotOfPassport,
    LotAbovePassport,
    LotHasPassport,
    LotNumberNotOfPassport,
    OriginNotOfPassport,
    PassportOver,
    PassportUnknown,
    RecycledAbovePassport,
)
from market.rules.stage_paths import steps_told


def evidence_of(passport: Passport, basis: MarketBasis, now: datetime) -> PassportEvidence:
    """Evidence from the current passport: recycled shares of the basis by mass, rounded down; certificates
    valid at `now`."""
    content = passport.content
    papers = [paper for paper in content.certificates if paper.valid_until > now]
    return PassportEvidence(
        passport=passport.passport,
        position=passport.position,
        stated_by=passport.stated_by,
        form=content.form,
        remaining_wet_g=passport.remaining_g,
        moisture_ppb=content.moisture_ppb,
        composition=content.composition,
        footprint=content.footprint,
        recycled=RecycledContent(**{f"{kind}_ppb": _share_ppb(content, basis, kind) for kind in CLAIM_KINDS}),
        origin=_steps(content),
        certificates=tuple(dict.fromkeys(paper.scheme for paper in papers)),
        certified=tuple(map(_period, papers)),
        steps=steps_told(passport),
    )


def certified_by(passport: Passport) -> tuple[CertifiedPeriod, ...]:
    """All its certificates, whenever they are valid."""
    return tuple(map(_period, passport.content.certificates))


def _period(paper: PassportCertificate) -> CertifiedPeriod:
    return CertifiedPeriod(scheme=paper.scheme, valid_from=paper.valid_from, valid_until=paper.valid_until)


def lot_refusals(state: PostingState, caller: Caller, draft: SupplyDraft, now: datetime) -> Iterator[Refusal]:
    """Refusals unless the lot is free, and its passport, if any, belongs to the seller, is not retired and
    proves what is stated.

    Naming another's passport does not reveal whether its lot is offered or sold.
    """
    lot, passport = draft.physical_lot, state.passport
    if lot is None:
        return
    if lot.passport is not None and (passport is None or passport.owner != caller.organisation):
        yield PassportUnknown(pointer="/physical_lot/passport")
        return
    yield from reservation_refusals(state.reservation, lot, caller.organisation)
    if passport is None:
        if state.numbered is not None:
            named = f"pass_{state.numbered.hex}"
            yield LotHasPassport(pointer="/physical_lot/passport", lot_number=lot.lot_number, passport=named)
        yield from reservation_refusals(state.by_number, lot, caller.organisation)
        return
    if passport.owned_since == passport.issued_at:
        yield from reservation_refusals(state.by_number, lot, caller.organisation)
    number = passport.content.lot_number
    if lot.lot_number != number:
        yield LotNumberNotOfPassport(pointer="/physical_lot/lot_number", stated=lot.lot_number, proven=number)
    if passport.status != "live":
        yield PassportOver(pointer="/physical_lot/passport", status=passport.status)
    else:
        basis = state.terms.basis
        yield from excess_refusals(draft, evidence_of(passport, basis, now), basis)


def proven(terms: SupplyTerms, evidence: PassportEvidence) -> SupplyTerms:
    """The terms with the evidence, which also fills in what the order did not state."""
    recycled = evidence.recycled if evidence.recycled != RecycledContent() else None
    return replace(
        terms,
        passport_evidence=evidence,
        footprint=terms.footprint or evidence.footprint,
        recycled=terms.recycled or recycled,
    )


def _share_ppb(content: PassportContent, basis: MarketBasis, claim: ClaimKind) -> int:
    """Of whole magnets all rare earths count."""
    masses = contained(content, content.net_wet_g)
    elements = [each for each in BASIS_ELEMENTS[basis] or RARE_EARTHS if each in masses]
    whole = sum(masses[each].most for each in elements)
    claimed = sum(masses[each].least * claimed_ppb(content, each, claim) for each in elements)
    return claimed // whole if whole else 0


def _steps(content: PassportContent) -> tuple[OriginStep, ...]:
    """A stage in a country; a strategic project where every part of it is one."""
    strategic: dict[tuple[str, str], bool] = {}
    for share in content.origin:
        if share.share_ppb:
            key = (share.stage, share.country)
            strategic[key] = strategic.get(key, True) and share.strategic_project
    found = {
        (share.stage, share.country): OriginStep(
            stage=share.stage,
            country=share.country,
            strategic_project=strategic[share.stage, share.country],
        )
        for share in content.origin
        if share.share_ppb
    }
    return tuple(found.values())


def excess_refusals(draft: SupplyDraft, evidence: PassportEvidence, basis: MarketBasis) -> Iterator[Refusal]:
    """Refusals for claims above the passport's, with both figures."""
    if draft.form != evidence.form:
        yield FormNotOfPassport(pointer="/form", stated=draft.form, proven=evidence.form)
    if draft.net_wet_g > evidence.remaining_wet_g:
        yield LotAbovePassport(
            pointer="/net_wet_g",
            stated=tonnes_text(draft.net_wet_g),
            proven=tonnes_text(evidence.remaining_wet_g),
        )
    stated, of_stated = basis_share(basis, draft.moisture_ppb, draft.composition)
    proven, of_proven = basis_share(basis, evidence.moisture_ppb, evidence.composition)
    if stated * of_proven > proven * of_stated:
        yield BasisAbovePassport(
            pointer="/composition",
            basis=basis,
            stated=ppb_text(stated * PPB // of_stated),
            proven=ppb_text(proven * PPB // of_proven),
        )
    yield from _analyte_refusals(draft, evidence, basis)
    yield from claim_refusals(draft.footprint, draft.recycled, evidence)
    yield from origin_refusals(draft.origin, evidence)


def claim_refusals(
    footprint: Footprint | None, recycled: RecycledContent | None, evidence: PassportEvidence
) -> Iterator[Refusal]:
    """Refusals for claims of an order or a shipment above its passport's."""
    if footprint is not None and footprint != evidence.footprint:
        yield FootprintNotOfPassport(
            pointer="/footprint",
            stated=footprint.g_co2e_per_kg,
            proven="none" if evidence.footprint is None else evidence.footprint.g_co2e_per_kg,
        )
    for kind in CLAIM_KINDS:
        stated = 0 if recycled is None else getattr(recycled, f"{kind}_ppb")
        of_passport = getattr(evidence.recycled, f"{kind}_ppb")
        if stated > of_passport:
            yield RecycledAbovePassport(
                pointer=f"/recycled/{kind}_ppb",
                claim=kind,
                stated=percent_text(stated),
                proven=percent_text(of_passport),
            )


def _analyte_refusals(
    draft: SupplyDraft, evidence: PassportEvidence, basis: MarketBasis
) -> Iterator[Refusal]:
    """Outside the basis: elements that a buyer may pay for as they were measured, impurities no less."""
    if draft.moisture_ppb >= PPB:
        return
    stated = dry_analytes(draft.composition, draft.moisture_ppb)
    proven = dry_analytes(evidence.composition, evidence.moisture_ppb)
    for analyte in sorted({*proven, *(each for each in stated if each in BALANCED)}):
        of_draft, of_passport = stated.get(analyte), proven.get(analyte)
        if analyte in BASIS_ELEMENTS[basis] or of_draft == of_passport:
            continue
        if (
            analyte not in BALANCED
            and of_draft is not None
            and of_passport is not None
            and of_draft.high_ppb >= of_passport.high_ppb
        ):
            continue
        yield AnalyteNotOfPassport(
            pointer="/composition/cells",
            analyte=analyte,
            stated=_dry_text(of_draft),
            proven=_dry_text(of_passport),
        )


def _dry_text(figure: DryAnalyte | None) -> str:
    if figure is None:
        return "nothing"
    return f"< {ppb_text(figure.high_ppb)}" if figure.below_detection else ppb_text(figure.low_ppb)


def origin_refusals(origin: Sequence[OriginStep], evidence: PassportEvidence) -> Iterator[Refusal]:
    """Refusals unless the order names exactly the origins of the passport, except for manufacturing."""
    steps = [step for step in origin if step.stage != "manufacturing"]
    proven = {(step.stage, step.country): step.strategic_project for step in evidence.origin}
    wrong = [
        step
        for step in steps
        if (step.stage, step.country) not in proven
        or (step.strategic_project and not proven[step.stage, step.country])
    ]
    missing = set(proven) - {(step.stage, step.country) for step in steps}
    if wrong or missing:
        yield OriginNotOfPassport(
            pointer="/origin",
            stated=", ".join(f"{step.stage} {step.country}" for step in steps) or "none",
            proven=", ".join(f"{stage} {country}" for stage, country in proven) or "none",
        )
