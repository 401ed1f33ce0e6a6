"""A member leaves a market on its own request, once nothing of it is open there; the operator may admit it
again."""

from uuid import UUID

from msgspec import Struct

from events.callers import Caller, role_refusals
from events.decision import Decision, Moment
from events.envelope import Draft, Fact
from events.market_events import MemberLeft, RecoveredLotWithdrawn, RequirementWithdrawn, SupplyOfferWithdrawn
from events.refusal import Refusal, refuse
from market.rules.book import RequirementOrder, SupplyOrder
from market.rules.orders.orders import RETRY_AFTER_SECONDS
from market.rules.orders.reservations import release_with
from market.rules.parties.openings import MarketOpenings, dealt_refusals, orders_refusals
from market.rules.refusing.party_refusals import OrganisationUnknown, WithdrawalsMax
from market.rules.refusing.refusals import ClearingInProgress, MarketUnknown, NotAMember

WITHDRAWALS_MAX = 500


class LeavingState(Struct, frozen=True, kw_only=True):
    """`is_member`: also while it is suspended. `lanes` is the deployment's lane count."""

    lanes: int
    is_member: bool
    openings: MarketOpenings


class LeaveMarket(Struct, frozen=True, kw_only=True):
    """`withdraw_orders`: open orders are withdrawn in the same transaction, if nothing else prevents
    leaving."""

    caller: Caller
    organisation: UUID
    withdraw_orders: bool = False


def leave(state: LeavingState | None, argument: LeaveMarket, moment: Moment) -> Decision:
    """Raises Refusals."""
    del moment
    if state is None:
        raise MarketUnknown
    if argument.caller.organisation != argument.organisation:
        raise OrganisationUnknown
    reasons = role_refusals(argument.caller, "admin")
    if argument.withdraw_orders:
        reasons += role_refusals(argument.caller, "trader")
    refuse(reasons)
    if not state.is_member:
        raise NotAMember
    of = state.openings
    reasons = dealt_refusals([of])
    reasons += _withdrawal_refusals(of) if argument.withdraw_orders else orders_refusals([of])
    refuse(reasons)
    withdrawn = withdrawals(state.lanes, of) if argument.withdraw_orders else ()
    return Decision(drafts=(*withdrawn, left(of, argument.organisation)))


def _withdrawal_refusals(of: MarketOpenings) -> list[Refusal]:
    orders: list[SupplyOrder | RequirementOrder] = [*of.supplies, *of.requirements]
    if len(orders) > WITHDRAWALS_MAX:
        return [WithdrawalsMax(most=WITHDRAWALS_MAX)]
    if of.plan_cut is not None and any(order.rank <= of.plan_cut for order in orders):
        return [ClearingInProgress(retry_after_seconds=RETRY_AFTER_SECONDS)]
    return []


def withdrawals(lanes: int, of: MarketOpenings) -> tuple[Draft, ...]:
    """As the commands that withdraw each order alone record it, lots released behind their orders."""
    drafts: list[Draft] = []
    for order in of.supplies:
        drafts.append(_draft(of.lane, order.order, _withdrawn(order)))
        drafts += release_with(lanes, order, "withdrawn")
    for wanted in of.requirements:
        fact = RequirementWithdrawn(
            market=of.market, requirement=wanted.order, organisation=wanted.organisation
        )
        drafts.append(_draft(of.lane, wanted.order, fact))
    return tuple(drafts)


def _withdrawn(order: SupplyOrder) -> SupplyOfferWithdrawn | RecoveredLotWithdrawn:
    if order.kind == "lot":
        return RecoveredLotWithdrawn(market=order.market, lot=order.order, organisation=order.organisation)
    return SupplyOfferWithdrawn(market=order.market, offer=order.order, organisation=order.organisation)


def left(of: MarketOpenings, organisation: UUID) -> Draft:
    return _draft(of.lane, organisation, MemberLeft(market=of.market, organisation=organisation))


def _draft(lane: int, subject: UUID, fact: Fact) -> Draft:
    return Draft(stream="market", lane=lane, subject=str(subject), data=fact)
