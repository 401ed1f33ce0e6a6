"""Agreements as far as the public tape has to know them: a pure fold of a lane of the contracts stream."""

from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from events.contract_events import (
    AgreementAdvanced,
    AgreementDrafted,
    AgreementProposed,
    AgreementSigned,
    AgreementTerminated,
    ForceMajeureDeclared,
    ForceMajeureEnded,
)
from events.contract_terms import AgreementKind, AgreementStatus, AgreementTerms, FixedVolume
from events.facts import ContractFact
from events.vocabulary import MassG, ProductForm

STANDING: Final[frozenset[AgreementStatus]] = frozenset(
    {"term_sheet", "binding_subject_to_cp", "effective", "suspended_fm"}
)

UNCHANGED: Final = frozenset({"conditions_met", "term_over"})
"""Reasons of an advance that leaves the terms as they were."""


class DealTerms(Struct, frozen=True, kw_only=True):
    """`yearly_g`: of the greatest contract year, in grams of basis; `price` names the kind of its formula."""

    form: ProductForm
    yearly_g: MassG
    years: int
    start_year: int | None
    price: str


class Deal(Struct, frozen=True, kw_only=True):
    """`table` is the newest proposal, `terms` what both have signed; groups as the parties signed last."""

    market: UUID
    kind: AgreementKind
    seller: UUID
    buyer: UUID
    status: AgreementStatus
    table: DealTerms
    terms: DealTerms | None = None
    seller_group: UUID | None = None
    buyer_group: UUID | None = None


Deals = dict[UUID, Deal]
"""By agreement. Those that have ended stay: their last invoices come after."""


def standing_of(deals: Deals) -> Deals:
    """Offtakes that stand under terms which both have signed: few of all that a lane has had."""
    return {agreement: deal for agreement, deal in deals.items() if _stands(deal)}


def follow_standing(standing: Deals, deals: Deals, agreement: UUID) -> None:
    """`standing` is as `standing_of` again, after a fact of an agreement was folded into `deals`."""
    deal = deals[agreement]
    if _stands(deal):
        standing[agreement] = deal
    else:
        standing.pop(agreement, None)


def _stands(deal: Deal) -> bool:
    return deal.terms is not None and deal.kind != "spot" and deal.status in STANDING


def deal_terms(terms: AgreementTerms) -> DealTerms:
    volume = terms.volume
    grams = volume.acq_g if isinstance(volume, FixedVolume) else volume.expected_output_g
    share_ppb = None if isinstance(volume, FixedVolume) else volume.share_ppb
    most_g = max(grams)
    return DealTerms(
        form=terms.product.form,
        yearly_g=most_g if share_ppb is None else most_g * share_ppb // 10**9,
        years=terms.term.years,
        start_year=None if terms.term.starts_on is None else terms.term.starts_on.year,
        price=str(type(terms.price).__struct_config__.tag),
    )


def fold_deal(deals: Deals, fact: ContractFact) -> None:
    """Raises KeyError when the fact names an agreement that the lane never drafted: a broken record."""
    match fact:
        case AgreementDrafted():
            deals[fact.agreement] = Deal(
                market=fact.market,
                kind=fact.kind,
                seller=fact.seller,
                buyer=fact.buyer,
                status="draft",
                table=deal_terms(fact.terms),
            )
        case AgreementProposed():
            deals[fact.agreement] = replace(deals[fact.agreement], table=deal_terms(fact.terms))
        case AgreementSigned() if fact.group is not None:
            of_side = "seller_group" if fact.side == "seller" else "buyer_group"
            deals[fact.agreement] = replace(deals[fact.agreement], **{of_side: fact.group})
        case AgreementAdvanced():
            deal = deals[fact.agreement]
            terms = deal.terms if fact.reason in UNCHANGED else deal.table
            deals[fact.agreement] = replace(deal, status=fact.status, terms=terms)
        case AgreementTerminated():
            deals[fact.agreement] = replace(deals[fact.agreement], status="terminated")
        case ForceMajeureDeclared():
            deals[fact.agreement] = replace(deals[fact.agreement], status="suspended_fm")
        case ForceMajeureEnded():
            deals[fact.agreement] = replace(deals[fact.agreement], status="effective")
        case _:
            pass
