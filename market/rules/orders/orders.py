"""What posting and changing an order have in common: the market's state, and who may act when."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from msgspec import Struct

from events.callers import Caller, role_refusals
from events.envelope import Draft, Fact
from events.market_terms import MarketTerms, Member, RuleSet
from events.refusal import NotDue, Refusal, VersionStale, refuse
from events.vocabulary import Commitment, TwinReference
from market.rules.book import Halt, Order, RequirementOrder, SupplyOrder
from market.rules.market_inputs import MarketInputs
from market.rules.orders.policies import Policy
from market.rules.passport import Passport
from market.rules.refusing.ineligibility import kg_text
from market.rules.refusing.refusals import (
    ClearingInProgress,
    FirmOnly,
    MarketIsHalted,
    MarketUnknown,
    MemberSuspended,
    NotAMember,
    OrderClosed,
    OrdersMax,
    OrderUnknown,
    QuantityBelowCommitted,
    RuleSetMissing,
)
from market.rules.reliability import FAILINGS_MAX
from market.rules.twins.committed import Claim, ContractClaim
from market.rules.twins.product_twins import ProductTwin

RETRY_AFTER_SECONDS = 1


class Reservation(Struct, frozen=True, kw_only=True):
    """The newest reservation of a physical lot; it holds until `released`; `sold` closes it to its seller.

    A lot whose passport has come back to who sold it is released, and not sold any more.
    """

    identity: str
    organisation: UUID
    market: UUID
    order: UUID
    released: bool = False
    sold: bool = False


class PostingState(Struct, frozen=True, kw_only=True):
    """What a posting reads, all of the market's lane but `reservation`, `passport`, `policies`, `twins` and
    `claims`.

    `lanes` is the deployment's lane count; `member` the poster's copy in this market; `rule_set` the one in
    effect now; `open_orders` counts the market's open orders of all members; `failings` the declined and
    lapsed matches of the poster's group of the last 90 days; `reservation`, `passport`: of the lot that a new
    draft names; `numbered`: the passport of a lot that it names by number alone; `by_number`: the reservation
    that the lot had by its number, when who issued its passport offers it; `policies` that a draft names,
    whoever may see them; `twins` that it rests on, whoever keeps them; `claims` on the facility that it
    names, of all markets, without the order's own; None: not asked; `ahead`: the same of all its seller's
    facilities, where they are offered on a return forecast.
    """

    market: UUID
    lane: int
    lanes: int
    terms: MarketTerms
    member: Member | None
    suspended: bool
    inputs: MarketInputs
    rule_set: RuleSet | None
    open_orders: int
    failings: int
    halt: Halt | None = None
    reservation: Reservation | None = None
    passport: Passport | None = None
    numbered: UUID | None = None
    by_number: Reservation | None = None
    claims: tuple[Claim | ContractClaim, ...] | None = None
    ahead: tuple[Claim, ...] = ()
    policies: Mapping[UUID, Policy] = {}
    twins: Mapping[TwinReference, ProductTwin] = {}


class SupplyState(PostingState, frozen=True, kw_only=True):
    """`plan_cut` is the position of the market's open plan, None when none is open."""

    order: SupplyOrder | None
    plan_cut: int | None


class RequirementState(PostingState, frozen=True, kw_only=True):
    """`plan_cut` is the position of the market's open plan, None when none is open."""

    order: RequirementOrder | None
    plan_cut: int | None


State = TypeVar("State", bound=PostingState)


class Withdraw(Struct, frozen=True, kw_only=True):
    """Withdraw an offer, a lot or a requirement; what is held by open matches stays held."""

    caller: Caller
    order: UUID
    expected_version: int


class Expire(Struct, frozen=True, kw_only=True):
    """End an offer, a lot or a requirement whose validity is over; a timer with the operator's role asks."""

    caller: Caller
    order: UUID


def market_of(state: State | None) -> State:
    """The state of a market that exists. Raises MarketUnknown."""
    if state is None:
        raise MarketUnknown
    return state


