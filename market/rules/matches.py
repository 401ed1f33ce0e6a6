"""Matches after a round: answers stay sealed until both sides have answered or the time is over."""

from typing import Literal
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from events.callers import Caller, role_refusals
from events.clearing_terms import PriceTerm
from events.decision import Decision, Moment
from events.envelope import Draft, Fact
from events.market_events import MatchAnswered, MatchConfirmed, MatchDeclined, MatchLapsed
from events.market_terms import RequirementTerms, SupplyTerms
from events.refusal import NotDue, Refusal, refuse
from events.vocabulary import MarketBasis, Side
from events.wellformed import malformed
from market.rules.book import OpenMatch
from market.rules.market_inputs import MarketInputs
from market.rules.match_terms import match_terms
from market.rules.refusing.refusals import (
    AlreadyAnswered,
    AnswerNotNeeded,
    ConfirmationOver,
    MatchDecided,
    MatchPartySuspended,
    MatchUnknown,
    ReasonMissing,
    ReasonUnexpected,
)
from market.rules.refusing.wording import Code

MatchStatus = Literal["open", "confirmed", "declined", "lapsed"]
SIDES: tuple[Side, ...] = ("seller", "buyer")


class MatchGround(Struct, frozen=True, kw_only=True):
    """The basis of a match, for its contract: both orders, and its whole waterfall."""

    supply: SupplyTerms
    requirement: RequirementTerms
    lines: tuple[PriceTerm, ...]
    basis: MarketBasis
    inputs: MarketInputs
    umpire: str | UnsetType = UNSET


class MatchState(Struct, frozen=True, kw_only=True):
    """`match` in its current or final state; `ground` only for open ones. `suspended`: the parties whose
    membership of the market is suspended."""

    lane: int
    match: OpenMatch | None
    status: MatchStatus
    ground: MatchGround | None = None
    suspended: frozenset[UUID] = frozenset()


class AnswerMatch(Struct, frozen=True, kw_only=True):
    """The side follows from the caller's organisation; a decline states its reason."""

    caller: Caller
    match: UUID
    answer: Literal["confirmed", "declined"]
    reason: Code | None = None


class LapseMatch(Struct, frozen=True, kw_only=True):
    """A timer ends a match whose time to answer is over; operator's role."""

    caller: Caller
    match: UUID


def answer(state: MatchState, argument: AnswerMatch, moment: Moment) -> Decision:
    """Answers a match; the last required answer decides it. For anyone but its parties the match does not
    exist. Raises Refusals."""
    refuse(role_refusals(argument.caller, "trader"))
    match = state.match
    side = None if match is None else side_of(match, argument.caller.organisation)
    if match is None or side is None:
        raise MatchUnknown
    reasons: list[Refusal] = list(malformed(argument))
    if state.status != "open":
        reasons.append(MatchDecided(status=state.status))
    elif moment.now >= match.struck.confirm_by:
        reasons.append(ConfirmationOver(confirm_by=match.struck.confirm_by.isoformat()))
    if not must_answer(match, side):
        reasons.append(AnswerNotNeeded(side=side))
    elif answer_of(match, side) is not None and state.status == "open":
        reasons.append(AlreadyAnswered(side=side))
    if argument.answer == "confirmed" and _barred(state, match, side):
        reasons.append(MatchPartySuspended())
    if argument.answer == "declined" and argument.reason is None:
        reasons.append(ReasonMissing(pointer="/reason"))
    if argument.answer == "confirmed" and argument.reason is not None:
        reasons.append(ReasonUnexpected(pointer="/reason"))
    refuse(reasons)
    fact = MatchAnswered(
        market=match.struck.market,
        match=match.struck.match,
        side=side,
        organisation=argument.caller.organisation,
        answer=argument.answer,
        reason=argument.reason,
    )
    answered = with_answer(match, side, argument)
    facts: list[Fact] = [fact]
    if not silent_sides(answered):
        facts.append(decision_of(answered, state.ground))
    return Decision(drafts=tuple(_draft(state, match, fact) for fact in facts))


