"""A rejected lot presented again, or replaced: what is refused, and that a quantity counts once in a year."""

from datetime import date, timedelta
from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from contracts.rules.delivered import left_g
from contracts.rules.delivery import Delivery
from contracts.rules.replacements import made_good_by
from contracts.rules.volumes import Volumes, fold_volume
from events.delivery_events import DeliveryAccepted, DeliveryRejected, DeliveryShipped, NonArrivalSettled
from tests.contract_journeys import body_of, divergence_of, journey
from tests.contract_lane import ContractLane, rechained
from tests.contract_support import TONNE_G
from tests.delivery_support import Deliveries, figures
from tests.desk_support import PERCENT_PPB, blotter, numbered
from tests.rules.test_deliveries import CLEAN, SHIPPED, SPEC, begun

OFF_SPEC = figures(Nd=50 * PERCENT_PPB, Pr=30 * PERCENT_PPB, Th=0)
LATER = SHIPPED + timedelta(days=20)


def rejected(of: Deliveries | None = None, **changes: Any) -> Deliveries:
    """8 t of basis of lot L1, unless said otherwise."""
    return (of or begun(SPEC)).assayed(**({"lot_number": "L1", "stated": OFF_SPEC} | changes)).reject()


def taken(of: Deliveries, **changes: Any) -> Deliveries:
    return of.assayed(**({"lot_number": "L1", "stated": figures(**CLEAN)} | changes)).accept()


def volumes_of(of: Deliveries) -> Volumes:
    """As the record folds them: a shipment, then what was decided of it and went back."""
    volumes = Volumes()
    for each in of.deliveries.values():
        returned = [went_back.settled for went_back in each.returned]
        for fact in (each.shipped, each.rejected, each.accepted, each.missing_settled, *returned):
            if fact is not None and fact is not UNSET:
                volumes = fold_volume(volumes, fact)
    return volumes


def test_a_rejected_lot_is_presented_again_and_counts_once() -> None:
    of = rejected()
    first = of.last
    with_new_figures = taken(of.on(LATER))
    assert first == of.delivery.shipped.replaces
    assert ["rejected", "accepted"] == [each.status for each in of.deliveries.values()]
    year = volumes_of(with_new_figures).year(1)
    assert (8 * TONNE_G, 0) == (year.taken_g, year.off_spec_g)
    assert 8 * TONNE_G == made_good_by(of.delivery)
    assert [("lot_delivered", "/lot_number")] == blotter(
        lambda: of.ship(lot_number="L1", stated=figures(**CLEAN))
    )
    assert left_g(of.paper.stands, of.deliveries.values()) == 8 * TONNE_G


def test_what_is_rejected_twice_lowers_the_year_once() -> None:
    of = rejected(rejected().on(LATER))
    first, second = of.deliveries
    assert first == of.deliveries[second].shipped.replaces
    assert 8 * TONNE_G == volumes_of(of).year(1).off_spec_g
    taken(of.on(LATER + timedelta(days=1)))
    assert second == of.delivery.shipped.replaces
    year = volumes_of(of).year(1)
    assert (8 * TONNE_G, 0) == (year.taken_g, year.off_spec_g)


def test_a_heavier_lot_makes_no_more_good_than_was_rejected_and_a_part_its_part() -> None:
    heavier = taken(rejected().on(LATER), net_wet_g=12 * TONNE_G)
    assert 8 * TONNE_G == made_good_by(heavier.delivery)
    of = rejected()
    first = of.last
    taken(of.on(LATER), lot_number="L7", net_wet_g=4 * TONNE_G, replaces=first)
    year = volumes_of(of).year(1)
    assert (3_200_000, 4_800_000) == (year.taken_g, year.off_spec_g)
    taken(of, lot_number="L8", net_wet_g=8 * TONNE_G, replaces=first)
    assert (9_600_000, 0) == (volumes_of(of).year(1).taken_g, volumes_of(of).year(1).off_spec_g)
    told = [("replaced_in_full", "/replaces")]
    assert told == blotter(lambda: of.ship(lot_number="L9", replaces=first, stated=figures(**CLEAN)))


def test_what_went_back_of_a_replacement_is_replaced_under_its_own_name() -> None:
    """Named for the first lot, which the second made good, a third would make nothing good."""
    of = rejected()
    first = of.last
    second = taken(of.on(LATER), lot_number="L7", replaces=first).settle().last
    of.declare_return(lot_number="L7").settle_return()
    assert 8 * TONNE_G == volumes_of(of).year(1).off_spec_g
    told = [("replaced_in_full", "/replaces")]
    assert told == blotter(lambda: of.ship(lot_number="L8", replaces=first, stated=figures(**CLEAN)))
    taken(of, lot_number="L8", replaces=second)
    year = volumes_of(of).year(1)
    assert (8 * TONNE_G, 0) == (year.taken_g, year.off_spec_g)


