"""Compares the buyer's demands on a lot, besides its assay, with what the seller proves at shipment.

As in a round, a demand without proof is not met.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from msgspec import UNSET, UnsetType

from contracts.rules.days import midnight
from contracts.rules.price_terms import footprint_defect, step_text
from contracts.rules.refusals import FootprintScopeOfNone, RecycledDemandsCrossed
from events.contract_terms import AgreementTerms, DeliveryEvidence
from events.delivery_events import DeliveryShipped
from events.demand_terms import AgreedDemands, FootprintScope
from events.fractions import decimal_text, percent_text
from events.market_terms import CertifiedPeriod, MemberCertificate
from events.refusal import Caution, Refusal
from events.vocabulary import MICRO, PPB, Footprint, RecycledContent, form_text
from events.wellformed import duplicate_refusals

_THOUSAND = 1_000


class Unmet(NamedTuple):
    """A demand that is not met; `pointer` is into a shipment."""

    text: str
    pointer: str


def clause_refusals(agreed: AgreedDemands | UnsetType, post_consumer_min_ppb: int) -> Iterator[Refusal]:
    """Pointers are into the terms."""
    if agreed is UNSET:
        return
    yield from duplicate_refusals("/product/demands/origins_excluded", agreed.origins_excluded)
    yield from duplicate_refusals("/product/demands/certificates", agreed.certificates)
    least_ppb, most_ppb = agreed.recycled_min_ppb, agreed.recycled_max_ppb
    if most_ppb is not UNSET and max(post_consumer_min_ppb, least_ppb or 0) > most_ppb:
        yield RecycledDemandsCrossed(pointer="/product/demands/recycled_max_ppb")
    if agreed.footprint_scope is not UNSET and agreed.footprint_max_g_co2e_per_kg is None:
        yield FootprintScopeOfNone(pointer="/product/demands/footprint_scope")


def unmet(terms: AgreementTerms, shipped: DeliveryShipped) -> Iterator[Unmet]:
    """The demands of the terms that the lot does not meet, by what was proved."""
    agreed, shown = terms.product.demands, shipped.evidence
    if agreed is UNSET:
        return
    day = midnight(shipped.shipped_on)
    yield from _origins(agreed, shown)
    if agreed.origins_in_full is True:
        yield from _steps(agreed, shown)
    if agreed.footprint_max_g_co2e_per_kg is not None:
        scope = agreed.footprint_scope
        yield from _footprint(agreed.footprint_max_g_co2e_per_kg, scope, shown.footprint, day)
    yield from _recycled(agreed, shown.recycled)
    for scheme in agreed.certificates:
        if not _certified(shown, scheme, day):
            yield Unmet(f"certificate:{scheme} is demanded, none that is valid is shown", "/certificates")
    for element, most, stated in (
        ("th", agreed.th_max_mbq_per_g, shown.th_mbq_per_g),
        ("u", agreed.u_max_mbq_per_g, shown.u_mbq_per_g),
    ):
        if most is None or (stated is not UNSET and stated <= most):
            continue
        told = "none shown" if stated is UNSET else f"{decimal_text(stated, _THOUSAND)} Bq/g"
        yield Unmet(
            f"{element}_activity:{told}, agreed at most {decimal_text(most, _THOUSAND)} Bq/g",
            f"/{element}_bq_per_g",
        )


def unmet_cautions(terms: AgreementTerms, shipped: DeliveryShipped) -> Iterator[Caution]:
    """Pointers are into the shipment."""
    yield from _step_cautions(terms, shipped)
    for each in unmet(terms, shipped):
        yield Caution(
            code="demand_unmet",
            text=f"By what is shown the lot is not as demanded: {each.text}. The buyer can reject it.",
            pointer=each.pointer,
        )


def received_cautions(terms: AgreementTerms, shipped: DeliveryShipped) -> Iterator[Caution]:
    """Warnings for a lot that its buyer has weighed."""
    yield from _step_cautions(terms, shipped)
    told = "; ".join(each.text for each in unmet(terms, shipped))
    if told:
        yield Caution(
            code="demand_unmet",
            text=f"By what its seller showed the lot is not as demanded: {told}. Once assays are settled "
            "you can reject it; if you accept it, or do not answer in time, it is taken as it is.",
            pointer="",
        )


def _origins(agreed: AgreedDemands, shown: DeliveryEvidence) -> Iterator[Unmet]:
    if not agreed.origins_excluded:
        return
    if not shown.origin:
        yield Unmet("origin:none shown, some are excluded", "/origin")
    steps = dict.fromkeys((step.stage, step.country) for step in shown.origin)
    for stage, country in steps:
        if country in agreed.origins_excluded:
            yield Unmet(f"origin:{stage} in {country}, which is excluded", "/origin")


def _steps(agreed: AgreedDemands, shown: DeliveryEvidence) -> Iterator[Unmet]:
    """Earlier steps of a stage that a passport states, without those that the origin names."""
    if not agreed.origins_excluded or shown.steps is UNSET:
        return
    named = {(step.stage, step.country) for step in shown.origin}
    for step in shown.steps:
        share = percent_text(step.share_ppm * PPB // MICRO)
        if step.country is None:
            yield Unmet(f"origin:of {share} nobody states every step of {step.stage}", "/origin")
        elif step.country in agreed.origins_excluded and (step.stage, step.country) not in named:
            yield Unmet(f"origin:{step_text(step)}, which is excluded, of {share}", "/origin")


def _step_cautions(terms: AgreementTerms, shipped: DeliveryShipped) -> Iterator[Caution]:
    """Warnings to both sides, if the contract counts only the last step of a stage."""
    agreed = terms.product.demands
    if agreed is UNSET or agreed.origins_in_full is True:
        return
    for each in _steps(agreed, shipped.evidence):
        yield Caution(
            code="origin_step_before",
            text=f"By the passport of the lot: {each.text.removeprefix('origin:')}. The contract excludes "
            "countries only by the last step of a stage, so this is no reason to reject the lot; "
            "agree on `origins_in_full` for later lots.",
            pointer=each.pointer,
        )


def _footprint(
    most_g: int, scope: FootprintScope | UnsetType, shown: Footprint | None, day: datetime
) -> Iterator[Unmet]:
    most = f"agreed at most {decimal_text(most_g, _THOUSAND)} kg CO2e per kg"
    unlike = () if scope is UNSET or shown is None else tuple(_unlike(shown, scope))
    if shown is None or footprint_defect(shown, None, day) is not None:
        yield Unmet(f"footprint:none that is valid is shown, {most}", "/footprint")
    elif unlike:
        yield from (Unmet(f"footprint:{each}", "/footprint") for each in unlike)
    elif shown.g_co2e_per_kg > most_g:
        yield Unmet(f"footprint:{decimal_text(shown.g_co2e_per_kg, _THOUSAND)}, {most}", "/footprint")


def _unlike(shown: Footprint, scope: FootprintScope) -> Iterator[str]:
    """One per member: two scopes together may be longer than a text in the record may be."""
    if shown.form != scope.form:
        yield f"of {form_text(shown.form)}, agreed of {form_text(scope.form)}"
    if shown.declared_unit != scope.declared_unit:
        yield f"per kg of {shown.declared_unit}, agreed per kg of {scope.declared_unit}"
    if shown.boundary != scope.boundary:
        yield f"boundary {shown.boundary}, agreed {scope.boundary}"
    if shown.allocation != scope.allocation:
        yield f"allocation {shown.allocation}, agreed {scope.allocation}"


def _recycled(agreed: AgreedDemands, shown: RecycledContent | None) -> Iterator[Unmet]:
    share_ppb = 0 if shown is None else shown.post_consumer_ppb + shown.pre_consumer_ppb
    told = "none shown" if shown is None else percent_text(share_ppb)
    least_ppb, most_ppb = agreed.recycled_min_ppb, agreed.recycled_max_ppb
    if least_ppb is not UNSET and share_ppb < least_ppb:
        yield Unmet(f"recycled:{told}, agreed at least {percent_text(least_ppb)}", "/recycled")
    if most_ppb is not UNSET and share_ppb > most_ppb:
        yield Unmet(f"recycled:{told}, agreed at most {percent_text(most_ppb)}", "/recycled")


def _certified(shown: DeliveryEvidence, scheme: str, day: datetime) -> bool:
    papers: tuple[MemberCertificate | CertifiedPeriod, ...] = (*shown.certificates, *(shown.certified or ()))
    return any(each.scheme == scheme and each.valid_from <= day <= each.valid_until for each in papers)
