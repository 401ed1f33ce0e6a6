"""Checks whether a passport's content is possible, and whether its claims are supported."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from uuid import UUID

from events.fractions import decimal_text, ppb_text
from events.local_days import latest_day
from events.origin_terms import StagePath, StepTaken
from events.passport_terms import (
    ORIGIN_STAGES,
    ClaimSupported,
    ElementShare,
    MagnetRecord,
    OriginShare,
    PassportCertificate,
    PassportContent,
)
from events.refusal import Refusal
from events.vocabulary import GRAMS_PER_KG, MICRO, PPB, Footprint
from events.wellformed import duplicate_refusals
from market.rules.custody import RETURNED
from market.rules.element_masses import BALANCED, MG_PER_G
from market.rules.orders import oxide_forms
from market.rules.orders.materials import assay_refusals, cell_refusals, moisture_refusals, sum_refusals
from market.rules.refusing.defects import QuantityNotPositive
from market.rules.refusing.material_defects import VerifierMissing
from market.rules.refusing.party_refusals import CertificateExpired
from market.rules.refusing.passport_refusals import (
    BookedApart,
    CertificateNotYetValid,
    CertificateOfOtherSite,
    CertificatePeriodEmpty,
    ClaimedElementAbsent,
    ClaimedElementUnknown,
    ClaimWithoutEvidence,
    DocumentInFuture,
    FootprintExpired,
    MagnetEmpty,
    MagnetsHeavierThanLot,
    OriginFacilityUnknown,
    OriginLacksPaths,
    OriginOverWhole,
    OriginSourceMissing,
    PathsLackOrigin,
    PathsNotWhole,
)


def at(prefix: str, reasons: Iterable[Refusal]) -> list[Refusal]:
    """The same reasons with their pointers below `prefix`."""
    found = list(reasons)
    for reason in found:
        reason.pointer = f"{prefix}{reason.pointer or ''}"
    return found


def content_refusals(
    content: PassportContent, now: datetime, issued_at: datetime, *, at_door: bool = False
) -> list[Refusal]:
    """Refusals independent of the issuer and of how the lot was made; types are already checked.

    Certificates have to be valid when the passport was issued, also in a later correction. `at_door`: a new
    statement, for which the bounds of its form are checked too.
    """
    reasons: list[Refusal] = []
    if content.net_wet_g == 0:
        reasons.append(QuantityNotPositive(pointer="/net_wet_g"))
    reasons += moisture_refusals(content.moisture_ppb)
    reasons += _composition_refusals(content, at_door=at_door)
    if content.assay is not None:
        reasons += assay_refusals(content.assay, now)
    reasons += _booked_refusals(content)
    figures = frozenset(cell.analyte for cell in content.composition.cells if cell.state == "value")
    reasons += _share_refusals(content.recycled, figures, "/recycled")
    reasons += _share_refusals(content.booked, figures, "/booked")
    reasons += _origin_refusals(content.origin)
    reasons += _path_refusals(content)
    reasons += _certificate_refusals(content.certificates, issued_at)
    reasons += _document_refusals(content, now)
    if content.footprint is not None:
        reasons += _footprint_refusals(content.footprint, issued_at)
    if content.magnets is not None:
        reasons += _magnet_refusals(content.magnets, content)
    return reasons


def _composition_refusals(content: PassportContent, *, at_door: bool) -> list[Refusal]:
    composition, moisture_ppb = content.composition, content.moisture_ppb
    wrong = cell_refusals(composition) or sum_refusals(composition, moisture_ppb)
    if wrong or not at_door:
        return wrong
    return oxide_forms.composition_refusals(content.form, composition, moisture_ppb)


def root_refusals(content: PassportContent) -> list[Refusal]:
    """Refusals for a lot without inputs that have passports: its claims need documents."""
    claims: tuple[tuple[ClaimSupported, bool], ...] = (
        ("recycled", bool(content.recycled)),
        ("booked", bool(content.booked)),
        ("origin", bool(content.origin or content.paths)),
    )
    return _evidence_refusals(content, claims) + [
        CertificateOfOtherSite(pointer=f"/certificates/{index}/facility")
        for index, paper in enumerate(content.certificates)
        if paper.facility not in (None, content.facility)
    ]


def made_refusals(content: PassportContent) -> list[Refusal]:
    """Refusals for a lot whose shares and origin follow from its inputs; a return by users needs a
    document."""
    given_back = content.form in RETURNED and bool(content.recycled)
    return _evidence_refusals(content, (("booked", bool(content.booked)), ("recycled", given_back)))


def _evidence_refusals(
    content: PassportContent, claims: Sequence[tuple[ClaimSupported, bool]]
) -> list[Refusal]:
    supported = {each.supports for each in content.evidence}
    return [
        ClaimWithoutEvidence(pointer="/evidence", claim=claim)
        for claim, made in (*claims, ("footprint", content.footprint is not None))
        if made and claim not in supported
    ]


def _booked_refusals(content: PassportContent) -> list[Refusal]:
    apart = content.custody == "book_and_claim"
    return [
        BookedApart(pointer=pointer)
        for pointer, mixed in (
            ("/booked", bool(content.booked) and not apart),
            ("/recycled", bool(content.recycled) and apart),
        )
        if mixed
    ]


def _share_refusals(shares: Sequence[ElementShare], figures: frozenset[str], pointer: str) -> list[Refusal]:
    reasons = duplicate_refusals(pointer, [share.element for share in shares])
    for index, share in enumerate(shares):
        if share.element not in BALANCED:
            counted = ", ".join(BALANCED)
            reasons.append(
                ClaimedElementUnknown(
                    pointer=f"{pointer}/{index}/element", element=share.element, counted=counted
                )
            )
        elif share.element not in figures:
            reasons.append(ClaimedElementAbsent(pointer=f"{pointer}/{index}/element", element=share.element))
    return reasons


def _origin_refusals(origin: Sequence[OriginShare]) -> list[Refusal]:
    reasons: list[Refusal] = [
        OriginSourceMissing(pointer=f"/origin/{index}")
        for index, share in enumerate(origin)
        if share.facility is None and share.source is None
    ]
    for stage in ORIGIN_STAGES:
        sum_ppb = sum(share.share_ppb for share in origin if share.stage == stage)
        if sum_ppb > PPB:
            reasons.append(OriginOverWhole(pointer="/origin", stage=stage, sum=ppb_text(sum_ppb)))
    return reasons


def _path_refusals(content: PassportContent) -> list[Refusal]:
    """Refusals unless each stated stage is complete, with each of its parts once."""
    paths = content.paths or ()
    reasons: list[Refusal] = []
    for stage in dict.fromkeys(part.stage for part in paths):
        sum_ppm = sum(part.share_ppm for part in paths if part.stage == stage)
        if sum_ppm != MICRO:
            told = ppb_text(sum_ppm * (PPB // MICRO))
            reasons.append(PathsNotWhole(pointer="/paths", stage=stage, sum=told))
    return reasons + duplicate_refusals("/paths", [_path_text(part) for part in paths])


def _path_text(part: StagePath) -> str:
    steps = ", ".join(map(_step_text, part.steps)) or "no step"
    return f"{part.stage}: {steps}{', untold' if part.untold else ''}"


def _step_text(step: StepTaken) -> str:
    return f"{step.country} {step.form}{' as a strategic project' if step.strategic_project else ''}"


def told_refusals(content: PassportContent) -> list[Refusal]:
    """Refusals for new paths that do not end with the last step that the origin states."""
    paths = content.paths or ()
    stages = {part.stage for part in paths}
    ends = dict.fromkeys((part.stage, part.steps[-1].country) for part in paths if part.steps)
    named = dict.fromkeys((share.stage, share.country) for share in content.origin if share.share_ppb)
    lacking: list[Refusal] = [
        PathsLackOrigin(pointer="/paths", stage=stage, country=country)
        for stage, country in named
        if stage in stages and (stage, country) not in ends
    ]
    return lacking + [
        OriginLacksPaths(pointer="/origin", stage=stage, country=country)
        for stage, country in ends
        if (stage, country) not in named
    ]


def origin_sites(content: PassportContent) -> frozenset[UUID]:
    return frozenset(share.facility for share in content.origin if share.facility is not None)


def site_refusals(content: PassportContent, known: AbstractSet[UUID]) -> list[Refusal]:
    """Of what is stated now; `known`: sites that are registered, whoever's, or that stand in the passport."""
    return [
        OriginFacilityUnknown(pointer=f"/origin/{index}/facility")
        for index, share in enumerate(content.origin)
        if share.facility is not None and share.facility not in known
    ]


