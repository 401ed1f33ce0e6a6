"""The crowd: who has orders of each form on each side, as a running total, so that no event needs the whole
book."""

from collections.abc import Collection, Iterable
from typing import assert_never, cast, get_args
from uuid import UUID

from msgspec import Struct

from events.envelope import Recorded
from events.facts import MarketFact
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
from events.market_terms import RequirementTerms, SupplyTerms
from events.vocabulary import ProductForm, Side
from market.rules.book import Book, Books, RequirementOrder, SupplyOrder, fold, fold_into
from market.rules.viewers import InitiativeViewer, PublicViewer

TapeViewer = PublicViewer | InitiativeViewer
HALF = 2


class Standing(Struct, kw_only=True):
    """Grams of basis of an organisation's orders, and what open matches hold of them."""

    available_g: int = 0
    held_g: int = 0


class Behind(Struct, kw_only=True):
    """Every organisation with grams of a form, and the groups of companies of those that are not suspended.
    Of the groups' available grams: `available_g` the sum, `most_g` the largest group's, `available_groups`
    the number of groups."""

    organisations: dict[UUID, Standing] = {}
    groups: dict[UUID, Standing] = {}
    available_g: int = 0
    most_g: int = 0
    available_groups: int = 0

    def move_group(self, group: UUID, available_g: int, held_g: int) -> None:
        standing = self.groups.get(group)
        before_g = 0 if standing is None else standing.available_g
        after_g = before_g + available_g
        if available_g > 0 and standing is not None and not held_g:
            standing.available_g = after_g
        else:
            _move(self.groups, group, available_g, held_g)
        self.available_g += available_g
        if not before_g or not after_g:
            self.available_groups += (after_g > 0) - (before_g > 0)
        if after_g >= self.most_g:
            self.most_g = after_g
        elif before_g == self.most_g:
            self.most_g = max([each.available_g for each in self.groups.values()], default=0)


class Crowd(Struct, kw_only=True):
    """By side and form, all with grams in orders that one viewer may see."""

    seller: dict[ProductForm, Behind] = {}
    buyer: dict[ProductForm, Behind] = {}

    def of(self, side: Side) -> dict[ProductForm, Behind]:
        return self.seller if side == "seller" else self.buyer


Crowds = dict[UUID, Crowd]
"""Of all markets of one lane."""


def crowd_of(book: Book, viewer: TapeViewer) -> Crowd:
    """The crowd, counted from the whole book."""
    crowd = Crowd()
    for supply in book.supplies.values():
        _add(crowd, book, supply, viewer, 1)
    for requirement in book.requirements.values():
        _add(crowd, book, requirement, viewer, 1)
    return crowd


def fold_crowd(books: Books, crowds: Crowds, event: Recorded, viewer: TapeViewer) -> None:
    """Bring a lane's books to `event`, and their crowds with them."""
    fact = cast(MarketFact, event.data)
    book = books.get(fact.market)
    if book is None or isinstance(fact, MarketOpened):
        fold(books, event)
        crowds[fact.market] = Crowd()
        return
    pass_event(book, crowds[fact.market], event, viewer)


def pass_event(book: Book, crowd: Crowd, event: Recorded, viewer: TapeViewer) -> None:
    """As `fold_crowd`, of an event of the book's own market, which it does not open."""
    fact: MarketFact = event.data  # type: ignore[assignment]  # of the market, and a cast is a call
    member = _member(fact)
    for order in _touched(book, fact):
        _add(crowd, book, order, viewer, -1)
    if member is not None:
        _count_group(crowd, book, member, -1)
    fold_into(book, event)
    if member is not None:
        _count_group(crowd, book, member, 1)
    for order in _touched(book, fact):
        _add(crowd, book, order, viewer, 1)


def published_forms(
    crowd: Crowd,
    book: Book,
    side: Side,
    among: Iterable[ProductForm] = get_args(ProductForm),
    *,
    with_held: bool = False,
) -> frozenset[ProductForm]:
    """The forms that are published, by `is_published`."""
    return frozenset([form for form in among if is_published(crowd, book, side, form, with_held=with_held)])


def is_published(crowd: Crowd, book: Book, side: Side, form: ProductForm, *, with_held: bool = False) -> bool:
    """Whether enough groups of companies have orders of a form on this side, none with more than half of the
    grams.

    A group counts once, whatever its number of subsidiaries. `with_held` also counts what open matches hold.
    """
    behind = crowd.of(side).get(form)
    if behind is None:
        return False
    groups_min = book.terms.public_organisations_min
    if with_held:
        groups = behind.groups.values()
        return is_crowd([group.available_g + group.held_g for group in groups], groups_min)
    return behind.available_groups >= groups_min and behind.most_g * HALF <= behind.available_g


