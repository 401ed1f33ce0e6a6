"""Words of the trade: ids, units, closed lists and the composition of a material.

Every quantity is an integer of the unit its name ends in, |x| < 2**53, so that any JSON reader holds it.
Terms follow CRMA (Regulation (EU) 2024/1252), Incoterms 2020 and ISO 22095.
"""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

INTEGER_MAX = 2**53 - 1
MASS_G_MAX = 10**12
PRICE_UEUR_PER_KG_MAX = 10**11
"""100,000 EUR: about fifty times the most expensive oxide, and a tenth of the bound of a price term."""
PPB = 10**9
MICRO = 10**6
GRAMS_PER_KG = 1_000

Position = Annotated[int, Meta(ge=1, le=INTEGER_MAX)]
Version = Annotated[int, Meta(ge=1, le=INTEGER_MAX)]
Round = Annotated[int, Meta(ge=1, le=INTEGER_MAX)]
Count = Annotated[int, Meta(ge=0, le=INTEGER_MAX)]
MassG = Annotated[int, Meta(ge=0, le=MASS_G_MAX)]
PriceUeurPerKg = Annotated[int, Meta(ge=-PRICE_UEUR_PER_KG_MAX, le=PRICE_UEUR_PER_KG_MAX)]
ValueUeurPerKg = Annotated[int, Meta(ge=-INTEGER_MAX, le=INTEGER_MAX)]
MicroAmount = Annotated[int, Meta(ge=-INTEGER_MAX, le=INTEGER_MAX)]
FractionPpb = Annotated[int, Meta(ge=0, le=PPB)]
RatioPpb = Annotated[int, Meta(ge=0, le=INTEGER_MAX)]
CentsEur = Annotated[int, Meta(ge=-INTEGER_MAX, le=INTEGER_MAX)]
Seconds = Annotated[int, Meta(ge=0, le=10**9)]
BIG_INTEGER_PATTERN = r"^-?(0|[1-9][0-9]*)$"
SHA256_PATTERN = r"^[0-9a-f]{64}$"
TEXT_PATTERN = r"^[^\x00-\x1f\x7f-\x9f]*$"
CODE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:/+-]*$"
COUNTRY_PATTERN = r"^[A-Z]{2}$"
CURRENCY_PATTERN = r"^[A-Z]{3}$"


def _written(pattern: str, *, min_length: int, max_length: int) -> Meta:
    """A text type: lengths are checked at every decoding; the pattern is only documented, and checked where
    requests come in."""
    return Meta(min_length=min_length, max_length=max_length, extra_json_schema={"pattern": pattern})


BigInteger = Annotated[str, _written(BIG_INTEGER_PATTERN, min_length=1, max_length=64)]
Sha256Hex = Annotated[str, _written(SHA256_PATTERN, min_length=64, max_length=64)]
Text = Annotated[str, _written(TEXT_PATTERN, min_length=1, max_length=200)]
LongText = Annotated[str, _written(TEXT_PATTERN, min_length=1, max_length=2_000)]
Code = Annotated[str, _written(CODE_PATTERN, min_length=1, max_length=64)]
CountryCode = Annotated[str, _written(COUNTRY_PATTERN, min_length=2, max_length=2)]
CurrencyCode = Annotated[str, _written(CURRENCY_PATTERN, min_length=3, max_length=3)]
Instant = Annotated[datetime, Meta(tz=True)]
Days = Annotated[int, Meta(ge=0, le=3650)]

Stream = Literal["parties", "market", "contracts", "materials"]
STREAMS: tuple[Stream, ...] = ("contracts", "market", "materials", "parties")

