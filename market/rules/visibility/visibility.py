"""What a viewer may see of a fact, an order, an explanation, a candidate list; every interface uses it."""

from datetime import datetime
from typing import Literal, assert_never
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from events.envelope import Recorded
from events.facts import MarketFact, OwnFact
from events.market_events import (
    ClearingAbandoned,
    ClearingCompleted,
    ClearingEvidence,
    ClearingPlanned,
    InputRecorded,
    MarketHalted,
    MarketOpened,
    MarketResumed,
    MatchAnswered,
    MatchConfirmed,
    MatchDeclined,
    MatchLapsed,
    MatchStruck,
    MemberAdmitted,
    MemberChanged,
    MemberLeft,
    MemberSuspended,
    QuoteAsked,
    RecoveredLotAmended,
    RecoveredLotExpired,
    RecoveredLotGraded,
    RecoveredLotListed,
    RecoveredLotWithdrawn,
    RequirementAmended,
    RequirementExpired,
    RequirementPosted,
    RequirementWithdrawn,
    RuleSetPublished,
    RuleSetRehearsed,
    SupplyOfferAmended,
    SupplyOffered,
    SupplyOfferExpired,
    SupplyOfferWithdrawn,
)
from events.vocabulary import Instant, MassG, Side
from market.rules.book import Book, OpenMatch, RequirementOrder, SupplyOrder
from market.rules.refusing.ineligibility import Ineligibility
from market.rules.reliability import resting_until
from market.rules.viewers import (
    AuditorViewer,
    InitiativeViewer,
    OperatorViewer,
    OrganisationViewer,
    PublicViewer,
    Viewer,
)
from market.rules.visibility.audience import concerns, market_audience
from market.rules.visibility.crowd import Crowd, crowd_of
from market.rules.visibility.explanations import Candidates, MatchExplanation, Verdict, price_standing
from market.rules.visibility.own_round import OwnOrderInRound, OwnQuote, own_order_in_round, own_quote
from market.rules.visibility.own_side import (
    OwnCandidates,
    OwnExplanation,
    own_candidates,
    own_explanation,
    own_match,
)
from market.rules.visibility.quotes import Quote
from market.rules.visibility.standings import OrderInRound
from market.rules.visibility.tape import abandoned_line, completed_line, rule_set_line
from market.rules.visibility.taping import on_tape, supply_of


class SealedOrder(Struct, frozen=True, kw_only=True):
    """An order that no cut has included yet, as an operator sees it: owner and quantity, without price and
    terms."""

    market: UUID
    order: UUID
    organisation: UUID
    basis_g: MassG


class SealedQuote(Struct, frozen=True, kw_only=True):
    """A quote as an operator sees it: who asked, without order and price."""

    market: UUID
    quote: UUID
    organisation: UUID
    round: int


class OwnOutcome(Struct, frozen=True, kw_only=True):
    """How a match ended without a trade, as one side sees it.

    `firm_only_until`: for a side that caused it and whose group has too many failings by it, in a market
    where conditional orders rest: until then its orders subject to confirmation are not eligible, unless
    amended to firm.
    """

    side: Side
    market: UUID
    match: UUID
    own_order: UUID
    outcome: Literal["declined", "lapsed"]
    by: tuple[Side, ...]
    reasons: tuple[str, ...] = ()
    firm_only_until: Instant | UnsetType = UNSET


def see(event: Recorded, viewer: Viewer, book: Book | None, crowd: Crowd | None = None) -> Struct | None:
    """What `viewer` may see of a fact of the market stream; None: nothing. ValueError for other streams.

    `book` is that of the fact's market BEFORE the event: it gives the orders' owners, and `crowd` the groups
    per form for this viewer; without one it is counted again. Only MarketOpened has no book. Auditors see the
    fact itself.
    """
    if event.stream != "market":
        raise ValueError(f"no viewer is shown the stream {event.stream}, so not {event.type}")
    fact: MarketFact = event.data  # type: ignore[assignment]
    if book is None or type(fact) is MarketOpened:
        return None if isinstance(viewer, PublicViewer | InitiativeViewer) else fact
    match viewer:
        case OrganisationViewer():
            return _for_organisation(fact, event.time, viewer.organisation, book)
        case PublicViewer() | InitiativeViewer():
            return on_tape(fact, viewer, book, crowd_of(book, viewer) if crowd is None else crowd)
        case OperatorViewer():
            return _for_operator(fact, event.position, viewer, book)
        case AuditorViewer():
            return fact
        case _:
            assert_never(viewer)