def _certificate_refusals(certificates: Sequence[PassportCertificate], now: datetime) -> list[Refusal]:
    reasons: list[Refusal] = []
    for index, paper in enumerate(certificates):
        pointer = f"/certificates/{index}"
        if paper.valid_until <= paper.valid_from:
            reasons.append(CertificatePeriodEmpty(pointer=pointer, valid_until=paper.valid_until.isoformat()))
        elif paper.valid_until <= now:
            reasons.append(CertificateExpired(pointer=pointer, valid_until=paper.valid_until.isoformat()))
        elif paper.valid_from > now:
            reasons.append(CertificateNotYetValid(pointer=pointer, valid_from=paper.valid_from.isoformat()))
    return reasons + duplicate_refusals(
        "/certificates", [f"{paper.scheme} {paper.reference}" for paper in certificates]
    )


def _document_refusals(content: PassportContent, now: datetime) -> list[Refusal]:
    documents = [
        (f"/evidence/{index}/document", each.document) for index, each in enumerate(content.evidence)
    ]
    documents += [
        (f"/certificates/{i}/evidence", each.evidence) for i, each in enumerate(content.certificates)
    ]
    return [
        DocumentInFuture(pointer=f"{pointer}/dated_on", day=document.dated_on.isoformat())
        for pointer, document in documents
        if document.dated_on > latest_day(now)
    ]


def _footprint_refusals(footprint: Footprint, now: datetime) -> list[Refusal]:
    reasons: list[Refusal] = []
    if footprint.verified and footprint.verifier is None:
        reasons.append(VerifierMissing(pointer="/footprint/verifier"))
    if footprint.valid_until <= now:
        until = footprint.valid_until.isoformat()
        reasons.append(FootprintExpired(pointer="/footprint/valid_until", valid_until=until))
    return reasons


def _magnet_refusals(record: MagnetRecord, content: PassportContent) -> list[Refusal]:
    reasons: list[Refusal] = []
    for index, magnet in enumerate(record.magnets):
        pointer = f"/magnets/magnets/{index}"
        if magnet.mass_mg == 0:
            reasons.append(MagnetEmpty(pointer=f"{pointer}/mass_mg"))
        if magnet.composition is not None:
            reasons += at(pointer, cell_refusals(magnet.composition) or sum_refusals(magnet.composition, 0))
    mass_mg = sum(magnet.pieces * magnet.mass_mg for magnet in record.magnets)
    if mass_mg > content.net_wet_g * MG_PER_G:
        reasons.append(
            MagnetsHeavierThanLot(
                pointer="/magnets/magnets",
                magnets=decimal_text(mass_mg, MICRO),
                lot=decimal_text(content.net_wet_g, GRAMS_PER_KG),
            )
        )
    return reasons
