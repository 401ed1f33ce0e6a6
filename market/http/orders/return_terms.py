"""What a return forecast is computed from, as a request states it: life, magnets, units placed, losses."""

from typing import Annotated, Final, Self

from msgspec import Meta

from events.forecast_terms import (
    Bounds,
    ElementShare,
    PlacedUnits,
    ProductMagnet,
    ReuseShare,
    ShareBounds,
)
from market.http.wire.material import Body
from market.http.wire.numbers import END, GRAMS, PERCENT, DecimalKind, Grams, Percent
from market.rules.refusing.wording import Code, Text
from market.rules.twins.capacities import QUARTERS
from market.rules.twins.returns import Life, Span

UNITS_MAX: Final = 10**9
YEARS: Final = DecimalKind(unit="years", digits=3, decimals=6, positive=True, example="16")
SHAPE: Final = DecimalKind(unit="Weibull shape", digits=2, decimals=6, positive=True, example="3.5")
Years = Annotated[str, YEARS.meta()]
Quarter = Annotated[
    str,
    Meta(pattern=rf"^(19[89][0-9]|20[0-9][0-9])-Q[1-4]{END}", max_length=7, examples=["2027-Q1"]),
]


def quarter_number(text: str) -> int:
    year, _, quarter = text.partition("-Q")
    return int(year) * QUARTERS + int(quarter) - 1


class SpanTerms(Body, frozen=True, kw_only=True):
    """Least, middle and most, in per cent."""

    low: Percent
    middle: Percent
    high: Percent

    def __post_init__(self) -> None:
        low, middle, high = self.span
        if not low <= middle <= high:
            raise ValueError("`low` is at most `middle`, and that at most `high`")

    @property
    def span(self) -> Span:
        return Span(PERCENT.decoded(self.low), PERCENT.decoded(self.middle), PERCENT.decoded(self.high))

    def inside(self) -> ShareBounds:
        return ShareBounds(**self.span._asdict())

    @classmethod
    def outside(cls, value: ShareBounds) -> "SpanTerms":
        return SpanTerms(**_texts(value, PERCENT))


class ReuseTerms(SpanTerms, frozen=True, kw_only=True):
    """Share of the disassembled units whose magnets can be reused as they are. No published figure exists: it
    has to be stated, with its source."""

    source: Text

    def inside(self) -> ReuseShare:
        return ReuseShare(**self.span._asdict(), source=self.source)

    @classmethod
    def shown(cls, value: ReuseShare) -> Self:
        return cls(source=value.source, **_texts(value, PERCENT))


class ElementContent(SpanTerms, frozen=True, kw_only=True):
    """Share of an element in the magnet's mass."""

    element: Code


class BillTerms(Body, frozen=True, kw_only=True):
    """`pieces` identical magnets in one unit of the product, each of `mass_g`."""

    pieces: Annotated[int, Meta(ge=1, le=1_000_000)]
    mass_g: Grams
    elements: Annotated[tuple[ElementContent, ...], Meta(min_length=1, max_length=16)]

    def inside(self) -> ProductMagnet:
        return ProductMagnet(
            pieces=self.pieces,
            mass_mg=GRAMS.decoded(self.mass_g),
            elements=tuple(
                ElementShare(element=each.element, fraction_ppb=each.inside()) for each in self.elements
            ),
        )

    @classmethod
    def outside(cls, value: ProductMagnet) -> Self:
        return cls(
            pieces=value.pieces,
            mass_g=GRAMS.text(value.mass_mg),
            elements=tuple(
                ElementContent(element=each.element, **_texts(each.fraction_ppb, PERCENT))
                for each in value.elements
            ),
        )


class PlacedTerms(Body, frozen=True, kw_only=True):
    quarter: Quarter
    units: Annotated[int, Meta(ge=0, le=UNITS_MAX)]

    def inside(self) -> PlacedUnits:
        year, part = divmod(quarter_number(self.quarter), QUARTERS)
        return PlacedUnits(year=year, quarter=part + 1, units=self.units)

    @classmethod
    def outside(cls, value: PlacedUnits) -> Self:
        return cls(quarter=f"{value.year}-Q{value.quarter}", units=value.units)


class LifeTerms(Body, frozen=True, kw_only=True):
    """A Weibull life: its characteristic life, with bounds, and its shape."""

    least_years: Years
    years: Years
    most_years: Years
    shape: Annotated[str, SHAPE.meta()]

    def __post_init__(self) -> None:
        least, middle, most = map(YEARS.decoded, (self.least_years, self.years, self.most_years))
        if not least <= middle <= most:
            raise ValueError("`least_years` is at most `years`, and that at most `most_years`")

    def inside(self) -> Life:
        return Life(
            scale_micro_years=Span(*map(YEARS.decoded, (self.least_years, self.years, self.most_years))),
            shape_micro=SHAPE.decoded(self.shape),
        )

    @classmethod
    def outside(cls, value: Bounds, shape_micro: int) -> Self:
        return cls(
            least_years=YEARS.text(value.low),
            years=YEARS.text(value.middle),
            most_years=YEARS.text(value.high),
            shape=SHAPE.text(shape_micro),
        )


def _texts(bounds: Bounds, kind: DecimalKind) -> dict[str, str]:
    return {name: kind.text(getattr(bounds, name)) for name in ("low", "middle", "high")}
