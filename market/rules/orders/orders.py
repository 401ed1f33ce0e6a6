"""What posting and changing orders share: the market's state, and who may act when."""

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
    """The newest reservation of a physical lot, in force until `released`; after `sold`, its seller cannot
    offer the lot again.

    If the passport comes back to the seller, the lot is released and no longer sold.
    """

    identity: str
    organisation: UUID
    market: UUID
    order: UUID
    released: bool = False
    sold: bool = False


class PostingState(Struct, frozen=True, kw_only=True):
    """What a posting reads; all from the market's lane except `reservation`, `passport`, `policies`, `twins`
    and `claims`.

    `lanes` is the deployment's lane count; `member` the caller's copy in this market; `rule_set` the one in
    effect now; `open_orders` the number of the market's open orders; `failings` the declined and lapsed
    matches of the caller's group in the last 90 days; `reservation`, `passport`: of the lot that a new draft
    names; `numbered`: the passport of a lot that the draft names only by number; `by_number`: the lot's
    reservation by number, when the issuer of its passport offers it; `policies` that the draft names, whoever
    may see them; `twins` on which it is based, whoever owns them; `claims` on the facility that it names, in
    all markets, without the order's own; None: not read; `ahead`: the same for all facilities of the seller,
    for supply forecast from returns.
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
    """Withdraw an offer, a lot or a requirement; quantities held by open matches stay held."""

    caller: Caller
    order: UUID
    expected_version: int


class Expire(Struct, frozen=True, kw_only=True):
    """End an offer, a lot or a requirement whose validity is over; given by a timer with the operator's
    role."""

    caller: Caller
    order: UUID


def market_of(state: State | None) -> State:
    """The state of a market that exists. Raises MarketUnknown."""
    if state is None:
        raise MarketUnknown
    return state


def named_market(state: State | None) -> State:
    """As `market_of`, for a market named in the body. Raises MarketUnknown."""
    if state is None:
        raise MarketUnknown(pointer="/market")
    return state


def market_draft(state: PostingState, subject: UUID, fact: Fact) -> Draft:
    return Draft(stream="market", lane=state.lane, subject=str(subject), data=fact)


def posting_refusals(state: PostingState, caller: Caller) -> list[Refusal]:
    """Refusals of a new order, apart from its terms."""
    reasons = trader_refusals(state, caller)
    if state.rule_set is None:
        reasons.append(RuleSetMissing())
    if state.open_orders >= state.terms.orders_max:
        reasons.append(OrdersMax(open_orders=state.open_orders, orders_max=state.terms.orders_max))
    return reasons


def trader_refusals(state: PostingState, caller: Caller) -> list[Refusal]:
    """Refusals unless the caller may trade in this market, and the market takes orders now."""
    reasons = role_refusals(caller, "trader") + halt_refusals(state.halt)
    if state.member is None:
        reasons.append(NotAMember())
    elif state.suspended:
        reasons.append(MemberSuspended())
    return reasons


def halt_refusals(halt: Halt | None) -> list[Refusal]:
    return [] if halt is None else [MarketIsHalted(since=halt.since.isoformat(), reason=halt.reason)]


def commitment_refusals(state: PostingState, commitment: Commitment) -> list[Refusal]:
    """Refusals unless firm, for a group with too many failings of matches."""
    if state.failings >= FAILINGS_MAX and commitment != "firm":
        return [FirmOnly(pointer="/commitment", failings=state.failings)]
    return []


def owned(order: Order | None, caller: Caller) -> Order:
    """The order, for its owner. Raises OrderUnknown for everybody else."""
    if order is None or order.organisation != caller.organisation:
        raise OrderUnknown
    return order


def change_refusals(order: Order, expected_version: int, plan_cut: int | None) -> list[Refusal]:
    """Refusals unless the order is open, has the expected version, and is not in a round under way."""
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
    """Refusals unless the amended order still covers what is held and sold."""
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
    """The order whose validity is over; while a round is under way, expiry waits. Raises Refusals."""
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
