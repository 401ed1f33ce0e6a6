"""Types shared by request and response bodies: material, places, windows, prices, footprints.

Each struct converts to the record's integers (`inside`) and back (`outside`); every value round-trips
exactly.
"""

from datetime import UTC, date, datetime
from typing import Annotated, Final, Self, get_args

from msgspec import UNSET, Meta, Struct, UnsetType

from events import vocabulary as words
from events.price_clauses import QuotationPeriod
from events.vocabulary import (
    Denominator,
    Instant,
    PackagingUnit,
    PriceUnit,
    ProductForm,
    TwinVersion,
    ValueChainStage,
)
from market.http.wire.countries import CountryCode
from market.http.wire.faults import Fault, InvalidInputError
from market.http.wire.ids import FacilityId, PassportId, ProductTwinId, to_text, to_uuid
from market.http.wire.numbers import (
    KG_CO2E_PER_KG,
    KILOGRAMS,
    PERCENT,
    PERCENT_OF_PLATEAU,
    SIGNED_EUR_PER_KG,
    SIGNED_FLOOR_EUR_PER_KG,
    SIGNED_PRICE,
    TONNES,
    KgCo2ePerKg,
    KilogramsPositive,
    Percent,
    PercentOfPlateau,
    SignedAmount,
    SignedFloorEurPerKg,
    TonnesPositive,
)
from market.rules.quantities import UNPACKED_UNITS
from market.rules.refusing.wording import Code, CurrencyCode, Name, Text

YEARS: Final = range(1900, 3000)


