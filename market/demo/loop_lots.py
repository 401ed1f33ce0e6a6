"""The lots of the demonstration's loop, worked forward from yield to yield and exact to the milligram.

Whole kilograms times a percentage of four decimals are whole milligrams: what the last decimal cuts off is
counted as lost, so that every step balances without a tolerance.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_DOWN, Decimal

from msgspec import Struct
from msgspec.structs import replace

from events.vocabulary import PPB, TRADED_OXIDE, ProductForm
from market.demo import figures
from market.demo.supplies import Body, cell

ASSAY_STEP_PERCENT = Decimal("0.0001")
CLAIMS = ("post_consumer", "pre_consumer")

BY_PRODUCT_KG = Decimal(30_000)
TREO_PERCENT = Decimal(55)
"""Of the monazite that a sands plant sells as a by-product; assumed."""
OXIDE_PURITY = Decimal("0.995")
GRADE = "N42SH"
ADDED_PERCENT = {"Dy": Decimal(35), "B": Decimal("12.5"), "Co": Decimal("12.5")}
"""Of what the alloy takes besides NdPr; assumed, so that 8 % of it fit the grade."""
ALLOY_STEP_KG = Decimal(25)
ALLOY_FOR_MAGNETS_KG = Decimal(7_500)
SWARF_SHARE = Decimal("0.2")
"""Of a sintered block that is ground away; assumed."""
MOTORS_BACK, MOTORS_AFIELD = 900, 1_100
SCRAP_KG = Decimal(300)
NDPR_RATIO = Decimal("0.75")
"""Neodymium in the NdPr of bought scrap; assumed."""


class LoopLot(Struct, frozen=True, kw_only=True):
    """A lot before it has a passport.

    `shares`: element → claim → parts per billion; `motors`: into how many it is built.
    """

    number: str
    what: str
    form: ProductForm
    net_kg: Decimal
    percents: dict[str, Decimal]
    shares: dict[str, dict[str, int]] = {}
    motors: int | None = None

    def grams(self, kg: Decimal | None = None) -> dict[str, Decimal]:
        """Of each element in so much of the lot, in the whole of it by default."""
        net_kg = self.net_kg if kg is None else kg
        return {element: net_kg * percent * 10 for element, percent in self.percents.items()}

    def composition(self) -> Body:
        cells = [cell(element, percent, element) for element, percent in self.percents.items()]
        return {"basis": "dry", "of": "sample", "cells": cells}

    def recycled(self) -> list[Body]:
        return [
            {"element": element} | {f"{claim}_percent": percent_text(share[claim]) for claim in CLAIMS}
            for element, share in self.shares.items()
        ]


Part = tuple[LoopLot, Decimal]
"""A lot, and the kilograms that are taken of it."""


def percent_text(share_ppb: int) -> str:
    return f"{Decimal(share_ppb) * 100 / PPB:f}"


def assayed(
    number: str,
    what: str,
    form: ProductForm,
    net_kg: Decimal,
    grams: Mapping[str, Decimal],
    shares: dict[str, dict[str, int]] | None = None,
) -> LoopLot:
    """The percentages that a laboratory would find of so many grams, rounded down."""
    percents = {
        element: (mass_g / net_kg / 10).quantize(ASSAY_STEP_PERCENT, ROUND_DOWN)
        for element, mass_g in grams.items()
    }
    found = {element: percent for element, percent in percents.items() if percent}
    return LoopLot(number=number, what=what, form=form, net_kg=net_kg, percents=found, shares=shares or {})


def summed(parts: Iterable[Part]) -> dict[str, Decimal]:
    grams: dict[str, Decimal] = {}
    for lot, kg in parts:
        for element, mass_g in lot.grams(kg).items():
            grams[element] = grams.get(element, Decimal(0)) + mass_g
    return grams


def lost(inputs: Sequence[Part], outputs: Sequence[LoopLot]) -> dict[str, Decimal]:
    """Grams of each element that went in and did not come out."""
    out = summed((lot, lot.net_kg) for lot in outputs)
    missing = {each: grams - out.get(each, Decimal(0)) for each, grams in summed(inputs).items()}
    return {element: grams for element, grams in missing.items() if grams}


def blended(inputs: Sequence[Part]) -> dict[str, dict[str, int]]:
    """What a blend may claim of each element: the claimed mass over the whole, rounded down."""
    whole = summed(inputs)
    found = {}
    for element, whole_g in whole.items():
        share = {}
        for claim in CLAIMS:
            claimed = sum(
                lot.grams(kg)[element] * lot.shares[element][claim]
                for lot, kg in inputs
                if element in lot.shares
            )
            share[claim] = int(claimed / whole_g)
        if any(share.values()):
            found[element] = share
    return found


def by_product() -> LoopLot:
    """Monazite concentrate with the published split of its deposit."""
    grams = {}
    for element, percent in figures.reo_split_percent("mount-weld-cld").items():
        if percent != "NA":
            oxide_kg = BY_PRODUCT_KG * TREO_PERCENT / 100 * Decimal(percent) / 100
            grams[element] = oxide_kg * figures.metal_per_oxide(TRADED_OXIDE[element]) * 1_000
    return assayed("MON-301", "monazite, by-product", "concentrate", BY_PRODUCT_KG, grams)


def separated(of: LoopLot) -> tuple[LoopLot, LoopLot]:
    """NdPr oxide, and the other rare earths together."""
    recovered = figures.route_recovery("hydrometallurgy")
    grams = {element: mass_g * recovered for element, mass_g in of.grams().items()}
    ndpr = {element: grams.pop(element) for element in ("Nd", "Pr")}
    return (
        assayed("OX-301", "NdPr oxide", "separated_oxide", _oxide_kg(ndpr), ndpr),
        assayed("OX-302", "other rare earths", "mixed_oxide", _oxide_kg(grams), grams),
    )


def additions(alloy_kg: Decimal) -> LoopLot:
    kg = alloy_kg * figures.grade_percent(GRADE, "dy_tb_wt") / ADDED_PERCENT["Dy"]
    percents = dict(ADDED_PERCENT)
    return LoopLot(number="ADD-301", what="Dy, B and Co, bought", form="metal", net_kg=kg, percents=percents)


def alloyed(oxide: LoopLot) -> tuple[LoopLot, LoopLot]:
    """(alloy, what it took besides the oxide): as much as the reduced NdPr makes of the grade."""
    reduced = figures.route_recovery("oxide-to-metal-electrolysis")
    grams = {element: mass_g * reduced for element, mass_g in oxide.grams().items()}
    whole_kg = sum(grams.values()) / figures.grade_percent(GRADE, "ndpr_wt") / 10
    alloy_kg = (whole_kg / ALLOY_STEP_KG).to_integral_value(ROUND_DOWN) * ALLOY_STEP_KG
    added = additions(alloy_kg)
    return assayed("AL-301", f"{GRADE} alloy", "strip_cast_alloy", alloy_kg, grams | added.grams()), added


def pressed(numbers: tuple[str, str], what: str, inputs: Sequence[Part]) -> tuple[LoopLot, LoopLot]:
    """(magnets, the swarf of their blocks), alike and with the shares of the blend."""
    whole_kg = sum((kg for _, kg in inputs), Decimal(0))
    grams, shares = summed(inputs), blended(inputs)

    def part(number: str, what: str, form: ProductForm, share: Decimal) -> LoopLot:
        mine = {element: mass_g * share for element, mass_g in grams.items()}
        return assayed(number, what, form, whole_kg * share, mine, shares)

    return (
        part(numbers[0], what, "finished_magnet", 1 - SWARF_SHARE),
        part(numbers[1], f"swarf of {numbers[0]}", "swarf", SWARF_SHARE),
    )


def built_in(magnets: LoopLot, number: str, motors: int) -> LoopLot:
    kg = motors * figures.magnet_kg_per_unit("ev-traction-motor")
    return replace(magnets, number=number, what=f"in {motors:,} motors", net_kg=kg, motors=motors)


def given_back(motors: LoopLot) -> LoopLot:
    """All of it post-consumer."""
    shares = {element: {"post_consumer": PPB, "pre_consumer": 0} for element in motors.percents}
    what = f"cores of {motors.motors:,} motors"
    return replace(motors, number="CORE-301", what=what, form="core", shares=shares, motors=None)


def scrap() -> LoopLot:
    """Rejects of other plants, of the same grade: pre-consumer."""
    ndpr = figures.grade_percent(GRADE, "ndpr_wt")
    percents = {
        "Nd": ndpr * NDPR_RATIO,
        "Pr": ndpr * (1 - NDPR_RATIO),
        "Dy": figures.grade_percent(GRADE, "dy_tb_wt"),
        "B": figures.grade_percent(GRADE, "b_wt"),
        "Co": figures.grade_percent(GRADE, "co_wt"),
    }
    shares = {element: {"post_consumer": 0, "pre_consumer": PPB} for element in percents}
    return LoopLot(
        number="SCR-301",
        what=f"{GRADE} rejects, bought",
        form="hard_scrap",
        net_kg=SCRAP_KG,
        percents=percents,
        shares=shares,
    )


def decrepitated(inputs: Sequence[Part]) -> LoopLot:
    """Magnets taken out by hand and made powder by hydrogen: of one grade, so that it can be pressed."""
    recovered = figures.route_recovery("manual-disassembly") * figures.route_recovery(
        "hydrogen-decrepitation"
    )
    grams = {element: mass_g * recovered for element, mass_g in summed(inputs).items()}
    whole_kg = sum((kg for _, kg in inputs), Decimal(0))
    return assayed("POW-301", "recovered powder", "magnet_powder", whole_kg, grams, blended(inputs))


def _oxide_kg(grams: Mapping[str, Decimal]) -> Decimal:
    """Whole kilograms of oxide at its purity."""
    pure = sum(mass_g / figures.metal_per_oxide(TRADED_OXIDE[element]) for element, mass_g in grams.items())
    return (pure / OXIDE_PURITY / 1_000).to_integral_value(ROUND_DOWN)
