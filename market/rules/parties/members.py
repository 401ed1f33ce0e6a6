"""A market's opening, and its members: the market's own copy of an organisation."""

from uuid import UUID

from msgspec import Struct

from events.callers import Caller, role_refusals
from events.decision import Decision, Moment
from events.envelope import Draft, Fact
from events.market_events import MarketOpened, MemberAdmitted, MemberSuspended
from events.market_terms import MarketTerms, Member
from events.refusal import Refusal, refuse
from events.wellformed import malformed
from market.rules.parties.parties import OrganisationState, member_copy
from market.rules.refusing.defects import SecondsOutOfRange
from market.rules.refusing.party_refusals import (
    AlreadyMember,
    OrganisationIsClosed,
    OrganisationUnknown,
    ReadmissionUnstated,
    SuspendedBefore,
)
from market.rules.refusing.refusals import MarketExists, MarketUnknown, NotAMember
from market.rules.refusing.wording import Text


class OpeningState(Struct, frozen=True, kw_only=True):
    """`exists`: a market with this id is open already. `lane` is the new market's lane."""

    lane: int
    exists: bool


class OpenMarket(Struct, frozen=True, kw_only=True):
    """The id is an argument because it names the lane."""

    caller: Caller
    market: UUID
    terms: MarketTerms


class MembershipState(Struct, frozen=True, kw_only=True):
    """A member that `has_left` counts as suspended too. `party` is None if only the market's lane is read
    (suspension)."""

    market: UUID
    lane: int
    member: Member | None
    suspended: bool
    has_left: bool = False
    party: OrganisationState | None = None


class AdmitMember(Struct, frozen=True, kw_only=True):
    """`readmits`: allow a member that was suspended or has left."""

    caller: Caller
    organisation: UUID
    readmits: bool = True


class SuspendMember(Struct, frozen=True, kw_only=True):
    caller: Caller
    organisation: UUID
    reason: Text


def open_market(state: OpeningState, argument: OpenMarket, moment: Moment) -> Decision:
    """Raises Refusals."""
    del moment
    reasons = role_refusals(argument.caller, "operator")
    if state.exists:
        reasons.append(MarketExists())
    refuse(reasons + (malformed(argument.terms) or _clock_refusals(argument.terms)))
    fact = MarketOpened(market=argument.market, terms=argument.terms)
    return Decision(drafts=(_draft(state.lane, argument.market, fact),))


def _clock_refusals(terms: MarketTerms) -> list[Refusal]:
    """Refusals unless there is time to answer a match, and the random delay keeps rounds in order."""
    reasons: list[Refusal] = []
    if terms.confirmation_seconds == 0:
        reasons.append(SecondsOutOfRange(pointer="/confirmation_seconds", value=0, least=1, most=10**9))
    if terms.clearing_jitter_seconds > terms.clearing_interval_seconds:
        reasons.append(
            SecondsOutOfRange(
                pointer="/clearing_jitter_seconds",
                value=terms.clearing_jitter_seconds,
                least=0,
                most=terms.clearing_interval_seconds,
            )
        )
    return reasons


def admit(state: MembershipState | None, argument: AdmitMember, moment: Moment) -> Decision:
    """Admits an organisation, or again a member that was suspended or has left. Raises Refusals."""
    del moment
    if state is None:
        raise MarketUnknown
    refuse(role_refusals(argument.caller, "operator"))
    if state.party is None or state.party.organisation is None:
        raise OrganisationUnknown(pointer="/organisation")
    if state.party.organisation.closed_at is not None:
        raise OrganisationIsClosed(pointer="/organisation")
    if state.member is not None and not state.suspended:
        raise AlreadyMember
    if state.member is not None and not argument.readmits:
        how = "one that has left" if state.has_left else "suspended in"
        raise ReadmissionUnstated(pointer="/readmit", how=how)
    fact = MemberAdmitted(market=state.market, member=member_copy(state.party))
    return Decision(drafts=(_draft(state.lane, argument.organisation, fact),))


def suspend(state: MembershipState | None, argument: SuspendMember, moment: Moment) -> Decision:
    """Suspends a member: its orders stay in the book, but are not eligible until it is admitted again. Raises
    Refusals."""
    del moment
    if state is None:
        raise MarketUnknown
    reasons = role_refusals(argument.caller, "operator") + malformed(argument)
    if state.member is None or state.has_left:
        reasons.append(NotAMember())
    elif state.suspended:
        reasons.append(SuspendedBefore())
    refuse(reasons)
    fact = MemberSuspended(market=state.market, organisation=argument.organisation, reason=argument.reason)
    return Decision(drafts=(_draft(state.lane, argument.organisation, fact),))


def _draft(lane: int, subject: UUID, fact: Fact) -> Draft:
    return Draft(stream="market", lane=lane, subject=str(subject), data=fact)
