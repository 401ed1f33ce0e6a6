"""The one finite decimal: strict texts, exact integers, nothing rounded."""

import re
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.clearing_terms import PriceTerm
from events.price_clauses import MatchedPrice
from market.http.agreements.agreement_prices import MatchedPrice as PriceView
from market.http.wire import numbers
from market.http.wire.numbers import (
    EUR_CENTS,
    KILOGRAMS_POSITIVE,
    PART_PERCENT,
    PERCENT,
    PERCENT_POSITIVE,
    SIGNED_EUR_PER_KG,
    TONNES,
    DecimalKind,
)
from market.http.wire.term_inputs import in_traders_units

KINDS = [kind for kind in vars(numbers).values() if isinstance(kind, DecimalKind)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.unit}-{kind.digits}.{kind.decimals}")
@given(data=st.data())
def test_every_integer_in_range_comes_back_from_its_text(kind: DecimalKind, data: st.DataObject) -> None:
    most = 10 ** (2 + kind.decimals) if kind.at_most_hundred else 10 ** (kind.digits + kind.decimals) - 1
    least = -most if kind.signed else 1 if kind.positive else 0
    value = data.draw(st.integers(least, most))
    assert value == kind.parse(kind.text(value))


@pytest.mark.parametrize(
    ("kind", "text", "code"),
    [
        (TONNES, "NaN", "not_finite"),
        (TONNES, "-Infinity", "not_finite"),
        (TONNES, "1E+400", "not_decimal"),
        (TONNES, "0x10", "not_decimal"),
        (TONNES, "1_000", "not_decimal"),
        (TONNES, "٣", "not_decimal"),
        (TONNES, " 1", "not_decimal"),
        (TONNES, "1.", "not_decimal"),
        (TONNES, "01", "not_decimal"),
        (TONNES, "1\n", "not_decimal"),
        (TONNES, "", "not_decimal"),
        (TONNES, "-1", "negative"),
        (TONNES, "1.0000000", "over_precise"),
        (TONNES, "1000000", "out_of_range"),
        (PERCENT, "100.1", "out_of_range"),
        (PERCENT, "101", "out_of_range"),
        (KILOGRAMS_POSITIVE, "0.000", "not_positive"),
        (PART_PERCENT, "0", "not_positive"),
        (PERCENT_POSITIVE, "0.00", "not_positive"),
        (PERCENT_POSITIVE, "100.1", "out_of_range"),
        (EUR_CENTS, "0.001", "over_precise"),
        (SIGNED_EUR_PER_KG, "9" * 30, "out_of_range"),
    ],
)
def test_what_is_no_such_number_is_refused_with_its_reason(kind: DecimalKind, text: str, code: str) -> None:
    with pytest.raises(ValueError):
        kind.parse(text)
    assert code == kind.fault(text)[0]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.unit}-{kind.digits}.{kind.decimals}")
@given(text=st.text("0123456789.-+eE\n", max_size=12))
def test_pattern_and_parser_agree(kind: DecimalKind, text: str) -> None:
    matches = re.search(kind.pattern, text) is not None
    try:
        kind.parse(text)
        parsed = True
    except ValueError:
        parsed = False
    assert matches == parsed


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.positive])
@given(text=st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,7})?", fullmatch=True))
def test_a_positive_number_is_any_but_nothing(kind: DecimalKind, text: str) -> None:
    """Those of the same kind that may be nothing, less what is made of zeros."""
    whole, _, fraction = text.partition(".")
    fits = len(fraction) <= kind.decimals and len(whole) <= kind.digits
    fits = fits and (not kind.at_most_hundred or Decimal(text) <= 100)
    plain = whole == "0" or not whole.startswith("0")
    assert (fits and plain and text.strip("0.") != "") == (re.search(kind.pattern, text) is not None)


def test_trailing_zeros_are_kept_as_far_as_traders_write_them() -> None:
    assert ["25.000", "5.6", "-0.50", "100"] == [
        TONNES.text(25_000_000),
        PERCENT.text(56_000_000),
        SIGNED_EUR_PER_KG.text(-500_000),
        PERCENT.text(1_000_000_000),
    ]


def test_inputs_of_terms_are_told_in_the_units_of_their_names() -> None:
    assert {
        "Dy_kg_per_basis_kg": "0.035714285",
        "Dy_max_ratio": "0.12",
        "Dy_price_eur_per_kg": "274.302765",
        "Dy_payable_percent": "80",
        "Tb_reason": "assay_missing",
        "carbon_eur_per_t": "80.00",
        "effective_kg_co2e_per_kg": "40.2",
        "kg_index_per_kg_basis": "1.176505191",
        "floor_per_kg": "55.00",
        "invoiced_amount": "23000000.00",
        "invoiced_kg": "300000.000",
        "eur_per_kg": "-0.35",
        "C_above_0.05_percent": "3 × 0.50 EUR per kg",
        "index_2027-03-01": "69.00 as of 2027-03-31, published 2027-04-01T00:00:00+00:00",
        "index_values": "1",
        "country": "DE",
    } == in_traders_units(
        "any.1",
        {
            "Dy_kg_per_basis_kg_ppb": "35714285",
            "Dy_max_ratio_ppb": "120000000",
            "Dy_price_ueur_per_kg": "274302765",
            "Dy_payable_ppb": "800000000",
            "Tb_reason": "assay_missing",
            "carbon_cents_per_t": "8000",
            "effective_g_co2e_per_kg": "40200",
            "kg_index_per_kg_basis_ppb": "1176505191",
            "floor_micro_per_kg": "55000000",
            "invoiced_cents": "2300000000",
            "invoiced_g": "300000000",
            "ueur_per_kg": "-350000",
            "C_above_500000_ppb": "3 × 500000 ueur_per_kg",
            "index_2027-03-01": "69000000 micro as of 2027-03-31, published 2027-04-01T00:00:00+00:00",
            "index_values": "1",
            "country": "DE",
        },
    )
    assert {
        "IRMA_eur_per_kg": "2.00",
        "of_ppb_eur_per_kg": "0.50",
        "matched_eur_per_kg": "-1.50",
        "reason": "capped",
    } == in_traders_units(
        "certificates.1",
        {"IRMA": "2000000", "of_ppb": "500000", "matched_ueur_per_kg": "-1500000", "reason": "capped"},
    )


def test_an_agreement_has_the_lines_of_its_match_in_the_same_units_and_takes_them_back() -> None:
    line = PriceTerm(
        kind="penalties",
        rule="penalties.1",
        ueur_per_kg=-2_666_664,
        inputs={"C_above_500000_ppb": "8 × 333333 ueur_per_kg", "Dy_price_ueur_per_kg": "264103730"},
    )
    clause = MatchedPrice(match=UUID(int=7), price_micro_per_kg=75_000_000, terms=(line,))
    told = PriceView.outside(clause)
    assert {
        "C_above_0.05_percent": "8 × 0.333333 EUR per kg",
        "Dy_price_eur_per_kg": "264.10373",
    } == told.terms[0].figures
    body = msgspec.json.encode(told)
    assert clause == msgspec.json.decode(body, type=PriceView).inside()
    bare = msgspec.to_builtins(told)
    del bare["terms"][0]["figures"]
    assert clause == msgspec.convert(bare, PriceView).inside()
    with pytest.raises(msgspec.ValidationError, match="figures are told of inputs and not stated"):
        msgspec.json.decode(body.replace(b'"264.10373"', b'"264.2"'), type=PriceView)