PartyRole = Literal[
    "mine", "waste_owner", "refiner", "metal_maker", "alloy_maker", "magnet_producer", "motor_maker", "oem",
    "dismantler", "refurbisher", "recycler", "merchant", "warehouse", "forwarder", "laboratory",
]  # fmt: skip
"""An organisation's stated place in the value chain; gives no rights, which belong to keys (`KeyRole`)."""
KeyRole = Literal[
    "trader", "inspector", "accountant", "compliance", "reader", "auditor", "operator", "admin",
]  # fmt: skip
ValueChainStage = Literal["extraction", "processing", "recycling", "manufacturing"]
FacilityStage = Literal[
    "extraction", "processing", "recycling", "manufacturing",
    "dismantling", "refurbishing", "storage", "testing",
]  # fmt: skip
"""What is done at a site; an origin names only the first four, which change the material."""
FACILITY_STAGES_MAX = 8
FacilityScale = Literal["laboratory", "pilot", "demonstration", "industrial"]
FacilityStatus = Literal["operating", "pilot", "planned"]
ProductForm = Literal[
    "ore",
    "concentrate",
    "mixed_carbonate",
    "mixed_oxide",
    "separated_oxide",
    "metal",
    "strip_cast_alloy",
    "magnet_powder",
    "magnet_block",
    "finished_magnet",
    "swarf",
    "hard_scrap",
    "eol_magnet",
    "core",
    "shred_fraction",
    "residue",
]


def form_text(form: ProductForm) -> str:
    """The name of a form as traders write it."""
    return form.replace("eol", "end-of-life").replace("_", " ")


MarketBasis = Literal["ndpr", "dy", "tb", "sm", "ndfeb-reuse"]
MassBasis = Literal["dry", "as_received"]
CompositionOf = Literal["sample", "treo"]
CellState = Literal["value", "not_available", "below_detection"]
Denominator = Literal["wet", "dry", "oxide", "element"]
PriceUnit = Literal["wet", "dry", "oxide", "element", "reo"]
"""`oxide`: of the elements that are priced; `reo`: all rare-earth oxides that the material holds."""
Incoterm = Literal["EXW", "FCA", "FAS", "FOB", "CFR", "CIF", "CPT", "CIP", "DPU", "DAP", "DDP"]
WasteStatus = Literal["product", "by_product", "waste", "end_of_waste"]
RexRoute = Literal["reuse", "refurbish", "repurpose", "recycle"]
REX_HIERARCHY: tuple[RexRoute, ...] = ("reuse", "refurbish", "repurpose", "recycle")
Commitment = Literal["firm", "subject_to_confirmation"]
QualificationLevel = Literal["none", "sample", "pilot", "production"]
QUALIFICATION_LADDER: tuple[QualificationLevel, ...] = ("none", "sample", "pilot", "production")
OrderKind = Literal["offer", "lot", "requirement"]
Side = Literal["seller", "buyer"]
ExportLicenceStatus = Literal["not_required", "pending", "granted"]
CustodyModel = Literal[
    "identity_preserved", "segregated", "controlled_blending", "mass_balance", "book_and_claim"
]
PackagingUnit = Literal["big_bag", "drum", "pallet", "box", "container", "bulk", "piece"]
ConditionGrade = Literal["A", "B", "C", "D"]

RARE_EARTHS: tuple[str, ...] = (
    "La", "Ce", "Pr", "Nd", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb", "Lu", "Y", "Sc",
)  # fmt: skip
OTHER_ANALYTES: tuple[str, ...] = (
    "Fe", "B", "C", "O", "N", "H", "Co", "Cu", "Al", "Ga", "Nb", "Zr", "Si", "Ca", "Mg", "Mn", "Ni", "Zn",
    "Ti", "Na", "K", "Pb", "Cd", "As", "F", "P", "S", "Cl", "Th", "U", "Ag", "Au", "Ba", "Be", "Bi", "Br",
    "Cr", "Ge", "Hf", "Hg", "In", "Li", "Mo", "Pd", "Pt", "Sb", "Se", "Sn", "Sr", "Ta", "Te", "V", "W",
)  # fmt: skip
LOSS_ON_IGNITION = "LOI"
"""Mass of the dried sample that burns off, whatever elements it consists of."""
BURNT: frozenset[str] = frozenset({"C", "H", "N", "O", "S", "F", "Cl", "Br", "Hg"})
"""Elements that a loss on ignition may include; together with it they would count twice."""
ELEMENTS: frozenset[str] = frozenset(RARE_EARTHS + OTHER_ANALYTES)
ANALYTES: frozenset[str] = ELEMENTS | {LOSS_ON_IGNITION}

