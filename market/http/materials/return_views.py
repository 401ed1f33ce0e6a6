"""A return forecast as it is answered: expected amounts between bounds, quantiles, and a drawing of both."""

from collections.abc import Iterator
from typing import Annotated, Final, Self, TypeAlias

from msgspec import Meta, Struct

from events.vocabulary import MarketBasis
from market.http.orders.return_terms import Quarter, ReuseTerms
from market.http.wire.material import Body, NamedTwin
from market.http.wire.numbers import SUM_KG, DecimalKind, SumKg
from market.http.wire.receipts import Warned
from market.http.wire.sheets import Bar, Sheet
from market.rules.twins.capacities import quarter_text
from market.rules.twins.return_chances import Chances
from market.rules.twins.returns import Likely, Returned, Span, by_basis

UNITS: Final = DecimalKind(unit="units", digits=12, decimals=6, example="1250.5")
QUANTILES_SHOWN: Final = ("p10", "p50", "p90")
NOTE: Final = (
    "Kilograms by element or basis. Expected: least, middle and most of what is stated, of the quarter and "
    "of all so far. p10, p50, p90: no more than this in 10, 50, 90 of 100 cases at the middle of what is "
    "stated, if units are independent of each other; p10 least at the least of it, p90 most at the most."
)


class Outlook(Struct, frozen=True, kw_only=True):
    """Expected amounts by quarter, and what chance makes of quarters, calendar years and all of them."""

    expected: tuple[Returned, ...]
    quarters: tuple[Chances, ...]
    years: tuple[Chances, ...]
    whole: Chances


class SpanView(Body, frozen=True, kw_only=True):
    low: SumKg
    middle: SumKg
    high: SumKg

    @classmethod
    def of(cls, value: Span) -> Self:
        return cls(**{name: SUM_KG.text(mass_mg) for name, mass_mg in value._asdict().items()})


class UnitsView(Body, frozen=True, kw_only=True):
    low: str
    middle: str
    high: str

    @classmethod
    def of(cls, value: Span) -> Self:
        return cls(**{name: UNITS.text(units_micro) for name, units_micro in value._asdict().items()})


class CountsView(Body, frozen=True, kw_only=True):
    """Whole units, or pieces: at most `p10` in 10 of 100 cases, with the middle of the stated bounds;
    `p10_least` with the lower bounds; at most `p90_most` in 90 of 100 cases with the upper bounds."""

    p05: int
    p10: int
    p50: int
    p90: int
    p95: int
    p10_least: int
    p90_most: int

    @classmethod
    def of(cls, value: Likely, each: int = 1) -> Self:
        return cls(**{name: count * each for name, count in value._asdict().items()})


class MassesView(Body, frozen=True, kw_only=True):
    """As the counts of units have it, of what is in them."""

    p05: SumKg
    p10: SumKg
    p50: SumKg
    p90: SumKg
    p95: SumKg
    p10_least: SumKg
    p90_most: SumKg

    @classmethod
    def of(cls, value: Likely) -> Self:
        return cls(**{name: SUM_KG.text(mass_mg) for name, mass_mg in value._asdict().items()})


class QuantilesView(Body, frozen=True, kw_only=True):
    """`disassembled_units` are taken apart, fewer than reach their end of life; `reused_units` are of them,
    with the `reused_magnets` in these, where a share of reuse is stated; `basis_kg` as markets count it. A
    unit is recycled or reused: never add both."""

    disassembled_units: CountsView
    recovered_kg: dict[str, MassesView]
    basis_kg: dict[MarketBasis, MassesView]
    reused_units: CountsView | None
    reused_magnets: CountsView | None

    @classmethod
    def of(cls, value: Chances, pieces: int) -> Self:
        """`pieces`: magnets in one unit."""
        masses_mg, reused = by_basis(value.recovered_mg, value.reused_mg), value.reused_units
        return cls(
            disassembled_units=CountsView.of(value.units),
            recovered_kg={name: MassesView.of(each) for name, each in value.recovered_mg.items()},
            basis_kg={name: MassesView.of(each) for name, each in masses_mg.items()},
            reused_units=None if reused is None else CountsView.of(reused),
            reused_magnets=None if reused is None else CountsView.of(reused, pieces),
        )


class PeriodView(Body, frozen=True, kw_only=True):
    """Of the quarters from `first` to `last` together."""

    first: Quarter
    last: Quarter
    quantiles: QuantilesView

    @classmethod
    def of(cls, value: Chances, pieces: int) -> Self:
        return cls(
            first=quarter_text(value.first),
            last=quarter_text(value.last),
            quantiles=QuantilesView.of(value, pieces),
        )


