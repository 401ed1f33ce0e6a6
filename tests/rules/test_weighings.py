"""The mass received: final within the franchise, beyond it the seller's to object to, and settled by both, by
a surveyor, or by what a surveyor certified to the operator."""

from datetime import date, timedelta
from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from contracts.rules.calls import awaited, next_due
from contracts.rules.received_masses import weighing_cautions
from contracts.rules.results import OBJECTION_DAYS
from events.contract_terms import AssayClause, Evidence, WeighingClause
from tests.contract_support import TONNE_G
from tests.delivery_support import FLAT, SURVEYOR, UMPIRE, Deliveries
from tests.desk_support import OPERATOR_CALLER, PERCENT_PPB, STRANGER_TRADER, codes_of
from tests.rules.test_deliveries import SHIPPED, begun

TICKET = Evidence(title="Ticket 4711", sha256="ab" * 32, dated_on=SHIPPED)
NAMED = replace(FLAT, weighing=WeighingClause(franchise_ppb=5_000_000, surveyor=SURVEYOR))
OVER = SHIPPED + timedelta(days=OBJECTION_DAYS + 1)
SHORT_G = 9 * TONNE_G


def received(net_wet_g: int = SHORT_G, terms: Any = NAMED, moisture_ppb: int = 0) -> Deliveries:
    """Of 10 t dry that were shipped; both have found what was stated of it."""
    of = begun(terms).ship().weigh(net_wet_g=net_wet_g, moisture_ppb=moisture_ppb, evidence=(TICKET,))
    return of.lodge("seller").lodge("buyer")


def contested(terms: Any = NAMED) -> Deliveries:
    return received(terms=terms).object_to_mass(evidence=(TICKET,))


def surveyed(by: str = "seller", **changes: Any) -> Deliveries:
    return contested().survey(by, **changes)


@pytest.mark.parametrize(
    ("net_wet_g", "moisture_ppb", "terms", "open_"),
    [
        (9_950_000, 0, FLAT, False),
        (9_949_999, 0, FLAT, True),
        (10_050_000, 0, FLAT, False),
        (10_050_001, 0, FLAT, True),
        (10_100_000, PERCENT_PPB, FLAT, False),
        (10_000_000, PERCENT_PPB, FLAT, True),
        (9_901_000, 0, replace(FLAT, weighing=WeighingClause(franchise_ppb=PERCENT_PPB)), False),
        (9_999_999, 0, replace(FLAT, weighing=WeighingClause(franchise_ppb=0)), True),
    ],
)
def test_within_the_franchise_the_dry_mass_weighed_is_final(
    net_wet_g: int, moisture_ppb: int, terms: Any, open_: bool
) -> None:
    """Half a percent where the terms say nothing, either way; water lost or taken up is no matter."""
    of = received(net_wet_g, terms, moisture_ppb)
    assert of.delivery.weighed is not None
    assert open_ == (of.delivery.weighed.object_by is not UNSET)
    codes = ["weighing_may_be_objected"] if open_ else []
    assert codes == [each.code for each in weighing_cautions(of.delivery)]
    if open_:
        assert of.delivery.weighed.object_by is not UNSET
        assert OVER - timedelta(days=1) == of.delivery.weighed.object_by.date()
        assert [["mass_open"]] * 2 == [codes_of(of.accept), codes_of(of.reject)]
        assert "accepted" == of.on(OVER).accept().delivery.status
    else:
        assert ["mass_final"] == codes_of(of.object_to_mass)
        assert ["delivery_status_unfit"] == codes_of(of.weigh)
        assert ["mass_uncontested"] == codes_of(lambda: of.agree_on_mass("seller"))
        assert "accepted" == of.accept().delivery.status


def test_what_was_weighed_before_evidence_was_asked_for_is_final() -> None:
    of = begun().ship().weigh(net_wet_g=2 * TONNE_G)
    assert ["mass_final"] == codes_of(of.object_to_mass)
    assert 2 * TONNE_G == of.delivery.mass.net_wet_g
    assert "accepted" == of.lodge("seller").lodge("buyer").accept().delivery.status


