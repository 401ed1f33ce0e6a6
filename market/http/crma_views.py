"""What the door says of shares of consumption: bodies, and the same figures as rows and bars."""

from datetime import date
from typing import Annotated, Final, Self

from events.passport_terms import OriginStage
from events.vocabulary import MICRO, PPB
from market.http.ids import FacilityId, MarketId, OrganisationId, Prefix, to_text
from market.http.material import Body
from market.http.numbers import PERCENT, DecimalKind, Percent
from market.http.sheets import Bar, Kind, Sheet
from market.rules.crma import Cover, ElementShares, StageShare, Verdict
from market.rules.crma_suppliers import MappedStage, Source
from market.rules.crma_visibility import BandedShares, BandedStage, Counted
from market.rules.viewers import Band

SUM_KG: Final = DecimalKind(unit="kg", digits=12, decimals=6, shown=3, signed=True, example="1700.000")
SumKg = Annotated[str, SUM_KG.meta()]
GRAMS_KG: Final = 1_000
PREFIXES: Final[dict[Source, Prefix]] = {"passport": "pass", "offer": "offer", "lot": "lot"}
SHARES_NOTE: Final = (
    "Shares of consumption by stage: in the Union, in third countries, and where nobody says. Regulation "
    "(EU) 2024/1252, Article 5. Red: the benchmark."
)
MAP_NOTE: Final = (
    "Where what was bought was extracted, processed and recycled Regulation (EU) 2024/1252, Article 24. An "
    "empty country: the supplier did not answer."
)


class CountryView(Body, frozen=True, kw_only=True):
    country: str
    share_percent: Percent


class StageView(Body, frozen=True, kw_only=True):
    """`undeclared_percent`: where nobody says in which country; for recycling, what nobody claims.

    `undetermined`: what is undeclared decides.
    """

    stage: OriginStage
    union_percent: Percent
    undeclared_percent: Percent
    countries: tuple[CountryView, ...]
    largest_third_country: CountryView | None
    benchmark_percent: Percent | None
    benchmark: Verdict
    ceiling_percent: Percent | None
    ceiling: Verdict

    @classmethod
    def of(cls, value: StageShare) -> Self:
        third = value.largest_third
        return cls(
            stage=value.stage,
            union_percent=PERCENT.text(value.union_ppb),
            undeclared_percent=PERCENT.text(value.undeclared_ppb),
            countries=tuple(
                CountryView(country=each.country, share_percent=PERCENT.text(each.share_ppb))
                for each in value.countries
            ),
            largest_third_country=None
            if third is None
            else CountryView(country=third.country, share_percent=PERCENT.text(third.share_ppb)),
            benchmark_percent=PERCENT.text_optional(value.benchmark_ppb),
            benchmark=value.benchmark,
            ceiling_percent=PERCENT.text_optional(value.ceiling_ppb),
            ceiling=value.ceiling,
        )


class ElementView(Body, frozen=True, kw_only=True):
    """`documented_percent` of the consumption has a passport; of the rest orders or contracts tell."""

    element: str
    consumption_kg: SumKg
    documented_percent: Percent
    stages: tuple[StageView, ...]

    @classmethod
    def of(cls, value: ElementShares) -> Self:
        return cls(
            element=value.element,
            consumption_kg=SUM_KG.text(value.consumption_mg),
            documented_percent=PERCENT.text(value.documented_ppb),
            stages=tuple(map(StageView.of, value.stages)),
        )


class CoverView(Body, frozen=True, kw_only=True):
    """Stocks as days of net imports of the period (Article 23); null where no more came in than went out."""

    element: str
    stock_kg: SumKg
    net_imports_kg: SumKg
    days: int | None

    @classmethod
    def of(cls, value: Cover) -> Self:
        return cls(
            element=value.element,
            stock_kg=SUM_KG.text(value.stock_mg),
            net_imports_kg=SUM_KG.text(value.net_imports_mg),
            days=value.days,
        )


class PeriodView(Body, frozen=True, kw_only=True):
    """`organisation` null: consumption of the Union; `market` null: of all markets. `until` is not in."""

    organisation: OrganisationId | None
    market: MarketId | None
    since: date
    until: date
    counted: Counted


class SharesView(PeriodView, frozen=True, kw_only=True):
    """`rules_as_of`: the day whose dated rules apply."""

    rules_as_of: date
    elements: tuple[ElementView, ...]
    cover: tuple[CoverView, ...]


class RangeView(Body, frozen=True, kw_only=True):
    """At least `least_percent`, below `most_percent`."""

    least_percent: Percent
    most_percent: Percent

    @classmethod
    def of(cls, value: Band) -> Self:
        return cls(least_percent=PERCENT.text(value.low), most_percent=PERCENT.text(value.high))


class BandedStageView(Body, frozen=True, kw_only=True):
    stage: OriginStage
    union: RangeView
    undeclared: RangeView
    largest_third_country: RangeView
    benchmark: Verdict
    ceiling: Verdict

    @classmethod
    def of(cls, value: BandedStage) -> Self:
        return cls(
            stage=value.stage,
            union=RangeView.of(value.union),
            undeclared=RangeView.of(value.undeclared),
            largest_third_country=RangeView.of(value.largest_third),
            benchmark=value.benchmark,
            ceiling=value.ceiling,
        )


class BandedElementView(Body, frozen=True, kw_only=True):
    element: str
    consumption_least_kg: SumKg
    consumption_most_kg: SumKg
    stages: tuple[BandedStageView, ...]

    @classmethod
    def of(cls, value: BandedShares) -> Self:
        return cls(
            element=value.element,
            consumption_least_kg=SUM_KG.text(value.consumption_g.low * GRAMS_KG),
            consumption_most_kg=SUM_KG.text(value.consumption_g.high * GRAMS_KG),
            stages=tuple(map(BandedStageView.of, value.stages)),
        )


