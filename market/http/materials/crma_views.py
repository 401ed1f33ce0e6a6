"""What the door says of shares of consumption: bodies, and the same figures as rows and bars."""

from datetime import date
from typing import Final, Self

from events.passport_terms import OriginStage
from events.vocabulary import PPB
from market.http.wire.ids import MarketId, OrganisationId
from market.http.wire.material import Body
from market.http.wire.numbers import PERCENT, SUM_KG, Percent, SumKg
from market.http.wire.sheets import Bar, Kind, Sheet
from market.rules.crma.shares import Cover, DeclaredPart, ElementShares, StageShare, Verdict
from market.rules.viewers import Band
from market.rules.visibility.crma_visibility import BandedShares, BandedStage, Counted

GRAMS_KG: Final = 1_000
SHARES_NOTE: Final = (
    "Shares of consumption by stage: in the Union, in third countries, and where nobody says. Regulation "
    "(EU) 2024/1252, Article 5. Red: the benchmark."
)
DECLARED_NOTE: Final = (
    "Consumption is what was traded here and what was declared as bought elsewhere; both stand apart, and "
    "shares are of both."
)
COVER_NOTE: Final = "Cover: stocks as days of the period's net imports (Article 23)."
COVER_HEAD: Final = ("stock_kg", "net_imports_kg", "cover_days")
STAGE_HEAD: Final = (
    "element",
    "stage",
    "traded_kg",
    "declared_kg",
    "consumption_kg",
    "union_traded_percent",
    "union_declared_percent",
    "union_percent",
    "undeclared_percent",
    "largest_third_country",
    "largest_third_country_percent",
    "benchmark_percent",
    "benchmark",
    "ceiling_percent",
    "ceiling",
)
BANDS_NOTE: Final = "Of trades alone, in bands, of elements that a crowd stands behind on both sides."
LEGEND: Final[tuple[tuple[Kind, str], ...]] = (
    ("inside", "in the Union, traded"),
    ("inside_declared", "declared"),
    ("outside", "third countries, traded"),
    ("outside_declared", "declared"),
    ("open", "nobody says, traded"),
    ("open_declared", "declared"),
)


class CountryView(Body, frozen=True, kw_only=True):
    country: str
    share_percent: Percent


class DeclaredPartView(Body, frozen=True, kw_only=True):
    """Per cent of all consumption that were declared, not traded here: in the Union, in third countries, and
    where nobody says."""

    union_percent: Percent
    third_countries_percent: Percent
    undeclared_percent: Percent

    @classmethod
    def of(cls, value: DeclaredPart) -> Self:
        return cls(
            union_percent=PERCENT.text(value.union_ppb),
            third_countries_percent=PERCENT.text(value.outside_ppb),
            undeclared_percent=PERCENT.text(value.undeclared_ppb),
        )


class StageView(Body, frozen=True, kw_only=True):
    """`undeclared_percent`: where nobody says in which country; for recycling, what nobody claims.

    `undetermined`: what is undeclared decides. An order without a passport counts as recycled by the recycled
    share that it states, not as a whole. Shares are of all consumption; `of_declared`: what declared volumes
    have in them, trades have the rest.
    """

    stage: OriginStage
    union_percent: Percent
    of_declared: DeclaredPartView
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
            of_declared=DeclaredPartView.of(value.of_declared),
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
    """`documented_percent` of the consumption has a passport; of the rest orders, contracts or declarations
    tell. Consumption is what was traded and what was declared as bought elsewhere."""

    element: str
    consumption_kg: SumKg
    traded_kg: SumKg
    declared_kg: SumKg
    documented_percent: Percent
    stages: tuple[StageView, ...]

    @classmethod
    def of(cls, value: ElementShares) -> Self:
        return cls(
            element=value.element,
            consumption_kg=SUM_KG.text(value.consumption_mg),
            traded_kg=SUM_KG.text(value.consumption_mg - value.declared_mg),
            declared_kg=SUM_KG.text(value.declared_mg),
            documented_percent=PERCENT.text(value.documented_ppb),
            stages=tuple(map(StageView.of, value.stages)),
        )


