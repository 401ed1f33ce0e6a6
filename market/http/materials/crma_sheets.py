"""The same figures of consumption as rows and bars."""

from datetime import datetime
from typing import Final

import msgspec

from events.vocabulary import PPB
from market.http.materials.crma_views import (
    BandedSharesView,
    CoverView,
    ElementView,
    OpenView,
    PeriodView,
    SharesView,
    StageView,
)
from market.http.wire.numbers import PERCENT
from market.http.wire.sheets import Bar, Kind, Sheet

SCOPE: Final = (*PeriodView.__struct_fields__, "corrected_passports")
SHARES_NOTE: Final = (
    "Shares of consumption by stage: in the Union, in third countries, and where nobody says. Regulation "
    "(EU) 2024/1252, Article 5. Red: the benchmark."
)
DECLARED_NOTE: Final = (
    "Consumption is what was traded here and what was declared as bought elsewhere; both stand apart, and "
    "shares are of both."
)
COVER_NOTE: Final = "Cover: stocks as days of the period's net imports (Article 23)."
USE_NOTE: Final = (
    "What a magnet producer sold on in the period is not in its consumption. Magnets that are used again are "
    "no consumption of raw material."
)
NOT_OVER_NOTE: Final = "The period is not over."
COVER_HEAD: Final = ("stock_kg", "net_imports_kg", "cover_days")
REUSED_HEAD: Final = ("rex_route", "reused_kg")
STAGE_HEAD: Final = (
    "element",
    "stage",
    "traded_kg",
    "declared_kg",
    "consumption_kg",
    "resold_kg",
    "corrected_kg",
    "union_traded_percent",
    "union_declared_percent",
    "union_percent",
    "undeclared_percent",
    "untold_percent",
    "largest_third_country",
    "largest_third_country_percent",
    "benchmark_percent",
    "benchmark",
    "ceiling_percent",
    "ceiling",
    "benchmark_reach_percent",
    "ceiling_reach_percent",
    "open_of",
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


def scope(view: PeriodView) -> tuple[tuple[str, str | None], ...]:
    """Whose figures, of which period, and by the rules of which day."""
    found = ((name, getattr(view, name)) for name in SCOPE if name in view.__struct_fields__)
    return tuple((name, told(value)) for name, value in found)


def told(value: object) -> str | None:
    """As a cell of a file."""
    match value:
        case None:
            return None
        case bool() | datetime():
            return msgspec.json.encode(value).decode().strip('"')
        case dict():
            return "; ".join(f"{stream} {' '.join(map(str, lanes))}" for stream, lanes in value.items())
        case _:
            return str(value)


def noted(view: PeriodView, *notes: str) -> str:
    return " ".join(notes if view.period_over else (*notes, NOT_OVER_NOTE))


def shares_sheet(view: SharesView, names: dict[str, str]) -> Sheet:
    """Days of cover stand with each stage of an element; of one that nobody consumed, in a row of its own, as
    does each element of magnets that are used again. `names` by id."""
    cover = {each.element: each for each in view.cover or ()}
    found = [(element, stage) for element in view.elements for stage in element.stages]
    stocked = cover.keys() - {element.element for element in view.elements}
    bare = (None,) * len(REUSED_HEAD)
    return Sheet(
        name="crma-shares",
        title=f"Consumption from {view.since} to before {view.until}, {view.counted}",
        note=noted(view, SHARES_NOTE, DECLARED_NOTE, USE_NOTE, COVER_NOTE),
        head=(*STAGE_HEAD, *COVER_HEAD, *REUSED_HEAD),
        rows=(
            *(
                (*_row(element, stage), *_cover_row(cover.get(element.element)), *bare)
                for element, stage in found
            ),
            *(
                (*_unconsumed(element), *_cover_row(cover.get(element.element)), *bare)
                for element in view.elements
                if not element.stages
            ),
            *(
                (element, *[None] * len(STAGE_HEAD[1:]), *_cover_row(cover[element]), *bare)
                for element in sorted(stocked)
            ),
            *(
                (part.element, *[None] * len((*STAGE_HEAD[1:], *COVER_HEAD)), each.route, part.mass_kg)
                for each in view.reused
                for part in each.elements
            ),
        ),
        key="red: benchmark",
        legend=LEGEND,
        scope=scope(view),
        names=names,
        bars=tuple(_bar(element, stage) for element, stage in found),
        whole=PPB,
    )


def _cover_row(cover: CoverView | None) -> tuple[str | None, ...]:
    if cover is None:
        return (None,) * len(COVER_HEAD)
    return cover.stock_kg, cover.net_imports_kg, None if cover.days is None else str(cover.days)


def _unconsumed(element: ElementView) -> tuple[str | None, ...]:
    """All of it was sold on."""
    known = {name: getattr(element, name, None) for name in STAGE_HEAD}
    return tuple(known.values())


def _row(element: ElementView, stage: StageView) -> tuple[str | None, ...]:
    third = stage.largest_third_country
    return (
        element.element,
        stage.stage,
        element.traded_kg,
        element.declared_kg,
        element.consumption_kg,
        element.resold_kg,
        element.corrected_kg,
        PERCENT.text(PERCENT.decoded(stage.union_percent) - PERCENT.decoded(stage.of_declared.union_percent)),
        stage.of_declared.union_percent,
        stage.union_percent,
        stage.undeclared_percent,
        stage.untold_percent,
        None if third is None else third.country,
        None if third is None else third.share_percent,
        stage.benchmark_percent,
        stage.benchmark,
        stage.ceiling_percent,
        stage.ceiling,
        stage.benchmark_reach_percent,
        stage.ceiling_reach_percent,
        "; ".join(map(_open_of, stage.open_of)) or None,
    )


def _open_of(each: OpenView) -> str:
    who = each.supplier_name or each.supplier or "declared"
    told = (("undeclared", each.undeclared_percent), ("untold", each.untold_percent))
    return f"{who} " + " ".join(f"{what} {share}" for what, share in told if PERCENT.decoded(share))


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
        note=noted(view, SHARES_NOTE, BANDS_NOTE),
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