def is_crowd(figures: Collection[int], groups_min: int) -> bool:
    """Whether there are enough groups of companies, none with more than half."""
    # A default of its own takes `max` three times as long.
    return len(figures) >= groups_min and (not figures or max(figures) * HALF <= sum(figures))


def forms_of(terms: SupplyTerms | RequirementTerms) -> tuple[ProductForm, ...]:
    if isinstance(terms, SupplyTerms):
        return (terms.form,)
    return tuple(dict.fromkeys(accepted.form for accepted in terms.forms))


def shown_to(terms: SupplyTerms | RequirementTerms, viewer: TapeViewer) -> bool:
    named = terms.visible_to_initiatives
    return not named or (isinstance(viewer, InitiativeViewer) and viewer.initiative in named)


def _touched(book: Book, fact: MarketFact) -> list[SupplyOrder | RequirementOrder]:
    """Orders in the book whose grams or terms a fact may change; none for facts about others."""
    found: tuple[SupplyOrder | RequirementOrder | None, ...]
    match fact:
        case SupplyOffered() | SupplyOfferAmended() | SupplyOfferWithdrawn() | SupplyOfferExpired():
            found = (book.supplies.get(fact.offer),)
        case RequirementPosted() | RequirementAmended() | RequirementWithdrawn() | RequirementExpired():
            found = (book.requirements.get(fact.requirement),)
        case RecoveredLotListed() | RecoveredLotGraded() | RecoveredLotAmended():
            found = (book.supplies.get(fact.lot),)
        case RecoveredLotWithdrawn() | RecoveredLotExpired():
            found = (book.supplies.get(fact.lot),)
        case MatchStruck() | MatchConfirmed() | MatchDeclined() | MatchLapsed():
            found = (book.supplies.get(fact.supply), book.requirements.get(fact.requirement))
        case MarketOpened() | MemberAdmitted() | MemberChanged() | MemberSuspended() | MemberLeft():
            return []
        case InputRecorded() | RuleSetPublished() | ClearingPlanned() | ClearingEvidence():
            return []
        case ClearingCompleted() | ClearingAbandoned() | MatchAnswered() | RuleSetRehearsed() | QuoteAsked():
            return []
        case MarketHalted() | MarketResumed():
            return []
        case _:
            assert_never(fact)
    return [order for order in found if order is not None]


def _member(fact: MarketFact) -> UUID | None:
    """Whose group of companies, or whether it counts, a fact may change."""
    match fact:
        case MemberAdmitted() | MemberChanged():
            return fact.member.organisation
        case MemberSuspended() | MemberLeft():
            return fact.organisation
        case _:
            return None


def _add(
    crowd: Crowd, book: Book, order: SupplyOrder | RequirementOrder, viewer: TapeViewer, sign: int
) -> None:
    of_side = crowd.seller if isinstance(order, SupplyOrder) else crowd.buyer
    available_g, held_g = sign * order.available_g, sign * order.held_g
    group = _group(book, order.organisation)
    add_grams(of_side, order.organisation, group, order.terms, viewer, available_g, held_g)


def add_grams(
    of_side: dict[ProductForm, Behind],
    organisation: UUID,
    group: UUID | None,
    terms: SupplyTerms | RequirementTerms,
    viewer: TapeViewer,
    available_g: int,
    held_g: int,
) -> None:
    """Of an order with these terms, behind its forms; `group` is None while the organisation is suspended."""
    if terms.visible_to_initiatives and not shown_to(terms, viewer):
        return
    for form in forms_of(terms):
        behind = of_side.get(form)
        if behind is None:
            behind = of_side[form] = Behind()
        _move(behind.organisations, organisation, available_g, held_g)
        if group is not None:
            behind.move_group(group, available_g, held_g)
        if not behind.organisations:
            del of_side[form]


def _count_group(crowd: Crowd, book: Book, organisation: UUID, sign: int) -> None:
    """What an organisation has stands behind its group, or does no more."""
    for behind in (*crowd.seller.values(), *crowd.buyer.values()):
        standing = behind.organisations.get(organisation)
        if standing is not None and (group := _group(book, organisation)) is not None:
            behind.move_group(group, sign * standing.available_g, sign * standing.held_g)


def _group(book: Book, organisation: UUID) -> UUID | None:
    """None while the organisation is suspended."""
    if book.suspended and organisation in book.suspended:
        return None
    return book.members[organisation].group


def _move(standings: dict[UUID, Standing], whose: UUID, available_g: int, held_g: int) -> None:
    standing = standings.get(whose)
    if standing is None:
        standing = standings[whose] = Standing()
    elif available_g > 0 and not held_g:
        standing.available_g += available_g
        return
    available_g += standing.available_g
    held_g += standing.held_g
    assert available_g >= 0
    assert held_g >= 0
    if available_g or held_g:
        standing.available_g, standing.held_g = available_g, held_g
    else:
        del standings[whose]