class CoverView(Body, frozen=True, kw_only=True):
    """Stocks as days of net imports of the period (Article 23); null where no more came in than went out.
    Net imports are those of trades and of declared volumes."""

    element: str
    stock_kg: SumKg
    net_imports_kg: SumKg
    traded_net_imports_kg: SumKg
    declared_net_imports_kg: SumKg
    days: int | None

    @classmethod
    def of(cls, value: Cover) -> Self:
        return cls(
            element=value.element,
            stock_kg=SUM_KG.text(value.stock_mg),
            net_imports_kg=SUM_KG.text(value.net_imports_mg),
            traded_net_imports_kg=SUM_KG.text(value.net_imports_mg - value.declared_mg),
            declared_net_imports_kg=SUM_KG.text(value.declared_mg),
            days=value.days,
        )


class PeriodView(Body, frozen=True, kw_only=True):
    """`organisation` null: consumption of the Union; `market` null: of all markets. `until` is not in."""

    organisation: OrganisationId | None
    market: MarketId | None
    since: date
    until: date
    counted: Counted


SCOPE: Final = (*PeriodView.__struct_fields__, "rules_as_of")


class SharesView(PeriodView, frozen=True, kw_only=True):
    """`rules_as_of`: the day whose dated rules apply. `cover` null: of a market, which has a part of the net
    imports and no stocks of its own, and of more lots in stock than one answer counts."""

    rules_as_of: date
    elements: tuple[ElementView, ...]
    cover: tuple[CoverView, ...] | None


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
    """What everybody may see: bands of trades, of elements that a crowd stands behind; `bands` are steps of
    10 %. Declared volumes are not in: whoever could change one at will would find the edges of a band."""

    rules_as_of: date
    bands: tuple[BandedElementView, ...]


def scope(view: PeriodView) -> tuple[tuple[str, str | None], ...]:
    """Whose figures, of which period, and by the rules of which day."""
    found = ((name, getattr(view, name)) for name in SCOPE if name in view.__struct_fields__)
    return tuple((name, None if value is None else str(value)) for name, value in found)


def shares_sheet(view: SharesView) -> Sheet:
    """Days of cover stand with each stage of an element; of one that nobody consumed, in a row of its own."""
    cover = {each.element: each for each in view.cover or ()}
    stocked = cover.keys() - {element.element for element in view.elements}
    found = [(element, stage) for element in view.elements for stage in element.stages]
    return Sheet(
        name="crma-shares",
        title=f"Consumption from {view.since} to before {view.until}, {view.counted}",
        note=f"{SHARES_NOTE} {DECLARED_NOTE} {COVER_NOTE}",
        head=(*STAGE_HEAD, *COVER_HEAD),
        rows=(
            *((*_row(element, stage), *_cover_row(cover.get(element.element))) for element, stage in found),
            *(
                (element, *[None] * len(STAGE_HEAD[1:]), *_cover_row(cover[element]))
                for element in sorted(stocked)
            ),
        ),
        key="red: benchmark",
        legend=LEGEND,
        scope=scope(view),
        bars=tuple(_bar(element, stage) for element, stage in found),
        whole=PPB,
    )


def _cover_row(cover: CoverView | None) -> tuple[str | None, ...]:
    if cover is None:
        return (None,) * len(COVER_HEAD)
    return cover.stock_kg, cover.net_imports_kg, None if cover.days is None else str(cover.days)


def _row(element: ElementView, stage: StageView) -> tuple[str | None, ...]:
    third = stage.largest_third_country
    return (
        element.element,
        stage.stage,
        element.traded_kg,
        element.declared_kg,
        element.consumption_kg,
        PERCENT.text(PERCENT.decoded(stage.union_percent) - PERCENT.decoded(stage.of_declared.union_percent)),
        stage.of_declared.union_percent,
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
    of_declared = stage.of_declared
    declared = [
        PERCENT.decoded(each)
        for each in (
            of_declared.union_percent, of_declared.third_countries_percent, of_declared.undeclared_percent,
        )
    ]  # fmt: skip
    outside = max(0, PPB - inside - undeclared)
    parts: tuple[tuple[Kind, int], ...] = (
        ("inside", inside - declared[0]),
        ("inside_declared", declared[0]),
        ("outside", max(0, outside - declared[1])),
        ("outside_declared", declared[1]),
        ("open", undeclared - declared[2]),
        ("open_declared", declared[2]),
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
        note=f"{SHARES_NOTE} {BANDS_NOTE}",
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
        scope=scope(view),
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
