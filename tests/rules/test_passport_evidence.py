"""An order over a lot with a passport states no more than the passport proves, and carries what it proves."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from events.market_events import RecoveredLotAmended, RecoveredLotListed
from events.material_events import LotReserved
from events.passport_terms import ElementShare, OriginShare
from events.refusal import Refusals
from events.vocabulary import PPB, Cell, Composition, Footprint, OriginStep, PhysicalLot, RecycledContent
from market.rules.orders import lots
from market.rules.orders.orders import Reservation
from market.rules.orders.passport_evidence import evidence_of
from market.rules.passport import Passport
from market.rules.passports.passports import IssuePassport
from tests.desk_support import (
    BUYER,
    MARKET,
    NOW,
    ORDER,
    SELLER,
    SELLER_SITE,
    SELLER_TRADER,
    SWARF,
    amend_supply,
    blotter,
    facts,
    lot,
    moment,
    numbered,
    post_supply,
    posting,
    supply_order,
    supply_state,
)
from tests.passport_support import PERCENT, Ledger, content, paper, site

P = numbered(77)
LOT = PhysicalLot(site=SELLER_SITE, lot_number="LOT-1", passport=P)
FOOTPRINT = Footprint(
    g_co2e_per_kg=15_000,
    declared_unit="element",
    form="swarf",
    standard="ISO14067",
    boundary="cradle-to-gate",
    allocation="economic",
    reference_year=2025,
    primary_data_ppb=PPB,
    verified=False,
    valid_until=NOW + timedelta(days=300),
)
STATED: dict[str, Any] = {
    "net_wet_g": 25_000_000,
    "moisture_ppb": 20 * PERCENT,
    "composition": SWARF,
    "origin": (OriginShare(stage="recycling", country="FR", share_ppb=PPB, source="a dismantler"),),
    "recycled": (
        ElementShare(element="Nd", post_consumer_ppb=40 * PERCENT),
        ElementShare(element="Dy", post_consumer_ppb=PPB),
    ),
}


def passport(**changes: Any) -> Passport:
    """21 % Nd and 7 % Pr: 40 % of Nd are 30 % of the basis."""
    found = Ledger(site())
    stated = content(SELLER_SITE, **(STATED | changes))
    evidence = (*stated.evidence, replace(stated.evidence[0], supports="footprint"))
    argument = IssuePassport(caller=SELLER_TRADER, passport=P, content=replace(stated, evidence=evidence))
    found.issue(argument, moment())
    return found.passports[P]


def with_cell(analyte: str, percent: int, state: Any = "value") -> Composition:
    cell = Cell(analyte=analyte, reported_as=analyte, state=state, fraction_ppb=percent * PERCENT)
    return replace(SWARF, cells=(*(each for each in SWARF.cells if each.analyte != analyte), cell))


def listed(known: Passport | None, **changes: Any) -> Any:
    draft = lot(physical_lot=LOT, **changes)
    return lots.list_lot(posting(passport=known), post_supply(draft), moment())


def test_the_order_carries_what_its_passport_proves() -> None:
    known = passport(
        footprint=FOOTPRINT,
        certificates=(paper(), paper("old", valid_until=NOW + timedelta(days=1))),
        origin=(
            OriginShare(
                stage="recycling", country="FR", share_ppb=PPB // 2, source="a", strategic_project=True
            ),
            OriginShare(stage="recycling", country="FR", share_ppb=PPB // 2, source="b"),
        ),
    )
    fact = facts(listed(known))[0]
    assert isinstance(fact, RecoveredLotListed)
    evidence = fact.terms.passport_evidence
    assert evidence is not None
    assert (P, known.position, known.stated_by, 25_000_000, ("irma", "old")) == (
        evidence.passport,
        evidence.position,
        evidence.stated_by,
        evidence.remaining_wet_g,
        evidence.certificates,
    )
    assert (OriginStep(stage="recycling", country="FR"),) == evidence.origin
    assert RecycledContent(post_consumer_ppb=30 * PERCENT) == evidence.recycled == fact.terms.recycled
    assert FOOTPRINT == fact.terms.footprint
    assert [(each.scheme, each.valid_from, each.valid_until) for each in known.content.certificates] == [
        (each.scheme, each.valid_from, each.valid_until) for each in evidence.certified
    ]
    later = evidence_of(known, "ndpr", NOW + timedelta(days=2))
    assert ("irma",) == later.certificates == tuple(each.scheme for each in later.certified)


def test_whether_anothers_lot_is_offered_is_not_said() -> None:
    held = Reservation(identity=str(P), organisation=BUYER, market=MARKET, order=ORDER)
    mine, theirs = passport(), replace(passport(), owner=BUYER)

    def offered(known: Passport, reservation: Reservation) -> list[tuple[str, str | None]]:
        state = replace(posting(passport=known), reservation=reservation)
        return blotter(lambda: lots.list_lot(state, post_supply(lot(physical_lot=LOT)), moment()))

    sold = replace(held, released=True, sold=True)
    for reservation in (held, sold):
        assert [("passport_unknown", "/physical_lot/passport")] == offered(theirs, reservation)
    assert [("lot_already_reserved", "/physical_lot")] == offered(mine, held)
    again = replace(sold, organisation=SELLER)
    assert [("lot_already_sold", "/physical_lot")] == offered(mine, again)


def test_who_bought_a_lot_offers_it_again() -> None:
    sold = Reservation(
        identity=str(P), organisation=BUYER, market=MARKET, order=ORDER, released=True, sold=True
    )
    state = replace(posting(passport=passport()), reservation=sold)
    kinds = [type(fact) for fact in facts(lots.list_lot(state, post_supply(lot(physical_lot=LOT)), moment()))]
    assert [RecoveredLotListed, LotReserved] == kinds


def test_an_order_may_state_less() -> None:
    less = RecycledContent(post_consumer_ppb=10 * PERCENT)
    fact = facts(listed(passport(), recycled=less))[0]
    assert isinstance(fact, RecoveredLotListed)
    assert (less, None) == (fact.terms.recycled, fact.terms.footprint)


@pytest.mark.parametrize(
    ("known", "code"),
    [
        (None, "passport_unknown"),
        (replace(passport(), owner=BUYER), "passport_unknown"),
        (replace(passport(), retired="lost"), "passport_over"),
    ],
)
def test_the_passport_is_the_sellers_own_and_lives(known: Passport | None, code: str) -> None:
    assert [(code, "/physical_lot/passport")] == blotter(lambda: listed(known))


def test_the_lot_number_is_the_passports() -> None:
    number = replace(LOT, lot_number="LOT-2")
    state = posting(passport=passport())
    with pytest.raises(Refusals) as refused:
        lots.list_lot(state, post_supply(lot(physical_lot=number)), moment())
    told = "Lot LOT-2 is stated, but the passport is for LOT-1; make a rest a lot by a transformation."
    assert [("/physical_lot/lot_number", told)] == [
        (reason.pointer, reason.detail()) for reason in refused.value.refusals
    ]


@pytest.mark.parametrize(
    ("changes", "of_passport", "expected"),
    [
        (
            {"recycled": RecycledContent(post_consumer_ppb=31 * PERCENT, pre_consumer_ppb=1)},
            {},
            [("/recycled/post_consumer_ppb", "31 %"), ("/recycled/pre_consumer_ppb", "0.0000001 %")],
        ),
        (
            {"footprint": replace(FOOTPRINT, g_co2e_per_kg=14_999)},
            {"footprint": FOOTPRINT},
            [("/footprint", "14999")],
        ),
        ({"footprint": FOOTPRINT}, {}, [("/footprint", "none")]),
        ({}, {"net_wet_g": 24_999_999}, [("/net_wet_g", "24.999999 t")]),
        ({}, {"form": "hard_scrap"}, [("/form", "hard_scrap")]),
        ({}, {"moisture_ppb": 21 * PERCENT}, [("/composition", "22.4 %")]),
        (
            {"origin": (OriginStep(stage="recycling", country="FR", strategic_project=True),)},
            {},
            [("/origin", "recycling FR")],
        ),
        ({"origin": (OriginStep(stage="recycling", country="DE"),)}, {}, [("/origin", "recycling DE")]),
        (
            {},
            {
                "origin": (
                    *STATED["origin"],
                    OriginShare(stage="extraction", country="CN", share_ppb=1, source="a mine"),
                )
            },
            [("/origin", "extraction CN")],
        ),
        ({}, {"origin": ()}, [("/origin", "none")]),
        ({}, {"composition": with_cell("Gd", 1)}, [("/composition/cells", "nothing of Gd")]),
        ({"composition": with_cell("Gd", 1)}, {}, [("/composition/cells", "passport nothing")]),
        ({}, {"composition": with_cell("Th", 1)}, [("/composition/cells", "passport 1 %")]),
        (
            {"composition": with_cell("Th", 1, "below_detection")},
            {"composition": with_cell("Th", 2, "below_detection")},
            [("/composition/cells", "passport < 2 %")],
        ),
    ],
)
def test_more_than_is_proven_is_refused_with_both_figures(
    changes: Any, of_passport: Any, expected: list[tuple[str, str]]
) -> None:
    known = passport(**of_passport)
    with pytest.raises(Refusals) as caught:
        listed(known, **changes)
    found = [(reason.pointer, reason.detail()) for reason in caught.value.refusals]
    assert [pointer for pointer, _ in expected] == [pointer for pointer, _ in found]
    for (_, figure), (_, detail) in zip(expected, found, strict=True):
        assert figure in detail


def test_an_amendment_is_held_against_what_was_copied() -> None:
    fact = facts(listed(passport()))[0]
    assert isinstance(fact, RecoveredLotListed)
    order = replace(supply_order(lot(physical_lot=LOT)), kind="lot", terms=fact.terms)
    more = lot(physical_lot=LOT, recycled=RecycledContent(post_consumer_ppb=31 * PERCENT))
    assert [("recycled_above_passport", "/recycled/post_consumer_ppb")] == blotter(
        lambda: lots.amend(supply_state(order), amend_supply(more), moment())
    )
    less = replace(more, recycled=RecycledContent(post_consumer_ppb=29 * PERCENT))
    (amended,) = facts(lots.amend(supply_state(order), amend_supply(less), moment()))
    assert isinstance(amended, RecoveredLotAmended)
    assert fact.terms.passport_evidence == amended.terms.passport_evidence
