"""What a viewer may see of a fact of the contracts stream; every interface uses it, as it does `visibility`
for markets."""

from collections.abc import Mapping
from typing import assert_never
from uuid import UUID

from msgspec import UNSET, Struct
from msgspec.structs import replace

from events.contract_events import AgreementSigned, IndexPublished
from events.envelope import Recorded
from events.facts import ContractFact
from market.rules.viewers import (
    AuditorViewer,
    InitiativeViewer,
    OperatorViewer,
    OrganisationViewer,
    PublicViewer,
    Viewer,
)
from market.rules.visibility.audience import DealParties, concerns, contract_audience
from market.rules.visibility.deal_tape import on_deal_tape
from market.rules.visibility.deals import Deals


def see_contract(
    event: Recorded, viewer: Viewer, deals: Deals, standing: Deals | None = None
) -> Struct | None:
    """None: nothing. `deals` are the lane's BEFORE the event is folded, `standing` of them those that stand,
    where they are known. Auditors see the fact itself.

    Operators run the market, not its contracts: they see only published indices. The capacity check of a
    seller's facility is visible only to the seller.
    """
    fact: ContractFact = event.data  # type: ignore[assignment]
    match viewer:
        case AuditorViewer():
            return fact
        case OperatorViewer():
            return fact if isinstance(fact, IndexPublished) else None
        case OrganisationViewer():
            return shown_to_party(fact, viewer.organisation, deals)
        case PublicViewer() | InitiativeViewer():
            return on_deal_tape(fact, viewer, deals, standing)
        case _:
            assert_never(viewer)


def shown_to_party(
    fact: ContractFact, organisation: UUID, deals: Mapping[UUID, DealParties]
) -> ContractFact | None:
    """The fact itself where the organisation may see all of it."""
    if not concerns(contract_audience(fact, deals), organisation):
        return None
    if (
        isinstance(fact, AgreementSigned)
        and fact.capacity is not UNSET
        and organisation != deals[fact.agreement].seller
    ):
        return replace(fact, capacity=UNSET)
    return fact
