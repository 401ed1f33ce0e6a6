"""`lodestone demo` as it is shown to somebody: it holds, and the figures that it prints add up."""

import os
import re
from collections.abc import Iterable
from decimal import Decimal
from math import exp
from pathlib import Path

import pytest
from scipy.stats import binom

from market.settings import load
from tests.up_support import lodestone

pytestmark = pytest.mark.timeout(300)

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


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
    own = {"LODESTONE_DATA_DIR": str(tmp_path), "LODESTONE_START_SECONDS_MAX": "150"}
    return kept | own | {"NO_COLOR": "1"}


def panel(text: str, title: str) -> dict[str, Decimal]:
    """Label → amount of each line of the panel that stands alone under the title."""
    lines = text.partition(f" {title} ")[2].partition("╰")[0]
    return {label: Decimal(amount) for label, amount in re.findall(r"│ +(.+?) +(-?[0-9]+\.[0-9]{6}) ", lines)}


def check_waterfalls(told: str) -> None:
    """limit + terms − ask is what both gain together; each side is told its own part of it, and no more."""
    swarf, shared = (
        panel(told, f"operator: {pair}")
        for pair in ("recycler-gb-1 sells to magnet-de-1", "refiner-no-1 sells to magnet-si-1")
    )
    # 25 t × 80 % × 28 % are 5,600 kg: 6.90 a kg wet are 30.80, carriage of 0.55 is 2.46 a kg of NdPr.
    assert decimals("-19", "6.487260", "2", "-2.455358") == [
        swarf[f"+ {term}"] for term in ("product form", "co-elements", "recycled share", "carriage")
    ]
    assert Decimal("30.803572") == swarf["− seller's ask"]
    gains = []
    for lines in (swarf, shared):
        bid = sum(amount for label, amount in lines.items() if label.startswith(("buyer's limit", "+ ")))
        ask, gained = lines["− seller's ask"], [lines[f"the {side} gains"] for side in ("seller", "buyer")]
        assert bid - ask == lines["= value of the pair"] == sum(gained)
        assert ask + gained[0] == lines["price = ask + seller's gain"]
        gains += gained
    assert gains == decimals(*re.findall(r"= you gain +([0-9.]+)", told))
    assert min(gains[2:]) > gains[1] == 0
    untold = "too few orders fit, or traded with them, to show this"
    assert f"refiner-no-1: {untold}\n" in told
    assert f"magnet-si-1: {untold}\n" in told


def spaced_once(lines: Iterable[str]) -> list[str]:
    return [found for line in lines if (found := " ".join(line.split()))]


def check_readme(told: str) -> None:
    """What the README shows of the demonstration is what it prints: a ticket and a waterfall, and claims."""
    shown = README.partition("Part of the output of `make demo`")[2].partition("## ")[0].split("```")[1::2]
    ticket_and_waterfall, claims = shown
    entries = [
        entry for line in ticket_and_waterfall.splitlines() for entry in re.split(r" {3,}(?=[a-z+=−])", line)
    ]
    printed = {*spaced_once(told.splitlines()), *spaced_once(re.split(r"[│\n]", told))}
    wanted = spaced_once([*entries, *claims.splitlines()])
    assert len(wanted) > 20
    assert [] == [entry for entry in wanted if entry not in printed]


def check_refusals(told: str) -> None:
    """Each reason has the figure of the lot and of the one who refuses it."""
    assert [
        "above_max:Th 110.4 ppm > 50 ppm",
        "above_max:C 5.64 % > 0.1 %; above_max:O 2.66 % > 0.5 %",
        "not_qualified none < pilot",
    ] == re.findall(r"^  (\S.*?) *$", told, re.MULTILINE)


def check_policy(told: str, open_orders: str) -> None:
    """The stricter of its own 25 % and the policy's 50 % counts; it wants 9.3 % of 1,000 t × 26.5 % ÷ 4."""
    assert "own minimum 25 %; the stricter one applies, the policy's: 50 %" in told
    sentence = "The recycled share is below what the requirement asks for."
    assert f"magnet-de-1 sees: {sentence} (50 %, by version 1; 5 orders)" in told
    shut_out = re.findall(r"^    (.+): recycled_below_min not stated < 50 % *$", told, re.MULTILINE)
    oxide = [f"NdPr oxide of refiner-{place}-1" for place in ("fr", "ee", "no")]
    assert [
        *oxide,
        "mixed oxide from monazite of mine-es-1",
        "NdPr oxide for three years of refiner-ee-1",
    ] == (shut_out)
    ((kg, percent),) = re.findall(r"the round gave it ([0-9,.]+) kg of recycler-de-1, ([0-9]+) % rec", told)
    (left,) = re.findall(r"NdPr oxide for N38UH +([0-9,.]+) ", open_orders)
    assert Decimal(6161) == sum(decimals(kg.replace(",", ""), left))
    assert Decimal(100) == Decimal(percent)


