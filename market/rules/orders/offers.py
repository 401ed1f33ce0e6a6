"""Supply offers: post, amend, withdraw, expire; and the checks that recovered lots share with them."""

from collections.abc import Callable
from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import UNSET, Struct
from msgspec.structs import replace

from events.callers import Caller
from events.decision import Decision, Moment
from events.market_events import (
    SupplyOfferAmended,
    SupplyOffered,
    SupplyOfferExpired,
    SupplyOfferWithdrawn,
)
from events.market_terms import SupplyTerms
from events.refusal import NoChange, Refusal, refuse
from events.vocabulary import Period, Tranche
from market.rules.book import SupplyOrder
from market.rules.goods import states_goods
from market.rules.orders import reservations
from market.rules.orders.counting import counted
from market.rules.orders.forecast_units import shared_refusals
from market.rules.orders.orders import (
    Expire,
    PostingState,
    SupplyState,
    Withdraw,
    change_refusals,
    check_expiry,
    check_withdrawal,
    commitment_refusals,
    market_draft,
    market_of,
    named_market,
    owned,
    posting_refusals,
    quantity_refusals,
    trader_refusals,
)
from market.rules.orders.passport_evidence import evidence_of, excess_refusals, lot_refusals, proven
from market.rules.orders.rex import market_route_refusals, note_refusals, owes_route, route_refusals
from market.rules.orders.supplies import SupplyDraft, terms_of
from market.rules.orders.supply_checks import draft_refusals
from market.rules.orders.twin_references import twin_refusals
from market.rules.orders.whole_magnets import as_compared
from market.rules.refusing.defects import RexRouteMissing
from market.rules.refusing.ineligibility import kg_text
from market.rules.refusing.refusals import (
    CommittedFieldFixed,
    GoodsHeld,
    PhysicalLotFixed,
    QuantityBelowCommitted,
)
from market.rules.refusing.unread import judged
from market.rules.tranches import tranche_shares_g

SupplyKind = Literal["offer", "lot"]
COMMITTED_FIELDS = ("form", "moisture_ppb", "composition", "facility", "term", "core")
GOODS_FIELDS = ("condition", "rex_routes", "packaging")
"""Members that a contract states about goods or counts them by, in addition to those that never change."""


class PostSupply(Struct, frozen=True, kw_only=True):
    """Post an offer, or list a recovered lot. `counting`: the command has the lock for checking the
    facility's capacity."""

    caller: Caller
    draft: SupplyDraft
    counting: bool = False


class AmendSupply(Struct, frozen=True, kw_only=True):
    """`draft` is the whole amended order; `counting` as in a posting."""

    caller: Caller
    order: UUID
    expected_version: int
    draft: SupplyDraft
    counting: bool = False


class Amendment(Struct, frozen=True, kw_only=True):
    order: SupplyOrder
    terms: SupplyTerms
    keeps_rank: bool


def post(state: PostingState | None, argument: PostSupply, moment: Moment) -> Decision:
    """Raises Refusals."""
    known = named_market(state)
    terms = check_posting(known, argument, moment, _route_refusals(known, argument.draft))
    offer, seller = moment.new_id(), argument.caller.organisation
    fact = SupplyOffered(market=known.market, offer=offer, organisation=seller, terms=terms)
    reserved = reservations.reserve(known.market, known.lanes, seller, offer, terms.physical_lot)
    return Decision(drafts=(market_draft(known, offer, fact), *reserved))


def judge(state: PostingState | None, argument: PostSupply, moment: Moment) -> Decision:
    """Checks a draft without the members that could not be read. Raises Refusals; posts nothing."""
    known = named_market(state)
    refuse(posting_reasons(known, argument, moment.now, _route_refusals(known, argument.draft)))
    return Decision(drafts=())


def amend(state: SupplyState | None, argument: AmendSupply, moment: Moment) -> Decision:
    """Raises Refusals."""
    known = market_of(state)
    reasons = _route_refusals(known, argument.draft)
    amendment = check_amendment(known, argument, "offer", moment.now, reasons)
    fact = SupplyOfferAmended(
        market=known.market,
        offer=argument.order,
        organisation=argument.caller.organisation,
        terms=amendment.terms,
        keeps_rank=amendment.keeps_rank,
    )
    return Decision(drafts=(market_draft(known, argument.order, fact),))


