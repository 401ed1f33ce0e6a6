"""A declared volume that reads like a trade of this record is told so, and one that does not is not."""

from datetime import UTC, datetime
from typing import Any

import pytest

from events.volume_terms import DeclaredMass
from market.rules.crma.volume_doubles import Trade, double_cautions
from market.rules.parties.parties import Organisation
from tests.desk_support import numbered
from tests.passport_support import declared
from tests.rules.test_crma import KG_MG

OWN, OTHER = numbered(881), numbered(882)
ND_MG, DY_MG = 1_000 * KG_MG, 20 * KG_MG
MASSES = (
    DeclaredMass(element="Nd", contained_mg=ND_MG),
    DeclaredMass(element="Dy", contained_mg=DY_MG),
)


def codes(
    *, masses_mg: dict[str, int] | None = None, others: tuple[Any, ...] = (), **terms: Any
) -> list[str]:
    trades = [Trade(named="the delivery of 2 March", masses_mg=masses_mg or {})]
    found = double_cautions(declared(masses=MASSES, **terms), OWN, others, trades)
    return [f"{each.pointer} {each.code}" for each in found]


@pytest.mark.parametrize(
    ("masses_mg", "same"),
    [
        ({"Nd": ND_MG, "Dy": DY_MG}, True),
        ({"Nd": ND_MG + ND_MG // 1_000, "Dy": DY_MG - DY_MG // 1_000}, True),
        ({"Nd": ND_MG - ND_MG // 1_000, "Dy": DY_MG, "Pr": ND_MG}, True),
        ({"Nd": ND_MG + ND_MG // 1_000 + 1, "Dy": DY_MG}, False),
        ({"Nd": ND_MG, "Dy": DY_MG - DY_MG // 1_000 - 1}, False),
        ({"Nd": ND_MG}, False),
        ({}, False),
    ],
)
def test_masses_within_a_thousandth_of_each_element_are_those_of_a_trade(
    masses_mg: dict[str, int], same: bool
) -> None:
    assert (["/masses masses_of_trade"] if same else []) == codes(masses_mg=masses_mg)


@pytest.mark.parametrize(
    ("reference", "like"),
    [
        ("agr_" + "0a" * 16, True),
        ("of dlv_" + "0a" * 16 + ".", True),
        ("dlv_" + "0a" * 16 + "0", False),
        ("x" * 7 + "_" + "0a" * 16, False),
        ("PO 4711", False),
    ],
)
def test_a_reference_like_an_id_of_the_record_is_told(reference: str, like: bool) -> None:
    assert (["/reference reference_of_record"] if like else []) == codes(reference=reference)


def test_a_counterparty_that_trades_here_is_told_but_not_oneself() -> None:
    mill = Organisation(
        organisation=OTHER,
        name="Mill-One",
        country="FR",
        roles=(),
        group=OTHER,
        initiatives=(),
        sanctions_screened_until=datetime(2027, 1, 1, tzinfo=UTC),
        version=1,
    )
    assert ["/counterparty counterparty_traded_here"] == codes(counterparty="MILL ONE", others=(mill,))
    assert [] == codes(counterparty="Mill Two", others=(mill,))
    assert [] == codes(counterparty=None, others=(mill,))


def test_who_declares_a_trade_of_the_record_is_told_not_to() -> None:
    terms = declared(masses=MASSES, reference="agr_" + "0a" * 16)
    (found,) = double_cautions(terms, OWN, (), ())
    assert found.text.endswith("made here are counted already, so do not declare them too.")
