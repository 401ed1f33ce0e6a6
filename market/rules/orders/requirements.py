"""Requirements: post, amend, withdraw, expire."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from events.callers import Caller
from events.decision import Decision, Moment
from events.market_events import (
    RequirementAmended,
    RequirementExpired,
    RequirementPosted,
    RequirementWithdrawn,
)
from events.market_terms import (
    RequirementTerms,
)
from events.refusal import NoChange, Refusal, refuse
from market.rules.book import RequirementOrder
from market.rules.orders.orders import (
    Expire,
    PostingState,
    RequirementState,
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
from market.rules.orders.policy_references import applied, references
from market.rules.orders.requirement_drafts import RequirementDraft, draft_refusals, terms_of
from market.rules.orders.whole_magnets import as_compared
from market.rules.policy_lines import without_policies
from market.rules.refusing.refusals import CommittedFieldFixed
from market.rules.refusing.unread import judged

COMMITTED_FIELDS = ("term", "facility", "limits", "purity", "penalties", "recycled_min_ppb")


class PostRequirement(Struct, frozen=True, kw_only=True):
    caller: Caller
    draft: RequirementDraft


class AmendRequirement(Struct, frozen=True, kw_only=True):
    """`draft` is the whole amended order."""

    caller: Caller
    order: UUID
    expected_version: int
    draft: RequirementDraft


def post(state: PostingState | None, argument: PostRequirement, moment: Moment) -> Decision:
    """Raises Refusals."""
    known = named_market(state)
    draft = argument.draft
    refuse(posting_reasons(known, argument, moment.now))
    requirement = moment.new_id()
    fact = RequirementPosted(
        market=known.market,
        requirement=requirement,
        organisation=argument.caller.organisation,
        terms=posting_terms(known, draft),
    )
    return Decision(drafts=(market_draft(known, requirement, fact),))


def judge(state: PostingState | None, argument: PostRequirement, moment: Moment) -> Decision:
    """Checks a draft without the members that could not be read. Raises Refusals; posts nothing."""
    refuse(posting_reasons(named_market(state), argument, moment.now))
    return Decision(drafts=())


def posting_reasons(state: PostingState, argument: PostRequirement, now: datetime) -> list[Refusal]:
    """All reasons why a new requirement cannot be posted."""
    return [
        *posting_refusals(state, argument.caller),
        *judged((lambda draft: commitment_refusals(state, draft.commitment),), argument.draft),
        *draft_refusals(argument.draft, state, now, frozenset()),
    ]


def amend(state: RequirementState | None, argument: AmendRequirement, moment: Moment) -> Decision:
    """Amends a requirement. Raises Refusals: first those about caller and state, then all reasons of the
    draft."""
    known = market_of(state)
    refuse(trader_refusals(known, argument.caller))
    order = owned(known.order, argument.caller)
    refuse(change_refusals(order, argument.expected_version, known.plan_cut))
    draft, old = argument.draft, order.terms
    refuse(
        [
            *commitment_refusals(known, draft.commitment),
            *draft_refusals(draft, known, moment.now, frozenset({old.window}), old.policies),
            *_fixed_refusals(order, draft),
        ]
    )
    terms = terms_of(draft, known.terms, known.inputs, applied(draft.policies, known.policies, old.policies))
    if draft.limit == old.limit.stated:
        terms = replace(terms, limit=old.limit)
    refuse([NoChange()] if terms == old else quantity_refusals(order, terms.basis_g, "/basis_g"))
    fact = RequirementAmended(
        market=known.market,
        requirement=order.order,
        organisation=order.organisation,
        terms=terms,
        keeps_rank=is_reduction(old, terms),
    )
    return Decision(drafts=(market_draft(known, order.order, fact),))


def withdraw(state: RequirementState | None, argument: Withdraw, moment: Moment) -> Decision:
    """Raises Refusals."""
    del moment
    known = market_of(state)
    order = check_withdrawal(known.order, argument, known.plan_cut)
    fact = RequirementWithdrawn(market=known.market, requirement=order.order, organisation=order.organisation)
    return Decision(drafts=(market_draft(known, order.order, fact),))


def expire(state: RequirementState | None, argument: Expire, moment: Moment) -> Decision:
    """Raises Refusals."""
    known = market_of(state)
    order = check_expiry(known.order, argument, known.plan_cut, moment.now)
    fact = RequirementExpired(market=known.market, requirement=order.order, organisation=order.organisation)
    return Decision(drafts=(market_draft(known, order.order, fact),))


def is_reduction(old: RequirementTerms, new: RequirementTerms) -> bool:
    """Less quantity and nothing else: such an amendment keeps its place in time."""
    return new.basis_g < old.basis_g and replace(new, basis_g=old.basis_g) == old


def posting_terms(state: PostingState, draft: RequirementDraft) -> RequirementTerms:
    """The terms of a new requirement, whose draft has no refusals."""
    return terms_of(draft, state.terms, state.inputs, applied(draft.policies, state.policies, ()))


def _fixed_refusals(order: RequirementOrder, draft: RequirementDraft) -> list[Refusal]:
    """Refusals for changes of horizon, site or policies while matches hold a part, which was bid for under
    the old ones."""
    if order.held_g + order.filled_g == 0:
        return []
    old = without_policies(order.terms)
    fixed = [f"/{name}" for name in COMMITTED_FIELDS if getattr(draft, name) != getattr(old, name)]
    if as_compared(draft.magnets) != as_compared(old.magnets):
        fixed.append("/magnets")
    if draft.policies != references(order.terms.policies):
        fixed.append("/policies")
    return [CommittedFieldFixed(pointer=pointer) for pointer in fixed]