def test_who_may_object_and_until_when() -> None:
    of = received()
    assert ["side_wrong"] == codes_of(lambda: of.object_to_mass("buyer"))
    assert ["agreement_unknown"] == codes_of(lambda: of.object_to_mass(caller=STRANGER_TRADER))
    assert ["malformed_member"] == codes_of(lambda: of.object_to_mass(reason=""))
    assert ["delivery_moisture_whole"] == codes_of(lambda: of.object_to_mass(moisture_ppb=100 * PERCENT_PPB))
    late = replace(TICKET, dated_on=SHIPPED + timedelta(days=1))
    assert ["date_in_future"] == codes_of(lambda: of.object_to_mass(evidence=(late,)))
    assert ["date_in_future"] == codes_of(lambda: begun().ship().weigh(evidence=(late,)))
    assert ["delivery_status_unfit"] == codes_of(begun().ship().object_to_mass)
    assert ["mass_contested"] == codes_of(contested().object_to_mass)
    assert ["objection_over"] == codes_of(received().on(OVER).object_to_mass)
    assert ["delivery_status_unfit"] == codes_of(received().on(OVER).accept().object_to_mass)


def test_while_it_is_contested_the_shipped_mass_counts_and_nobody_acts_on_it() -> None:
    of = received()
    assert (SHORT_G, 7_200_000) == (of.delivery.mass.net_wet_g, of.delivery.material(NAMED).basis_g)
    of.object_to_mass(net_wet_g=9_900_000)
    assert (10 * TONNE_G, 8 * TONNE_G) == (
        of.delivery.mass.net_wet_g,
        of.delivery.material(NAMED).basis_g,
    )
    assert [["mass_contested"]] * 2 == [codes_of(of.accept), codes_of(of.reject)]
    assert (None, None) == (next_due(of.delivery), awaited(of.delivery, of.paper.now))
    assert ["not_due"] == codes_of(of.on(date(2029, 1, 1)).pass_time)
    assert ["delivery_status_unfit"] == codes_of(of.settle)


def test_each_side_may_take_the_others_figure() -> None:
    bought = contested()
    bought.agree_on_mass("buyer")
    assert (10 * TONNE_G, 8 * TONNE_G) == (
        bought.delivery.mass.net_wet_g,
        bought.accept().delivery.accepted.quantity_g,  # type: ignore[union-attr]
    )
    assert 80_000_000 - 72_000_000 == bought.settle().invoices[-1].total_cents
    sold = contested().agree_on_mass("seller")
    assert SHORT_G == sold.delivery.mass.net_wet_g
    for step in (sold.object_to_mass, sold.survey, sold.weigh, sold.agree_on_mass):
        assert codes_of(step)[0] in ("mass_final", "mass_uncontested", "delivery_status_unfit")
    early = received().agree_on_mass("seller")
    assert "accepted" == early.accept().delivery.status
    assert ["mass_uncontested"] == codes_of(received().agree_on_mass)
    assert ["mass_uncontested"] == codes_of(lambda: received().on(OVER).agree_on_mass("seller"))


def test_the_buyer_weighs_again_what_it_mistyped_or_what_is_contested() -> None:
    """The days of the assays run from the first weighing; a figure that the seller has named is final."""
    of = received(2 * TONNE_G)
    first = of.delivery.weighed
    assert first is not None
    of.on(SHIPPED + timedelta(days=3)).weigh(net_wet_g=9_990_000, evidence=())
    again = of.delivery.weighed
    assert again is not None
    assert (first.exchange_by, UNSET, "assayed") == (again.exchange_by, again.object_by, of.delivery.status)
    assert "accepted" == of.accept().delivery.status
    named = received().object_to_mass(net_wet_g=9_600_000).weigh(net_wet_g=9_580_000, evidence=())
    assert ("mass_final", 9_580_000) == (
        codes_of(named.object_to_mass)[0],
        named.delivery.mass.net_wet_g,
    )
    (told,) = weighing_cautions(
        received().object_to_mass(net_wet_g=9_600_000).weigh(net_wet_g=9_990_000, evidence=()).delivery
    )
    assert told.text.startswith(
        "9.99 t dry were weighed, 10 t dry were shipped: farther from the seller's last figure than"
    )
    far = contested().weigh(net_wet_g=9_500_000, evidence=())
    assert 9_500_000 == far.delivery.mass.net_wet_g
    assert far.object_to_mass().delivery.mass_contested
    assert ["delivery_status_unfit"] == codes_of(received().on(OVER).weigh)