OXIDES: dict[str, tuple[str, int]] = {
    "La2O3": ("La", 852_700_000),
    "CeO2": ("Ce", 814_100_000),
    "Pr6O11": ("Pr", 827_700_000),
    "Pr2O3": ("Pr", 854_500_000),
    "Nd2O3": ("Nd", 857_400_000),
    "Sm2O3": ("Sm", 862_400_000),
    "Eu2O3": ("Eu", 863_600_000),
    "Gd2O3": ("Gd", 867_600_000),
    "Tb4O7": ("Tb", 850_200_000),
    "Tb2O3": ("Tb", 868_800_000),
    "Dy2O3": ("Dy", 871_300_000),
    "Ho2O3": ("Ho", 873_000_000),
    "Er2O3": ("Er", 874_500_000),
    "Tm2O3": ("Tm", 875_600_000),
    "Yb2O3": ("Yb", 878_200_000),
    "Lu2O3": ("Lu", 879_400_000),
    "Y2O3": ("Y", 787_400_000),
    "Sc2O3": ("Sc", 652_000_000),
}
"""Oxide → (element, ppb of metal in the oxide), IUPAC standard atomic weights to four places."""

COMPOUNDS: dict[str, tuple[str, int]] = {
    "Al2O3": ("Al", 529_300_000), "As2O3": ("As", 757_400_000), "B2O3": ("B", 310_600_000),
    "BaO": ("Ba", 895_700_000), "CO2": ("C", 272_900_000), "CO3": ("C", 200_200_000),
    "CaO": ("Ca", 714_700_000), "CoO": ("Co", 786_500_000), "Co3O4": ("Co", 734_200_000),
    "Cr2O3": ("Cr", 684_200_000), "CuO": ("Cu", 798_900_000), "FeO": ("Fe", 777_300_000),
    "Fe2O3": ("Fe", 699_400_000), "Fe3O4": ("Fe", 723_600_000), "Ga2O3": ("Ga", 743_900_000),
    "HfO2": ("Hf", 848_000_000), "K2O": ("K", 830_200_000), "Li2O": ("Li", 464_500_000),
    "MgO": ("Mg", 603_000_000), "MnO": ("Mn", 774_500_000), "MnO2": ("Mn", 631_900_000),
    "MoO3": ("Mo", 666_600_000), "NH4": ("N", 776_500_000), "NO3": ("N", 225_900_000),
    "Na2O": ("Na", 741_900_000), "Nb2O5": ("Nb", 699_000_000), "NiO": ("Ni", 785_800_000),
    "P2O5": ("P", 436_400_000), "PO4": ("P", 326_100_000), "PbO": ("Pb", 928_300_000),
    "SO3": ("S", 400_500_000), "SO4": ("S", 333_800_000), "Sb2O3": ("Sb", 835_400_000),
    "SiO2": ("Si", 467_400_000), "SnO2": ("Sn", 787_700_000), "SrO": ("Sr", 845_600_000),
    "Ta2O5": ("Ta", 819_000_000), "ThO2": ("Th", 878_800_000), "TiO2": ("Ti", 599_300_000),
    "U3O8": ("U", 848_000_000), "V2O5": ("V", 560_200_000), "WO3": ("W", 793_000_000),
    "ZnO": ("Zn", 803_400_000), "ZrO2": ("Zr", 740_300_000),
}  # fmt: skip
"""Oxide or ion in which assays report elements other than rare earths → (element, ppb of it); source as for
`OXIDES`."""
REPORTED: dict[str, tuple[str, int]] = OXIDES | COMPOUNDS
"""All oxides and ions as which a figure may be reported instead of the element."""