def named_market(state: State | None) -> State:
    """As `market_of`, where a body says which market. Raises MarketUnknown."""
    if state is None:
        raise MarketUnknown(pointer="/market")
    return state


def market_draft(state: PostingState, subject: UUID, fact: Fact) -> Draft:
    return Draft(stream="market", lane=state.lane, subject=str(subject), data=fact)


def posting_refusals(state: PostingState, caller: Caller) -> list[Refusal]:
    """What a new order needs apart from its terms."""
    reasons = trader_refusals(state, caller)
    if state.rule_set is None:
        reasons.append(RuleSetMissing())
    if state.open_orders >= state.terms.orders_max:
        reasons.append(OrdersMax(open_orders=state.open_orders, orders_max=state.terms.orders_max))
    return reasons


def trader_refusals(state: PostingState, caller: Caller) -> list[Refusal]:
    """Whether the caller may post and change orders here, and anybody may now."""
    reasons = role_refusals(caller, "trader") + halt_refusals(state.halt)
    if state.member is None:
        reasons.append(NotAMember())
    elif state.suspended:
        reasons.append(MemberSuspended())
    return reasons


def halt_refusals(halt: Halt | None) -> list[Refusal]:
    return [] if halt is None else [MarketIsHalted(since=halt.since.isoformat(), reason=halt.reason)]


def commitment_refusals(state: PostingState, commitment: Commitment) -> list[Refusal]:
    """A group that declined or let lapse too often may place firm orders only."""
    if state.failings >= FAILINGS_MAX and commitment != "firm":
        return [FirmOnly(pointer="/commitment", failings=state.failings)]
    return []


def owned(order: Order | None, caller: Caller) -> Order:
    """The order, for its owner. Raises OrderUnknown for everybody else."""
    if order is None or order.organisation != caller.organisation:
        raise OrderUnknown
    return order


def change_refusals(order: Order, expected_version: int, plan_cut: int | None) -> list[Refusal]:
    """Whether the order is open, at the version its owner read, and in no clearing that is being computed."""
    reasons: list[Refusal] = []
    if order.status != "open":
        reasons.append(OrderClosed(status=order.status))
    if order.version != expected_version:
        reasons.append(VersionStale(expected=expected_version, current=order.version))
    return reasons + clearing_refusals(order, plan_cut)


def clearing_refusals(order: Order, plan_cut: int | None) -> list[Refusal]:
    if plan_cut is not None and order.rank <= plan_cut:
        return [ClearingInProgress(retry_after_seconds=RETRY_AFTER_SECONDS)]
    return []


def quantity_refusals(order: Order, basis_g: int, pointer: str) -> list[Refusal]:
    """An amended order still covers what is held and sold."""
    committed_g = order.held_g + order.filled_g
    if basis_g < committed_g:
        return [
            QuantityBelowCommitted(pointer=pointer, basis=kg_text(basis_g), committed=kg_text(committed_g))
        ]
    return []


def check_withdrawal(order: Order | None, argument: Withdraw, plan_cut: int | None) -> Order:
    """The order that may be withdrawn now. A suspended member may still withdraw.

    Raises Refusals.
    """
    refuse(role_refusals(argument.caller, "trader"))
    found = owned(order, argument.caller)
    refuse(change_refusals(found, argument.expected_version, plan_cut))
    return found


def check_expiry(order: Order | None, argument: Expire, plan_cut: int | None, now: datetime) -> Order:
    """The order whose validity is over. While a clearing computes, expiry waits.

    Raises Refusals.
    """
    refuse(role_refusals(argument.caller, "operator"))
    if order is None:
        raise OrderUnknown
    reasons: list[Refusal] = []
    if order.status != "open":
        reasons.append(OrderClosed(status=order.status))
    if order.terms.valid_until > now:
        reasons.append(NotDue(due=order.terms.valid_until.isoformat()))
    refuse(reasons + clearing_refusals(order, plan_cut))
    return order
