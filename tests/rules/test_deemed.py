"""A buyer that neither weighs nor accepts is called upon, then deemed to have: what is too early or too late
first."""

from datetime import UTC, date, datetime

import pytest
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from contracts.rules.calls import awaited, deemed_acts, next_due, open_call
from events.contract_terms import AssayClause
from events.delivery_events import BuyerCalled
from tests.contract_support import TONNE_G
from tests.delivery_support import CERTIFICATE, FLAT, NDPR, PPM_PPB, UMPIRE, Deliveries, figures
from tests.desk_support import BUYER_TRADER, OPERATOR_CALLER, PERCENT_PPB, codes_of
from tests.rules.test_deliveries import SHIPPED, SPEC, begun, disputed

CALLED, OVER = date(2027, 5, 1), date(2027, 6, 1)
"""60 days after 1 March are over; 30 days after the call."""
LIMITED = replace(SPEC, product=replace(SPEC.product, purity=None))


def called() -> Deliveries:
    return begun().ship(net_wet_g=11 * TONNE_G).on(CALLED).pass_time()


def test_nothing_is_deemed_before_its_time_nor_by_a_party() -> None:
    of = begun().ship().on(date(2027, 4, 30))
    assert ["not_due"] == codes_of(of.pass_time)
    assert ["role_missing"] == codes_of(lambda: of.on(CALLED).pass_time(caller=BUYER_TRADER))
    assert ["not_due"] == codes_of(of.pass_time().on(date(2027, 5, 31)).pass_time)
    assert "shipped" == of.delivery.status


@pytest.mark.parametrize(
    ("day", "by"), [(SHIPPED, OVER), (CALLED, OVER), (date(2027, 8, 1), date(2027, 9, 1))]
)
def test_the_day_is_known_before_the_call_and_a_late_call_leaves_as_much_time(day: date, by: date) -> None:
    of = begun().ship().on(day)
    found = awaited(of.delivery, of.paper.now)
    assert found is not None
    assert ("weighing", False, by) == (found.act, found.called, found.act_by.date())
    if day >= CALLED:
        again = awaited(of.pass_time().delivery, of.paper.now)
        assert replace(found, called=True) == again


def test_a_buyer_that_is_called_still_weighs_in_time_and_no_longer_later() -> None:
    assert "weighed" == called().on(date(2027, 5, 31)).weigh().delivery.status
    late = called().on(OVER)
    assert ["buyer_act_over"] == codes_of(late.weigh)
    weighed = late.pass_time().delivery
    assert weighed.weighed is not None
    assert (11 * TONNE_G, OVER, True, datetime(2027, 6, 16, tzinfo=UTC)) == (
        weighed.weighed.net_wet_g,
        weighed.weighed.weighed_on,
        weighed.weighed.deemed,
        weighed.weighed.exchange_by,
    )
    assert ["delivery_status_unfit"] == codes_of(late.weigh)


def test_after_a_deemed_weighing_the_sellers_assay_stands_and_the_lot_is_deemed_accepted() -> None:
    of = called().on(OVER).pass_time().lodge("seller", results=figures(Nd=61 * PERCENT_PPB, Pr=NDPR["Pr"]))
    of.on(date(2027, 6, 16)).pass_time()
    assert of.delivery.exchanged is not None
    assert (("buyer",), 61 * PERCENT_PPB) == (of.delivery.exchanged.silent, of.delivery.fractions_ppb["Nd"])
    assert ["delivery_status_unfit"] == codes_of(of.settle)
    of.pass_time().on(date(2027, 7, 17)).pass_time()
    accepted = of.delivery.accepted
    assert accepted is not None
    assert (11 * TONNE_G * 81 // 100, date(2027, 7, 17)) == (accepted.quantity_g, accepted.title_passed_on)
    assert ("weighing", "acceptance") == deemed_acts(of.delivery)
    assert ["final"] == [invoice.settles for invoice in of.settle().invoices]


def test_without_an_agreed_exchange_what_was_stated_stands_with_the_weighing() -> None:
    terms = replace(FLAT, assay=AssayClause(umpire=UMPIRE))
    of = begun(terms).ship().on(CALLED).pass_time().on(OVER).pass_time()
    assert ("assayed", NDPR) == (of.delivery.status, of.delivery.fractions_ppb)
    found = awaited(of.delivery, of.paper.now)
    assert found is not None
    assert ("acceptance", False) == (found.act, found.called)


def test_what_is_off_spec_is_rejected_before_the_day_and_deemed_taken_from_it_on() -> None:
    def off() -> Deliveries:
        dirty = figures(**{**NDPR, "Th": 60 * PPM_PPB})
        of = begun(SPEC).ship(stated=dirty).weigh().on(date(2027, 3, 16)).pass_time()
        assert ["not_due"] == codes_of(of.on(date(2027, 3, 15)).pass_time)
        return of.on(date(2027, 3, 16)).pass_time()

    in_time = off().on(date(2027, 4, 15)).reject()
    assert ("rejected", None, None) == (
        in_time.delivery.status,
        next_due(in_time.delivery),
        awaited(in_time.delivery, in_time.paper.now),
    )
    assert ["not_due"] == codes_of(in_time.on(date(2028, 1, 1)).pass_time)
    late = off().on(date(2027, 4, 16))
    assert ["buyer_act_over"] == codes_of(late.reject)
    assert "accepted" == late.pass_time().delivery.status
    assert "accepted" == off().on(date(2027, 4, 16)).accept().delivery.status


def test_the_clock_stands_for_an_umpire_and_begins_anew_with_the_operators_word() -> None:
    of = disputed().on(date(2028, 1, 1))
    assert ("before_umpire", None) == (of.delivery.status, next_due(of.delivery))
    assert ["not_due"] == codes_of(of.pass_time)
    of.umpire("buyer", results=figures(Nd=61 * PERCENT_PPB), certificate=CERTIFICATE)
    assert ["not_due"] == codes_of(of.on(date(2028, 1, 7)).pass_time)
    of.object_to_umpire("seller")
    assert (None, None) == (next_due(of.delivery), awaited(of.delivery, of.paper.now))
    of.umpire(caller=OPERATOR_CALLER, results=figures(Nd=60 * PERCENT_PPB), certificate=CERTIFICATE)
    assert [True, True] == [of.pass_time().delivery.status == "assayed", open_call(of.delivery) is not None]


def test_a_delivery_of_before_with_a_late_weighing_stays_as_it_was_recorded() -> None:
    """Without a call in the record nothing is late."""
    of = begun().ship().on(date(2028, 1, 1)).weigh()
    assert of.delivery.weighed is not None
    assert "weighed" == of.delivery.status


def test_the_call_upon_an_off_spec_lot_names_what_is_broken() -> None:
    def called_for(thorium_ppm: int) -> BuyerCalled | UnsetType:
        stated = figures(**{**NDPR, "Th": thorium_ppm * PPM_PPB})
        of = begun(LIMITED).ship(stated=stated).weigh().on(date(2027, 3, 16)).pass_time().pass_time()
        return of.delivery.called

    clean, dirty = called_for(40), called_for(60)
    assert clean is not UNSET
    assert dirty is not UNSET
    assert (UNSET, ("above_max:Th 60 ppm > 50 ppm",)) == (clean.broken, dirty.broken)
    weighing = begun(LIMITED).ship(stated=figures(**{**NDPR, "Th": 60 * PPM_PPB})).on(CALLED).pass_time()
    assert weighing.delivery.called is not UNSET
    assert UNSET is weighing.delivery.called.broken