def test_without_an_exchange_a_second_weighing_exchanges_nothing_again() -> None:
    of = begun(replace(NAMED, assay=AssayClause(umpire=UMPIRE))).ship()
    of.weigh(net_wet_g=SHORT_G, evidence=())
    version = of.delivery.version
    of.weigh(net_wet_g=10 * TONNE_G, evidence=())
    assert (version + 1, "assayed") == (of.delivery.version, of.delivery.status)


def test_a_surveyor_is_the_agreed_one_and_its_certificate_of_a_day_that_can_be() -> None:
    assert ["surveyor_not_agreed"] == codes_of(lambda: surveyed(surveyor="Somebody"))
    assert ["date_in_future"] == codes_of(lambda: surveyed(dated_on=SHIPPED + timedelta(days=1)))
    assert ["dates_out_of_order"] == codes_of(lambda: surveyed(dated_on=SHIPPED - timedelta(days=1)))
    assert ["delivery_moisture_whole"] == codes_of(lambda: surveyed(moisture_ppb=100 * PERCENT_PPB))
    assert ["surveyor_not_named"] == codes_of(lambda: contested(FLAT).survey())
    assert ["mass_uncontested"] == codes_of(received().survey)


def test_who_is_named_while_a_mass_is_contested_is_its_surveyor() -> None:
    of = contested(FLAT)
    of.paper.propose("buyer", NAMED).sign_both()
    assert 9_700_000 == of.survey().delivery.mass.net_wet_g


def test_what_the_surveyor_certified_counts_and_the_other_side_may_object() -> None:
    """The buyer's own step shows that it has no objection; the seller's certificate binds it no less."""
    of = surveyed()
    assert (9_700_000, False) == (of.delivery.mass.net_wet_g, of.delivery.mass_contested)
    assert ["survey_handed_in"] == codes_of(lambda: of.object_to_mass("seller"))
    assert "accepted" == surveyed().accept().delivery.status
    bought = surveyed("buyer")
    assert [["mass_open"]] * 2 == [codes_of(bought.accept), codes_of(bought.reject)]
    assert "accepted" == bought.on(OVER).accept().delivery.status
    assert ["objection_over"] == codes_of(lambda: surveyed().on(OVER).object_to_mass("buyer"))


def test_after_an_objection_the_operator_has_the_last_word() -> None:
    of = surveyed().object_to_mass("buyer", net_wet_g=9_200_000)
    assert (True, 10 * TONNE_G) == (of.delivery.mass_contested, of.delivery.mass.net_wet_g)
    assert ["survey_contested"] == codes_of(of.survey)
    assert ["delivery_status_unfit"] == codes_of(of.weigh)
    of.survey(caller=OPERATOR_CALLER, net_wet_g=9_650_000)
    assert ["mass_final"] == codes_of(lambda: of.object_to_mass("buyer"))
    assert 7_720_000 == of.accept().delivery.accepted.quantity_g  # type: ignore[union-attr]
    yielded = surveyed().object_to_mass("buyer", net_wet_g=9_200_000).agree_on_mass("seller")
    assert 9_200_000 == yielded.delivery.mass.net_wet_g


def test_the_operator_hands_in_only_where_the_parties_cannot() -> None:
    assert ["survey_of_parties"] == codes_of(lambda: contested().survey(caller=OPERATOR_CALLER))
    unnamed = contested(FLAT).survey(caller=OPERATOR_CALLER, surveyor="SGS Geneva")
    assert unnamed.delivery.mass_settled is not UNSET
    assert (UNSET, 9_700_000) == (unnamed.delivery.mass_settled.by, unnamed.delivery.mass.net_wet_g)


def test_the_buyer_is_called_upon_when_nobody_may_object_any_more() -> None:
    terms = replace(NAMED, assay=replace(NAMED.assay, exchange_days=1))
    of = begun(terms).ship().weigh(net_wet_g=SHORT_G, evidence=()).lodge("seller").lodge("buyer")
    assert of.delivery.weighed is not None
    assert of.delivery.weighed.object_by == next_due(of.delivery)
    assert ["not_due"] == codes_of(of.pass_time)
    of.on(OVER).pass_time()
    waits = awaited(of.delivery, of.paper.now)
    assert waits is not None
    assert ("acceptance", True) == (waits.act, waits.called)