class Body(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request or response body: unknown members are refused."""


class Dated(Body, frozen=True, kw_only=True):
    """A body with days from which contracts count months or years."""

    def __post_init__(self) -> None:
        check_days(self)


def check_days(value: Struct) -> None:
    """ValueError for a day so far off that counting on from it would leave the calendar."""
    for name in value.__struct_fields__:
        day = getattr(value, name)
        if type(day) is date and day.year not in YEARS:
            raise ValueError(f"{name} has to lie in the years {YEARS[0]} to {YEARS[-1]}")


def utc(value: datetime, pointer: str = "") -> datetime:
    """The same instant in UTC. InvalidInputError for far years, since the database would read the last one as
    infinity."""
    if value.year in YEARS:
        return value.astimezone(UTC)
    written = value.isoformat().replace("+00:00", "Z")
    told = f"{written} has to lie in the years {YEARS[0]} to {YEARS[-1]}"
    raise InvalidInputError([Fault(code="invalid", detail=told, pointer=pointer)])


class Window(Body, frozen=True, kw_only=True):
    """Half-open: includes `start`, excludes `end`."""

    start: Instant
    end: Instant

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError("a window has to end after it starts")

    def inside(self) -> words.Period:
        return words.Period(start=utc(self.start), end=utc(self.end))

    @classmethod
    def outside(cls, value: words.Period) -> Self:
        return cls(start=value.start, end=value.end)


class NamedTwin(Body, frozen=True, kw_only=True):
    """A version of a product twin of one's own."""

    id: ProductTwinId
    version: TwinVersion

    def inside(self) -> words.TwinReference:
        return words.TwinReference(twin=to_uuid(self.id), version=self.version)

    @classmethod
    def outside(cls, value: words.TwinReference | UnsetType) -> "NamedTwin | None":
        return None if value is UNSET else NamedTwin(id=to_text("twin", value.twin), version=value.version)


class NamedPlace(Body, frozen=True, kw_only=True):
    """The named place of Incoterms 2020."""

    country: CountryCode
    name: Name

    def inside(self) -> words.Place:
        return words.Place(country=self.country, name=self.name)

    @classmethod
    def outside(cls, value: words.Place) -> Self:
        return cls(country=value.country, name=value.name)


class Price(Body, frozen=True, kw_only=True):
    """A price as its owner states it: `amount` of `currency` per kg of `per`.

    `wet` and `dry` refer to the material, `element` to the metal that the market counts, `oxide` only to the
    oxides of that metal (in an NdPr market those of Nd and Pr, whatever else the material contains), `reo` to
    all rare-earth oxides contained, as for mixed carbonates, concentrates and residues. `reo` is only for
    asks: it needs `treo_percent`, or a figure for each rare earth except Sc; limits and reference prices,
    which state no composition, are refused with it.
    """

    amount: SignedAmount
    currency: CurrencyCode
    per: PriceUnit

    def inside(self) -> words.StatedPrice:
        return words.StatedPrice(
            amount_micro=SIGNED_PRICE.decoded(self.amount), currency=self.currency, per=self.per
        )

    @classmethod
    def outside(cls, value: words.StatedPrice) -> Self:
        return cls(amount=SIGNED_PRICE.text(value.amount_micro), currency=value.currency, per=value.per)


class Packaging(Body, frozen=True, kw_only=True):
    """`package_wet_kg` is the net product mass of one unit, required except for bulk. `pieces`: the number of
    identical pieces in one unit; a box of 100 magnets of 12.5 g is 1.25 kg; a piece that is not a whole
    number of grams cannot be a unit itself.

    Product in bulk is divisible: with the mass of a load, a ticket counts loads; without it, all is one load.
    """

    unit: PackagingUnit
    package_wet_kg: KilogramsPositive | None = None
    pieces: Annotated[int, Meta(ge=1, le=10**7)] | None = None

    def __post_init__(self) -> None:
        if self.pieces is not None and self.unit in ("bulk", "piece"):
            raise ValueError("pieces are those of a box or another package, not of bulk or of one piece")
        if self.package_wet_kg is None and self.unit not in UNPACKED_UNITS:
            raise ValueError(
                f"package_wet_kg, the net mass of one {self.unit.replace('_', ' ')}, is missing: only "
                "product in bulk can do without it"
            )

    def inside(self, net_wet_g: int) -> words.Packaging:
        """`net_wet_g`: of all that is packed so."""
        stated_g = KILOGRAMS.decoded_optional(self.package_wet_kg)
        return words.Packaging(
            unit=self.unit,
            package_wet_g=net_wet_g if stated_g is None else stated_g,
            pieces=UNSET if self.pieces is None else self.pieces,
        )

    @classmethod
    def outside(cls, value: words.Packaging) -> Self:
        return cls(
            unit=value.unit,
            package_wet_kg=KILOGRAMS.text(value.package_wet_g),
            pieces=None if value.pieces is UNSET else value.pieces,
        )


class Tranche(Body, frozen=True, kw_only=True):
    """A dated part of the net wet mass."""

    window: Window
    net_wet_t: TonnesPositive

    def inside(self) -> words.Tranche:
        return words.Tranche(window=self.window.inside(), net_wet_g=TONNES.decoded(self.net_wet_t))

    @classmethod
    def outside(cls, value: words.Tranche) -> Self:
        return cls(window=Window.outside(value.window), net_wet_t=TONNES.text(value.net_wet_g))


class OriginStep(Body, frozen=True, kw_only=True):
    """Where a stage of the value chain took place."""

    stage: ValueChainStage
    country: CountryCode
    strategic_project: bool = False

    def inside(self) -> words.OriginStep:
        return words.OriginStep(
            stage=self.stage, country=self.country, strategic_project=self.strategic_project
        )

    @classmethod
    def outside(cls, value: words.OriginStep) -> Self:
        return cls(stage=value.stage, country=value.country, strategic_project=value.strategic_project)


class PhysicalLot(Body, frozen=True, kw_only=True):
    """The identity of a physical lot: its passport if there is one, else site and lot number, which are
    always stated."""

    site: FacilityId
    lot_number: Code
    passport: PassportId | None = None

    def inside(self) -> words.PhysicalLot:
        return words.PhysicalLot(
            site=to_uuid(self.site),
            lot_number=self.lot_number,
            passport=None if self.passport is None else to_uuid(self.passport),
        )

    @classmethod
    def outside(cls, value: words.PhysicalLot) -> Self:
        return cls(
            site=to_text("fac", value.site),
            lot_number=value.lot_number,
            passport=None if value.passport is None else to_text("pass", value.passport),
        )


class Footprint(Body, frozen=True, kw_only=True):
    """A product carbon footprint, kg CO2e per kg of the declared unit."""

    kg_co2e_per_kg: KgCo2ePerKg
    declared_unit: Denominator
    form: ProductForm
    standard: Code
    boundary: Code
    allocation: Code
    reference_year: Annotated[int, Meta(ge=1990, le=2100)]
    primary_data_percent: Percent
    verified: bool
    verifier: Text | None = None
    valid_until: Instant

    def inside(self) -> words.Footprint:
        return words.Footprint(
            g_co2e_per_kg=KG_CO2E_PER_KG.decoded(self.kg_co2e_per_kg),
            declared_unit=self.declared_unit,
            form=self.form,
            standard=self.standard,
            boundary=self.boundary,
            allocation=self.allocation,
            reference_year=self.reference_year,
            primary_data_ppb=PERCENT.decoded(self.primary_data_percent),
            verified=self.verified,
            verifier=self.verifier,
            valid_until=utc(self.valid_until),
        )

    @classmethod
    def outside(cls, value: words.Footprint) -> Self:
        return cls(
            kg_co2e_per_kg=KG_CO2E_PER_KG.text(value.g_co2e_per_kg),
            declared_unit=value.declared_unit,
            form=value.form,
            standard=value.standard,
            boundary=value.boundary,
            allocation=value.allocation,
            reference_year=value.reference_year,
            primary_data_percent=PERCENT.text(value.primary_data_ppb),
            verified=value.verified,
            verifier=value.verifier,
            valid_until=value.valid_until,
        )


class RecycledContent(Body, frozen=True, kw_only=True):
    """Recycled share of the basis elements; post- and pre-consumer are stated separately."""

    post_consumer_percent: Percent = "0"
    pre_consumer_percent: Percent = "0"

    def __post_init__(self) -> None:
        shares = (self.post_consumer_percent, self.pre_consumer_percent)
        if sum(PERCENT.decoded(share) for share in shares) > words.PPB:
            raise ValueError("post- and pre-consumer shares cannot exceed 100 % together")

    def inside(self) -> words.RecycledContent:
        return words.RecycledContent(
            post_consumer_ppb=PERCENT.decoded(self.post_consumer_percent),
            pre_consumer_ppb=PERCENT.decoded(self.pre_consumer_percent),
        )

    @classmethod
    def outside(cls, value: words.RecycledContent) -> Self:
        return cls(
            post_consumer_percent=PERCENT.text(value.post_consumer_ppb),
            pre_consumer_percent=PERCENT.text(value.pre_consumer_ppb),
        )


class Term(Body, frozen=True, kw_only=True):
    """A long-term order: quantities are per contract year at plateau, the price is a differential to `index`.

    `profile_percent` is each contract year's share of the plateau; its length is the number of years. Orders
    trade only with those of the same `quotation_period`, over which the contract's index is read:
    `month_before_shipment` (M-1), `month_of_shipment` (M), `month_after_shipment` (M+1) or
    `quarter_of_shipment`; others are refused, and only exist in older orders. `floor_eur_per_kg` is the
    minimum of index plus differential: for an offer what its seller asks for, for a requirement the highest
    that its buyer accepts; none if omitted.
    """

    start_year: Annotated[int, Meta(ge=2000, le=2200)]
    profile_percent: Annotated[tuple[PercentOfPlateau, ...], Meta(min_length=1, max_length=30)]
    profile_tolerance_percent: Percent = "0"
    index: Code
    quotation_period: Annotated[
        Code,
        Meta(
            description="One of " + ", ".join(get_args(QuotationPeriod)) + ".",
            examples=list(get_args(QuotationPeriod)),
        ),
    ]
    floor_eur_per_kg: (
        Annotated[
            SignedFloorEurPerKg,
            Meta(
                description="Decimal string, EUR per basis kg that index and differential come to at least: "
                "of an offer what it asks for, of a requirement the highest floor that it accepts."
            ),
        ]
        | None
    ) = None

    def inside(self) -> words.TermHorizon:
        return words.TermHorizon(
            start_year=self.start_year,
            profile_ppb=tuple(PERCENT_OF_PLATEAU.decoded(share) for share in self.profile_percent),
            profile_tolerance_ppb=PERCENT.decoded(self.profile_tolerance_percent),
            index=self.index,
            quotation_period=self.quotation_period,
            floor_ueur_per_kg=SIGNED_FLOOR_EUR_PER_KG.decoded_optional(self.floor_eur_per_kg),
        )

    @classmethod
    def outside(cls, value: words.TermHorizon) -> Self:
        return cls(
            start_year=value.start_year,
            profile_percent=tuple(PERCENT_OF_PLATEAU.text(share) for share in value.profile_ppb),
            profile_tolerance_percent=PERCENT.text(value.profile_tolerance_ppb),
            index=value.index,
            quotation_period=value.quotation_period,
            floor_eur_per_kg=SIGNED_FLOOR_EUR_PER_KG.text_optional(value.floor_ueur_per_kg),
        )


class ExchangeRate(Body, frozen=True, kw_only=True):
    """The dated rate that a conversion used: EUR for one unit, and where the market's lane holds it."""

    code: Code
    eur_per_unit: str
    position: int

    @classmethod
    def outside(cls, value: words.InputReference) -> Self:
        return cls(
            code=value.code, eur_per_unit=SIGNED_EUR_PER_KG.text(value.value_micro), position=value.position
        )
