"""The public tape of offtake agreements: forms, bands and steps, and nobody's name or price."""

from collections import Counter
from typing import Final, Literal, assert_never
from uuid import UUID

from msgspec import Struct

from events.contract_events import (
    AgreementAdvanced,
    AgreementDrafted,
    AgreementExtended,
    AgreementProposed,
    AgreementSigned,
    AgreementTerminated,
    ConditionSettled,
    ContestSettled,
    DeclarationContested,
    ForceMajeureDeclared,
    ForceMajeureEnded,
    ProposalWithdrawn,
)
from events.contract_terms import AgreementStatus
from events.facts import ContractFact, LifecycleFact
from events.vocabulary import ProductForm
from market.rules.viewers import Band, InitiativeViewer, PublicViewer, mass_band_g, public_id
from market.rules.visibility.crowd import is_crowd
from market.rules.visibility.deals import STANDING, UNCHANGED, Deal, Deals, DealTerms

GROUPS_MIN: Final = 5
TOPIC: Final = "public.offtake-agreements.v1"
DealAction = Literal[
    "signed",
    "conditional",
    "effective",
    "amended",
    "extended",
    "suspended",
    "resumed",
    "expired",
    "terminated",
]
REACHED: Final[dict[AgreementStatus, DealAction]] = {
    "term_sheet": "signed",
    "binding_subject_to_cp": "conditional",
    "effective": "effective",
    "expired": "expired",
}


class TapeAgreement(Struct, frozen=True, kw_only=True, tag="agreement"):
    """A step of an agreement; `yearly_basis_g` is the band of its greatest contract year."""

    topic: Literal["public.offtake-agreements.v1"] = "public.offtake-agreements.v1"
    id: str
    market: UUID
    action: DealAction
    form: ProductForm
    yearly_basis_g: Band
    years: int
    start_year: int | None
    price: str


def on_deal_tape(
    fact: ContractFact, viewer: PublicViewer | InitiativeViewer, deals: Deals
) -> TapeAgreement | None:
    """The public line of a fact, None when it has none. `deals` stand before the fact.

    Negotiations, deliveries, settlements and payments have no line; spot contracts stand on the tape of
    trades.
    """
    if not isinstance(fact, LifecycleFact):
        return None
    match fact:
        case AgreementAdvanced():
            deal = deals[fact.agreement]
            settled = deal.terms if deal.terms is not None and fact.reason in UNCHANGED else deal.table
            action = "amended" if fact.reason == "amended" else REACHED.get(fact.status)
            return None if action is None else _line(fact.agreement, deal, settled, action, deals, viewer)
        case AgreementExtended():
            return _standing(fact.agreement, "extended", deals, viewer)
        case ForceMajeureDeclared():
            return _standing(fact.agreement, "suspended", deals, viewer)
        case ForceMajeureEnded():
            return _standing(fact.agreement, "resumed", deals, viewer)
        case AgreementTerminated():
            return _standing(fact.agreement, "terminated", deals, viewer)
        case AgreementDrafted() | AgreementProposed() | ProposalWithdrawn() | AgreementSigned():
            return None
        case ConditionSettled() | DeclarationContested() | ContestSettled():
            return None
        case _:
            assert_never(fact)


def _standing(
    agreement: UUID, action: DealAction, deals: Deals, viewer: PublicViewer | InitiativeViewer
) -> TapeAgreement | None:
    deal = deals[agreement]
    return None if deal.terms is None else _line(agreement, deal, deal.terms, action, deals, viewer)


def _line(
    agreement: UUID,
    deal: Deal,
    terms: DealTerms,
    action: DealAction,
    deals: Deals,
    viewer: PublicViewer | InitiativeViewer,
) -> TapeAgreement | None:
    if deal.kind == "spot" or not _crowded(deals, deal.market, terms.form):
        return None
    return TapeAgreement(
        id=public_id(viewer.key, TOPIC, agreement),
        market=deal.market,
        action=action,
        form=terms.form,
        yearly_basis_g=mass_band_g(terms.yearly_g),
        years=terms.years,
        start_year=terms.start_year,
        price=terms.price,
    )


def _crowded(deals: Deals, market: UUID, form: ProductForm) -> bool:
    """Enough groups of companies on either side of the form's standing agreements, none with more than half.

    A party whose group no signature tells is its own.
    """
    sellers: Counter[UUID] = Counter()
    buyers: Counter[UUID] = Counter()
    for deal in deals.values():
        terms = deal.terms
        if terms is None or deal.kind == "spot" or deal.status not in STANDING:
            continue
        if deal.market == market and terms.form == form:
            sellers[deal.seller_group or deal.seller] += terms.yearly_g
            buyers[deal.buyer_group or deal.buyer] += terms.yearly_g
    return all(is_crowd(side.values(), GROUPS_MIN) for side in (sellers, buyers))