def withdraw(state: SupplyState | None, argument: Withdraw, moment: Moment) -> Decision:
    """Raises Refusals."""
    del moment
    known = market_of(state)
    order = check_withdrawal(of_kind(known.order, "offer"), argument, known.plan_cut)
    fact = SupplyOfferWithdrawn(market=known.market, offer=order.order, organisation=order.organisation)
    released = reservations.release_with(known.lanes, order, "withdrawn")
    return Decision(drafts=(market_draft(known, order.order, fact), *released))


def expire(state: SupplyState | None, argument: Expire, moment: Moment) -> Decision:
    """Raises Refusals."""
    known = market_of(state)
    order = check_expiry(of_kind(known.order, "offer"), argument, known.plan_cut, moment.now)
    fact = SupplyOfferExpired(market=known.market, offer=order.order, organisation=order.organisation)
    released = reservations.release_with(known.lanes, order, "expired")
    return Decision(drafts=(market_draft(known, order.order, fact), *released))


def _route_refusals(state: PostingState, draft: SupplyDraft) -> list[Refusal]:
    return hierarchy_refusals(
        state, draft, lambda offer: owes_route(offer.form, offer.waste_status, state.rule_set)
    )


def hierarchy_refusals(
    state: PostingState, draft: SupplyDraft, owes: Callable[[SupplyDraft], bool]
) -> list[Refusal]:
    """Refusals because of the waste hierarchy; `owes`: whether the supply has to name a route."""
    return judged(
        (
            lambda each: (
                [RexRouteMissing(pointer="/rex_routes")] if owes(each) and not each.rex_routes else []
            ),
            lambda each: market_route_refusals(each.rex_routes, state.terms.basis),
            lambda each: route_refusals(
                each.form, each.condition, each.rex_routes, each.step_down, state.rule_set
            ),
            lambda each: note_refusals(each.step_down),
        ),
        draft,
    )


def of_kind(order: SupplyOrder | None, kind: SupplyKind) -> SupplyOrder | None:
    """The order, or None if it is of the other kind."""
    return order if order is not None and order.kind == kind else None


def check_posting(
    state: PostingState, argument: PostSupply, moment: Moment, kind_refusals: list[Refusal]
) -> SupplyTerms:
    """The terms to be posted. Raises Refusals with all reasons.

    The types of the draft are first checked through the fact that it becomes, except for codes of
    initiatives, for which the record allows more.
    """
    now = moment.now
    named = argument.draft.visible_to_initiatives
    typed = moment.is_first and state.passport is None and named == ()
    refuse(posting_reasons(state, argument, now, kind_refusals, typed=typed))
    terms = posting_terms(state, argument.draft, now)
    refuse(list(shared_refusals(terms, state.terms.basis, state.ahead, None)))
    return counted(state, terms, now)


def posting_terms(state: PostingState, draft: SupplyDraft, now: datetime) -> SupplyTerms:
    """The terms of a draft without refusals, with the evidence of its lot's passport."""
    terms = terms_of(draft, state.terms, state.inputs)
    if state.passport is None:
        return terms
    return proven(terms, evidence_of(state.passport, state.terms.basis, now))


def posting_reasons(
    state: PostingState,
    argument: PostSupply,
    now: datetime,
    kind_refusals: list[Refusal],
    *,
    typed: bool = False,
) -> list[Refusal]:
    """All reasons why a new offer or lot cannot be posted; `typed` as in `draft_refusals`."""
    draft = argument.draft
    return [
        *posting_refusals(state, argument.caller),
        *judged((lambda offer: commitment_refusals(state, offer.commitment),), draft),
        *draft_refusals(draft, state, now, frozenset(), typed=typed),
        *judged(
            (
                lambda offer: lot_refusals(state, argument.caller, offer, now),
                lambda offer: twin_refusals(offer, state.twins, argument.caller.organisation),
            ),
            draft,
        ),
        *kind_refusals,
    ]


