"""Who stands behind each form on each side: a running total, so that no event asks for the whole book."""

from collections.abc import Iterable
from typing import assert_never
from uuid import UUID

from msgspec import Struct

from events.envelope import Recorded
from events.market_events import (
    ClearingAbandoned,
    ClearingCompleted,
    ClearingEvidence,
    ClearingPlanned,
    InputRecorded,
    MarketOpened,
    MatchAnswered,
    MatchConfirmed,
    MatchDeclined,
    MatchLapsed,
    MatchStruck,
    MemberAdmitted,
    MemberChanged,
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
from events.market_terms import RequirementTerms, SupplyTerms
from events.vocabulary import ProductForm, Side
from market.rules.book import Book, Books, RequirementOrder, SupplyOrder, fold
from market.rules.facts import MarketFact
from market.rules.viewers import InitiativeViewer, PublicViewer

TapeViewer = PublicViewer | InitiativeViewer
HALF = 2


class Standing(Struct, kw_only=True):
    """Grams of basis of an organisation's orders, and what open matches hold of them."""

    available_g: int = 0
    held_g: int = 0


class Crowd(Struct, kw_only=True):
    """By side and form, every organisation with grams in orders that one viewer may see."""

    seller: dict[ProductForm, dict[UUID, Standing]] = {}
    buyer: dict[ProductForm, dict[UUID, Standing]] = {}

    def of(self, side: Side) -> dict[ProductForm, dict[UUID, Standing]]:
        return self.seller if side == "seller" else self.buyer


Crowds = dict[UUID, Crowd]
"""Of all markets of one lane."""


def crowd_of(book: Book, viewer: TapeViewer) -> Crowd:
    """Counted anew from the whole book."""
    crowd = Crowd()
    for supply in book.supplies.values():
        _add(crowd, supply, viewer, 1)
    for requirement in book.requirements.values():
        _add(crowd, requirement, viewer, 1)
    return crowd


def fold_crowd(books: Books, crowds: Crowds, event: Recorded, viewer: TapeViewer) -> None:
    """Bring a lane's books to `event`, and their crowds with them."""
    fact: MarketFact = event.data  # type: ignore[assignment]
    market, orders = fact.market, _touched(fact)
    book = books.get(market)
    if book is None:
        fold(books, event)
        crowds[market] = Crowd()
        return
    crowd = crowds[market]
    for order in _present(book, orders):
        _add(crowd, order, viewer, -1)
    fold(books, event)
    for order in _present(book, orders):
        _add(crowd, order, viewer, 1)


def published_forms(
    crowd: Crowd, book: Book, side: Side, *, with_held: bool = False
) -> frozenset[ProductForm]:
    """Forms that enough groups of companies stand behind on this side, none with more than half of the grams.

    A group counts once: five subsidiaries are one mind. Suspended members do not count; `with_held` counts
    what open matches hold too.
    """
    return frozenset(
        form
        for form, standings in crowd.of(side).items()
        if _is_crowd(_grams_by_group(standings, book, with_held=with_held), book)
    )


def _is_crowd(grams: dict[UUID, int], book: Book) -> bool:
    if len(grams) < book.terms.public_organisations_min:
        return False
    return max(grams.values()) * HALF <= sum(grams.values())


def _grams_by_group(standings: dict[UUID, Standing], book: Book, *, with_held: bool) -> dict[UUID, int]:
    grams: dict[UUID, int] = {}
    for organisation, standing in standings.items():
        standing_g = standing.available_g + (standing.held_g if with_held else 0)
        if standing_g > 0 and organisation not in book.suspended:
            group = book.members[organisation].group
            grams[group] = grams.get(group, 0) + standing_g
    return grams


def forms_of(terms: SupplyTerms | RequirementTerms) -> tuple[ProductForm, ...]:
    if isinstance(terms, SupplyTerms):
        return (terms.form,)
    return tuple(dict.fromkeys(accepted.form for accepted in terms.forms))


def shown_to(terms: SupplyTerms | RequirementTerms, viewer: TapeViewer) -> bool:
    named = terms.visible_to_initiatives
    return not named or (isinstance(viewer, InitiativeViewer) and viewer.initiative in named)


def _touched(fact: MarketFact) -> tuple[UUID, ...]:
    """Orders whose grams or terms a fact may change; none for facts about others."""
    match fact:
        case SupplyOffered() | SupplyOfferAmended() | SupplyOfferWithdrawn() | SupplyOfferExpired():
            return (fact.offer,)
        case RecoveredLotListed() | RecoveredLotGraded() | RecoveredLotAmended():
            return (fact.lot,)
        case RecoveredLotWithdrawn() | RecoveredLotExpired():
            return (fact.lot,)
        case RequirementPosted() | RequirementAmended() | RequirementWithdrawn() | RequirementExpired():
            return (fact.requirement,)
        case MatchStruck() | MatchConfirmed() | MatchDeclined() | MatchLapsed():
            return (fact.supply, fact.requirement)
        case MarketOpened() | MemberAdmitted() | MemberChanged() | MemberSuspended() | InputRecorded():
            return ()
        case RuleSetPublished() | ClearingPlanned() | ClearingEvidence() | ClearingCompleted():
            return ()
        case ClearingAbandoned() | MatchAnswered() | RuleSetRehearsed() | QuoteAsked():
            return ()
        case _:
            assert_never(fact)


def _present(book: Book, orders: Iterable[UUID]) -> Iterable[SupplyOrder | RequirementOrder]:
    found = (book.supplies.get(order) or book.requirements.get(order) for order in orders)
    return [order for order in found if order is not None]


def _add(crowd: Crowd, order: SupplyOrder | RequirementOrder, viewer: TapeViewer, sign: int) -> None:
    if not shown_to(order.terms, viewer):
        return
    of_side = crowd.of("seller" if isinstance(order, SupplyOrder) else "buyer")
    for form in forms_of(order.terms):
        of_form = of_side.setdefault(form, {})
        standing = of_form.setdefault(order.organisation, Standing())
        standing.available_g += sign * order.available_g
        standing.held_g += sign * order.held_g
        assert standing.available_g >= 0
        assert standing.held_g >= 0
        if standing.available_g == standing.held_g == 0:
            del of_form[order.organisation]
        if not of_form:
            del of_side[form]
