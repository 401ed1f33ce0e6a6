"""What a viewer may see of a fact of the contracts stream: all doors ask here, as `visibility` of markets."""

from typing import assert_never

from msgspec import Struct

from events.contract_events import IndexPublished
from events.envelope import Recorded
from market.rules.audience import concerns, contract_audience
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
            return fact if concerns(contract_audience(fact, deals), viewer.organisation) else None
        case PublicViewer() | InitiativeViewer():
            return on_deal_tape(fact, viewer, deals)
        case _:
            assert_never(viewer)
