"""Inputs of price terms in trader's units. The record, the feed and partner topics keep the integers."""

import re
from collections.abc import Mapping
from typing import Final

from market.http.wire.numbers import (
    EUR_CENTS,
    EUR_PER_TONNE,
    KG_CO2E_PER_KG,
    KILOGRAMS,
    PERCENT,
    RATIO,
    SIGNED_CENTS,
    SIGNED_EUR_PER_KG,
    SIGNED_PRICE,
    DecimalKind,
)

CERTIFICATES: Final = "certificates.1"
"""Its inputs are amounts by scheme; one that names its unit, and words, are as elsewhere."""
ENDINGS: Final[tuple[tuple[str, str, DecimalKind], ...]] = (
    ("per_basis_kg_ppb", "per_basis_kg", RATIO),
    ("per_kg_basis_ppb", "per_kg_basis", RATIO),
    ("basis_kg_per_kg_ppb", "basis_kg_per_kg", RATIO),
    ("max_ratio_ppb", "max_ratio", RATIO),
    ("g_co2e_per_kg", "kg_co2e_per_kg", KG_CO2E_PER_KG),
    ("ueur_per_kg", "eur_per_kg", SIGNED_EUR_PER_KG),
    ("ueur_per_unit", "eur_per_unit", SIGNED_EUR_PER_KG),
    ("micro_per_kg", "per_kg", SIGNED_PRICE),
    ("cents_per_t", "eur_per_t", EUR_PER_TONNE),
    ("cents_eur", "eur", EUR_CENTS),
    ("cents", "amount", SIGNED_CENTS),
    ("ppb", "percent", PERCENT),
    ("g", "kg", KILOGRAMS),
)
"""Of a name in the record and of the one here, the first that fits."""
_INTEGER: Final = re.compile(r"-?[0-9]+\Z")
_PENALTY: Final = re.compile(r"(.+)_above_([0-9]+)_ppb\Z")
_STEPS: Final = re.compile(r"([0-9]+) × (-?[0-9]+) ueur_per_kg\Z")
_QUOTED: Final = re.compile(r"(-?[0-9]+) micro as of ")


def in_traders_units(rule: str | None, inputs: Mapping[str, str]) -> dict[str, str]:
    """Every figure in the unit that its name says; words stay."""
    convert = _of_scheme if rule == CERTIFICATES else _converted
    return dict(convert(name, text) for name, text in inputs.items())


def _of_scheme(name: str, text: str) -> tuple[str, str]:
    if name.endswith("ueur_per_kg") or _INTEGER.match(text) is None:
        return _converted(name, text)
    return f"{name}_eur_per_kg", SIGNED_EUR_PER_KG.text(int(text))


def _converted(name: str, text: str) -> tuple[str, str]:
    penalty, steps = _PENALTY.match(name), _STEPS.match(text)
    if penalty is not None and steps is not None:
        above = f"{penalty[1]}_above_{PERCENT.text(int(penalty[2]))}_percent"
        return above, f"{steps[1]} × {SIGNED_EUR_PER_KG.text(int(steps[2]))} EUR per kg"
    quoted = _QUOTED.match(text)
    if quoted is not None:
        return name, f"{SIGNED_PRICE.text(int(quoted[1]))} as of {text[quoted.end() :]}"
    if _INTEGER.match(text) is not None:
        for inside, outside, kind in ENDINGS:
            if name == inside or name.endswith(f"_{inside}"):
                return name.removesuffix(inside) + outside, kind.text(int(text))
    return name, text