def test_what_is_lost_in_its_place_is_the_sellers_lack_once() -> None:
    of = rejected(begun(replace(SPEC, delivery=replace(SPEC.delivery, incoterm="DAP")))).on(LATER)
    of.ship(lot_number="L1", stated=figures(**CLEAN)).on(LATER + timedelta(days=61)).declare_non_arrival()
    of.settle_non_arrival("seller", "stands")
    settled = of.delivery.missing_settled
    assert settled is not UNSET
    assert ("seller", 8 * TONNE_G) == (settled.risk, settled.made_good_g)
    year = volumes_of(of).year(1)
    assert (8 * TONNE_G, 0) == (year.seller_shortfall_g, year.off_spec_g)


def test_what_is_found_after_all_has_made_nothing_good_yet() -> None:
    of = rejected().on(LATER)
    of.ship(lot_number="L1", stated=figures(**CLEAN)).on(LATER + timedelta(days=61)).declare_non_arrival()
    of.settle_non_arrival("buyer", "falls")
    assert 0 == made_good_by(of.delivery)
    assert 8 * TONNE_G == volumes_of(of).year(1).off_spec_g


def test_in_another_year_it_counts_there_and_the_lack_stays_where_it_was() -> None:
    of = rejected()
    of.paper.agreement = replace(of.paper.stands, ends_on=date(2029, 1, 1))
    taken(of.on(date(2028, 2, 1)))
    volumes = volumes_of(of)
    assert (0, 8 * TONNE_G) == (volumes.year(1).taken_g, volumes.year(1).off_spec_g)
    assert (8 * TONNE_G, 0) == (volumes.year(2).taken_g, volumes.year(2).off_spec_g)
    assert UNSET is _accepted(of.delivery).made_good_g


def _accepted(of: Delivery) -> DeliveryAccepted:
    assert of.accepted is not None
    return of.accepted


def test_what_cannot_replace() -> None:
    clean: dict[str, Any] = {"stated": figures(**CLEAN)}
    of = rejected()
    first = of.last
    early = SHIPPED - timedelta(days=1)
    told = [("dates_out_of_order", "/shipped_on")]
    assert told == blotter(lambda: of.ship(lot_number="L1", shipped_on=early, **clean))
    # another lot may have left before anybody knew
    assert [] == blotter(lambda: of.ship(lot_number="L0", replaces=first, shipped_on=early, **clean))
    of = rejected()
    other = rejected(of, lot_number="L2").last
    of.on(LATER)
    told = [("lot_rejected_last", "/replaces")]
    assert told == blotter(lambda: of.ship(lot_number="L1", replaces=other, **clean))
    told = [("replaced_unknown", "/replaces"), ("delivered_form_unfit", "/form")]
    unknown = numbered(99)
    assert told == blotter(lambda: of.ship(lot_number="L3", replaces=unknown, form="swarf", **clean))
    accepted = taken(of, lot_number="L4").last
    told = [("replaced_not_rejected", "/replaces")]
    assert told == blotter(lambda: of.ship(lot_number="L5", replaces=accepted, **clean))
    of.ship(lot_number="L2", **clean)
    assert [("lot_delivered", "/lot_number")] == blotter(lambda: of.ship(lot_number="L2", **clean))
    told = [("replaced_in_full", "/replaces")]
    assert told == blotter(lambda: of.ship(lot_number="L6", replaces=other, **clean))


def test_a_journey_says_what_the_years_owe() -> None:
    lane = journey("presented again")
    first, second = (lane.volumes.year(number) for number in (1, 2))
    assert first.ledger is not None
    # 8 t taken at last, of 8 t rejected 3.2 t lost and 3.2 t taken: 1.6 t are the seller's lack still
    assert (11_200_000, 1_600_000, 3_200_000) == (
        first.taken_g,
        first.off_spec_g,
        first.seller_shortfall_g,
    )
    assert (1_600_000, 11_200_000) == (first.ledger.off_spec_g, first.ledger.taken_g)
    assert (8 * TONNE_G, 0) == (second.taken_g, second.off_spec_g)


TAMPERINGS: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "a presentation that is said to be the first": (DeliveryShipped, {"replaces": UNSET}),
    "more made good by what was taken": (DeliveryAccepted, {"made_good_g": 9 * TONNE_G}),
    "nothing made good": (DeliveryAccepted, {"made_good_g": UNSET}),
    "more lack of the second rejection": (DeliveryRejected, {"made_good_g": UNSET}),
    "less lack of the lost one": (NonArrivalSettled, {"made_good_g": 1}),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_an_audit_finds_what_counts_twice(name: str) -> None:
    kind, changes = TAMPERINGS[name]
    lane: ContractLane = journey("presented again")
    place = next(
        number
        for number, event in enumerate(lane.events)
        if isinstance(event.data, kind)
        and any(getattr(event.data, member) is not UNSET for member in changes)
    )
    event: Any = lane.events[place]
    other = body_of(event, replace(event.data, **changes))
    found = divergence_of(rechained(lane.records(), place, other))
    assert (place + 1, "contract") == (found.position, found.kind)