def check_amendment(
    state: SupplyState, argument: AmendSupply, kind: SupplyKind, now: datetime, kind_refusals: list[Refusal]
) -> Amendment:
    """The amended terms. Raises Refusals: first those about caller and state, then all reasons of the
    draft."""
    refuse(trader_refusals(state, argument.caller))
    order = owned(of_kind(state.order, kind), argument.caller)
    refuse(change_refusals(order, argument.expected_version, state.plan_cut))
    draft, old = argument.draft, replace(order.terms, capacity=None)
    evidence = old.passport_evidence
    windows = frozenset(tranche.window for tranche in old.tranches)
    refuse(
        [
            *commitment_refusals(state, draft.commitment),
            *draft_refusals(draft, state, now, windows),
            *_fixed_refusals(order, draft),
            *_held_refusals(state, order, draft),
            *(() if evidence is None else excess_refusals(draft, evidence, state.terms.basis)),
            *twin_refusals(draft, state.twins, order.organisation),
            *kind_refusals,
        ]
    )
    terms = terms_of(draft, state.terms, state.inputs)
    if evidence is not None:
        terms = proven(terms, evidence)
    if keeps_ask(old, terms):
        terms = replace(terms, ask=old.ask)
    refuse([NoChange()] if terms == old else _committed_refusals(order, terms))
    refuse(list(shared_refusals(terms, state.terms.basis, state.ahead, old)))
    keeps_rank = is_reduction(old, terms)
    return Amendment(order=order, terms=counted(state, terms, now, old), keeps_rank=keeps_rank)


def _fixed_refusals(order: SupplyOrder, draft: SupplyDraft) -> list[Refusal]:
    reasons: list[Refusal] = []
    if draft.physical_lot != order.terms.physical_lot:
        reasons.append(PhysicalLotFixed(pointer="/physical_lot"))
    if order.held_g + order.filled_g > 0:
        reasons += [
            CommittedFieldFixed(pointer=f"/{name}")
            for name in COMMITTED_FIELDS
            if getattr(draft, name) != getattr(order.terms, name)
        ]
        if as_compared(draft.magnets) != as_compared(order.terms.magnets):
            reasons.append(CommittedFieldFixed(pointer="/magnets"))
        if draft.forecast is not UNSET and draft.forecast != order.terms.forecast:
            reasons.append(CommittedFieldFixed(pointer="/forecast"))
        if _windows(draft.tranches) != _windows(order.terms.tranches):
            reasons.append(CommittedFieldFixed(pointer="/tranches"))
    return reasons


def goods_held(state: SupplyState, order: SupplyOrder) -> bool:
    """Whether a match that waits for answers has a contract that will state the order's goods."""
    agreed = state.rule_set is not None and state.rule_set.goods_agreed is True
    return agreed and order.held_g > 0 and states_goods(order.terms)


def _held_refusals(state: SupplyState, order: SupplyOrder, draft: SupplyDraft) -> list[Refusal]:
    if not goods_held(state, order):
        return []
    return [
        GoodsHeld(pointer=f"/{name}")
        for name in GOODS_FIELDS
        if getattr(draft, name) != getattr(order.terms, name)
    ]


def _windows(tranches: tuple[Tranche, ...]) -> list[Period]:
    return [tranche.window for tranche in tranches]


def _committed_refusals(order: SupplyOrder, terms: SupplyTerms) -> list[Refusal]:
    """Refusals unless the order as a whole and each tranche still cover what is held or sold."""
    reasons = quantity_refusals(order, terms.basis_g, "/net_wet_g")
    shares = tranche_shares_g(terms)
    for index, committed_g in enumerate(order.tranche_committed_g):
        if shares[index] < committed_g:
            pointer = f"/tranches/{index}/net_wet_g"
            reasons.append(
                QuantityBelowCommitted(
                    pointer=pointer, basis=kg_text(shares[index]), committed=kg_text(committed_g)
                )
            )
    return reasons


def keeps_ask(old: SupplyTerms, new: SupplyTerms) -> bool:
    """Whether price and material are unchanged, so that the ask is not converted again with newer rates."""
    material = (new.moisture_ppb, new.composition)
    return new.ask.stated == old.ask.stated and material == (old.moisture_ppb, old.composition)


def is_reduction(old: SupplyTerms, new: SupplyTerms) -> bool:
    """Less quantity, tranche by tranche, and nothing else: such an amendment keeps its place in time."""
    before = {tranche.window: tranche.net_wet_g for tranche in old.tranches}
    smaller = all(tranche.net_wet_g <= before.get(tranche.window, 0) for tranche in new.tranches)
    same = replace(new, net_wet_g=old.net_wet_g, basis_g=old.basis_g, tranches=old.tranches) == old
    return same and smaller and new.net_wet_g < old.net_wet_g
