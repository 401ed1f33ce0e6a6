"""What a viewer may see of a fact of the contracts stream: all doors ask here, as `visibility` of markets."""

from typing import assert_never
from uuid import UUID

from msgspec import Struct

from events.contract_events import (
    AgreementAdvanced,
    AgreementDrafted,
    AgreementExtended,
    AgreementProposed,
    AgreementSigned,
    AgreementTerminated,
    AssayLodged,
    AssaysExchanged,
    ConditionSettled,
    DeliveryAccepted,
    DeliveryRejected,
    DeliveryShipped,
    DeliveryWeighed,
    ForceMajeureDeclared,
    ForceMajeureEnded,
    IndexPublished,
    InvoiceSettled,
    OutputDeclared,
    ProposalWithdrawn,
    QuantityNominated,
    ShortfallNotified,
    UmpireDecided,
    YearAssessed,
)
from events.envelope import Recorded
from events.vocabulary import Side
from market.rules.deal_tape import on_deal_tape
from market.rules.deals import ContractFact, Deals
from market.rules.viewers import (
    AuditorViewer,
    InitiativeViewer,
    OperatorViewer,
    OrganisationViewer,
    PublicViewer,
    Viewer,
)


def see_contract(event: Recorded, viewer: Viewer, deals: Deals) -> Struct | None:
    """None: nothing. `deals` are the lane's BEFORE the event is folded. Auditors see the fact itself.

    Operators run the market, not its contracts: they see published indices only.
    """
    fact: ContractFact = event.data  # type: ignore[assignment]
    match viewer:
        case AuditorViewer():
            return fact
        case OperatorViewer():
            return fact if isinstance(fact, IndexPublished) else None
        case OrganisationViewer():
            return _for_party(fact, viewer.organisation, deals)
        case PublicViewer() | InitiativeViewer():
            return on_deal_tape(fact, viewer, deals)
        case _:
            assert_never(viewer)


def _for_party(fact: ContractFact, organisation: UUID, deals: Deals) -> Struct | None:
    match fact:
        case IndexPublished():
            return fact
        case AgreementDrafted():
            return fact if organisation in (fact.seller, fact.buyer) else None
        case AssayLodged():
            # The other side's results are sealed until both are in, and then stand in AssaysExchanged.
            return fact if _side(fact.agreement, organisation, deals) == fact.side else None
        case (
            AgreementProposed()
            | ProposalWithdrawn()
            | AgreementSigned()
            | AgreementAdvanced()
            | ConditionSettled()
            | AgreementExtended()
            | ForceMajeureDeclared()
            | ForceMajeureEnded()
            | AgreementTerminated()
            | OutputDeclared()
            | QuantityNominated()
            | ShortfallNotified()
            | DeliveryShipped()
            | DeliveryWeighed()
            | AssaysExchanged()
            | UmpireDecided()
            | DeliveryAccepted()
            | DeliveryRejected()
            | InvoiceSettled()
            | YearAssessed()
        ):
            return None if _side(fact.agreement, organisation, deals) is None else fact
        case _:
            assert_never(fact)


def _side(agreement: UUID, organisation: UUID, deals: Deals) -> Side | None:
    deal = deals[agreement]
    if organisation == deal.seller:
        return "seller"
    return "buyer" if organisation == deal.buyer else None
