"""The public tape of offtake agreements: forms, bands and steps, without names and prices."""

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
from market.rules.visibility.deals import UNCHANGED, Deals, DealTerms, standing_of

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
    fact: ContractFact, viewer: PublicViewer | InitiativeViewer, deals: Deals, standing: Deals | None = None
) -> TapeAgreement | None:
    """The public line of a fact, None when it has none. `deals` stand before the fact; `standing`: of them
    those of `standing_of`, where they are known.

    Negotiations, deliveries, settlements and payments have no line; spot contracts are on the tape of trades.
    """
    if not isinstance(fact, LifecycleFact):
        return None
    among = _Among(deals, standing, viewer)
    match fact:
        case AgreementAdvanced():
            deal = deals[fact.agreement]
            settled = deal.terms if deal.terms is not None and fact.reason in UNCHANGED else deal.table
            action = "amended" if fact.reason == "amended" else REACHED.get(fact.status)
            return None if action is None else among.line(fact.agreement, settled, action)
        case AgreementExtended():
            return among.standing_line(fact.agreement, "extended")
        case ForceMajeureDeclared():
            return among.standing_line(fact.agreement, "suspended")
        case ForceMajeureEnded():
            return among.standing_line(fact.agreement, "resumed")
        case AgreementTerminated():
            return among.standing_line(fact.agreement, "terminated")
        case AgreementDrafted() | AgreementProposed() | ProposalWithdrawn() | AgreementSigned():
            return None
        case ConditionSettled() | DeclarationContested() | ContestSettled():
            return None
        case _:
            assert_never(fact)


class _Among:
    """The agreements of a lane, among which a line of one of them is shown or not."""

    def __init__(self, deals: Deals, standing: Deals | None, viewer: PublicViewer | InitiativeViewer) -> None:
        self._deals = deals
        self._standing = standing
        self._viewer = viewer

    def standing_line(self, agreement: UUID, action: DealAction) -> TapeAgreement | None:
        terms = self._deals[agreement].terms
        return None if terms is None else self.line(agreement, terms, action)

    def line(self, agreement: UUID, terms: DealTerms, action: DealAction) -> TapeAgreement | None:
        deal = self._deals[agreement]
        if deal.kind == "spot" or not self._crowded(deal.market, terms.form):
            return None
        return TapeAgreement(
            id=public_id(self._viewer.key, TOPIC, agreement),
            market=deal.market,
            action=action,
            form=terms.form,
            yearly_basis_g=mass_band_g(terms.yearly_g),
            years=terms.years,
            start_year=terms.start_year,
            price=terms.price,
        )

    def _crowded(self, market: UUID, form: ProductForm) -> bool:
        """Enough groups of companies on either side of the form's standing agreements, none with more than
        half.

        A party whose group no signature tells is its own.
        """
        standing = standing_of(self._deals) if self._standing is None else self._standing
        sellers: Counter[UUID] = Counter()
        buyers: Counter[UUID] = Counter()
        for deal in standing.values():
            terms = deal.terms
            if terms is not None and deal.market == market and terms.form == form:
                sellers[deal.seller_group or deal.seller] += terms.yearly_g
                buyers[deal.buyer_group or deal.buyer] += terms.yearly_g
        return all(is_crowd(side.values(), GROUPS_MIN) for side in (sellers, buyers))
