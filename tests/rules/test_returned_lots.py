"""A passport that goes back with its lot: once for a return, whole, while its owner has it free."""

from datetime import date
from typing import Any

from msgspec.structs import replace

from events.material_events import PassportTransferred
from market.rules.orders.orders import Reservation
from market.rules.passport import Passport
from market.rules.passports import passports
from market.rules.passports.bound_lots import Sale
from market.rules.passports.returned_lots import (
    GiveBackPassport,
    HeldLot,
    ReturnedLot,
    ReturnState,
    give_back,
    return_refusals,
)
from tests.desk_support import (
    BUYER,
    LANES,
    MARKET,
    OPERATOR_CALLER,
    SELLER,
    SELLER_TRADER,
    blotter,
    facts,
    moment,
    numbered,
)
from tests.rules.test_passports import A, ledger, transferring

GIVE = GiveBackPassport(caller=OPERATOR_CALLER, passport=A, delivery=numbered(71))


def bought() -> Passport:
    """The lot as its buyer has it."""
    found = ledger()
    found.write(passports.transfer(found.state(A, BUYER), transferring(), moment()))
    return found.passports[A]


def returned(known: Passport, **changes: Any) -> ReturnedLot:
    made = ReturnedLot(
        agreement=numbered(70),
        delivery=numbered(71),
        seller=SELLER,
        buyer=BUYER,
        lot_number=known.content.lot_number,
        net_wet_g=known.remaining_g,
        moisture_ppb=known.content.moisture_ppb,
    )
    return replace(made, **changes)


def giving(lot: HeldLot, of: ReturnedLot | None, argument: GiveBackPassport = GIVE) -> list[Any]:
    state = ReturnState(lanes=LANES, lot=lot, returned=of)
    return blotter(lambda: give_back(state, argument, moment()))


def at_door(lot: HeldLot | None, of: ReturnedLot, *, by_buyer: bool, delivered: HeldLot | None) -> list[str]:
    return [each.code for each in return_refusals(lot, of, by_buyer=by_buyer, delivered=delivered)]


def test_title_and_goods_go_to_the_seller() -> None:
    known = bought()
    state = ReturnState(lanes=LANES, lot=HeldLot(passport=known), returned=returned(known))
    (fact,) = facts(give_back(state, GIVE, moment()))
    assert isinstance(fact, PassportTransferred)
    assert (BUYER, SELLER, SELLER, numbered(70), None, numbered(71)) == (
        fact.previous_owner,
        fact.owner,
        fact.holder,
        fact.agreement,
        fact.delivery,
        fact.returns,
    )
    assert moment().now.date() == fact.transferred_on > date(2020, 1, 1)


def test_what_does_not_go_back() -> None:
    known = bought()
    lot, of = HeldLot(passport=known), returned(known)
    assert [("role_missing", None)] == giving(lot, of, replace(GIVE, caller=SELLER_TRADER))
    assert [("passport_unknown", None)] == giving(HeldLot(passport=None), of)
    assert [("delivery_not_of_passport", None)] == giving(lot, None)
    assert [("delivery_not_of_passport", None)] == giving(lot, replace(of, buyer=numbered(9)))
    once = replace(known, went_back=(numbered(71),))
    assert [("delivery_not_of_passport", None)] == giving(HeldLot(passport=once), of)
    assert [("passport_over", None)] == giving(HeldLot(passport=replace(known, retired="lost")), of)
    offered = Reservation(identity=str(A), market=MARKET, order=numbered(5), organisation=BUYER)
    assert ["passport_in_order"] == [code for code, _ in giving(replace(lot, reservation=offered), of)]
    elsewhere = {numbered(6): Sale(buyer=numbered(9), owed_g=1)}
    assert [("lot_sold", "/owner")] == giving(replace(lot, sales=elsewhere), of)
    assert [("lot_number_not_of_passport", "/lot_number")] == giving(lot, replace(of, lot_number="ELSE"))


def test_a_passport_goes_whole() -> None:
    known = bought()
    lot, whole_g = HeldLot(passport=known), known.remaining_g
    for net_wet_g, told in (
        (whole_g * 95 // 100, []),
        (whole_g * 95 // 100 - 1, ["lot_returned_in_part"]),
        (whole_g * 105 // 100, []),
        (whole_g * 105 // 100 + 1, ["lot_above_passport"]),
    ):
        of = returned(known, net_wet_g=net_wet_g)
        assert told == at_door(lot, of, by_buyer=True, delivered=lot), net_wet_g


def test_the_buyer_names_a_passport_and_the_seller_that_of_the_delivery_alone() -> None:
    known = bought()
    lot, of, none = HeldLot(passport=known), returned(known), HeldLot(passport=None)
    assert ["return_unproven"] == at_door(None, of, by_buyer=True, delivered=lot)
    assert [] == at_door(None, of, by_buyer=False, delivered=lot)
    assert [] == at_door(None, of, by_buyer=True, delivered=None)
    gone = HeldLot(passport=replace(known, owner=numbered(9)))
    assert [] == at_door(None, of, by_buyer=True, delivered=gone)
    assert [] == at_door(lot, of, by_buyer=False, delivered=lot)
    for other, by_buyer, delivered in ((lot, False, None), (none, True, lot), (gone, True, lot)):
        assert ["passport_unknown"] == at_door(other, of, by_buyer=by_buyer, delivered=delivered)