def check_open_orders(told: str) -> None:
    """Why an order stayed open: outpriced by so many ticks of 0.50, or nobody's lot will do."""
    dear = r"N35EH +8,085\.000  4 of 8 fit, but outpriced by 26 .*5 fit, but no price meets *\n"
    (eur,) = re.findall(dear + r" +ticks, up to ([0-9.]+) EUR/kg", told)
    assert 26 * Decimal("0.50") == Decimal(eur)
    beaten = (
        r"refiner-fr-1: NdPr oxide .*4 fit, but others made better *\n.*offers, three groups of companies *\n"
    )
    assert ["12"] == re.findall(beaten + r" +within ([0-9]+) ticks", told)
    assert "the operator's figures are of the book after the round" in told
    assert re.search(
        r"magnet-fi-1: clean magnets for +900\.000  none of 8 fits +nobody fits: above_max:C", told
    )


def check_rex(told: str) -> None:
    """400 rotors with 24 magnets of 125 g each; 800 of 1,200 such magnets sold whole at what was asked."""
    assert "400 rotors, 4.800 t, condition B, to recycle; reason: obsolete specification" in told
    assert "bill of each: 24 × 125 g N42SH, nickel, embedded" in told
    # 24 × 0.125 × 400; 6 + 4 + 9
    assert "recoverable magnets 1,200.000 kg; 3 steps, 19 minutes a core" in told
    # (25 × 4 + 15 × 1 + 15 × 2) ÷ 55, rounded down
    assert "disassembly score 2.63 of 5: steps 4, fixing 1, tools 2;" in told
    ticket = dict(re.findall(r"│ (\S.*?)  +(\S.*?) │", told))
    expected = {
        "net wet": "100.000 kg",
        "basis": "100.000 kg whole magnets, ndfeb-reuse",
        "ask as stated": "38.00 EUR per kg wet",
        "price per basis kg": "38.000000 EUR/kg",
        "amount": "3,800.00 EUR",
        "packages": "800 pieces",
        "package": "0.125 kg net",
    }
    assert expected == {label: ticket[label] for label in expected}
    assert "N42SH block 46 ± 0.05 × 36 ± 0.05 × 10 ± 0.05 mm, nickel, flux 97.5 %, condition A" in told


def check_returns(told: str) -> None:
    """5,000 motors at ages of 52 to 55 quarters, 16 years and 3.5; 60 % collected, 85 % taken apart."""
    lines = [line.strip() for line in told.splitlines()]
    quarters = [line for line in lines if re.match(r"20[0-9]{2}-Q[1-4]  ", line)]
    (total,) = (line for line in lines if line.startswith("in total  "))
    assert 4 == len(quarters)
    spans = [*((age, age + 1) for age in range(51, 55)), (51, 55)]
    for line, (younger, older) in zip([*quarters, total], spans, strict=True):
        gone = [1 - exp(-((age / 64) ** 3.5)) for age in (younger, older)]
        units = binom.ppf((0.1, 0.5, 0.9), 5_000, (gone[1] - gone[0]) * 0.6 * 0.85)
        (told_units,) = re.findall(r"units taken apart ([0-9]+) · ([0-9]+) · ([0-9]+)", line)
        assert 1 >= max(abs(one - int(other)) for one, other in zip(units, told_units, strict=True)), line
    (shown,) = re.findall(r"whole magnets ([0-9]+) · ", quarters[0])
    # Pieces of 0.125 kg; a motor has 24.
    ((kg, allowed),) = re.findall(
        r"offers ([0-9.]+) kg of whole magnets in advance, marked middle p10 .* ([0-9.]+) kg", told
    )
    assert (int(shown) % 24, kg, Decimal(kg)) == (0, allowed, Decimal(shown) * Decimal("0.125"))