def lapse(state: MatchState, argument: LapseMatch, moment: Moment) -> Decision:
    """Ends a match: declined if there is a sealed decline, else lapsed because of the silent sides. Raises
    Refusals.

    A side whose confirmation would have been refused, since a party is suspended, does not count as silent.
    """
    refuse(role_refusals(argument.caller, "operator"))
    match = state.match
    if match is None:
        raise MatchUnknown
    if state.status != "open":
        raise MatchDecided(status=state.status)
    if moment.now < match.struck.confirm_by:
        raise NotDue(due=match.struck.confirm_by.isoformat())
    struck, silent = match.struck, silent_sides(match)
    declined = any(answer_of(match, side) == "declined" for side in SIDES)
    if declined or not silent:
        return Decision(drafts=(_draft(state, match, decision_of(match, state.ground)),))
    fact = MatchLapsed(
        market=struck.market,
        match=struck.match,
        supply=struck.supply,
        requirement=struck.requirement,
        quantity_basis_g=struck.quantity_basis_g,
        silent=tuple(side for side in silent if not _barred(state, match, side)),
    )
    return Decision(drafts=(_draft(state, match, fact),))


def _barred(state: MatchState, match: OpenMatch, side: Side) -> bool:
    """Whether the side may not confirm: it is suspended, or the other is and this answer would decide the
    match.

    A side that is not suspended may confirm first, so that a lapse is not because of its silence.
    """
    organisation = match.seller if side == "seller" else match.buyer
    decides = silent_sides(match) == (side,)
    return organisation in state.suspended or (decides and bool(state.suspended))


def side_of(match: OpenMatch, organisation: UUID) -> Side | None:
    if organisation == match.seller:
        return "seller"
    return "buyer" if organisation == match.buyer else None


def must_answer(match: OpenMatch, side: Side) -> bool:
    return match.struck.seller_must_confirm if side == "seller" else match.struck.buyer_must_confirm


def answer_of(match: OpenMatch, side: Side) -> Literal["confirmed", "declined"] | None:
    return match.seller_answer if side == "seller" else match.buyer_answer


def silent_sides(match: OpenMatch) -> tuple[Side, ...]:
    """The sides whose required answer is missing."""
    return tuple(side for side in SIDES if must_answer(match, side) and answer_of(match, side) is None)


def with_answer(match: OpenMatch, side: Side, argument: AnswerMatch) -> OpenMatch:
    if side == "seller":
        return replace(match, seller_answer=argument.answer, seller_reason=argument.reason)
    return replace(match, buyer_answer=argument.answer, buyer_reason=argument.reason)


def decision_of(match: OpenMatch, ground: MatchGround | None) -> MatchConfirmed | MatchDeclined:
    """The result of the answers; without `ground`, a confirmation leads to no contract."""
    struck = match.struck
    declined_by = tuple(side for side in SIDES if answer_of(match, side) == "declined")
    if not declined_by:
        return MatchConfirmed(
            market=struck.market,
            match=struck.match,
            supply=struck.supply,
            requirement=struck.requirement,
            seller=match.seller,
            buyer=match.buyer,
            quantity_basis_g=struck.quantity_basis_g,
            contract=None
            if ground is None
            else match_terms(
                struck,
                ground.supply,
                ground.requirement,
                ground.lines,
                ground.basis,
                ground.inputs,
                ground.umpire,
            ),
        )
    reasons = {"seller": match.seller_reason, "buyer": match.buyer_reason}
    return MatchDeclined(
        market=struck.market,
        match=struck.match,
        supply=struck.supply,
        requirement=struck.requirement,
        quantity_basis_g=struck.quantity_basis_g,
        declined_by=declined_by,
        reasons=tuple(reasons[side] or "" for side in declined_by),
    )


def _draft(state: MatchState, match: OpenMatch, fact: Fact) -> Draft:
    return Draft(stream="market", lane=state.lane, subject=str(match.struck.match), data=fact)
