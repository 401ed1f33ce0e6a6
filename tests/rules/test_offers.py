"""Supply offers at the desk: amend, withdraw, expire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from events.market_events import (
    SupplyOfferAmended,
    SupplyOfferExpired,
    SupplyOfferWithdrawn,
)
from events.material_events import LotReleased
from events.vocabulary import (
    Period,
    StatedPrice,
    Tranche,
)
from market.rules.orders import offers
from market.rules.orders.offers import is_reduction
from market.rules.orders.orders import Expire, Withdraw
from market.rules.orders.supplies import terms_of
from tests.desk_support import (
    MILLION,
    OPERATOR_CALLER,
    ORDER,
    PERCENT_PPB,
    READER,
    SELLER_TRADER,
    STRANGER,
    SWARF,
    TERMS,
    TONNE_G,
    amend_supply,
    blotter,
    day,
    facts,
    inputs,
    lot,
    moment,
    period,
    sample,
    supply_order,
    supply_state,
    swarf,
)

APRIL = period(day(4, 1), day(5, 1))


def euro(amount_micro: int, per: str = "dry") -> StatedPrice:
    return StatedPrice(amount_micro=amount_micro, currency="EUR", per=per)  # type: ignore[arg-type]


def one_tranche(net_wet_g: int, window: Period = APRIL) -> tuple[Tranche, ...]:
    return (Tranche(window=window, net_wet_g=net_wet_g),)


AMENDMENT_REFUSALS = {
    "unknown": (None, 1, None, [("order_unknown", None)]),
    "a lot at the offers' door": (supply_order(kind="lot"), 1, None, [("order_unknown", None)]),
    "another's": (supply_order(organisation=STRANGER), 1, None, [("order_unknown", None)]),
    "withdrawn": (supply_order(status="withdrawn"), 1, None, [("order_closed", None)]),
    "stale": (supply_order(version=3), 1, None, [("version_stale", None)]),
    "in the open clearing": (supply_order(), 1, 40, [("clearing_in_progress", None)]),
}


@pytest.mark.parametrize(
    ("order", "version", "plan_cut", "expected"), AMENDMENT_REFUSALS.values(), ids=AMENDMENT_REFUSALS.keys()
)
def test_who_and_when_come_before_what_is_amended(
    order: object, version: int, plan_cut: int | None, expected: list[tuple[str, str | None]]
) -> None:
    state = supply_state(order, plan_cut=plan_cut)  # type: ignore[arg-type]
    draft = swarf(ask=euro(-1))
    assert expected == blotter(lambda: offers.amend(state, amend_supply(draft, version), moment()))
    withdrawal = Withdraw(caller=SELLER_TRADER, order=ORDER, expected_version=version)
    assert expected == blotter(lambda: offers.withdraw(state, withdrawal, moment()))


def test_an_order_posted_after_the_cut_may_be_amended_meanwhile() -> None:
    state = supply_state(supply_order(rank=41), plan_cut=40)
    assert [] == blotter(lambda: offers.amend(state, amend_supply(swarf(ask=euro(MILLION))), moment()))


def test_an_amendment_that_changes_nothing_is_refused() -> None:
    state = supply_state(supply_order())
    assert [("no_change", None)] == blotter(lambda: offers.amend(state, amend_supply(swarf()), moment()))


def test_what_is_held_or_sold_stays_covered() -> None:
    held = supply_order(held_g=4_000_000, filled_g=1_000_000, tranche_committed_g=(2_200_000, 2_800_000))
    smaller = swarf(
        net_wet_g=20 * TONNE_G,
        tranches=(
            Tranche(window=APRIL, net_wet_g=8 * TONNE_G),
            Tranche(window=period(day(5, 1), day(6, 1)), net_wet_g=12 * TONNE_G),
        ),
    )
    assert [
        ("quantity_below_committed", "/net_wet_g"),
        ("quantity_below_committed", "/tranches/0/net_wet_g"),
        ("quantity_below_committed", "/tranches/1/net_wet_g"),
    ] == blotter(lambda: offers.amend(supply_state(held), amend_supply(smaller), moment()))


def test_the_material_and_the_windows_of_a_committed_order_are_fixed() -> None:
    held = supply_order(held_g=1_000_000, tranche_committed_g=(1_000_000, 0))
    other = swarf(
        form="hard_scrap",
        moisture_ppb=PERCENT_PPB,
        composition=sample(*SWARF.cells[:3]),
        tranches=one_tranche(25 * TONNE_G),
    )
    expected = [
        ("committed_field_fixed", "/form"),
        ("committed_field_fixed", "/moisture_ppb"),
        ("committed_field_fixed", "/composition"),
        ("committed_field_fixed", "/tranches"),
    ]
    assert expected == blotter(lambda: offers.amend(supply_state(held), amend_supply(other), moment()))
    assert [] == blotter(lambda: offers.amend(supply_state(supply_order()), amend_supply(other), moment()))


def test_a_physical_lot_cannot_be_exchanged() -> None:
    assert [("physical_lot_fixed", "/physical_lot")] == blotter(
        lambda: offers.amend(supply_state(supply_order()), amend_supply(lot(rex_routes=())), moment())
    )


def test_a_window_that_passed_since_may_stay_but_none_may_be_added() -> None:
    later = moment(day(5, 15))
    state = supply_state(supply_order())
    dearer = swarf(ask=euro(21 * MILLION))
    assert [] == blotter(lambda: offers.amend(state, amend_supply(dearer), later))
    moved = swarf(tranches=one_tranche(25 * TONNE_G, period(day(4, 2), day(5, 1))))
    assert [("window_past", "/tranches/0/window")] == blotter(
        lambda: offers.amend(state, amend_supply(moved), later)
    )


AMENDMENTS = {
    "less of one tranche": (
        {
            "net_wet_g": 20 * TONNE_G,
            "tranches": (
                Tranche(window=APRIL, net_wet_g=10 * TONNE_G),
                Tranche(window=period(day(5, 1), day(6, 1)), net_wet_g=10 * TONNE_G),
            ),
        },
        True,
    ),
    "without one tranche": (
        {"net_wet_g": 10 * TONNE_G, "tranches": one_tranche(10 * TONNE_G)},
        True,
    ),
    "less, but more of one tranche": (
        {"net_wet_g": 20 * TONNE_G, "tranches": one_tranche(20 * TONNE_G)},
        False,
    ),
    "less, and cheaper": (
        {
            "net_wet_g": 10 * TONNE_G,
            "tranches": one_tranche(10 * TONNE_G),
            "ask": euro(19 * MILLION),
        },
        False,
    ),
    "more": (
        {
            "net_wet_g": 30 * TONNE_G,
            "tranches": (
                Tranche(window=APRIL, net_wet_g=10 * TONNE_G),
                Tranche(window=period(day(5, 1), day(6, 1)), net_wet_g=20 * TONNE_G),
            ),
        },
        False,
    ),
    "cheaper": ({"ask": euro(19 * MILLION)}, False),
    "dearer": ({"ask": euro(21 * MILLION)}, False),
    "smaller parcels": ({"minimum_parcel_wet_g": 1}, False),
}


@pytest.mark.parametrize(("changes", "keeps_rank"), AMENDMENTS.values(), ids=AMENDMENTS.keys())
def test_only_a_pure_reduction_keeps_its_place_in_time(
    changes: dict[str, object], *, keeps_rank: bool
) -> None:
    decision = offers.amend(supply_state(supply_order()), amend_supply(swarf(**changes)), moment())
    (fact,) = facts(decision)
    assert isinstance(fact, SupplyOfferAmended)
    assert keeps_rank is fact.keeps_rank


def test_an_unchanged_ask_keeps_the_rate_of_its_posting() -> None:
    dollars = swarf(ask=StatedPrice(amount_micro=69 * MILLION, currency="USD", per="element"))
    order = supply_order(dollars)
    moved = inputs()
    moved.fx["USD"] = replace(
        moved.fx["USD"], value=replace(moved.fx["USD"].value, ueur_per_unit=800_000), position=77
    )
    reduced = replace(dollars, net_wet_g=10 * TONNE_G, tranches=one_tranche(10 * TONNE_G))
    state = supply_state(order, inputs=moved)
    (fact,) = facts(offers.amend(state, amend_supply(reduced), moment()))
    assert isinstance(fact, SupplyOfferAmended)
    assert (order.terms.ask, True) == (fact.terms.ask, fact.keeps_rank)
    dearer = replace(dollars, ask=StatedPrice(amount_micro=70 * MILLION, currency="USD", per="element"))
    (fact,) = facts(offers.amend(state, amend_supply(dearer), moment()))
    assert isinstance(fact, SupplyOfferAmended)
    assert 56 * MILLION == fact.terms.ask.ueur_per_kg


@given(first=st.integers(1, 10 * TONNE_G), second=st.integers(0, 15 * TONNE_G))
def test_a_reduction_never_adds_basis(first: int, second: int) -> None:
    windows = [(APRIL, first), (period(day(5, 1), day(6, 1)), second)]
    tranches = tuple(Tranche(window=window, net_wet_g=grams) for window, grams in windows if grams)
    old = supply_order().terms
    new = terms_of(swarf(net_wet_g=first + second, tranches=tranches), TERMS, inputs())
    assert is_reduction(old, new) is (first + second < 25 * TONNE_G)
    assert new.basis_g <= old.basis_g


def test_a_withdrawn_offer_releases_its_lot_unless_a_match_holds_part_of_it() -> None:
    withdrawal = Withdraw(caller=SELLER_TRADER, order=ORDER, expected_version=1)
    withdrawn, released = facts(offers.withdraw(supply_state(supply_order(lot())), withdrawal, moment()))
    assert isinstance(withdrawn, SupplyOfferWithdrawn)
    assert isinstance(released, LotReleased)
    assert "withdrawn" == released.reason
    sold = supply_state(supply_order(lot(), filled_g=1_000_000))
    assert "sold" == facts(offers.withdraw(sold, withdrawal, moment()))[1].reason  # type: ignore[attr-defined]
    held = supply_state(supply_order(lot(), held_g=1))
    assert 1 == len(facts(offers.withdraw(held, withdrawal, moment())))
    assert [("role_missing", None)] == blotter(
        lambda: offers.withdraw(supply_state(supply_order()), replace(withdrawal, caller=READER), moment())
    )


def test_an_offer_expires_when_its_validity_is_over_and_no_clearing_needs_it() -> None:
    expiry = Expire(caller=OPERATOR_CALLER, order=ORDER)
    state, after = supply_state(supply_order(lot())), moment(day(6, 1))
    expired, released = facts(offers.expire(state, expiry, after))
    assert isinstance(expired, SupplyOfferExpired)
    assert isinstance(released, LotReleased)
    assert "expired" == released.reason
    assert [("not_due", None)] == blotter(lambda: offers.expire(state, expiry, moment()))
    assert [("clearing_in_progress", None)] == blotter(
        lambda: offers.expire(replace(state, plan_cut=40), expiry, after)
    )
    assert [("order_closed", None)] == blotter(
        lambda: offers.expire(supply_state(supply_order(status="sold")), expiry, after)
    )
    assert [("order_unknown", None)] == blotter(lambda: offers.expire(supply_state(None), expiry, after))
    assert [("role_missing", None)] == blotter(
        lambda: offers.expire(state, replace(expiry, caller=SELLER_TRADER), after)
    )


def test_an_offer_of_no_particular_lot_releases_none() -> None:
    withdrawal = Withdraw(caller=SELLER_TRADER, order=ORDER, expected_version=1)
    assert 1 == len(facts(offers.withdraw(supply_state(supply_order()), withdrawal, moment())))


def test_a_tranche_that_still_covers_its_hold_may_shrink() -> None:
    held = supply_order(held_g=1_000_000, tranche_committed_g=(1_000_000, 0))
    smaller = swarf(
        net_wet_g=20 * TONNE_G,
        tranches=(
            Tranche(window=APRIL, net_wet_g=5 * TONNE_G),
            Tranche(window=period(day(5, 1), day(6, 1)), net_wet_g=15 * TONNE_G),
        ),
    )
    (fact,) = facts(offers.amend(supply_state(held), amend_supply(smaller), moment()))
    assert isinstance(fact, SupplyOfferAmended)
    assert fact.keeps_rank


def test_an_ask_that_cannot_be_converted_makes_no_terms() -> None:
    with pytest.raises(ValueError, match="per kg oxide cannot be converted to ndfeb-reuse"):
        terms_of(swarf(ask=euro(1, "oxide")), replace(TERMS, basis="ndfeb-reuse"), inputs())
