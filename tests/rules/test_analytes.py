"""Analytes as assays name them: impurities, carriers and loss on ignition, as element, oxide or ion."""

import re
from decimal import Decimal

import pytest
from msgspec.structs import replace

from contracts.rules.results import figure_refusals
from events.analytes import (
    cell_meant_by,
    counted_ppb,
    element_meant_by,
    in_two_forms,
    meant_by,
    rare_earth_meant_by,
    reported_names,
    whole_ppb,
)
from events.contract_terms import AnalyteResult
from events.refusal import Refusal
from events.vocabulary import (
    ANALYTES,
    BURNT,
    COMPOUNDS,
    ELEMENTS,
    LOSS_ON_IGNITION,
    OXIDES,
    PPB,
    REPORTED,
    Cell,
    Composition,
)
from market import data
from market.rules.orders.materials import cell_refusals, sum_refusals
from market.rules.quantities import dry_analytes, element_fractions
from tests.desk_support import PERCENT_PPB, below, cell, sample

WEIGHTS = {row["element"]: Decimal(row["standard_atomic_weight"]) for row in data.rows("atomic_weights.csv")}
CONCENTRATE = (
    cell("Nd", "12", "Nd2O3"),
    cell("Pr", "4", "Pr6O11"),
    cell("Ce", "30", "CeO2"),
    cell("La", "18", "La2O3"),
    cell("Si", "4", "SiO2"),
    cell("Fe", "6", "Fe2O3"),
    cell("Ca", "5", "CaO"),
    cell("P", "1", "P2O5"),
    cell("LOI", "19"),
)
SCRAP = (
    *(cell(element, "0.5") for element in ("Cr", "Sn", "Sb", "Br", "Hg", "Ag", "Au", "Pd")),
    cell("Nd", "25"),
    cell("Pr", "5"),
    cell("Fe", "60"),
)


def codes(reasons: list[Refusal]) -> list[tuple[str, str | None]]:
    return [(each.code, each.pointer) for each in reasons]


def of_compound(formula: str, element: str) -> Decimal:
    counts = {symbol: int(count or 1) for symbol, count in re.findall(r"([A-Z][a-z]?)(\d*)", formula)}
    whole = sum(WEIGHTS[symbol] * count for symbol, count in counts.items())
    return (WEIGHTS[element] * counts[element] / whole).quantize(Decimal("0.0001"))


@pytest.mark.parametrize("name", sorted(REPORTED))
def test_every_factor_follows_from_its_formula_and_the_atomic_weights(name: str) -> None:
    element, element_ppb = REPORTED[name]
    assert int(of_compound(name, element) * PPB) == element_ppb


def test_every_compound_is_of_an_element_that_can_be_stated_and_in_the_file() -> None:
    from_file = {
        row["compound"]: (row["element"], int(Decimal(row["kg_element_per_kg_compound"]) * PPB))
        for row in data.rows("compound_factors.csv")
    }
    assert from_file == COMPOUNDS
    assert not set(OXIDES) & set(COMPOUNDS)
    assert {element for element, _ in REPORTED.values()} <= ELEMENTS
    assert BURNT < ELEMENTS
    assert LOSS_ON_IGNITION not in ELEMENTS


@pytest.mark.parametrize("cells", [CONCENTRATE, SCRAP], ids=["concentrate", "scrap"])
def test_an_assay_in_its_own_words_is_taken(cells: tuple[Cell, ...]) -> None:
    assert cell_refusals(sample(*cells)) == []
    assert sum_refusals(sample(*cells), 0) == []


def test_an_oxide_counts_as_its_element_against_limits() -> None:
    found = dry_analytes(
        sample(cell("Si", "4", "SiO2"), replace(below("Fe", "0.1"), reported_as="Fe2O3"), cell("LOI", "3")), 0
    )
    assert (18_696_000, 18_696_000) == (found["Si"].low_ppb, found["Si"].high_ppb)
    assert (0, 699_400) == (found["Fe"].low_ppb, found["Fe"].high_ppb)
    assert 3 * PERCENT_PPB == found["LOI"].low_ppb
    assert 3_338_000 == element_fractions(sample(cell("S", "1", "SO4")))["S"]


WATER = "free water is the moisture of the goods, bound water part of LOI"


