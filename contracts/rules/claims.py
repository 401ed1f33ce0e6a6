"""Claims about a lot besides its figures, as far as its price or its contract depends on them.

A missing claim must not pay better than an honest one. A claim without a passport is only the seller's
statement: the buyer sees it, and may reject the lot with a document that contradicts it.
"""

from collections.abc import Iterator

from msgspec import UNSET

from contracts.rules.delivery_refusals import ClaimNotPaid
from events.contract_terms import AgreementTerms, DeliveryEvidence, StatedClaim
from events.demand_terms import AgreedDemands
from events.market_terms import SustainabilityProfile
from events.price_clauses import IndexedPrice, MatchedPrice, PriceClause, SustainabilityClause
from events.refusal import Caution, Refusal
from events.vocabulary import RecycledContent


def clause_of(price: PriceClause) -> SustainabilityClause | None:
    return price.sustainability if isinstance(price, IndexedPrice | MatchedPrice) else None


def claims_paid(terms: AgreementTerms, evidence: DeliveryEvidence) -> Iterator[StatedClaim]:
    """The stated claims that the price pays for or the contract demands."""
    clause, recycled = clause_of(terms.price), evidence.recycled
    demands = terms.product.demands or AgreedDemands()
    shares = (demands.recycled_min_ppb, demands.recycled_max_ppb)
    asked = bool(terms.product.post_consumer_min_ppb) or any(each is not UNSET for each in shares)
    if recycled is not None and (asked or (clause is not None and _pays(clause.profile, recycled))):
        yield "recycled"
    profile = SustainabilityProfile() if clause is None else clause.profile
    listed = () if clause is None else _listed(clause)
    if evidence.origin and (profile.eu_origin_ueur_per_kg or listed or demands.origins_excluded):
        yield "origin"
    capped = demands.footprint_max_g_co2e_per_kg is not None
    if evidence.footprint is not None and (profile.carbon_cents_per_t or capped):
        yield "footprint"
    schemes = {bid.scheme for bid in profile.certificates}.union(demands.certificates)
    held = {each.scheme for each in evidence.certificates} | {
        each.scheme for each in evidence.certified or ()
    }
    if held & schemes:
        yield "certificates"


def claim_refusals(
    terms: AgreementTerms, evidence: DeliveryEvidence, claims: tuple[StatedClaim, ...]
) -> list[Refusal]:
    """Refusals for a rejection because of claims: each has to be one on which price or contract depends."""
    paid = tuple(claims_paid(terms, evidence))
    return [
        ClaimNotPaid(pointer=f"/claims/{index}", claim=claim, paid=", ".join(paid) or "none")
        for index, claim in enumerate(claims)
        if claim not in paid
    ]


def silence_cautions(terms: AgreementTerms, evidence: DeliveryEvidence) -> Iterator[Caution]:
    clause = clause_of(terms.price)
    if clause is None or evidence.origin:
        return
    listed = _listed(clause)
    if clause.profile.eu_origin_ueur_per_kg or listed:
        taken = f", and what is bid against {', '.join(listed)} is taken off" if listed else ""
        yield Caution(
            code="origin_unstated",
            text="The price depends on the origin of the lot, but none is stated: no premium for a "
            f"European origin is paid{taken}. Withdraw the shipment before the buyer weighs if this is "
            "a mistake.",
            pointer="/origin",
        )


def unproven_cautions(terms: AgreementTerms, evidence: DeliveryEvidence) -> Iterator[Caution]:
    """Warnings for a shipment without a passport. Certificates are those registered for the seller's site."""
    paid = [claim for claim in claims_paid(terms, evidence) if claim != "certificates"]
    if paid:
        yield Caution(
            code="claim_without_passport",
            text=f"The contract depends on {', '.join(paid)}, stated by the seller alone, since no passport "
            "is named: the buyer sees the statement, and can reject the lot with a document that "
            "disproves it.",
            pointer="/passport",
        )


def _pays(profile: SustainabilityProfile, recycled: RecycledContent) -> bool:
    return bool(
        recycled.post_consumer_ppb * profile.post_consumer_ueur_per_kg
        or recycled.pre_consumer_ppb * profile.pre_consumer_ueur_per_kg
    )


def _listed(clause: SustainabilityClause) -> tuple[str, ...]:
    """Countries for which a deduction is bid."""
    bid = clause.profile.concentrated_origin_deduction_ueur_per_kg
    return tuple(sorted(clause.concentrated_origins)) if bid else ()