def check_monitor(told: str) -> None:
    """15 t declared beside the trades thin the Union's shares by traded ÷ (traded + declared)."""
    ((traded, declared, both),) = re.findall(
        r"consumed ([0-9,.]+) kg Nd from trades and declares ([0-9,.]+) kg bought elsewhere: ([0-9,.]+) kg",
        told.replace("\n", " "),
    )
    of_trades, elsewhere, whole = decimals(*(each.replace(",", "") for each in (traded, declared, both)))
    assert (Decimal(15_000), whole) == (elsewhere, of_trades + elsewhere)
    stages = re.findall(r"^(\w+) +([0-9]+\.[0-9]{2}) +([0-9]+\.[0-9]{2}) ", told, re.MULTILINE)
    assert ["extraction", "processing", "recycling"] == [stage for stage, _, _ in stages]
    for _, before, after in stages:
        assert abs(Decimal(before) * of_trades / whole - Decimal(after)) < Decimal("0.01")
    ((union, untold, malaysia),) = re.findall(
        r"^processing +[0-9.]+ +([0-9.]+) +([0-9.]+) +MY ([0-9.]+) ", told, re.MULTILINE
    )
    assert abs(sum(decimals(union, untold, malaysia), Decimal(-100))) < Decimal("0.02")


def check_loop(loop: str) -> None:
    """Worked by hand: 30 t of by-product with 8.5495 % Nd; 900 motors of 3 kg and 300 kg of rejects."""
    steps, sums = loop.partition("Every recorded step")[2], {}
    for side in ("in", "− out", "− lost", "= rest"):
        found = re.findall(f" {side} .* ([0-9,.]+) *$", steps, re.MULTILINE)
        sums[side] = decimals(*(each.replace(",", "") for each in found))
    assert [Decimal(0)] * 7 == sums["= rest"]
    # 1.5 % of 13,761.270 kg are lost in separation, 6 % of 3,220.504 kg in electrolysis; assays cut off some.
    assert decimals("206.487", "193.240", "0.000", "0.000", "0.000", "0.003", "0.009") == sums["− lost"]
    for taken, made, lost in zip(sums["in"], sums["− out"], sums["− lost"], strict=True):
        assert abs(taken - made - lost) <= Decimal("0.001")

    # 2,700 kg × 22.4037 % of 3,000 kg × 22.3008 % + 3,100 kg × 22.4037 %; 300 kg × 21.375 % of the same.
    (neodymium,) = rows(loop, "Nd  ")
    assert decimals("1090.826", "44.3624", "483.917", "4.7028", "51.299", "555.610") == neodymium
    assert neodymium[0] == neodymium[2] + neodymium[4] + neodymium[5]
    assert "49.3624435 % is claimed; with controlled_blending the inputs support only 44.3624435 %." in loop
    assert "outputs claim 659437.876 g, but the inputs only 604899.085 g." in loop
    chain = "MAG-302 ← AL-301, POW-301 ← ADD-301, CORE-301, OX-301, SCR-301 ← MON-301, MOT-1 ← MAG-301"
    assert chain in loop


async def test_the_demonstration_holds_and_its_offtake_adds_up(environment: dict[str, str]) -> None:
    """Kilograms are worked by hand: wet t × (Nd + Pr) %, Pr 20.70 % throughout; 40,000 and 60,000 kg ACQ."""
    child = await lodestone(environment, "demo")
    out, err = (stream.decode() for stream in await child.communicate())
    assert 0 == child.returncode, err
    assert [str(number) for number in range(1, 14)] == re.findall(r"^([0-9]+)\. .*──$", out, re.MULTILINE)
    chapters = re.split(r"^[0-9]+\. .*──$", out, flags=re.MULTILINE)
    check_waterfalls(chapters[2])
    check_refusals(chapters[5])
    check_readme(out)
    check_policy(chapters[6], chapters[7])
    check_open_orders(chapters[7])
    check_loop(chapters[9])
    check_rex(chapters[10])
    check_returns(chapters[10])
    check_monitor(chapters[11])
    offtake = chapters[8]
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
    assert "OX-104: the buyer was farther from the umpire's figure, so it pays the umpire" in offtake

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
    (stated,), (left,) = rows(offtake, "pays:"), rows(offtake, "open:")
    assert stated[0] > 0
    assert left[0] == owed[4] - stated[0]
