"""Shares of consumption in answers."""

from collections.abc import Mapping
from datetime import date
from typing import Final, Self
from uuid import UUID

from events.origin_terms import OriginStage
from events.vocabulary import Instant
from market.http.wire.ids import MarketId, OrganisationId, to_text
from market.http.wire.material import Body
from market.http.wire.numbers import PERCENT, SUM_KG, Percent, SumKg
from market.rules.crma.shares import (
    Cover,
    DeclaredPart,
    ElementShares,
    OpenShare,
    Reused,
    StageShare,
    Verdict,
)
from market.rules.crma.taken import Reuse
from market.rules.viewers import Band
from market.rules.visibility.crma_visibility import BandedShares, BandedStage, Counted

GRAMS_KG: Final = 1_000


class CountryView(Body, frozen=True, kw_only=True):
    country: str
    share_percent: Percent


class DeclaredPartView(Body, frozen=True, kw_only=True):
    """Per cent of all consumption from declared volumes: in the Union, in third countries, and unknown."""

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


class OpenView(Body, frozen=True, kw_only=True):
    """Parts of all consumption that one supplier leaves open: undeclared, or with only some steps stated.
    `supplier` null: volumes that were declared, not traded here."""

    supplier: OrganisationId | None
    supplier_name: str | None
    undeclared_percent: Percent
    untold_percent: Percent

    @classmethod
    def of(cls, value: OpenShare, names: Mapping[UUID, str]) -> Self:
        return cls(
            supplier=None if value.supplier is None else to_text("org", value.supplier),
            supplier_name=None if value.supplier is None else names.get(value.supplier),
            undeclared_percent=PERCENT.text(value.undeclared_ppb),
            untold_percent=PERCENT.text(value.untold_ppb),
        )


class StageView(Body, frozen=True, kw_only=True):
    """`undeclared_percent`: the country is unknown; for recycling, nothing is claimed. For lots whose
    passport states every step of a stage, a country counts what went through any step there, so `countries`
    may overlap, and the Union counts what went through no step elsewhere; `untold_percent`: some steps are
    stated, and there may be others.

    `undetermined`: the result depends on what is undeclared or untold; `open_of` names the ten suppliers with
    most of it. If all of it were the Union's, its share would be `benchmark_reach_percent`; if all of it were
    one third country's, that country's share would be `ceiling_reach_percent`. Both are null where the result
    is determined. A country's recycled part is at most what the origin states, and all together what a
    passport claims of the element, or an order of its market's elements. Shares are of all consumption;
    `of_declared`: the part of declared volumes; the rest is from trades.
    """

    stage: OriginStage
    union_percent: Percent
    of_declared: DeclaredPartView
    undeclared_percent: Percent
    untold_percent: Percent
    countries: tuple[CountryView, ...]
    largest_third_country: CountryView | None
    benchmark_percent: Percent | None
    benchmark: Verdict
    ceiling_percent: Percent | None
    ceiling: Verdict
    benchmark_reach_percent: Percent | None
    ceiling_reach_percent: Percent | None
    open_of: tuple[OpenView, ...]

    @classmethod
    def of(cls, value: StageShare, names: Mapping[UUID, str]) -> Self:
        third = value.largest_third
        return cls(
            stage=value.stage,
            union_percent=PERCENT.text(value.union_ppb),
            of_declared=DeclaredPartView.of(value.of_declared),
            undeclared_percent=PERCENT.text(value.undeclared_ppb),
            untold_percent=PERCENT.text(value.untold_ppb),
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
            benchmark_reach_percent=PERCENT.text_optional(value.benchmark_reach_ppb),
            ceiling_reach_percent=PERCENT.text_optional(value.ceiling_reach_ppb),
            open_of=tuple(OpenView.of(each, names) for each in value.open_of),
        )


class ElementView(Body, frozen=True, kw_only=True):
    """`documented_percent` of the consumption has a passport; the rest is from orders, contracts or
    declarations. Consumption is what was traded and what was declared as bought elsewhere, without
    `resold_kg`, which a magnet producer sold on in the period; no stages where that is all. `corrected_kg` of
    the consumption is based on passports that were corrected after the lot was taken."""

    element: str
    consumption_kg: SumKg
    resold_kg: SumKg
    corrected_kg: SumKg
    traded_kg: SumKg
    declared_kg: SumKg
    documented_percent: Percent
    stages: tuple[StageView, ...]

    @classmethod
    def of(cls, value: ElementShares, names: Mapping[UUID, str]) -> Self:
        """`names` of those who leave something open."""
        return cls(
            element=value.element,
            consumption_kg=SUM_KG.text(value.consumption_mg),
            resold_kg=SUM_KG.text(value.resold_mg),
            corrected_kg=SUM_KG.text(value.corrected_mg),
            traded_kg=SUM_KG.text(value.consumption_mg - value.declared_mg),
            declared_kg=SUM_KG.text(value.declared_mg),
            documented_percent=PERCENT.text(value.documented_ppb),
            stages=tuple(StageView.of(each, names) for each in value.stages),
        )


class ReusedElementView(Body, frozen=True, kw_only=True):
    element: str
    mass_kg: SumKg


class ReusedView(Body, frozen=True, kw_only=True):
    """Whole magnets bought for reuse, which is no consumption of raw material. `goods_kg` is their mass;
    `unstated`: the buyer has named no route."""

    route: Reuse
    goods_kg: SumKg
    elements: tuple[ReusedElementView, ...]

    @classmethod
    def of(cls, value: Reused) -> Self:
        return cls(
            route=value.route,
            goods_kg=SUM_KG.text(value.goods_g * GRAMS_KG),
            elements=tuple(
                ReusedElementView(element=element, mass_kg=SUM_KG.text(mass_mg))
                for element, mass_mg in value.elements.items()
            ),
        )


class CoverView(Body, frozen=True, kw_only=True):
    """Stocks as days of net imports of the period (Article 23); null if imports do not exceed exports. Net
    imports are those of trades and of declared volumes."""

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
    """`organisation` null: consumption of the Union; `market` null: of all markets. `until` is exclusive;
    `period_over` false: the figures are those so far. `rules_as_of`: the day whose dated rules apply.

    `as_of`: when this was read; `as_of_positions`: the newest position of each lane of the record's streams
    that is in it, for operators and auditors; how fast a lane grows tells how much others do. Two answers
    that differ in these alone have one entity tag.
    """

    organisation: OrganisationId | None
    market: MarketId | None
    since: date
    until: date
    period_over: bool
    counted: Counted
    rules_as_of: date
    as_of: Instant
    as_of_positions: dict[str, list[int]] | None


class SharesView(PeriodView, frozen=True, kw_only=True, tag_field="shown", tag="exact"):
    """`corrected_passports`: on which figures rest, and which were corrected since their lot was taken.
    `cover` null: of a market, which has a part of the net imports and no stocks of its own, and of more lots
    in stock than one answer counts."""

    corrected_passports: int
    elements: tuple[ElementView, ...]
    reused: tuple[ReusedView, ...]
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


class BandedSharesView(PeriodView, frozen=True, kw_only=True, tag_field="shown", tag="banded"):
    """What everybody may see: bands of trades, for elements with enough groups of companies; `bands` are
    steps of 10 %. Declared volumes are not included: they can be changed at will, and could be used to find
    the edges of a band."""

    bands: tuple[BandedElementView, ...]
