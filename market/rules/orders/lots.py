"""Recovered-material lots: list, amend, grade, withdraw, expire, and the release of their reservation."""

from uuid import UUID

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from events.callers import Caller, role_refusals
from events.decision import Decision, Moment
from events.market_events import (
    RecoveredLotAmended,
    RecoveredLotExpired,
    RecoveredLotGraded,
    RecoveredLotListed,
    RecoveredLotWithdrawn,
)
from events.market_terms import SupplyTerms
from events.refusal import NoChange, Refusal, refuse
from events.rex_terms import StepDown
from events.vocabulary import ConditionGrade
from events.wellformed import malformed
from market.rules.book import SupplyOrder
from market.rules.orders import reservations
from market.rules.orders.offers import (
    AmendSupply,
    PostSupply,
    check_amendment,
    check_posting,
    goods_held,
    hierarchy_refusals,
    of_kind,
    posting_reasons,
)
from market.rules.orders.orders import (
    Expire,
    PostingState,
    Reservation,
    SupplyState,
    Withdraw,
    change_refusals,
    check_expiry,
    check_withdrawal,
    market_draft,
    market_of,
    named_market,
    owned,
    trader_refusals,
)
from market.rules.orders.rex import note_refusals, route_refusals
from market.rules.orders.supplies import SupplyDraft
from market.rules.refusing.defects import StepDownReasonMissing
from market.rules.refusing.material_defects import PhysicalLotMissing
from market.rules.refusing.refusals import (
    ConditionByGrading,
    GoodsHeld,
    OrderStillOpen,
    OrderUnknown,
    ReservationUnknown,
)
from market.rules.refusing.wording import Text


class GradeLot(Struct, frozen=True, kw_only=True):
    """`step_down` replaces the lot's stated reason; without it, that one stays."""

    caller: Caller
    order: UUID
    expected_version: int
    condition: ConditionGrade
    inspector: Text
    step_down: StepDown | UnsetType = UNSET


class ReleaseState(Struct, frozen=True, kw_only=True):
    """`order` as stored after it left the book; `reservation` is the newest one of its lot."""

    lanes: int
    order: SupplyOrder | None
    reservation: Reservation | None


class ReleaseLot(Struct, frozen=True, kw_only=True):
    """A timer releases the lot of an order that is closed and holds nothing; operator's role."""

    caller: Caller
    order: UUID


def list_lot(state: PostingState | None, argument: PostSupply, moment: Moment) -> Decision:
    """Raises Refusals."""
    known = named_market(state)
    terms = check_posting(known, argument, moment, _lot_refusals(known, argument.draft))
    lot, seller = moment.new_id(), argument.caller.organisation
    fact = RecoveredLotListed(market=known.market, lot=lot, organisation=seller, terms=terms)
    reserved = reservations.reserve(known.market, known.lanes, seller, lot, terms.physical_lot)
    return Decision(drafts=(market_draft(known, lot, fact), *reserved))


def judge(state: PostingState | None, argument: PostSupply, moment: Moment) -> Decision:
    """Checks a draft without the members that could not be read. Raises Refusals; lists nothing."""
    known = named_market(state)
    refuse(posting_reasons(known, argument, moment.now, _lot_refusals(known, argument.draft)))
    return Decision(drafts=())


def _lot_refusals(state: PostingState, draft: SupplyDraft) -> list[Refusal]:
    reasons: list[Refusal] = []
    if draft.physical_lot is None:
        reasons.append(PhysicalLotMissing(pointer="/physical_lot"))
    return reasons + _route_refusals(state, draft)


def _route_refusals(state: PostingState, draft: SupplyDraft) -> list[Refusal]:
    return hierarchy_refusals(state, draft, lambda _: True)


def amend(state: SupplyState | None, argument: AmendSupply, moment: Moment) -> Decision:
    """Amends a lot; a draft without condition keeps the lot's condition. Raises Refusals."""
    known = market_of(state)
    order = of_kind(known.order, "lot")
    if order is not None and argument.draft.condition is None:
        argument = replace(argument, draft=replace(argument.draft, condition=order.terms.condition))
    reasons = _route_refusals(known, argument.draft)
    if order is not None and argument.draft.condition != order.terms.condition:
        reasons.append(ConditionByGrading(pointer="/condition"))
    amendment = check_amendment(known, argument, "lot", moment.now, reasons)
    fact = RecoveredLotAmended(
        market=known.market,
        lot=argument.order,
        organisation=argument.caller.organisation,
        terms=amendment.terms,
        keeps_rank=amendment.keeps_rank,
    )
    return Decision(drafts=(market_draft(known, argument.order, fact),))


def grade(state: SupplyState | None, argument: GradeLot, moment: Moment) -> Decision:
    """Raises Refusals."""
    del moment
    known = market_of(state)
    refuse(trader_refusals(known, argument.caller))
    order = owned(of_kind(known.order, "lot"), argument.caller)
    refuse(change_refusals(order, argument.expected_version, known.plan_cut) + malformed(argument))
    refuse(_grade_refusals(known, order.terms, argument))
    if goods_held(known, order):
        raise GoodsHeld(pointer="/condition")
    fact = RecoveredLotGraded(
        market=known.market,
        lot=order.order,
        organisation=order.organisation,
        condition=argument.condition,
        inspector=argument.inspector,
        step_down=argument.step_down,
    )
    return Decision(drafts=(market_draft(known, order.order, fact),))


def _grade_refusals(state: SupplyState, terms: SupplyTerms, argument: GradeLot) -> list[Refusal]:
    """Refusals for a grading. Findings are facts and not refused: a route that they exclude only prevents
    matches until it is amended."""
    step_down = terms.step_down if argument.step_down is UNSET else argument.step_down
    found = route_refusals(terms.form, argument.condition, terms.rex_routes, step_down, state.rule_set)
    return [
        *([NoChange()] if terms.condition == argument.condition else []),
        *(each for each in found if isinstance(each, StepDownReasonMissing)),
        *note_refusals(argument.step_down),
    ]


def withdraw(state: SupplyState | None, argument: Withdraw, moment: Moment) -> Decision:
    """Raises Refusals."""
    del moment
    known = market_of(state)
    order = check_withdrawal(of_kind(known.order, "lot"), argument, known.plan_cut)
    fact = RecoveredLotWithdrawn(market=known.market, lot=order.order, organisation=order.organisation)
    released = reservations.release_with(known.lanes, order, "withdrawn")
    return Decision(drafts=(market_draft(known, order.order, fact), *released))


def expire(state: SupplyState | None, argument: Expire, moment: Moment) -> Decision:
    """Raises Refusals."""
    known = market_of(state)
    order = check_expiry(of_kind(known.order, "lot"), argument, known.plan_cut, moment.now)
    fact = RecoveredLotExpired(market=known.market, lot=order.order, organisation=order.organisation)
    released = reservations.release_with(known.lanes, order, "expired")
    return Decision(drafts=(market_draft(known, order.order, fact), *released))


def release(state: ReleaseState, argument: ReleaseLot, moment: Moment) -> Decision:
    """Releases a lot, also of an offer that names a physical lot. Raises Refusals."""
    del moment
    refuse(role_refusals(argument.caller, "operator"))
    order, reservation = state.order, state.reservation
    if order is None:
        raise OrderUnknown
    if order.status == "open" or order.held_g:
        raise OrderStillOpen
    if reservation is None or reservation.released or reservation.order != order.order:
        raise ReservationUnknown
    return Decision(drafts=reservations.release_of(state.lanes, order, order.status))
