"""No type of the catalogue is without a rule, and an event concerns exactly those who are shown something."""

import re
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from events import (
    contract_events,
    delivery_events,
    market_events,
    material_events,
    party_events,
    payment_events,
)
from events.catalog import FACT_TYPES, LIFTS
from events.codec import decode_event
from events.envelope import Recorded
from events.market_events import MatchStruck
from events.material_events import PassportCorrected, PassportIssued, PassportTransferred
from events.party_events import ApiKeyIssued
from events.vocabulary import STREAMS
from market.rules.book import Book, OpenMatch, RequirementOrder, SupplyOrder
from market.rules.passport import LotParties
from market.rules.streams.partner_lines import (
    ALL,
    NEVER_SHOWN,
    PARTNER_TYPES,
    ShownLane,
    partner_lines,
    partner_type,
)
from market.rules.streams.wire_units import PARTNER_UNITS
from market.rules.streams.wire_writing import encoded
from market.rules.viewers import (
    AuditorViewer,
    InitiativeViewer,
    OperatorViewer,
    OrganisationViewer,
    PublicViewer,
    Viewer,
)
from market.rules.visibility.audience import EVERYBODY, concerns
from market.rules.visibility.deals import Deal, Deals, DealTerms
from market.rules.visibility.record_visibility import Before, audience_of, see_event
from tests.blotter import ident, requirement_terms, supply_terms
from tests.golden.samples import sample_bodies
from tests.rules.test_visibility import Watched, crowd, finish

KEY = b"publisher key of a test"
SELLER, BUYER, STRANGER = ident("seller"), ident("buyer"), ident("stranger")
HOLDER, TRADER = ident("holder"), ident("trader")
VIEWERS: tuple[Viewer, ...] = (
    PublicViewer(key=KEY),
    InitiativeViewer(initiative="remhub", key=KEY),
    *(OrganisationViewer(organisation=each) for each in (SELLER, BUYER, STRANGER, HOLDER, TRADER)),
    OperatorViewer(cut=0),
    AuditorViewer(),
)