@pytest.mark.parametrize(
    ("name", "told", "of_cell"),
    [
        (
            "SiO2",
            "state Si, which is 46.74 % of SiO2",
            "state Si, with reported_as SiO2 and the figure as it is",
        ),
        (
            "sio2",
            "state Si, which is 46.74 % of SiO2",
            "state Si, with reported_as SiO2 and the figure as it is",
        ),
        (
            "Nd2O3",
            "state Nd, which is 85.74 % of Nd2O3",
            "state Nd, with reported_as Nd2O3 and the figure as it is",
        ),
        ("H2O", WATER, WATER),
        (
            "TREO",
            "state the rare earths one by one, each as its element",
            "all rare-earth oxides are stated beside the analytes, as the TREO of the composition",
        ),
        ("loi", "write LOI", "write LOI"),
        ("CL", "write Cl", "write Cl"),
    ],
)
def test_a_name_that_is_no_analyte_is_told_what_to_state(name: str, told: str, of_cell: str) -> None:
    """A limit has no `reported_as`: there the figure is of the element. A result has no TREO beside it."""
    assert name not in ANALYTES
    assert (told, of_cell) == (meant_by(name), cell_meant_by(name))
    (refusal,) = cell_refusals(sample(cell(name, "1")))
    assert ("analyte_unknown", "/composition/cells/0/analyte") == (refusal.code, refusal.pointer)
    assert f"{name} is not a known analyte: {of_cell}." == refusal.detail()
    (wrong,) = figure_refusals((AnalyteResult(analyte=name, fraction_ppb=1),), (), "/results", None)
    assert f"{name} is not a known analyte: {told if name == 'TREO' else of_cell}." == wrong.detail()


def test_a_name_that_means_nothing_is_told_all_that_there_are() -> None:
    told = meant_by("Xx")
    assert told.startswith("there are La, Ce, ")
    assert all(name in told for name in ANALYTES)
    assert "LOI" not in element_meant_by("Xx")
    assert "several elements" in element_meant_by("LOI")
    assert element_meant_by("LOI") == element_meant_by("loi")
    assert rare_earth_meant_by("Fe").startswith("rare earths are La, Ce, ")
    assert meant_by("Nd2O3") == rare_earth_meant_by("Nd2O3")


def test_a_figure_that_is_reported_as_something_else_is_told_as_what_it_may_be() -> None:
    of_other, unknown = cell_refusals(sample(cell("Fe", "1", "SiO2"), cell("Si", "1", "SiO3")))
    assert ("oxide_not_of_element", "SiO2 holds Si, not Fe.") == (of_other.code, of_other.detail())
    assert ("oxide_unknown", "Si is not reported as SiO3, but as one of Si, SiO2.") == (
        unknown.code,
        unknown.detail(),
    )
    assert "Fe, FeO, Fe2O3, Fe3O4" == reported_names("Fe")


def test_two_figures_of_one_element_are_told_their_sum() -> None:
    ferrous, ferric = cell("Fe", "10", "FeO"), cell("Fe", "20", "Fe2O3")
    (refusal,) = cell_refusals(sample(ferrous, ferric))
    assert ("analyte_in_two_forms", "/composition/cells/1/analyte") == (refusal.code, refusal.pointer)
    assert "Fe is stated as FeO and as Fe2O3, together 21.761 % of Fe," in refusal.detail()
    assert "as FeO and as Fe2O3" == in_two_forms(ferrous, replace(below("Fe", "1"), reported_as="Fe2O3"))
    assert [("duplicate_entry", "/composition/cells/1/analyte")] == codes(
        cell_refusals(sample(ferrous, ferrous))
    )


def test_what_burns_off_counts_once() -> None:
    carbonate = (cell("Nd", "55", "Nd2O3"), cell("Pr", "18", "Pr6O11"))
    assert 30 == whole_ppb([("LOI", 30), ("C", 8), ("H", 1)])
    assert 39 == whole_ppb([("LOI", 30), ("C", 38), ("H", 1)])
    assert 33 == whole_ppb([("C", 30), ("Fe", 3)])
    assert [] == sum_refusals(sample(*carbonate, cell("LOI", "27"), cell("C", "7.5")), 0)
    assert ["composition_over_whole"] == [
        each.code for each in sum_refusals(sample(*carbonate, cell("LOI", "33"), cell("C", "7.5")), 0)
    ]


def test_the_oxygen_of_an_ion_is_not_counted_beside_that_of_the_oxides() -> None:
    pure = sample(cell("Nd", "71.8", "Nd2O3"), cell("C", "38.5", "CO3"))
    assert [] == sum_refusals(pure, 0)
    assert 77_077_000 == counted_ppb(cell("C", "38.5", "CO3"))
    assert ["composition_over_whole"] == [
        each.code for each in sum_refusals(sample(cell("Nd", "71.8", "Nd2O3"), cell("Si", "34", "SiO2")), 0)
    ]


def test_a_split_of_treo_leaves_the_loss_on_ignition_apart() -> None:
    composition = Composition(
        basis="dry",
        of="treo",
        treo_ppb=60 * PERCENT_PPB,
        cells=(cell("Nd", "75", "Nd2O3"), cell("Pr", "25", "Pr6O11"), cell("LOI", "50")),
    )
    assert [] == sum_refusals(composition, 0)
