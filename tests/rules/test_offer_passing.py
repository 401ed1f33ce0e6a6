"""What brings an offer past a market's tape in one place: the same as what the rules do with any event."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from events.market_events import MatchStruck, SupplyOffered, SupplyOfferExpired, SupplyOfferWithdrawn
from events.market_terms import SupplyTerms
from events.vocabulary import Period
from market.publisher import Tape
from market.rules.book import Book
from market.rules.viewers import InitiativeViewer, PublicViewer
from market.rules.visibility.content_bands import widened
from market.rules.visibility.crowd import Crowd, TapeViewer, fold_crowd, pass_event
from market.rules.visibility.mixing import Mix, Told, leaving
from market.rules.visibility.offer_passing import PassOffer, offers_past
from market.rules.visibility.record_visibility import Before
from market.rules.visibility.tape import TapeOrder, in_shared_bands
from market.rules.visibility.taping import on_tape
from tests.blotter import EUR, MARKET, eur, ident, supply_terms
from tests.rules.test_crowd import NAMES, Trading

PUBLIC = PublicViewer(key=b"publisher key of a test")
REMHUB = InitiativeViewer(initiative="remhub", key=PUBLIC.key)
STEPS = 60


class Posting(Trading):
    """As `Trading`, mostly offers in a row, some under an id that stands, or that has left."""

    def step(self) -> None:
        if self.dice.random() < 0.3:
            super().step()
            return
        for _ in range(self.dice.randint(1, 4)):
            self._post_offer()

    def _post_offer(self) -> None:
        name = self.dice.choice(NAMES)
        again = ident(f"order {self.dice.randint(1, self.numbers + 1)}")
        held = {struck for match in self.book.matches.values() for struck in _orders(match.struck)}
        if self.dice.random() < 0.1 and again not in held:
            terms = self._terms(name, "supply")
            self.add(SupplyOffered(market=MARKET, offer=again, organisation=ident(name), terms=terms))
            return
        self.numbers += 1
        self.offer(name, f"order {self.numbers}", self._terms(name, "supply"))


def _orders(struck: MatchStruck) -> tuple[UUID, UUID]:
    return struck.supply, struck.requirement


class Passed:
    """What a tape of one market is made of."""

    def __init__(self, viewer: TapeViewer) -> None:
        self.viewer = viewer
        self.books: dict[Any, Book] = {}
        self.crowds: dict[Any, Crowd] = {}
        self.mix = Mix()

    def rule(self, event: Any) -> tuple[Told, ...]:
        book = self.books.get(MARKET)
        if book is None:
            fold_crowd(self.books, self.crowds, event, self.viewer)
            return ()
        seen = on_tape(event.data, self.viewer, book, self.crowds[MARKET])
        told = leaving(self.mix, event, seen, book)
        pass_event(book, self.crowds[MARKET], event, self.viewer)
        return told

    def bytes(self) -> bytes:
        """In the order in which they hold it."""
        return msgspec.msgpack.encode((self.books, self.crowds, self.mix))


@pytest.mark.parametrize("viewer", [PUBLIC, REMHUB], ids=["public", "initiative"])
@pytest.mark.parametrize("seed", range(6))
def test_offers_are_passed_as_the_rules_pass_any_event(seed: int, viewer: TapeViewer) -> None:
    lane = Posting(seed)
    for _ in range(STEPS):
        lane.step()
    by_rule, at_once = Passed(viewer), Passed(viewer)
    pass_offer: PassOffer | None = None
    passed, left = 0, 0
    for event in lane.events:
        told: tuple[Told, ...] | None = None
        if isinstance(event.data, SupplyOffered):
            if pass_offer is None:
                pass_offer = offers_past(
                    at_once.books[MARKET], at_once.crowds[MARKET], at_once.mix, at_once.viewer
                )
            before = at_once.bytes()
            told = pass_offer(event, event.data)
            assert told is not None or before == at_once.bytes()
        if told is None:
            told, pass_offer = at_once.rule(event), None
        else:
            passed += 1
            left += len(told)
        assert by_rule.rule(event) == told
        assert by_rule.bytes() == at_once.bytes()
    assert passed > STEPS
    assert left > 0


def test_an_offer_of_any_terms_has_the_line_that_the_rule_gives_it() -> None:
    windows = [supply_terms("firm0").tranches[0].window]
    later = Period(start=windows[0].end, end=windows[0].end + (windows[0].end - windows[0].start))
    [tranche] = supply_terms("firm0", net_wet_g=10**7).tranches
    parts = tuple(
        msgspec.structs.replace(tranche, window=window, net_wet_g=5 * 10**6) for window in (later, *windows)
    )
    kinds: list[SupplyTerms] = [
        supply_terms("firm0", net_wet_g=10**7, tranches=parts),
        supply_terms("firm0", commitment="subject_to_confirmation"),
        msgspec.structs.replace(supply_terms("firm0"), basis_g=0),
    ]
    for terms in kinds:
        lane = Trading(1)
        for number, name in enumerate(NAMES):
            lane.offer(name, f"first {number}", ask=eur(60 * EUR))
        book, crowd = _stands(lane)
        offered = lane.add(
            SupplyOffered(market=MARKET, offer=ident("x"), organisation=ident("firm0"), terms=terms)
        )
        assert isinstance(offered.data, SupplyOffered)
        expected, mix = on_tape(offered.data, PUBLIC, book, crowd), Mix()
        offers_past(book, crowd, mix, PUBLIC)(offered, offered.data)
        [waiting] = [
            line for alike in mix.orders.values() for of_group in alike.values() for line in of_group.values()
        ]
        assert expected == waiting.line


def _stands(lane: Trading) -> tuple[Book, Crowd]:
    passed = Passed(PUBLIC)
    for event in lane.events:
        passed.rule(event)
    return passed.books[MARKET], passed.crowds[MARKET]


@pytest.mark.parametrize("seen", [(), ("remhub",)], ids=["shown", "hidden"])
@pytest.mark.parametrize("end", [SupplyOfferWithdrawn, SupplyOfferExpired])
def test_an_offer_under_an_id_whose_line_still_waits_takes_its_place(end: Any, seen: tuple[str, ...]) -> None:
    """Nobody posts so; the record could hold it."""
    lane = Trading(2)
    for lap in ("first", "second"):
        for number, name in enumerate(NAMES[:5]):
            lane.offer(name, f"{lap} {number}", ask=eur(60 * EUR))
    lane.offer("firm0", "x", ask=eur(60 * EUR))
    for name in NAMES[1:5]:
        lane.offer(name, f"third of {name}", ask=eur(60 * EUR))
    lane.add(end(market=MARKET, offer=ident("x"), organisation=ident("firm0")))
    waits = len(lane.events)
    lane.offer("firm1", "x", ask=eur(61 * EUR), visible_to_initiatives=seen)
    tape = Tape()
    by_rule = Passed(PUBLIC)
    for number, event in enumerate(lane.events, start=1):
        assert by_rule.rule(event) == tape.passing(event, tape.before(event), PUBLIC)
        assert number != waits or ident("x") in by_rule.mix.places
    assert by_rule.bytes() == msgspec.msgpack.encode((tape.books, tape.crowds, tape.mixes[MARKET]))


def test_a_market_that_is_not_open_has_nothing_to_pass_offers_by() -> None:
    assert Tape().offers(Before(), PUBLIC) is None


def test_lines_that_all_are_in_one_step_are_shown_in_it() -> None:
    """As steps that are joined would be: of one there is nothing to join, however few are in it."""
    for seed in range(3):
        lane = Trading(seed)
        for number, name in enumerate(NAMES):
            lane.offer(name, f"first {number}", ask=eur(60 * EUR))
        book, crowd = _stands(lane)
        seen = [
            (book.members[event.data.organisation].group, on_tape(event.data, PUBLIC, book, crowd))
            for event in lane.events
            if isinstance(event.data, SupplyOffered)
        ]
        alike = [(group, line) for group, line in seen if isinstance(line, TapeOrder)][: seed * 2 + 1]
        assert alike
        steps = [(group, line.content_ppb) for group, line in alike if line.content_ppb is not None]
        assert len(alike) == len(steps)
        bands = widened(steps, book.terms.public_organisations_min)
        expected = [
            msgspec.structs.replace(line, content_ppb=bands[step.low])
            for (_, line), (_, step) in zip(alike, steps, strict=True)
        ]
        assert expected == in_shared_bands(alike, book)
