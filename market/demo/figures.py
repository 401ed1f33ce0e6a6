"""Published figures as exact decimals: what the demonstration's firms are made of."""

from decimal import ROUND_HALF_EVEN, Decimal

from market import data

LATEST_PRICE_COLUMN = "2025e"
PRICE_YEAR = 2025


def price_usd_per_kg(product: str) -> Decimal:
    """USD per kg of the product, the latest year. Source: USGS Mineral Commodity Summaries 2026."""
    row = next(row for row in data.rows("prices_usgs.csv") if row["product"] == product)
    return Decimal(row[LATEST_PRICE_COLUMN])


def reo_split_percent(source_id: str) -> dict[str, str]:
    """Element → published share of TREO in per cent, `<x` below detection, NA not available."""
    row = next(row for row in data.rows("reo_distribution.csv") if row["source_id"] == source_id)
    return {name: text for name, text in row.items() if len(name) <= 2}


def ndpr_split_percent(source_id: str) -> tuple[Decimal, Decimal]:
    """(Nd2O3, Pr6O11) of the NdPr oxide that a deposit's split gives, per cent, summing to 100."""
    split = reo_split_percent(source_id)
    nd, pr = Decimal(split["Nd"]), Decimal(split["Pr"])
    nd_share = (nd * 100 / (nd + pr)).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    return nd_share, 100 - nd_share


def ndpr_of_treo(source_id: str) -> Decimal:
    """NdPr oxide as a fraction of a deposit's TREO."""
    split = reo_split_percent(source_id)
    return (Decimal(split["Nd"]) + Decimal(split["Pr"])) / 100


def eol_assay_percent(sample: str) -> dict[str, str]:
    """Analyte → per cent by weight of an end-of-life magnet sample. Source: Materials 2025, 18, 2946."""
    row = next(row for row in data.rows("eol_assays.csv") if row["sample"] == sample)
    return {name: text for name, text in row.items() if name not in ("sample", "unit", "source")}


def ndpr_of_grade(grade: str) -> Decimal:
    """NdPr as a mass fraction of a magnet grade; practitioner figure."""
    row = next(row for row in data.rows("magnet_grades.csv") if row["grade"] == grade)
    return Decimal(row["ndpr_wt"]) / 100


def grade_percent(grade: str, column: str) -> Decimal:
    """A figure of a magnet grade, per cent by weight; practitioner figure."""
    row = next(row for row in data.rows("magnet_grades.csv") if row["grade"] == grade)
    return Decimal(row[column])


def metal_per_oxide(oxide: str) -> Decimal:
    """Kilograms of metal in one of its oxide. Source: IUPAC standard atomic weights."""
    row = next(row for row in data.rows("oxide_factors.csv") if row["oxide"] == oxide)
    return Decimal(row["kg_metal_per_kg_oxide"])


def route_recovery(route: str) -> Decimal:
    """Share of rare earths that a route recovers, the middle of a range. The row names its source."""
    parts = [Decimal(part) for part in _route(route)["ree_recovery"].split("-")]
    return sum(parts, Decimal(0)) / len(parts)


def route_source(route: str) -> str:
    """Where the figure is from, and how far it can be trusted."""
    row = _route(route)
    return f"{row['confidence']}: {row['source']}"


def magnet_kg_per_unit(application: str) -> Decimal:
    """Kilograms of magnet in one product; practitioner figure."""
    return Decimal(_life(application)["magnet_kg_per_unit"])


def weibull_life(application: str) -> tuple[str, str]:
    """(characteristic life in years, shape) of a product. The row names its source."""
    row = _life(application)
    return row["weibull_scale_years"], row["weibull_shape"]


def _life(application: str) -> dict[str, str]:
    return next(row for row in data.rows("lifetimes.csv") if row["application"] == application)


def _route(route: str) -> dict[str, str]:
    return next(row for row in data.rows("recycling_routes.csv") if row["route"] == route)


def monazite_footprint_kg_co2e_per_kg() -> Decimal:
    """Mean footprint of REO from monazite. Source: Browning et al. 2017."""
    row = next(row for row in data.rows("carbon_footprints.csv") if row["route"] == "monazite")
    return Decimal(row["kg_co2e_per_kg"])


def ionic_clay_footprint_kg_co2e_per_kg() -> Decimal:
    """Middle of the published range for mixed REO from ionic clay. Source: Wan et al. 2022."""
    row = next(row for row in data.rows("carbon_footprints.csv") if row["route"] == "ionic clay")
    low, high = row["kg_co2e_per_kg"].split("-")
    return (Decimal(low) + Decimal(high)) / 2


def dissolution_footprint_kg_co2e_per_kg() -> Decimal:
    """Acid-free dissolution: 73 % below the monazite mean. Source of the 73 %: Chowdhury et al. 2021."""
    row = next(
        row for row in data.rows("carbon_footprints.csv") if row["route"] == "acid-free dissolution recycling"
    )
    reduction = Decimal(row["kg_co2e_per_kg"].split(" ")[0].removesuffix("%").lstrip("-"))
    remaining = monazite_footprint_kg_co2e_per_kg() * (100 - reduction) / 100
    return remaining.quantize(Decimal("0.001"), ROUND_HALF_EVEN)