TRADED_OXIDE: dict[str, str] = {
    "La": "La2O3", "Ce": "CeO2", "Pr": "Pr6O11", "Nd": "Nd2O3", "Sm": "Sm2O3", "Eu": "Eu2O3", "Gd": "Gd2O3",
    "Tb": "Tb4O7", "Dy": "Dy2O3", "Ho": "Ho2O3", "Er": "Er2O3", "Tm": "Tm2O3", "Yb": "Yb2O3", "Lu": "Lu2O3",
    "Y": "Y2O3", "Sc": "Sc2O3",
}  # fmt: skip
"""The oxide in which each rare earth is traded and TREO is counted."""

BASIS_ELEMENTS: dict[MarketBasis, tuple[str, ...]] = {
    "ndpr": ("Nd", "Pr"),
    "dy": ("Dy",),
    "tb": ("Tb",),
    "sm": ("Sm",),
    "ndfeb-reuse": (),
}
"""Elements whose contained mass is the market's unit; empty: whole magnets count by net mass."""


class Cell(Struct, frozen=True, kw_only=True, gc=False):
    """One analyte of an assay; `fraction_ppb` is the value, or the detection limit; absent if not
    available."""

    analyte: Code
    reported_as: Code
    state: CellState
    fraction_ppb: FractionPpb | None = None

    def __post_init__(self) -> None:
        if (self.fraction_ppb is None) != (self.state == "not_available"):
            raise ValueError(
                f"{self.analyte}: a figure belongs to every state but not_available, and to no other"
            )


class Composition(Struct, frozen=True, kw_only=True, gc=False):
    """Mass fractions of a dry or as-received sample, each of the sample or of its TREO (`treo_ppb`)."""

    basis: MassBasis
    of: CompositionOf
    cells: tuple[Cell, ...]
    treo_ppb: FractionPpb | None = None

    def __post_init__(self) -> None:
        if self.of == "treo" and self.treo_ppb is None:
            raise ValueError("fractions of TREO need treo_ppb, the TREO share of the sample")


class Assay(Struct, frozen=True, kw_only=True, gc=False):
    """Laboratory and date of a measured composition; activities in millibecquerel per gram."""

    laboratory: Text
    reference: Text
    sampled_on: date
    th_mbq_per_g: Count | None = None
    u_mbq_per_g: Count | None = None


class Place(Struct, frozen=True, kw_only=True, gc=False):
    """A named place of Incoterms 2020."""

    country: CountryCode
    name: Text


class Period(Struct, frozen=True, kw_only=True, gc=False):
    """Half-open: includes `start`, excludes `end`."""

    start: Instant
    end: Instant

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError("a period has to end after it starts")


class Packaging(Struct, frozen=True, kw_only=True, gc=False):
    """How the product is packed; `package_wet_g` is the net product mass of one unit, `pieces` the number of
    identical pieces in one unit, if stated."""

    unit: PackagingUnit
    package_wet_g: MassG
    pieces: Annotated[int, Meta(ge=1, le=10**7)] | UnsetType = UNSET


class Tranche(Struct, frozen=True, kw_only=True, gc=False):
    """A dated part of a lot or offer, in net grams of product as delivered."""

    window: Period
    net_wet_g: MassG


class StatedPrice(Struct, frozen=True, kw_only=True, gc=False):
    """A price as its owner wrote it: millionths of `currency` per kg of `per`."""

    amount_micro: MicroAmount
    currency: CurrencyCode
    per: PriceUnit


class InputReference(Struct, frozen=True, kw_only=True):
    """The dated input of the market's lane that a conversion used."""

    code: Code
    position: Position
    value_micro: MicroAmount