class QuarterView(Body, frozen=True, kw_only=True):
    """Expected: `units` at their end of life, `recovered_kg` by element, `basis_kg` as markets count it,
    `until_now_kg` all quarters so far. `quantiles`: what chance makes of it."""

    quarter: Quarter
    units: UnitsView
    recovered_kg: dict[str, SpanView]
    basis_kg: dict[MarketBasis, SpanView]
    until_now_kg: dict[str, SpanView]
    quantiles: QuantilesView

    @classmethod
    def of(cls, value: Returned, likely: Chances, pieces: int) -> Self:
        masses_mg = by_basis(value.recovered_mg, value.reused_mg)
        return cls(
            quarter=quarter_text(value.quarter),
            units=UnitsView.of(value.units_micro),
            recovered_kg={name: SpanView.of(span) for name, span in value.recovered_mg.items()},
            basis_kg={name: SpanView.of(span) for name, span in masses_mg.items()},
            until_now_kg={name: SpanView.of(span) for name, span in value.until_now_mg.items()},
            quantiles=QuantilesView.of(likely, pieces),
        )


LowMiddleHigh: TypeAlias = Annotated[tuple[str, ...], Meta(min_length=3, max_length=3)]
"""As an array of one kind of item, which every generator of clients reads."""


class ReturnsView(Body, frozen=True, kw_only=True):
    """`life` and `recovery` as they were taken, in years and per cent, `reuse` as it was stated; `twin` that
    it rests on, if any. `years`: calendar years, as far as they are among the quarters."""

    twin: NamedTwin | None = None
    life_years: LowMiddleHigh
    shape: str
    recovery_percent: LowMiddleHigh
    reuse: ReuseTerms | None = None
    magnets_per_unit: int
    quarters: tuple[QuarterView, ...]
    years: tuple[PeriodView, ...]
    total: PeriodView
    warnings: tuple[Warned, ...] = ()


class Line(Struct, frozen=True, kw_only=True):
    """Milligrams of one element or basis in one quarter."""

    quarter: str
    of: str
    expected: Span
    until_now: Span | None
    likely: Likely


def sheet_of(found: Outlook, basis: MarketBasis | None) -> Sheet:
    """The elements, of which the first is drawn, or one market's basis alone."""
    lines = tuple(_lines(found, basis))
    drawn = lines[0].of
    bars = tuple(_bar(each) for each in lines if each.of == drawn)
    return Sheet(
        name="returns",
        title=f"What comes back by quarter; drawn: {drawn}",
        note=NOTE,
        head=(
            "quarter",
            "element" if basis is None else "basis",
            *(f"{when}{name}_kg" for when in ("", "until_now_") for name in Span._fields),
            *(f"{name}_kg" for name in (*QUANTILES_SHOWN, "p10_least", "p90_most")),
        ),
        rows=tuple(map(_row, lines)),
        key="expected, dark: least · middle · light: most; blue: p10 to p90",
        bars=bars,
        whole=max(max(each.expected.high, each.likely.p90) for each in lines if each.of == drawn),
    )


def _lines(found: Outlook, basis: MarketBasis | None) -> Iterator[Line]:
    for expected, likely in zip(found.expected, found.quarters, strict=True):
        quarter = quarter_text(expected.quarter)
        if basis is None:
            for element, span in expected.recovered_mg.items():
                yield Line(
                    quarter=quarter,
                    of=element,
                    expected=span,
                    until_now=expected.until_now_mg[element],
                    likely=likely.recovered_mg[element],
                )
        else:
            yield Line(
                quarter=quarter,
                of=basis,
                expected=by_basis(expected.recovered_mg, expected.reused_mg)[basis],
                until_now=by_basis(expected.until_now_mg).get(basis),
                likely=by_basis(likely.recovered_mg, likely.reused_mg)[basis],
            )


def _row(line: Line) -> tuple[str | None, ...]:
    until_now = (None,) * len(Span._fields) if line.until_now is None else map(SUM_KG.text, line.until_now)
    quantiles = (*(getattr(line.likely, name) for name in QUANTILES_SHOWN), *line.likely[-2:])
    return (
        line.quarter,
        line.of,
        *map(SUM_KG.text, line.expected),
        *until_now,
        *map(SUM_KG.text, quantiles),
    )


def _bar(line: Line) -> Bar:
    low, middle, high = line.expected
    return Bar(
        label=line.quarter,
        parts=(("low", low), ("middle", middle - low), ("high", high - middle)),
        band=(line.likely.p10, line.likely.p90),
    )