class Always(dict[UUID, Any]):
    """The same for whatever is asked."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self._value = value

    def __missing__(self, _key: UUID) -> Any:
        return self._value

    def get(self, _key: UUID, _default: Any = None) -> Any:
        return self._value


def events_of(name: str) -> list[Recorded]:
    return [decode_event(body, bytes(32)) for body in sample_bodies(name)]


def before() -> Before:
    """A lane in which every order, match and agreement is SELLER's and BUYER's.

    SELLER issued each lot, BUYER owns it, HOLDER has the goods, TRADER trades in it.
    """
    lane = Watched()
    found = lane.book
    market = found.market
    supply = SupplyOrder(
        order=ident("supply"), kind="offer", market=market, organisation=SELLER, rank=1, version=1,
        status="open", terms=supply_terms("seller"),
    )  # fmt: skip
    requirement = RequirementOrder(
        order=ident("requirement"), market=market, organisation=BUYER, rank=1, version=1, status="open",
        terms=requirement_terms("buyer"),
    )  # fmt: skip
    struck = events_of(MatchStruck.TYPE)[0].data
    assert isinstance(struck, MatchStruck)
    book = Book(
        market=market,
        terms=found.terms,
        position=found.position,
        last_time=found.last_time,
        inputs=found.inputs,
        supplies=Always(supply),
        requirements=Always(requirement),
        matches=Always(OpenMatch(struck=struck, seller=SELLER, buyer=BUYER)),
    )
    terms = DealTerms(form="metal", yearly_g=10**9, years=1, start_year=2027, price="fixed")
    deals: Deals = Always(
        Deal(market=market, kind="offtake", seller=SELLER, buyer=BUYER, status="draft", table=terms)
    )
    lot = LotParties(organisation=SELLER, owner=BUYER, holder=HOLDER)
    return Before(book=book, deals=deals, lots=Always(lot), counterparties=frozenset({TRADER}))


def test_every_fact_that_is_declared_is_in_the_unions_that_rules_go_through() -> None:
    modules = contract_events, delivery_events, market_events, material_events, party_events, payment_events
    declared = {kind for module in modules for kind in vars(module).values() if hasattr(kind, "TYPE")}
    assert declared == set(FACT_TYPES.values())
    assert {name.partition(".")[0] for name in FACT_TYPES} == set(STREAMS)


@pytest.mark.parametrize("name", sorted(set(FACT_TYPES) - set(LIFTS)))
def test_every_type_has_a_rule_for_every_viewer(name: str) -> None:
    lane = before()
    for event in events_of(name):
        audience = audience_of(event, lane)
        for viewer in VIEWERS:
            seen = see_event(event, viewer, lane)
            if isinstance(viewer, OrganisationViewer):
                assert (seen is not None) == concerns(audience, viewer.organisation), name
            if isinstance(viewer, AuditorViewer):
                assert event.data == seen


@pytest.mark.parametrize("name", sorted(set(FACT_TYPES) - set(LIFTS)))
def test_a_partners_line_is_what_the_rule_shows_to_it(name: str) -> None:
    """Also of facts that lines take without asking it, since they concern one organisation alone."""
    lane = before()
    for event in events_of(name):
        audience = audience_of(event, lane)
        expected = [ALL] if audience == EVERYBODY else sorted(audience)
        seen = [(each, see_event(event, OrganisationViewer(organisation=each), lane)) for each in expected]
        assert [(each, encoded(told, PARTNER_UNITS)) for each, told in seen if told is not None] == [
            (line.audience, line.body) for line in partner_lines(event, lane)
        ]
        assert None not in [told for _, told in seen]


def shown_to(event: Recorded, lane: Before) -> frozenset[UUID]:
    names = (SELLER, BUYER, HOLDER, TRADER, STRANGER)
    return frozenset(
        each for each in names if see_event(event, OrganisationViewer(organisation=each), lane) is not None
    )


def test_a_passport_is_its_parties_and_what_becomes_of_it_who_has_it() -> None:
    lane = before()
    parties = frozenset({SELLER, BUYER, HOLDER})
    for name, expected in (
        ("materials.passport.corrected.v1", parties | {TRADER}),
        ("materials.passport.retired.v1", parties | {TRADER}),
        ("materials.passport.drawn.v1", frozenset({BUYER, HOLDER})),
    ):
        for event in events_of(name):
            assert expected == shown_to(event, lane) == audience_of(event, lane), name


def test_who_trades_in_a_lot_is_shown_no_supplier_of_it() -> None:
    corrected = [event for event in events_of(PassportCorrected.TYPE) if named_suppliers(event.data)]
    assert corrected
    for event in corrected:
        seen = see_event(event, OrganisationViewer(organisation=TRADER), before())
        assert seen is not None
        assert not named_suppliers(seen)
        assert event.data == see_event(event, OrganisationViewer(organisation=BUYER), before())


def named_suppliers(fact: Any) -> list[UUID]:
    return [share.source for share in fact.content.origin if share.source is not None]


def test_a_passport_that_changes_hands_is_told_to_who_has_it_now() -> None:
    (issued, *_), (transferred, *_) = events_of(PassportIssued.TYPE), events_of(PassportTransferred.TYPE)
    given, moved = issued.data, transferred.data
    assert isinstance(given, PassportIssued)
    assert isinstance(moved, PassportTransferred)
    given = replace(given, passport=moved.passport, organisation=SELLER, owner=SELLER, holder=SELLER)
    moved = replace(moved, previous_owner=SELLER, owner=BUYER, holder=HOLDER)
    lane = ShownLane()
    lines = lane.step(of(issued, given)), lane.step(of(transferred, moved))
    assert [{SELLER}, {BUYER, HOLDER}] == [{line.audience for line in each} for each in lines]
    with pytest.raises(LookupError, match="never issued"):
        ShownLane().step(of(transferred, moved))


def of(event: Recorded, data: Any) -> Recorded:
    return replace(event, data=data)


def test_a_type_of_an_unknown_stream_is_refused() -> None:
    (event, *_) = events_of(MatchStruck.TYPE)
    strange = replace(event, stream="odd")
    for ask in (
        lambda: see_event(strange, AuditorViewer(), before()),
        lambda: audience_of(strange, before()),
    ):
        with pytest.raises(ValueError, match="odd"):
            ask()


def test_in_a_whole_market_an_event_concerns_those_who_are_shown_something() -> None:
    market = crowd()
    finish(market)
    names = [f"{side}{k}" for side in ("seller", "buyer") for k in range(6)]
    concerned = 0
    for event, book in zip(market.events, market.before, strict=True):
        lane = Before(book=book)
        audience = audience_of(event, lane)
        for name in (*names, "nobody"):
            seen = see_event(event, OrganisationViewer(organisation=ident(name)), lane)
            assert (seen is not None) == concerns(audience, ident(name))
            concerned += seen is not None and audience != EVERYBODY
    assert concerned > len(names)


def test_nobody_but_an_auditor_is_shown_the_hash_of_a_key() -> None:
    (event, *_) = events_of(ApiKeyIssued.TYPE)
    assert isinstance(event.data, ApiKeyIssued)
    owner = OrganisationViewer(organisation=event.data.organisation)
    for viewer in (owner, OperatorViewer(cut=0)):
        seen = see_event(event, viewer, Before())
        assert event.data.key == getattr(seen, "key", None)
        assert not hasattr(seen, "secret_sha256")


def test_the_page_of_streams_lists_every_type_and_what_everybody_sees() -> None:
    page = (Path(__file__).parents[2] / "docs" / "streams.md").read_text("utf-8")
    table = page.partition("| stream | types |")[2]
    assert sorted(re.findall(r"`(partner\.[^`]+)`", table)) == list(PARTNER_TYPES)
    assert len(PARTNER_TYPES) == len(set(PARTNER_TYPES))
    lane = before()
    names = sorted(set(FACT_TYPES) - set(LIFTS))
    shared = {
        partner_type(name)
        for name in names
        if any(audience_of(event, lane) == EVERYBODY for event in events_of(name))
    }
    assert shared == set(re.findall(r"`(partner\.[^`]+)` \*", table))
    nobodys = {
        FACT_TYPES[name] for name in names if not any(audience_of(event, lane) for event in events_of(name))
    }
    assert nobodys == NEVER_SHOWN
