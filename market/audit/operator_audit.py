"""Checks that facts reserved for operators were recorded by one: about markets, index values, and disputes
that the sides of an agreement left to it.

Operators are organisations that ever got a key with that role, by the parties stream. Which key was used, and
whether it was revoked, cannot be seen from a fact.
"""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from msgspec import UNSET

from events.contract_events import ContestSettled, IndexPublished
from events.delivery_events import NonArrivalSettled, UmpireDecided, WeighingSettled
from events.envelope import Recorded
from events.market_events import (
    ClearingPlanned,
    InputRecorded,
    MarketHalted,
    MarketOpened,
    MarketResumed,
    MatchLapsed,
    MemberAdmitted,
    MemberLeft,
    MemberSuspended,
    RecoveredLotExpired,
    RequirementExpired,
    RuleSetPublished,
    RuleSetRehearsed,
    SupplyOfferExpired,
)
from events.market_terms import Qualification
from events.party_events import ApiKeyIssued
from market.audit.fact_faults import FactFault
from market.audit.order_audit import fault_of

KEY_MARK: Final = ApiKeyIssued.TYPE.encode()
SEEN_WITHIN: Final = timedelta(seconds=60)
"""Clocks of the processes that write two lanes differ."""
OF_OPERATORS: Final = frozenset(
    (
        MarketOpened,
        MarketHalted,
        MarketResumed,
        MemberAdmitted,
        MemberSuspended,
        MemberLeft,
        InputRecorded,
        RuleSetPublished,
        RuleSetRehearsed,
        ClearingPlanned,
        MatchLapsed,
        SupplyOfferExpired,
        RecoveredLotExpired,
        RequirementExpired,
        IndexPublished,
        ContestSettled,
        UmpireDecided,
        WeighingSettled,
        NonArrivalSettled,
    )
)


class Operators:
    """Organisations with a key of an operator, and since when. While there is none nobody is held against
    them: what runs by itself may be all that ever operated."""

    def __init__(self, deployment_id: UUID | None = None) -> None:
        """What runs by itself acts as the organisation of the deployment's own id, whose keys are nobody's
        matter."""
        self._own = deployment_id
        self._since: dict[UUID, datetime] = {}

    def keep(self, event: Recorded) -> None:
        fact = event.data
        if isinstance(fact, ApiKeyIssued) and "operator" in fact.roles:
            first = self._since.get(fact.organisation, event.time)
            self._since[fact.organisation] = min(first, event.time)

    def fault(self, event: Recorded) -> FactFault | None:
        """Of a fact of the market stream or of the contracts stream."""
        fact: Any = event.data
        if not self._since or type(fact) not in OF_OPERATORS or event.actor == self._own:
            return None
        if _is_of_side(fact):
            return None
        value = fact.input if isinstance(fact, InputRecorded) else None
        if isinstance(value, Qualification) and value.buyer == event.actor:
            return None
        if isinstance(fact, MemberLeft) and fact.organisation == event.actor:
            return None
        since = self._since.get(event.actor)
        if since is not None and since <= event.time + SEEN_WITHIN:
            return None
        told = "is recorded by an organisation that was given no key of an operator"
        known = ", ".join(sorted(str(each) for each in self._since))
        return fault_of(told, "actor", str(event.actor), f"one of {known}")


def _is_of_side(fact: Any) -> bool:
    """Whether the rule of the fact has held a side to it; of an umpire without a certificate, as records of
    before have it, nobody can tell whose word it was."""
    match fact:
        case ContestSettled():
            return fact.by is not None
        case UmpireDecided():
            return fact.by is not UNSET or fact.certificate is UNSET
        case WeighingSettled() | NonArrivalSettled():
            return fact.by is not UNSET
        case _:
            return False