def see_order(
    order: SupplyOrder | RequirementOrder, viewer: Viewer
) -> SupplyOrder | RequirementOrder | SealedOrder | None:
    """Owner and auditors see an order in full, operators once a cut has included it, the public never."""
    match viewer:
        case AuditorViewer():
            return order
        case OrganisationViewer():
            return order if order.organisation == viewer.organisation else None
        case OperatorViewer():
            return order if order.rank <= viewer.cut else _sealed(order)
        case PublicViewer() | InitiativeViewer():
            return None
        case _:
            assert_never(viewer)


def see_book(book: Book, viewer: AuditorViewer | OperatorViewer) -> Book:
    """An auditor sees a book in full, an operator without orders that no cut has included and without
    answers."""
    if isinstance(viewer, AuditorViewer):
        return book
    return replace(
        book,
        supplies={key: order for key, order in book.supplies.items() if order.rank <= viewer.cut},
        requirements={key: order for key, order in book.requirements.items() if order.rank <= viewer.cut},
        matches={
            match: OpenMatch(struck=found.struck, seller=found.seller, buyer=found.buyer)
            for match, found in book.matches.items()
        },
    )


def see_match(explanation: MatchExplanation, viewer: Viewer) -> MatchExplanation | OwnExplanation | None:
    """A party sees its own side, operators and auditors everything, nobody else anything."""
    match viewer:
        case AuditorViewer() | OperatorViewer():
            return explanation
        case OrganisationViewer():
            return own_explanation(explanation, viewer.organisation)
        case PublicViewer() | InitiativeViewer():
            return None
        case _:
            assert_never(viewer)


def see_candidates(
    candidates: Candidates, viewer: Viewer, taken: Candidates | None = None
) -> Candidates | OwnCandidates | None:
    """The owner sees counts from the newest round, an auditor everything, an operator values and figures only
    of orders that a cut has included. `taken`: the order as the newest completed round included it."""
    match viewer:
        case AuditorViewer():
            return candidates
        case OperatorViewer():
            return _within_cut(candidates, viewer.cut)
        case OrganisationViewer():
            return own_candidates(candidates, viewer.organisation, viewer.cut, taken)
        case PublicViewer() | InitiativeViewer():
            return None
        case _:
            assert_never(viewer)


def see_order_in_round(of: OrderInRound, viewer: Viewer) -> OrderInRound | OwnOrderInRound | None:
    """The owner sees its own side, operators and auditors everything, since a completed round included all of
    it."""
    match viewer:
        case AuditorViewer() | OperatorViewer():
            return of
        case OrganisationViewer():
            return own_order_in_round(of, viewer.organisation)
        case PublicViewer() | InitiativeViewer():
            return None
        case _:
            assert_never(viewer)


def see_quote(of: Quote, viewer: Viewer) -> OwnQuote | None:
    """Only the asker gets an answer, in bands: nobody sees the exact result of a hypothetical order."""
    match viewer:
        case OrganisationViewer():
            return own_quote(of, viewer.organisation)
        case AuditorViewer() | OperatorViewer() | PublicViewer() | InitiativeViewer():
            return None
        case _:
            assert_never(viewer)


def _within_cut(candidates: Candidates, cut: int) -> Candidates:
    if candidates.rank > cut:
        cut = 0
    verdicts = tuple(
        verdict if verdict.counter_rank <= cut else _sealed_verdict(verdict)
        for verdict in candidates.verdicts
    )
    standing = candidates.standing
    if standing in ("all_dearer", "in_the_money"):
        standing = price_standing(verdicts)
    return replace(candidates, verdicts=verdicts, standing=standing)


def _sealed_verdict(verdict: Verdict) -> Verdict:
    reasons = tuple(Ineligibility(code=reason.code, subject=reason.subject) for reason in verdict.reasons)
    return replace(verdict, reasons=reasons, value_ueur_per_kg=None, gap_bands=None)


