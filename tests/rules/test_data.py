"""The reference data agrees with the constants that rules use."""

from decimal import Decimal

import pytest

from events.vocabulary import OXIDES, PPB, RARE_EARTHS
from market import data


def test_oxide_factors_in_rules_are_those_of_the_file() -> None:
    from_file = {
        row["oxide"]: (row["element"], int(Decimal(row["kg_metal_per_kg_oxide"]) * PPB))
        for row in data.rows("oxide_factors.csv")
    }
    assert from_file == OXIDES


def test_every_published_reo_split_lies_in_the_band_that_posting_accepts() -> None:
    sums: dict[str, Decimal] = {}
    for row in data.rows("reo_distribution.csv"):
        cells = [row[element] for element in RARE_EARTHS if element in row]
        figures = [Decimal(cell) for cell in cells if cell != "NA" and not cell.startswith("<")]
        sums[row["source_id"]] = sum(figures, Decimal())
    assert Decimal("97.9") <= min(sums.values()).quantize(Decimal("0.1"))
    assert max(sums.values()).quantize(Decimal("0.1")) <= Decimal("103.5")


@pytest.mark.parametrize("file_name", data.FILES)
def test_every_file_has_rows_without_stray_columns(file_name: str) -> None:
    rows = data.rows(file_name)
    assert rows != []
    assert all(None not in row and None not in row.values() for row in rows)


def test_an_unknown_file_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"no reference file .prices\.csv."):
        data.rows("prices.csv")
