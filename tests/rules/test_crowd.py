"""The running total of who stands behind a form: the same as a scan of the whole book, after every event."""

import random
from typing import Any, Literal

import pytest
from msgspec.structs import replace

from events.market_events import (
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
    RecoveredLotWithdrawn,
    RequirementAmended,
    RequirementExpired,
    RequirementWithdrawn,
    RuleSetRehearsed,
    SupplyOfferAmended,
    SupplyOfferExpired,
    SupplyOfferWithdrawn,
)
from events.market_terms import AcceptedForm
from events.vocabulary import ProductForm, Side
from market.rules.book import Book, Books, RequirementOrder, SupplyOrder
from market.rules.viewers import InitiativeViewer, PublicViewer
from market.rules.visibility.crowd import Crowd, Crowds, TapeViewer, crowd_of, fold_crowd, published_forms
from tests.blotter import (
    EUR,
    MARKET,
    Lane,
    T,
    eur,
    facts_of_type,
    ident,
    market_terms,
    member,
    ndpr_price,
    requirement_terms,
    rule_set,
    supply_terms,
)

PUBLIC = PublicViewer(key=b"publisher key of a test")
REMHUB = InitiativeViewer(initiative="remhub", key=PUBLIC.key)
NAMES = tuple(f"firm{k}" for k in range(7))
FORMS: tuple[ProductForm, ...] = ("swarf", "metal")
SIDES: tuple[Side, ...] = ("seller", "buyer")
STEPS = 60


def scanned(book: Book, side: Side, viewer: TapeViewer, *, with_held: bool) -> set[str]:
    """The rule as it reads, over every order of the side."""
    grams: dict[str, dict[Any, int]] = {}
    orders: Any = book.supplies if side == "seller" else book.requirements
    for order in orders.values():
        terms, named = order.terms, order.terms.visible_to_initiatives
        shown = not named or (isinstance(viewer, InitiativeViewer) and viewer.initiative in named)
        order_g = order.available_g + (order.held_g if with_held else 0)
        if order_g == 0 or not shown or order.organisation in book.suspended:
            continue
        group = book.members[order.organisation].group
        forms = {terms.form} if side == "seller" else {each.form for each in terms.forms}
        for form in forms:
            of_form = grams.setdefault(form, {})
            of_form[group] = of_form.get(group, 0) + order_g
    return {
        form
        for form, of_form in grams.items()
        if len(of_form) >= book.terms.public_organisations_min
        and 2 * max(of_form.values()) <= sum(of_form.values())
    }


