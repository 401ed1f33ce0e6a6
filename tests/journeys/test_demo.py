"""`lodestone demo` as it is shown to somebody: it holds, and the figures that it prints add up."""

import os
import re
from decimal import Decimal
from pathlib import Path

import pytest

from market.settings import load
from tests.up_support import lodestone

pytestmark = pytest.mark.timeout(300)


def rows(text: str, label: str) -> list[list[Decimal]]:
    """The figures of each line that begins with the label."""
    found = (line.strip().removeprefix(label) for line in text.splitlines() if line.strip().startswith(label))
    return [
        [Decimal(each.replace(",", "")) for each in re.findall(r"-?[0-9][0-9,]*\.[0-9]+", line)]
        for line in found
    ]


def decimals(*texts: str) -> list[Decimal]:
    return [Decimal(text) for text in texts]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A data folder of its own, with the jars of the checkout's."""
    (tmp_path / "kafka").symlink_to(load().data_dir / "kafka")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LODESTONE_")}
    return kept | {"LODESTONE_DATA_DIR": str(tmp_path), "NO_COLOR": "1"}


async def test_the_demonstration_holds_and_its_offtake_adds_up(environment: dict[str, str]) -> None:
    """Kilograms are worked by hand: wet t × (Nd + Pr) %, Pr 20.70 % throughout; 40,000 and 60,000 kg ACQ."""
    child = await lodestone(environment, "demo")
    out, err = (stream.decode() for stream in await child.communicate())
    assert 0 == child.returncode, err
    assert list("123456789") == re.findall(r"^([0-9])\. .*──$", out, re.MULTILINE)
    offtake = out.partition("\n7. ")[2].partition("\n8. ")[0]
    assert "binding, subject to conditions" in offtake
    assert "meets its condition precedent: qualification → effective" in offtake

    # 63.80 and 63.64 differ by less than 0.4: their mean. 63.80 and 63.02 by more: the umpire's 63.50.
    (assayed, invoiced), (disputed, dearer) = rows(offtake, "OX-101"), rows(offtake, "OX-104")[:2]
    assert decimals("3.500", "63.80", "63.64", "63.72") == assayed
    assert decimals("10.000", "63.80", "63.02", "63.50", "63.50") == disputed
    # 3.5 t × (63.72 + 20.70) %, 10 t × (63.50 + 20.70) %
    assert decimals("2954.700", "8420.000") == [invoiced[0], dearer[0]]
    for kg, price, amount, on_documents, umpire, balance in (invoiced, dearer):
        assert amount == round(kg * price, 2)
        assert balance == amount - on_documents + umpire
    # From the buyer's 63.02 it is 0.48 to the umpire, from the seller's 63.80 only 0.30.
    assert Decimal("1800.00") == dearer[4]
    assert "OX-104: the buyer was farther from the umpire, and pays it" in offtake

    # 2,954.700 + 2,959.250 + 2,957.500 + 8,420.000 + 6,760.000; four times 20 t × 84.50 %
    expected = {
        "ACQ, kg NdPr": ("40000.000", "60000.000", "100000.000"),
        "nominated, kg": ("36000.000", "60000.000", "96000.000"),
        "+ make-up nominated, kg": ("0.000", "7948.550", "7948.550"),
        "taken, kg": ("24051.450", "67600.000", "91651.450"),
        "take or pay, kg": ("32000.000", "48000.000", "80000.000"),
        "deficiency, kg": ("7948.550", "0.000", "7948.550"),
        "make-up drawn, kg": ("0.000", "7600.000", "7600.000"),
        "make-up left, kg": ("7948.550", "348.550"),
    }
    assert {label: [decimals(*figures)] for label, figures in expected.items()} == {
        label: rows(offtake, label) for label in expected
    }
    product, deficiency = rows(offtake, "product, EUR")[0], rows(offtake, "+ deficiency payment, EUR")[0]
    credit, pays = rows(offtake, "− make-up credit, EUR")[0], rows(offtake, "= the buyer pays")[0]
    # At the mean price of the year; what is drawn takes its proportion of the payment with it.
    mean = round(product[0] / Decimal("24051.450"), 6)
    assert decimals(f"{mean * Decimal('7948.550'):.2f}", "0.00") == deficiency[:2]
    assert credit[1] == round(deficiency[0] * Decimal("7600.000") / Decimal("7948.550"), 2)
    assert pays == [
        owing + short - made for owing, short, made in zip(product, deficiency, credit, strict=True)
    ]
    for column in (product, deficiency, credit, pays):
        assert column[2] == column[0] + column[1]
    (paid,), (owed,) = rows(offtake, "paid:"), rows(offtake, "owed:")
    assert [*product[2:], *deficiency[2:], credit[2], Decimal("1800.00")] == owed[:4]
    assert paid[0] + paid[1] == paid[2] == owed[4] == pays[2] + Decimal("1800.00")