def _for_organisation(fact: MarketFact, at: datetime, organisation: UUID, book: Book) -> Struct | None:
    """Public facts as on the tape, a match from the organisation's own side, its own facts in full."""
    if isinstance(fact, OwnFact):
        return fact if fact.organisation == organisation else None
    if not concerns(market_audience(fact, book), organisation):
        return None
    match fact:
        case MarketOpened() | MarketHalted() | MarketResumed() | MemberAdmitted() | MemberChanged():
            return fact
        case InputRecorded() | ClearingPlanned():
            return fact
        case RuleSetPublished():
            return rule_set_line(fact)
        case ClearingCompleted():
            return completed_line(fact)
        case ClearingAbandoned():
            return abandoned_line(fact)
        case MatchStruck() | MatchConfirmed() | MatchDeclined() | MatchLapsed():
            return _match_for(fact, at, organisation, book)
        case ClearingEvidence() | RuleSetRehearsed():
            return None
        case _:
            assert_never(fact)


def _match_for(
    fact: MatchStruck | MatchConfirmed | MatchDeclined | MatchLapsed,
    at: datetime,
    organisation: UUID,
    book: Book,
) -> Struct:
    if isinstance(fact, MatchStruck):
        seller, buyer = (
            book.supplies[fact.supply].organisation,
            book.requirements[fact.requirement].organisation,
        )
    else:
        seller, buyer = book.matches[fact.match].seller, book.matches[fact.match].buyer
    side: Side = "seller" if organisation == seller else "buyer"
    counterparty = buyer if side == "seller" else seller
    match fact:
        case MatchStruck():
            return own_match(fact, side, confirmed=False, counterparty=counterparty)
        case MatchConfirmed():
            return fact
        case MatchDeclined():
            return OwnOutcome(
                side=side,
                market=fact.market,
                match=fact.match,
                own_order=fact.supply if side == "seller" else fact.requirement,
                outcome="declined",
                by=fact.declined_by,
                reasons=fact.reasons,
                firm_only_until=resting_until(book, organisation, at, failed=side in fact.declined_by),
            )
        case MatchLapsed():
            return OwnOutcome(
                side=side,
                market=fact.market,
                match=fact.match,
                own_order=fact.supply if side == "seller" else fact.requirement,
                outcome="lapsed",
                by=fact.silent,
                firm_only_until=resting_until(book, organisation, at, failed=side in fact.silent),
            )
        case _:
            assert_never(fact)


def _for_operator(fact: MarketFact, position: int, viewer: OperatorViewer, book: Book) -> Struct | None:
    """Everything but what is sealed: prices of orders that no cut has taken, and answers to open matches."""
    match fact:
        case MatchAnswered():
            return None
        case SupplyOffered() | SupplyOfferAmended() | RecoveredLotListed() | RecoveredLotAmended():
            if position <= viewer.cut:
                return fact
            return SealedOrder(
                market=book.market,
                order=supply_of(fact),
                organisation=fact.organisation,
                basis_g=fact.terms.basis_g,
            )
        case RequirementPosted() | RequirementAmended():
            if position <= viewer.cut:
                return fact
            return SealedOrder(
                market=book.market,
                order=fact.requirement,
                organisation=fact.organisation,
                basis_g=fact.terms.basis_g,
            )
        case QuoteAsked():
            return SealedQuote(
                market=fact.market, quote=fact.quote, organisation=fact.organisation, round=fact.round
            )
        case (
            MarketOpened()
            | MarketHalted()
            | MarketResumed()
            | MemberAdmitted()
            | MemberChanged()
            | MemberSuspended()
            | MemberLeft()
            | InputRecorded()
            | RuleSetPublished()
            | RuleSetRehearsed()
            | SupplyOfferWithdrawn()
            | SupplyOfferExpired()
            | RecoveredLotGraded()
            | RecoveredLotWithdrawn()
            | RecoveredLotExpired()
            | RequirementWithdrawn()
            | RequirementExpired()
            | ClearingPlanned()
            | ClearingEvidence()
            | ClearingCompleted()
            | ClearingAbandoned()
            | MatchStruck()
            | MatchConfirmed()
            | MatchDeclined()
            | MatchLapsed()
        ):
            return fact
        case _:
            assert_never(fact)


def _sealed(order: SupplyOrder | RequirementOrder) -> SealedOrder:
    return SealedOrder(
        market=order.market,
        order=order.order,
        organisation=order.organisation,
        basis_g=order.terms.basis_g,
    )