class Trading(Lane):
    """A lane that does something at random, most of it valid."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.numbers = 0
        super().__init__(terms=market_terms(public_organisations_min=3))
        self.admit(*(member(name) for name in NAMES))
        self.record(ndpr_price())

    def step(self) -> None:
        doing = ("post", "post", "post", "amend", "end", "member", "round", "decide", "decide")
        getattr(self, f"_{self.dice.choice(doing)}")()

    def _terms(self, name: str, kind: Literal["supply", "requirement"]) -> Any:
        seen = self.dice.choice(((), (), (), ("remhub",), ("permanet",)))
        more: dict[str, Any] = {
            "visible_to_initiatives": seen,
            "commitment": self.dice.choice(("firm", "subject_to_confirmation")),
        }
        if kind == "supply":
            ask = eur(self.dice.randint(55, 75) * EUR)
            tonnes = self.dice.randint(5, 30)
            return supply_terms(name, form=self.dice.choice(FORMS), ask=ask, net_wet_g=tonnes * T, **more)
        forms = tuple(AcceptedForm(form=form) for form in self.dice.sample(FORMS, self.dice.randint(1, 2)))
        limit, basis_g = eur(self.dice.randint(60, 80) * EUR), self.dice.randint(2, 9) * T
        return requirement_terms(name, forms=forms, limit=limit, basis_g=basis_g, **more)

    def _post(self) -> None:
        self.numbers += 1
        name, order = self.dice.choice(NAMES), f"order {self.numbers}"
        match self.dice.choice(("offer", "lot", "requirement")):
            case "offer":
                self.offer(name, order, self._terms(name, "supply"))
            case "lot":
                terms = self._terms(name, "supply")
                self.lot(name, order, **{each: getattr(terms, each) for each in terms.__struct_fields__})
            case _:
                terms = self._terms(name, "requirement")
                self.require(name, order, **{each: getattr(terms, each) for each in terms.__struct_fields__})

    def _free(self) -> SupplyOrder | RequirementOrder | None:
        book: tuple[SupplyOrder | RequirementOrder, ...] = (
            *self.book.supplies.values(),
            *self.book.requirements.values(),
        )
        orders = [order for order in book if order.status == "open" and order.held_g + order.filled_g == 0]
        return self.dice.choice(orders) if orders else None

    def _amend(self) -> None:
        order = self._free()
        if order is None:
            return
        name = next(name for name in NAMES if ident(name) == order.organisation)
        own: dict[str, Any] = {"market": MARKET, "organisation": order.organisation, "keeps_rank": False}
        if isinstance(order, RequirementOrder):
            terms = self._terms(name, "requirement")
            self.add(RequirementAmended(requirement=order.order, terms=terms, **own))
        elif order.kind == "lot":
            self.add(RecoveredLotAmended(lot=order.order, terms=self._terms(name, "supply"), **own))
        else:
            self.add(SupplyOfferAmended(offer=order.order, terms=self._terms(name, "supply"), **own))

    def _end(self) -> None:
        order = self._free()
        if order is None:
            return
        own: dict[str, Any] = {"market": MARKET, "organisation": order.organisation}
        early = self.dice.random() < 0.5
        if isinstance(order, RequirementOrder):
            self.add((RequirementWithdrawn if early else RequirementExpired)(requirement=order.order, **own))
        elif order.kind == "lot":
            self.add((RecoveredLotWithdrawn if early else RecoveredLotExpired)(lot=order.order, **own))
        else:
            self.add((SupplyOfferWithdrawn if early else SupplyOfferExpired)(offer=order.order, **own))

    def _member(self) -> None:
        name = self.dice.choice(NAMES)
        organisation = ident(name)
        if organisation in self.book.suspended:
            self.add(MemberAdmitted(market=MARKET, member=self.book.members[organisation]))
        elif self.dice.random() < 0.5:
            self.add(MemberSuspended(market=MARKET, organisation=organisation, reason="papers"))
        else:
            group = ident(f"group of {self.dice.choice(NAMES)}")
            changed = replace(self.book.members[organisation], group=group)
            self.add(MemberChanged(market=MARKET, member=changed))

    def _round(self) -> None:
        self.round()

    def _decide(self) -> None:
        if not self.book.matches:
            return
        match = self.book.matches[self.dice.choice(list(self.book.matches))]
        struck = match.struck
        ended: dict[str, Any] = {
            "market": MARKET,
            "match": struck.match,
            "supply": struck.supply,
            "requirement": struck.requirement,
            "quantity_basis_g": struck.quantity_basis_g,
        }
        self.add(
            self.dice.choice(
                (
                    MatchConfirmed(**ended, seller=match.seller, buyer=match.buyer),
                    MatchDeclined(**ended, declined_by=("buyer",), reasons=("quality",)),
                    MatchLapsed(**ended, silent=("buyer",)),
                )
            )
        )


@pytest.mark.parametrize("seed", range(12))
def test_the_total_is_what_a_scan_of_the_book_finds(seed: int) -> None:
    lane = Trading(seed)
    for _ in range(STEPS):
        lane.step()
    viewers: tuple[TapeViewer, ...] = (PUBLIC, REMHUB)
    for viewer in viewers:
        books: Books = {}
        crowds: Crowds = {}
        for event in lane.events:
            fold_crowd(books, crowds, event, viewer)
            book, crowd = books[MARKET], crowds[MARKET]
            assert crowd_of(book, viewer) == crowd
            for side in SIDES:
                for with_held in (False, True):
                    found = published_forms(crowd, book, side, with_held=with_held)
                    assert scanned(book, side, viewer, with_held=with_held) == found


def test_an_offer_of_an_id_that_stands_takes_its_place() -> None:
    lane = Trading(0)
    lane.offer("firm0", "offer", ask=eur(60 * EUR))
    books: Books = {}
    crowds: Crowds = {}
    for event in [*lane.events, lane.events[-1]]:
        fold_crowd(books, crowds, event, PUBLIC)
    assert crowd_of(books[MARKET], PUBLIC) == crowds[MARKET]
    assert Crowd() != crowds[MARKET]


def test_a_question_and_a_rehearsal_change_nobodys_grams() -> None:
    lane = Lane()
    lane.admit(member("buyer"))
    asked = {"market": MARKET, "plan": ident("plan"), "round": 1}
    asker = {"organisation": ident("buyer"), "group": ident("buyer")}
    lane.add(QuoteAsked(**asked, **asker, quote=ident("quote")))  # type: ignore[arg-type]
    draft = {"rehearsal": ident("rehearsal"), "rule_set": rule_set(version=2), "rule_set_sha256": "0" * 64}
    lane.add(RuleSetRehearsed(**asked, **draft))  # type: ignore[arg-type]
    books: Books = {}
    crowds: Crowds = {}
    for event in lane.events:
        fold_crowd(books, crowds, event, PUBLIC)
    assert Crowd() == crowds[MARKET]


def test_the_random_books_publish_trade_and_hide() -> None:
    """Else the equality above would compare nothing with nothing."""
    lanes = [Trading(seed) for seed in range(12)]
    for lane in lanes:
        for _ in range(STEPS):
            lane.step()
    books = [lane.book for lane in lanes]
    found = [scanned(book, side, PUBLIC, with_held=True) for book in books for side in SIDES]
    assert {True, False} == {bool(forms) for forms in found}
    assert [] != [match for lane in lanes for match in facts_of_type(lane.events, MatchStruck)]


def test_a_group_of_companies_counts_once() -> None:
    lane = Lane()
    sisters = [f"sister{k}" for k in range(5)]
    lane.admit(*(member(name, group=ident("one group")) for name in sisters))
    lane.admit(*(member(f"other{k}") for k in range(4)))
    for name in sisters:
        lane.offer(name, f"offer of {name}", net_wet_g=T)
    assert frozenset() == published_forms(crowd_of(lane.book, PUBLIC), lane.book, "seller")
    for k in range(4):
        lane.offer(f"other{k}", f"offer of other{k}", net_wet_g=2 * T)
    assert {"swarf"} == published_forms(crowd_of(lane.book, PUBLIC), lane.book, "seller")
    lane.add(MemberChanged(market=MARKET, member=member("other3", group=ident("one group"))))
    assert frozenset() == published_forms(crowd_of(lane.book, PUBLIC), lane.book, "seller")
