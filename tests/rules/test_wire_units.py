"""Figures on the wire are exact decimals under the name of their unit; all else stays as it is."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from market.rules.streams.wire_units import (
    PARTNER_UNITS,
    PUBLIC_UNITS,
    TEXTS_KEPT_MAX,
    DecimalTexts,
    decimal_text,
    in_units,
)


@given(st.integers(-(2**63), 2**63), st.integers(0, 7))
def test_the_text_of_a_figure_is_its_decimal(number: int, decimals: int) -> None:
    text = decimal_text(number, decimals)
    assert Decimal(number).scaleb(-decimals) == Decimal(text)
    assert "." not in text or text[-1] in "123456789"


def test_names_tell_the_unit_of_the_figure() -> None:
    inside = {
        "mass_g": 1_500,
        "share_ppb": 12_345_678,
        "ask_ueur_per_kg": None,
        "note": "g",
        "parts": [{"net_g": -1}, "text", 7],
        "inputs": {"mass_g": 5},
        "bands_g": {"low": 1_000, "high": 2_000},
    }
    assert {
        "mass_kg": "1.5",
        "share_percent": "1.2345678",
        "ask_eur_per_kg": None,
        "note": "g",
        "parts": [{"net_kg": "-0.001"}, "text", 7],
        "inputs": {"mass_g": 5},
        "bands_kg": {"low": "1", "high": "2"},
    } == in_units(inside, PARTNER_UNITS)
    assert {"ask_ueur_per_kg": None, "g": 5} == in_units({"ask_ueur_per_kg": None, "g": 5}, PUBLIC_UNITS)


def test_texts_of_figures_leave_what_is_null_or_missing_however_many_came() -> None:
    texts = DecimalTexts(3)
    for number in range(2 * TEXTS_KEPT_MAX):
        assert Decimal(number).scaleb(-3) == Decimal(texts[number])
        assert (None, UNSET) == (texts[None], texts[UNSET])
    assert len(texts) <= TEXTS_KEPT_MAX