class BandedSharesView(PeriodView, frozen=True, kw_only=True):
    """What everybody may see: bands, of elements that a crowd stands behind; `bands` are steps of 10 %."""

    rules_as_of: date
    bands: tuple[BandedElementView, ...]


def shares_sheet(view: SharesView) -> Sheet:
    found = [(element, stage) for element in view.elements for stage in element.stages]
    return Sheet(
        name="crma-shares",
        title=f"Consumption from {view.since} to before {view.until}, {view.counted}",
        note=SHARES_NOTE,
        head=(
            "element",
            "stage",
            "consumption_kg",
            "union_percent",
            "undeclared_percent",
            "largest_third_country",
            "largest_third_country_percent",
            "benchmark_percent",
            "benchmark",
            "ceiling_percent",
            "ceiling",
        ),
        rows=tuple(_row(element, stage) for element, stage in found),
        key="green: in the Union · ochre: third countries · grey: nobody says · red: benchmark",
        bars=tuple(_bar(element, stage) for element, stage in found),
        whole=PPB,
    )


def _row(element: ElementView, stage: StageView) -> tuple[str | None, ...]:
    third = stage.largest_third_country
    return (
        element.element,
        stage.stage,
        element.consumption_kg,
        stage.union_percent,
        stage.undeclared_percent,
        None if third is None else third.country,
        None if third is None else third.share_percent,
        stage.benchmark_percent,
        stage.benchmark,
        stage.ceiling_percent,
        stage.ceiling,
    )


def _bar(element: ElementView, stage: StageView) -> Bar:
    inside, undeclared = PERCENT.decoded(stage.union_percent), PERCENT.decoded(stage.undeclared_percent)
    parts: tuple[tuple[Kind, int], ...] = (
        ("inside", inside),
        ("outside", max(0, PPB - inside - undeclared)),
        ("open", undeclared),
    )
    return Bar(
        label=f"{element.element} {stage.stage} {stage.union_percent} %",
        parts=parts,
        mark=PERCENT.decoded_optional(stage.benchmark_percent),
    )


def banded_sheet(view: BandedSharesView) -> Sheet:
    found = [(element, stage) for element in view.bands for stage in element.stages]
    return Sheet(
        name="crma-shares",
        title=f"Consumption of the Union from {view.since} to before {view.until}, {view.counted}",
        note=f"{SHARES_NOTE} In bands, of elements that a crowd stands behind on both sides.",
        head=(
            "element",
            "stage",
            "union_least_percent",
            "union_most_percent",
            "undeclared_least_percent",
            "undeclared_most_percent",
            "largest_third_country_least_percent",
            "largest_third_country_most_percent",
            "benchmark",
            "ceiling",
        ),
        rows=tuple(
            (
                element.element,
                stage.stage,
                stage.union.least_percent,
                stage.union.most_percent,
                stage.undeclared.least_percent,
                stage.undeclared.most_percent,
                stage.largest_third_country.least_percent,
                stage.largest_third_country.most_percent,
                stage.benchmark,
                stage.ceiling,
            )
            for element, stage in found
        ),
        key="green: at least this much in the Union · grey: the rest of the band",
        bars=tuple(
            Bar(
                label=f"{element.element} {stage.stage}",
                parts=(("inside", low), ("open", PERCENT.decoded(stage.union.most_percent) - low)),
            )
            for element, stage in found
            for low in (PERCENT.decoded(stage.union.least_percent),)
        ),
        whole=PPB,
    )


class MappedView(Body, frozen=True, kw_only=True):
    """A part of an element of a lot. `country` null with `did_not_answer`: a legal state.

    `source` says where the answer stands, `reference` in which passport or order.
    """

    supplier: OrganisationId
    supplier_name: str
    element: str
    stage: OriginStage
    did_not_answer: bool
    country: str | None
    share_percent: Percent
    mass_kg: SumKg
    facility: FacilityId | None
    site: str | None
    strategic_project: bool
    source: Source
    reference: str

    @classmethod
    def of(cls, value: MappedStage, name: str) -> Self:
        return cls(
            supplier=to_text("org", value.supplier),
            supplier_name=name,
            element=value.element,
            stage=value.stage,
            did_not_answer=value.country is None,
            country=value.country,
            share_percent=PERCENT.text(value.share_ppb),
            mass_kg=SUM_KG.text(value.mass_mg),
            facility=None if value.facility is None else to_text("fac", value.facility),
            site=value.site,
            strategic_project=value.strategic_project,
            source=value.source,
            reference=to_text(PREFIXES[value.source], value.reference),
        )


class SupplierMapView(PeriodView, frozen=True, kw_only=True):
    stages: tuple[MappedView, ...]


def map_sheet(view: SupplierMapView) -> Sheet:
    names = MappedView.__struct_fields__
    masses: dict[tuple[str, str, str], int] = {}
    for each in view.stages:
        place = (each.element, each.stage, each.country or "did not answer")
        masses[place] = masses.get(place, 0) + SUM_KG.parse(each.mass_kg)
    return Sheet(
        name="crma-supplier-map",
        title=f"Suppliers from {view.since} to before {view.until}",
        note=MAP_NOTE,
        head=names,
        rows=tuple(tuple(_cell(getattr(each, name)) for name in names) for each in view.stages),
        key="kg of the element, by stage and country; grey: the supplier did not answer",
        bars=tuple(
            Bar(
                label=f"{element} {stage} {country}",
                parts=(("open" if country == "did not answer" else "inside", mass),),
            )
            for (element, stage, country), mass in sorted(masses.items())
        ),
        whole=max(masses.values(), default=MICRO),
    )


def _cell(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)
