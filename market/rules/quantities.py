"""Conversions between stated figures and a market's units, in exact integers and fractions.

Masses are grams, shares parts per billion, money micro-EUR per kg of basis. A market's basis is contained
metal of its elements, or whole magnets. Factors of oxides and ions: IUPAC standard atomic weights
(`events.vocabulary.REPORTED`). In a composition of TREO every cell is a fraction of TREO, Th and Fe as much
as Nd: 100 ppm of Th at 40 % TREO are 40 ppm of the sample.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from math import lcm

from msgspec import Struct

from contracts.rules.price_terms import Rounding, divide, round_half_even
from events.vocabulary import (
    BASIS_ELEMENTS,
    MICRO,
    OXIDES,
    PPB,
    RARE_EARTHS,
    REPORTED,
    TRADED_OXIDE,
    Cell,
    Composition,
    ConvertedPrice,
    InputReference,
    MarketBasis,
    PackagingUnit,
    PriceUnit,
    StatedPrice,
)
from market.rules.market_inputs import MarketInputs, RecordedFx

NDPR = "NdPr"
NDFEB = "NdFeB"
ND2O3_IN_NDPR_OXIDE_PPB = 750_000_000
"""Traded NdPr oxide counts as 75 % Nd2O3 and 25 % Pr6O11 wherever no composition says otherwise."""
METAL_PPB = {name: element_ppb for name, (_, element_ppb) in REPORTED.items()}
"""For other names, the figure is of the element itself."""
SHARE_SCALE = PPB**3
UNPACKED_UNITS: frozenset[PackagingUnit] = frozenset({"bulk"})
"""Product in bulk is divisible, whatever unit mass its order states."""
OXIDES_PER_METAL_SCALE = lcm(*(metal_ppb for _, metal_ppb in OXIDES.values()))
OXIDE_SCALE = SHARE_SCALE * OXIDES_PER_METAL_SCALE
"""Over this, oxide shares of any composition are integers, so that they add up without fractions."""
EUR = "EUR"
COMPOSITIONS_REMEMBERED = 256
FULL_PANEL = frozenset(TRADED_OXIDE) - {"Sc"}
"""Rare earths that an assay has to measure before their sum counts as TREO."""


class Step(Struct, frozen=True, kw_only=True):
    """One line of a conversion as a trade ticket shows it."""

    label: str
    quantity: int
    unit: str


class DryAnalyte(Struct, frozen=True, kw_only=True):
    """An analyte as element in the dry sample, rounded outwards; below detection between 0 and the limit.

    `low_ppb >= x` and `high_ppb <= x` decide exactly for any integer x.
    """

    low_ppb: int
    high_ppb: int
    below_detection: bool


def largest_remainder(whole: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Non-negative integers in proportion to `weights` that add up to `whole`; the earlier wins a tie."""
    if len(weights) == 1:
        return (whole if weights[0] else 0,)
    weight_sum = sum(weights)
    if weight_sum == 0:
        return tuple(0 for _ in weights)
    floors = [whole * weight // weight_sum for weight in weights]
    rests = [whole * weight % weight_sum for weight in weights]
    by_rest = sorted(range(len(weights)), key=lambda index: (-rests[index], index))
    for index in by_rest[: whole - sum(floors)]:
        floors[index] += 1
    return tuple(floors)


def net_dry_g(net_wet_g: int, moisture_ppb: int) -> int:
    return net_wet_g * (PPB - moisture_ppb) // PPB


def product_g(basis_g: int, order_basis_g: int, order_product_g: int) -> int:
    """Grams of product that carry `basis_g` of an order's basis, rounded down. ValueError without basis."""
    if order_basis_g <= 0:
        raise ValueError("an order without basis has no product per basis")
    return basis_g * order_product_g // order_basis_g


def ueur_per_product_kg(price_ueur_per_kg: int, order_basis_g: int, order_product_g: int) -> int:
    """A price per basis kg as price per kg of product, rounded half to even: for display."""
    return round_half_even(price_ueur_per_kg * order_basis_g, order_product_g)


# A posting asks five times about one composition: mass, value and price of the basis, then both of its terms.
@lru_cache(maxsize=COMPOSITIONS_REMEMBERED)
def scaled_shares(composition: Composition) -> Mapping[str, int]:
    """Analyte → element share of the sample, dry or as received like the composition, over SHARE_SCALE.

    Measured values only.
    """
    of_sample = _of_sample_ppb(composition)
    return {
        cell.analyte: (cell.fraction_ppb or 0) * METAL_PPB.get(cell.reported_as, PPB) * of_sample
        for cell in composition.cells
        if cell.state == "value"
    }


def _of_sample_ppb(composition: Composition) -> int:
    """What the fractions are of, as a share of the sample."""
    return (composition.treo_ppb or 0) if composition.of == "treo" else PPB


def _scaled(composition: Composition, cell: Cell) -> int:
    """Figure × metal in what is reported × TREO share, over SHARE_SCALE."""
    metal_ppb = METAL_PPB.get(cell.reported_as, PPB)
    return (cell.fraction_ppb or 0) * metal_ppb * _of_sample_ppb(composition)


def element_fractions(composition: Composition) -> dict[str, int]:
    """`scaled_shares` in parts per billion, half to even: for display, never for a decision."""
    return {
        analyte: round_half_even(share * PPB, SHARE_SCALE)
        for analyte, share in scaled_shares(composition).items()
    }


def figure_shares(composition: Composition) -> dict[str, tuple[int, bool]]:
    """Analyte → (element share over SHARE_SCALE, whether it is a detection limit), of all with a figure."""
    return {
        cell.analyte: (_scaled(composition, cell), cell.state == "below_detection")
        for cell in composition.cells
        if cell.state != "not_available"
    }


def figure_share(composition: Composition, analyte: str) -> tuple[int, bool] | None:
    """That of `figure_shares` of one analyte; None where it has no figure."""
    for cell in composition.cells:
        if cell.analyte == analyte and cell.state != "not_available":
            return _scaled(composition, cell), cell.state == "below_detection"
    return None


def dry_analytes(composition: Composition, moisture_ppb: int) -> dict[str, DryAnalyte]:
    """The figures that eligibility compares with limits; analytes without a figure are absent. Moisture has
    to be below 100 %."""
    over, under = PPB, SHARE_SCALE
    if composition.basis != "dry":
        over, under = PPB**2, SHARE_SCALE * (PPB - moisture_ppb)
    return {
        analyte: DryAnalyte(
            low_ppb=0 if below else share * over // under,
            high_ppb=-(-share * over // under),
            below_detection=below,
        )
        for analyte, (share, below) in figure_shares(composition).items()
    }


def basis_share(basis: MarketBasis, moisture_ppb: int, composition: Composition) -> tuple[int, int]:
    """Mass of basis per mass of wet product, numerator and denominator, not in lowest terms.

    Cells below detection count nothing.
    """
    elements = BASIS_ELEMENTS[basis]
    if not elements:
        return 1, 1
    metal = _sum_of(scaled_shares(composition), elements)
    return metal * (PPB - moisture_ppb if composition.basis == "dry" else PPB), SHARE_SCALE * PPB


def _sum_of(shares: Mapping[str, int], elements: Sequence[str]) -> int:
    return sum([shares[element] for element in elements if element in shares])


def basis_g(*, basis: MarketBasis, net_wet_g: int, moisture_ppb: int, composition: Composition) -> int:
    """Grams of basis, rounded down. 25 t of swarf with 20 % water and 28 % NdPr dry carry 5.6 t."""
    numerator, denominator = basis_share(basis, moisture_ppb, composition)
    return net_wet_g * numerator // denominator


def reo_sum_ppb(composition: Composition) -> int | None:
    """Measured rare-earth oxides over TREO, half to even; None where no TREO is stated."""
    if not composition.treo_ppb:
        return None
    total = sum(rare_earth_oxides(composition).values())
    return round_half_even(total * PPB**2, OXIDE_SCALE * composition.treo_ppb)


@lru_cache(maxsize=COMPOSITIONS_REMEMBERED)
def rare_earth_oxides(composition: Composition) -> Mapping[str, int]:
    """Rare earth → share of the sample as its reported, else its traded oxide, over OXIDE_SCALE.

    Measured values only.
    """
    return {
        cell.analyte: _scaled_oxide(composition, cell)
        for cell in composition.cells
        if cell.state == "value" and cell.analyte in TRADED_OXIDE
    }


def _scaled_oxide(composition: Composition, cell: Cell) -> int:
    oxide = cell.reported_as if cell.reported_as in OXIDES else TRADED_OXIDE[cell.analyte]
    return _scaled(composition, cell) * PPB * (OXIDES_PER_METAL_SCALE // OXIDES[oxide][1])


def purity_ppb(composition: Composition, elements: tuple[str, ...]) -> int | None:
    """Share of the named rare earths in TREO as oxides, rounded down; None when one of them has no figure.

    TREO is the stated one, else the sum of all figures, with cells below detection at their limit.
    """
    cells = {cell.analyte: cell for cell in composition.cells if cell.state != "not_available"}
    if any(element not in cells or element not in TRADED_OXIDE for element in elements):
        return None
    oxides = rare_earth_oxides(composition)
    named = _sum_of(oxides, elements)
    limits = [
        _scaled_oxide(composition, cell)
        for cell in cells.values()
        if cell.state == "below_detection" and cell.analyte in TRADED_OXIDE
    ]
    treo = (composition.treo_ppb or 0) * (OXIDE_SCALE // PPB) or sum(oxides.values()) + sum(limits)
    return named * PPB // treo if treo else None


def reo_unstated(composition: Composition) -> tuple[str, ...]:
    """Rare earths that need a figure before the sum of all rare-earth oxides is known; none if TREO is
    stated."""
    if composition.treo_ppb:
        return ()
    figures = {cell.analyte for cell in composition.cells if cell.state != "not_available"}
    return tuple(element for element in RARE_EARTHS if element in FULL_PANEL - figures)


def stated_reo(composition: Composition) -> int:
    """All rare-earth oxides as share of the sample over OXIDE_SCALE: TREO as stated, else what was measured.

    Without TREO cells below detection count nothing, as they do in a basis.
    """
    of_treo = (composition.treo_ppb or 0) * (OXIDE_SCALE // PPB)
    return of_treo or sum(rare_earth_oxides(composition).values())


def supply_kg_per_basis_kg(
    per: PriceUnit, basis: MarketBasis, moisture_ppb: int, composition: Composition
) -> Fraction | None:
    """Kilograms of `per` that contain one kilogram of basis in this material; None if unknown."""
    found = kg_per_basis_kg(per, basis, moisture_ppb, composition)
    return None if found is None else Fraction(*found)


def kg_per_basis_kg(
    per: PriceUnit, basis: MarketBasis, moisture_ppb: int, composition: Composition
) -> tuple[int, int] | None:
    """`supply_kg_per_basis_kg` as numerator and denominator, not in lowest terms: cheap for many."""
    elements = BASIS_ELEMENTS[basis]
    if not elements:
        return {"wet": (1, 1), "dry": (PPB - moisture_ppb, PPB)}.get(per)
    if per == "element":
        return 1, 1
    shares = scaled_shares(composition)
    metal = _sum_of(shares, elements)
    if not metal or (per == "reo" and reo_unstated(composition)):
        return None
    return _kg_for_metal(per, metal, moisture_ppb, composition, elements)


def _kg_for_metal(
    per: PriceUnit, metal: int, moisture_ppb: int, composition: Composition, elements: tuple[str, ...]
) -> tuple[int, int]:
    if per == "oxide":
        return _sum_of(rare_earth_oxides(composition), elements), metal * OXIDES_PER_METAL_SCALE
    if per == "reo":
        return stated_reo(composition), metal * OXIDES_PER_METAL_SCALE
    of_wet = metal * (PPB - moisture_ppb if composition.basis == "dry" else PPB)
    return SHARE_SCALE * (PPB if per == "wet" else PPB - moisture_ppb), of_wet


def requirement_kg_per_basis_kg(per: PriceUnit, basis: MarketBasis) -> Fraction | None:
    """The same for a buyer, who states no material: per element or traded oxide; whole magnets per kg wet."""
    elements = BASIS_ELEMENTS[basis]
    if not elements:
        return Fraction(1) if per == "wet" else None
    if per == "element":
        return Fraction(1)
    return 1 / traded_metal_share(NDPR if len(elements) > 1 else elements[0]) if per == "oxide" else None


def fx_for(inputs: MarketInputs, currency: str) -> RecordedFx | None:
    """The newest rate; None for EUR, which needs none, and for a currency without one."""
    return None if currency == EUR else inputs.fx.get(currency)


def fx_reference(fx: RecordedFx | None) -> InputReference | None:
    if fx is None:
        return None
    return InputReference(
        code=f"FX:{fx.value.currency}", position=fx.position, value_micro=fx.value.ueur_per_unit
    )


def in_ueur(stated: StatedPrice, fx: RecordedFx | None) -> Fraction:
    """Micro-EUR per kg of the stated denominator. ValueError when the rate is of another currency."""
    return Fraction(stated.amount_micro * _rate_ueur(stated, fx), MICRO)


def _rate_ueur(stated: StatedPrice, fx: RecordedFx | None) -> int:
    currency = EUR if fx is None else fx.value.currency
    if currency != stated.currency:
        raise ValueError(f"a rate of {currency} does not convert {stated.currency}")
    return MICRO if fx is None else fx.value.ueur_per_unit


def to_ueur_per_basis_kg(
    stated: StatedPrice, kg_per_basis_kg: tuple[int, int], fx: RecordedFx | None, rounding: Rounding
) -> ConvertedPrice:
    """Asks round up, limits down. `kg_per_basis_kg`: numerator and denominator.

    ValueError when the rate is of another currency.
    """
    numerator, denominator = kg_per_basis_kg
    amount = stated.amount_micro * _rate_ueur(stated, fx) * numerator
    return ConvertedPrice(
        stated=stated, ueur_per_kg=divide(amount, MICRO * denominator, rounding), fx=fx_reference(fx)
    )


def basis_steps(
    *, basis: MarketBasis, net_wet_g: int, moisture_ppb: int, composition: Composition
) -> tuple[Step, ...]:
    """From net wet mass to grams of basis, line by line."""
    steps = [
        Step(label="net wet mass", quantity=net_wet_g, unit="g"),
        Step(label="moisture", quantity=moisture_ppb, unit="ppb"),
        Step(label="net dry mass", quantity=net_dry_g(net_wet_g, moisture_ppb), unit="g"),
    ]
    sample = "dry sample" if composition.basis == "dry" else "sample as received"
    fractions = element_fractions(composition)
    steps += [
        Step(label=f"{element} in the {sample}", quantity=fractions[element], unit="ppb")
        for element in BASIS_ELEMENTS[basis]
        if element in fractions
    ]
    total_g = basis_g(basis=basis, net_wet_g=net_wet_g, moisture_ppb=moisture_ppb, composition=composition)
    return (*steps, Step(label=f"basis {basis}", quantity=total_g, unit="g"))


def price_steps(price: ConvertedPrice, kg_per_basis_kg: Fraction) -> tuple[Step, ...]:
    """From a stated price to micro-EUR per kg of basis, line by line."""
    per = price.stated.per
    ratio_ppb = round_half_even(kg_per_basis_kg.numerator * PPB, kg_per_basis_kg.denominator)
    rate = (
        () if price.fx is None else (Step(label=price.fx.code, quantity=price.fx.value_micro, unit="ueur"),)
    )
    return (
        Step(
            label="as stated",
            quantity=price.stated.amount_micro,
            unit=f"millionths of {price.stated.currency} per kg {per}",
        ),
        *rate,
        Step(label=f"kg {per} per kg of basis", quantity=ratio_ppb, unit="ppb"),
        Step(label="per kg of basis", quantity=price.ueur_per_kg, unit="ueur_per_kg"),
    )


def traded_metal_share(analyte: str) -> Fraction:
    """Metal per traded oxide of a rare earth, or of NdPr oxide."""
    if analyte != NDPR:
        return Fraction(OXIDES[TRADED_OXIDE[analyte]][1], PPB)
    nd_oxide = Fraction(ND2O3_IN_NDPR_OXIDE_PPB, PPB)
    return nd_oxide * traded_metal_share("Nd") + (1 - nd_oxide) * traded_metal_share("Pr")
