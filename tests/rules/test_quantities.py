"""Conversions of the trade, in exact integers."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.rules.price_terms import amount_cents, round_half_even, round_to
from events.vocabulary import PPB, Cell, Composition, MarketBasis, PriceUnit, StatedPrice
from market.rules.orders.value_shares import value_share
from market.rules.quantities import (
    basis_g,
    basis_steps,
    dry_analytes,
    element_fractions,
    fx_for,
    price_steps,
    product_g,
    purity_ppb,
    reo_sum_ppb,
    requirement_kg_per_basis_kg,
    supply_kg_per_basis_kg,
    to_ueur_per_basis_kg,
    ueur_per_product_kg,
)
from market.rules.references import reference_of, reference_ueur_per_kg
from tests.desk_support import (
    MILLION,
    PERCENT_PPB,
    SWARF,
    TONNE_G,
    below,
    cell,
    fx,
    inputs,
    not_available,
    reference,
    sample,
    split,
)

NDPR_OXIDE = sample(cell("Nd", "75", "Nd2O3"), cell("Pr", "25", "Pr6O11"))


def usd(amount: int, per: PriceUnit) -> StatedPrice:
    return StatedPrice(amount_micro=amount * MILLION, currency="USD", per=per)


def test_a_rate_of_another_currency_is_an_error() -> None:
    with pytest.raises(ValueError, match="a rate of CNY does not convert USD"):
        to_ueur_per_basis_kg(usd(1, "element"), (1, 1), fx("CNY", 127_000), "up")
    with pytest.raises(ValueError, match="a rate of EUR does not convert USD"):
        to_ueur_per_basis_kg(usd(1, "element"), (1, 1), None, "up")


def test_a_material_without_basis_has_no_price_per_basis() -> None:
    iron = sample(cell("Fe", "99"))
    assert None is supply_kg_per_basis_kg("wet", "ndpr", 0, iron)
    assert None is supply_kg_per_basis_kg("oxide", "ndpr", 0, iron)
    with pytest.raises(ValueError, match="an order without basis"):
        product_g(1, 0, 1)


@pytest.mark.parametrize(
    ("per", "basis"),
    [
        ("wet", "ndpr"),
        ("dry", "dy"),
        ("reo", "ndpr"),
        ("oxide", "ndfeb-reuse"),
        ("dry", "ndfeb-reuse"),
    ],
)
def test_a_buyer_states_no_material_so_its_price_cannot_be_per_product(
    per: PriceUnit, basis: MarketBasis
) -> None:
    assert None is requirement_kg_per_basis_kg(per, basis)


def test_rounding_needs_a_positive_denominator() -> None:
    with pytest.raises(ValueError, match="has to be positive"):
        round_half_even(1, 0)


@pytest.mark.parametrize(
    ("numerator", "rounded"), [(-15, -2), (-5, 0), (-4, 0), (4, 0), (5, 0), (6, 1), (15, 2), (25, 2), (35, 4)]
)
def test_halves_go_to_the_even_neighbour(numerator: int, rounded: int) -> None:
    assert rounded == round_half_even(numerator, 10)


def test_twenty_five_tonnes_of_wet_swarf_carry_five_point_six_of_ndpr() -> None:
    assert 5_600_000 == basis_g(
        basis="ndpr", net_wet_g=25 * TONNE_G, moisture_ppb=20 * PERCENT_PPB, composition=SWARF
    )


def test_an_assay_as_received_is_not_dried_again() -> None:
    as_received = sample(cell("Nd", "21"), cell("Pr", "7"), basis="as_received")
    assert 7_000_000 == basis_g(
        basis="ndpr", net_wet_g=25 * TONNE_G, moisture_ppb=20 * PERCENT_PPB, composition=as_received
    )


def test_oxides_of_a_treo_split_are_reduced_to_metal_of_the_sample() -> None:
    concentrate = split("60", cell("Nd", "18", "Nd2O3"), cell("Pr", "5", "Pr6O11"), cell("La", "77", "La2O3"))
    exact = Fraction(60, 100) * (
        Fraction(18, 100) * Fraction("0.8574") + Fraction(5, 100) * Fraction("0.8277")
    )
    assert int(exact * TONNE_G) == basis_g(
        basis="ndpr", net_wet_g=TONNE_G, moisture_ppb=0, composition=concentrate
    )


def test_bauxite_residue_by_the_megatonne_does_not_overflow() -> None:
    residue = sample(cell("Nd", "0.0099999"), cell("Pr", "0.0024"))
    assert 10**12 * 123_999 // PPB == basis_g(
        basis="ndpr", net_wet_g=10**12, moisture_ppb=0, composition=residue
    )


def test_whole_magnets_count_by_net_mass() -> None:
    magnets = sample(cell("Nd", "28"), cell("Fe", "65"))
    assert 500_000 == basis_g(basis="ndfeb-reuse", net_wet_g=500_000, moisture_ppb=0, composition=magnets)


def test_not_available_and_below_detection_carry_nothing() -> None:
    composition = sample(cell("Nd", "10"), not_available("Pr"))
    assert 100_000 == basis_g(basis="ndpr", net_wet_g=TONNE_G, moisture_ppb=0, composition=composition)
    composition = sample(cell("Nd", "10"), below("Pr", "5"))
    assert 100_000 == basis_g(basis="ndpr", net_wet_g=TONNE_G, moisture_ppb=0, composition=composition)


def test_ndpr_oxide_at_69_usd_is_81_2_per_kg_of_element() -> None:
    ratio = supply_kg_per_basis_kg("oxide", "ndpr", 0, NDPR_OXIDE)
    assert Fraction(1) / (Fraction(3, 4) * Fraction("0.8574") + Fraction(1, 4) * Fraction("0.8277")) == ratio
    assert 81_178_859 == round_to(Fraction(69 * MILLION) * ratio, "up")
    assert ratio == requirement_kg_per_basis_kg("oxide", "ndpr")


def test_dy_oxide_at_239_usd_is_274_3_per_kg_of_element() -> None:
    ratio = requirement_kg_per_basis_kg("oxide", "dy")
    assert ratio is not None
    assert 274_302_765 == round_to(Fraction(239 * MILLION) * ratio, "down")


def test_terbium_reported_as_tb2o3_is_priced_per_kg_of_that_oxide() -> None:
    assert PPB == round_to(
        Fraction(868_800_000)
        * (supply_kg_per_basis_kg("oxide", "tb", 0, sample(cell("Tb", "99", "Tb2O3"))) or 0),
        "down",
    )


def test_asks_round_up_and_limits_down() -> None:
    third = StatedPrice(amount_micro=1, currency="EUR", per="dry")
    assert 1 == to_ueur_per_basis_kg(third, (2, 6), None, "up").ueur_per_kg
    assert 0 == to_ueur_per_basis_kg(third, (2, 6), None, "down").ueur_per_kg
    negative = StatedPrice(amount_micro=-1, currency="EUR", per="dry")
    assert 0 == to_ueur_per_basis_kg(negative, (2, 6), None, "up").ueur_per_kg
    assert -1 == to_ueur_per_basis_kg(negative, (2, 6), None, "down").ueur_per_kg


def test_a_converted_price_names_the_rate_it_used() -> None:
    price = to_ueur_per_basis_kg(usd(69, "oxide"), (1, 1), fx("USD", 920_000), "up")
    assert 63_480_000 == price.ueur_per_kg
    assert price.fx is not None
    assert ("FX:USD", 11, 920_000) == (price.fx.code, price.fx.position, price.fx.value_micro)


def test_an_invoice_and_its_remainder_are_the_exact_product() -> None:
    assert (0, 5_000_000) == amount_cents(1, 5_000_000)
    assert (2, -5_000_000) == amount_cents(3, 5_000_000)
    assert (40_000_000, 3_200_000) == amount_cents(5_600_000, 71_428_572)


@given(quantity_g=st.integers(0, 10**12), price=st.integers(-(10**11), 10**11))
def test_cents_and_remainder_conserve_every_micro_euro(quantity_g: int, price: int) -> None:
    cents, remainder = amount_cents(quantity_g, price)
    assert quantity_g * price == cents * 10**7 + remainder
    assert abs(remainder) * 2 <= 10**7


@given(
    nd=st.integers(0, 500_000_000),
    pr=st.integers(0, 400_000_000),
    moisture=st.integers(0, PPB - 1),
    net=st.integers(0, 10**12),
)
def test_basis_is_never_more_than_the_metal_there_is(nd: int, pr: int, moisture: int, net: int) -> None:
    cells = tuple(
        Cell(analyte=element, reported_as=element, state="value", fraction_ppb=ppb)
        for element, ppb in (("Nd", nd), ("Pr", pr))
    )
    composition = Composition(basis="dry", of="sample", cells=cells)
    grams = basis_g(basis="ndpr", net_wet_g=net, moisture_ppb=moisture, composition=composition)
    exact = net * (PPB - moisture) * (nd + pr)
    assert grams * PPB * PPB <= exact < (grams + 1) * PPB * PPB


def test_dry_figures_decide_exactly_and_below_detection_is_a_range() -> None:
    wet = sample(cell("C", "0.05"), below("Th", "0.012"), not_available("O"), basis="as_received")
    found = dry_analytes(wet, 30 * PERCENT_PPB)
    assert {"C", "Th"} == set(found)
    assert (714_285, 714_286, False) == (
        found["C"].low_ppb, found["C"].high_ppb, found["C"].below_detection,
    )  # fmt: skip
    assert (0, 171_429, True) == (found["Th"].low_ppb, found["Th"].high_ppb, found["Th"].below_detection)


def test_published_splits_are_added_up_as_oxides() -> None:
    weight = split("50", cell("La", "60", "La2O3"), cell("Ce", "38.5", "CeO2"), below("Tb", "0.01"))
    assert 985_000_000 == reo_sum_ppb(weight)
    assert 1_000_000_000 == reo_sum_ppb(split("50", cell("La", "85.27")))
    assert None is reo_sum_ppb(SWARF)


def test_purity_is_the_share_of_named_oxides_in_treo() -> None:
    oxide = split("99", cell("Nd", "74.5", "Nd2O3"), cell("Pr", "24.6", "Pr6O11"), cell("Dy", "0.9", "Dy2O3"))
    assert 991_000_000 == purity_ppb(oxide, ("Nd", "Pr"))
    assert None is purity_ppb(oxide, ("Nd", "Tb"))
    of_sample = sample(cell("Nd", "60", "Nd2O3"), cell("Dy", "30", "Dy2O3"), below("Tb", "10"))
    tb_limit = Fraction(10, 100) / Fraction("0.8502")
    assert int(Fraction(60, 100) / (Fraction(90, 100) + tb_limit) * PPB) == purity_ppb(of_sample, ("Nd",))
    assert None is purity_ppb(sample(below("Nd", "0.1"), cell("Fe", "90")), ("Fe",))


def test_xenotime_carries_its_value_in_heavy_rare_earths() -> None:
    xenotime = split(
        "60", cell("Y", "61", "Y2O3"), cell("Dy", "8.7", "Dy2O3"), cell("Tb", "1", "Tb4O7"),
        cell("Nd", "3", "Nd2O3"), cell("Pr", "0.5", "Pr6O11"), cell("Yb", "6", "Yb2O3"),
    )  # fmt: skip
    share = value_share("ndpr", xenotime, inputs())
    assert share.share_ppb is not None
    assert share.share_ppb < 100_000_000
    assert ((), ("Yb",)) == (share.missing, share.unpriced)
    swarf_share = value_share("ndpr", SWARF, inputs()).share_ppb
    assert swarf_share is not None
    assert swarf_share > 800_000_000


def test_value_without_a_reference_for_the_basis_cannot_be_judged() -> None:
    known = inputs()
    del known.references["NdPr_oxide_99"]
    share = value_share("ndpr", SWARF, known)
    assert (None, ("Nd", "Pr"), ()) == (share.share_ppb, share.missing, share.unpriced)
    assert PPB == value_share("ndfeb-reuse", SWARF, known).share_ppb


def test_a_reference_in_a_currency_without_rate_is_not_used() -> None:
    known = inputs()
    known.fx.clear()
    assert ("Nd", "Pr") == value_share("ndpr", SWARF, known).missing
    assert None is reference_of(known, "Dy")


def test_the_newest_reference_counts_and_nd_falls_back_to_ndpr() -> None:
    known = inputs()
    found = reference_of(known, "Nd")
    assert found is not None
    assert "NdPr_oxide_99" == found.value.code
    known.references["Nd_metal"] = reference("Nd_metal", "Nd", "95", "element")
    found = reference_of(known, "Nd")
    assert found is not None
    assert "Nd_metal" == found.value.code
    assert Fraction("95") * 920_000 == reference_ueur_per_kg(found.value, fx_for(known, "USD"))


def test_a_magnet_reference_is_per_kg_of_magnet() -> None:
    assert Fraction(50) * 920_000 == reference_ueur_per_kg(
        reference("magnets", "NdFeB", "50", "wet").value, fx("USD", 920_000)
    )
    assert None is reference_ueur_per_kg(reference("x", "NdFeB", "50", "oxide").value, fx("USD", 920_000))
    assert None is reference_ueur_per_kg(reference("x", "Fe", "1", "oxide").value, fx("USD", 920_000))


def test_steps_of_a_ticket_lead_from_wet_tonnes_to_basis_and_from_ask_to_price() -> None:
    steps = basis_steps(
        basis="ndpr", net_wet_g=25 * TONNE_G, moisture_ppb=20 * PERCENT_PPB, composition=SWARF
    )
    assert [
        ("net wet mass", 25_000_000, "g"),
        ("moisture", 200_000_000, "ppb"),
        ("net dry mass", 20_000_000, "g"),
        ("Nd in the dry sample", 210_000_000, "ppb"),
        ("Pr in the dry sample", 70_000_000, "ppb"),
        ("basis ndpr", 5_600_000, "g"),
    ] == [(step.label, step.quantity, step.unit) for step in steps]
    ratio = supply_kg_per_basis_kg("oxide", "ndpr", 0, NDPR_OXIDE)
    assert ratio is not None
    price = to_ueur_per_basis_kg(usd(69, "oxide"), ratio.as_integer_ratio(), fx("USD", 920_000), "up")
    assert [
        ("as stated", 69_000_000, "millionths of USD per kg oxide"),
        ("FX:USD", 920_000, "ueur"),
        ("kg oxide per kg of basis", 1_176_505_191, "ppb"),
        ("per kg of basis", 74_684_550, "ueur_per_kg"),
    ] == [(step.label, step.quantity, step.unit) for step in price_steps(price, ratio)]


def test_a_price_per_basis_is_shown_per_product() -> None:
    assert 16_000_000 == ueur_per_product_kg(71_428_572, 5_600_000, 25_000_000)
    assert 4_464_285 == product_g(1_000_000, 5_600_000, 25_000_000)
    assert {"Nd": 210_000_000, "Pr": 70_000_000, "Dy": 10_000_000, "Fe": 620_000_000} == element_fractions(
        SWARF
    )


def test_a_reference_in_an_unusable_denominator_values_nothing() -> None:
    known = inputs()
    known.references["Ho"] = reference("Ho", "Ho", "70", "wet")
    assert ("Ho",) == value_share("ndpr", sample(*SWARF.cells, cell("Ho", "1")), known).unpriced