class ConvertedPrice(Struct, frozen=True, kw_only=True, gc=False):
    """A stated price, what it is in micro-EUR per basis kg, and the FX used (none when stated in EUR)."""

    stated: StatedPrice
    ueur_per_kg: PriceUeurPerKg
    fx: InputReference | None = None


class OriginStep(Struct, frozen=True, kw_only=True, gc=False):
    stage: ValueChainStage
    country: CountryCode
    strategic_project: bool = False


class PhysicalLot(Struct, frozen=True, kw_only=True):
    """The identity of a physical lot: a passport id, else the organisation's site and lot number."""

    site: UUID
    lot_number: Code
    passport: UUID | None = None


PART_SIGNS = ".", "_", ":", "/", "+", "-"
"""Separators between the number of a lot and the suffix of a part of it."""


def is_of_lot(lot_number: str, whole: str) -> bool:
    """Whether `lot_number` is the number of lot `whole` or of a part of it."""
    return lot_number == whole or lot_number.startswith(tuple(whole + sign for sign in PART_SIGNS))


TWIN_VERSIONS_MAX = 10_000
TwinVersion = Annotated[int, Meta(ge=1, le=TWIN_VERSIONS_MAX)]


class TwinReference(Struct, frozen=True, kw_only=True):
    """A version of a product twin; it never changes."""

    twin: UUID
    version: TwinVersion


class Footprint(Struct, frozen=True, kw_only=True, gc=False):
    """A product carbon footprint in grams CO2e per kg of the declared unit."""

    g_co2e_per_kg: Count
    declared_unit: Denominator
    form: ProductForm
    standard: Code
    boundary: Code
    allocation: Code
    reference_year: Annotated[int, Meta(ge=1990, le=2100)]
    primary_data_ppb: FractionPpb
    verified: bool
    verifier: Text | None = None
    valid_until: Instant


class RecycledContent(Struct, frozen=True, kw_only=True, gc=False):
    """Recycled share of the basis elements; pre- and post-consumer are stated separately."""

    post_consumer_ppb: FractionPpb = 0
    pre_consumer_ppb: FractionPpb = 0

    def __post_init__(self) -> None:
        if self.post_consumer_ppb + self.pre_consumer_ppb > PPB:
            raise ValueError("post- and pre-consumer shares cannot exceed the whole together")


class TermHorizon(Struct, frozen=True, kw_only=True):
    """A long-term order: grams of basis per contract year at plateau, price as a differential to `index`.

    `profile_ppb` is each contract year's share of the plateau; its length is the number of years.
    `profile_tolerance_ppb` is how much the other side's profile may differ in any year.
    """

    start_year: Annotated[int, Meta(ge=2000, le=2200)]
    profile_ppb: Annotated[tuple[RatioPpb, ...], Meta(min_length=1, max_length=30)]
    profile_tolerance_ppb: FractionPpb = 0
    index: Code
    quotation_period: Code
    floor_ueur_per_kg: PriceUeurPerKg | None = None


def murmur2(data: bytes) -> int:
    """Kafka's default partitioner hash: murmur2, seed 0x9747b28c, unsigned 32 bit."""
    mask = 0xFFFFFFFF
    multiplier = 0x5BD1E995
    length = len(data)
    state = (0x9747B28C ^ length) & mask
    for start in range(0, length - length % 4, 4):
        word = int.from_bytes(data[start : start + 4], "little")
        word = (word * multiplier) & mask
        word ^= word >> 24
        word = (word * multiplier) & mask
        state = ((state * multiplier) & mask) ^ word
    tail = data[length - length % 4 :]
    if tail:
        state ^= int.from_bytes(tail, "little")
        state = (state * multiplier) & mask
    state ^= state >> 13
    state = (state * multiplier) & mask
    return state ^ (state >> 15)


def lane_of(key: str, lanes: int) -> int:
    """The lane of a lane key: market, organisation or root passport id as canonical UUID text, or a code."""
    return (murmur2(key.encode()) & 0x7FFFFFFF) % lanes
