"""Footprints stated by shipments: refusals at the request, and warnings."""

from collections.abc import Iterator
from datetime import datetime

from contracts.rules.price_terms import benchmark_for
from events.contract_terms import DeliveryEvidence
from events.price_clauses import SustainabilityClause
from events.refusal import Caution, Refusal
from events.vocabulary import Footprint, ProductForm
from market.rules.footprints import benchmark_cautions, footprint_cautions, spelling_cautions
from market.rules.refusing.material_defects import VerifierMissing


def stated_refusals(evidence: DeliveryEvidence) -> list[Refusal]:
    """At the door alone: an audit holds this against nothing that was recorded without it."""
    footprint = evidence.footprint
    if footprint is not None and footprint.verified and footprint.verifier is None:
        return [VerifierMissing(pointer="/footprint/verifier")]
    return []


def stated_cautions(
    footprint: Footprint | None,
    clause: SustainabilityClause | None,
    form: ProductForm,
    now: datetime,
    papers_until: datetime,
) -> Iterator[Caution]:
    """`clause`: what prices the lot; what counts in it is valid to `papers_until`."""
    if footprint is None:
        return
    yield from footprint_cautions(footprint, form, now)
    if footprint.valid_until < papers_until:
        yield Caution(
            code="footprint_expired",
            text=f"The footprint was valid until {footprint.valid_until:%Y-%m-%d}: nothing is paid for it.",
            pointer="/footprint/valid_until",
        )
    benchmark = None if clause is None else benchmark_for(form, clause.rule_set)
    if clause is None or benchmark is None:
        yield from spelling_cautions(footprint)
    elif clause.profile.carbon_cents_per_t:
        yield from benchmark_cautions(footprint, benchmark)
