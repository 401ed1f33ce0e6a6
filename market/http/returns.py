"""Return forecasts: when a product's magnets come back. Computed on what is posted; nothing is kept."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Annotated, Any, Final, Self

from msgspec import Meta, Struct

from events.forecast_terms import ProductMagnet
from events.vocabulary import ANALYTES, MarketBasis
from market import data
from market.http.access import READERS
from market.http.crma_views import SUM_KG, SumKg
from market.http.endpoint import Answer, Call, endpoint
from market.http.faults import Fault
from market.http.loading import COST, RATE
from market.http.material import Body, NamedTwin
from market.http.numbers import PERCENT, DecimalKind
from market.http.problems import DoorError
from market.http.product_twins import load_version
from market.http.return_terms import (
    SHAPE,
    YEARS,
    BillTerms,
    LifeTerms,
    PlacedTerms,
    Quarter,
    SpanTerms,
    quarter_number,
)
from market.http.sheets import SHAPES, Bar, Shape, Sheet, answer
from market.rules.returns import (
    QUARTERS,
    Life,
    Losses,
    Returned,
    Span,
    bill_line,
    by_basis,
    forecast,
    life_span,
    span_of,
)
from market.rules.twin_references import product_magnets
from market.rules.wording import Code

TAG: Final = "Forecasts"
QUARTERS_MAX: Final = 160
PLACED_MAX: Final = 240
RECOVERED: Final = DecimalKind(unit="kg per kg", digits=1, decimals=9, example="0.985")
UNITS: Final = DecimalKind(unit="units", digits=12, decimals=6, example="1250.5")
EXAMPLE: Final[dict[str, Any]] = {
    "application": "ev-traction-motor",
    "magnets": [
        {
            "pieces": 48,
            "mass_g": "62.5",
            "elements": [
                {"element": "Nd", "low": "20.5", "middle": "21.5", "high": "22.5"},
                {"element": "Pr", "low": "5", "middle": "5", "high": "5"},
                {"element": "Dy", "low": "2", "middle": "4", "high": "5"},
            ],
        }
    ],
    "placed_on_market": [{"quarter": "2020-Q1", "units": 12000}, {"quarter": "2021-Q1", "units": 30000}],
    "collection": {"low": "40", "middle": "60", "high": "80"},
    "disassembly": {"low": "70", "middle": "85", "high": "95"},
    "route": "hydrometallurgy",
    "first": "2030-Q1",
    "quarters": 40,
}


class ReturnsTerms(Body, frozen=True, kw_only=True):
    """`twin` takes life and magnets from a product twin of one's own. Else `magnets` are stated, and
    `application` takes life and bounds from the reference data or `life` states them; `route` and `recovery`
    alike. A quarter's units come back from the next quarter on."""

    twin: NamedTwin | None = None
    application: Code | None = None
    life: LifeTerms | None = None
    magnets: Annotated[tuple[BillTerms, ...], Meta(max_length=64)] = ()
    placed_on_market: Annotated[tuple[PlacedTerms, ...], Meta(min_length=1, max_length=PLACED_MAX)]
    collection: SpanTerms
    disassembly: SpanTerms
    route: Code | None = None
    recovery: SpanTerms | None = None
    first: Quarter
    quarters: Annotated[int, Meta(ge=1, le=QUARTERS_MAX)]

    def __post_init__(self) -> None:
        if sum(each is not None for each in (self.twin, self.application, self.life)) != 1:
            raise ValueError("name a twin or an application or state a life, one of them")
        if (self.twin is None) != bool(self.magnets):
            raise ValueError("state magnets, or name the twin that has them")
        if (self.route is None) == (self.recovery is None):
            raise ValueError("name a route or state a recovery, one of them")
        named = [each.quarter for each in self.placed_on_market]
        if len(named) != len(set(named)):
            raise ValueError("placed_on_market has each quarter once")


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


class QuarterView(Body, frozen=True, kw_only=True):
    """`recovered_kg` by element, `basis_kg` as markets count it, `until_now_kg` all quarters so far."""

    quarter: Quarter
    units: UnitsView
    recovered_kg: dict[str, SpanView]
    basis_kg: dict[MarketBasis, SpanView]
    until_now_kg: dict[str, SpanView]

    @classmethod
    def of(cls, value: Returned) -> Self:
        return cls(
            quarter=_quarter_text(value.quarter),
            units=UnitsView.of(value.units_micro),
            recovered_kg={name: SpanView.of(span) for name, span in value.recovered_mg.items()},
            basis_kg={name: SpanView.of(span) for name, span in by_basis(value.recovered_mg).items()},
            until_now_kg={name: SpanView.of(span) for name, span in value.until_now_mg.items()},
        )


class ReturnsView(Body, frozen=True, kw_only=True):
    """`life` and `recovery` as they were taken, in years and per cent; `twin` that it rests on, if any."""

    twin: NamedTwin | None = None
    life_years: tuple[str, str, str]
    shape: str
    recovery_percent: tuple[str, str, str]
    quarters: tuple[QuarterView, ...]


class ReturnsQuery(Struct, frozen=True, kw_only=True):
    format: Annotated[Shape | None, Meta(description="Instead of an Accept header.")] = None


@endpoint(
    "POST",
    "/v1/forecasts/returns",
    roles=READERS,
    summary="Forecast what comes back of a product",
    tag=TAG,
    body=ReturnsTerms,
    query=ReturnsQuery,
    answer=ReturnsView,
    shapes=SHAPES,
    cost=COST,
    example=EXAMPLE,
    description=(
        "Of units placed on the market by quarter: how many reach their end of life (Weibull), and how much "
        "of each element collection, disassembly and recovery leave, with least, middle and most: the bounds "
        "of what was stated or published, no probabilities. A quarter's least and most are of the three "
        "lives; `until_now_kg` has exact bounds where `first` is no later than the first unit. A pure "
        f"computation: nothing is recorded. {RATE}"
    ),
)
async def read(call: Call[ReturnsTerms, ReturnsQuery]) -> Answer:
    body = call.body
    _check(body)
    life, bill = await _product(call)
    recovery = body.recovery.span if body.recovery is not None else _published_recovery(body.route or "")
    found = forecast(
        {quarter_number(each.quarter): each.units for each in body.placed_on_market},
        [bill_line(each) for each in bill],
        life,
        Losses(
            collection_ppb=body.collection.span,
            disassembly_ppb=body.disassembly.span,
            recovery_ppb=recovery,
        ),
        quarter_number(body.first),
        body.quarters,
    )
    view = ReturnsView(
        twin=body.twin,
        life_years=_texts(YEARS.text, life.scale_micro_years),
        shape=SHAPE.text(life.shape_micro),
        recovery_percent=_texts(PERCENT.text, recovery),
        quarters=tuple(map(QuarterView.of, found)),
    )
    return answer(call, view, _sheet(found), call.query.format)


def _check(body: ReturnsTerms) -> None:
    faults = [
        Fault(
            code="unknown", detail=f"no element {each.element!r}", pointer=f"/magnets/{line}/elements/{index}"
        )
        for line, magnet in enumerate(body.magnets)
        for index, each in enumerate(magnet.elements)
        if each.element not in ANALYTES
    ]
    known = {"application": "lifetimes.csv", "route": "recycling_routes.csv"}
    for name, file_name in known.items():
        stated, names = getattr(body, name), [row[name] for row in data.rows(file_name)]
        if stated is not None and stated not in names:
            faults.append(Fault(code="unknown", detail=f"there are {', '.join(names)}", pointer=f"/{name}"))
    if faults:
        raise DoorError("inconsistent", "This forecast names what is not known.", faults=faults)


async def _product(call: Call[ReturnsTerms, ReturnsQuery]) -> tuple[Life, tuple[ProductMagnet, ...]]:
    """Life and magnets of one unit. DoorError where the twin is not the caller's to read."""
    body = call.body
    if body.twin is not None:
        row = await load_version(call, body.twin.inside())
        if row is None:
            fault = Fault(code="unknown", detail="no such version of a product twin", pointer="/twin")
            raise DoorError("inconsistent", "This forecast names what is not known.", faults=[fault])
        terms = row.twin.terms
        life = Life(scale_micro_years=span_of(terms.scale_micro_years), shape_micro=terms.shape_micro)
        return life, product_magnets(terms.magnets)
    life = _published_life(body.application or "") if body.life is None else body.life.inside()
    return life, tuple(each.inside() for each in body.magnets)


def _published_life(application: str) -> Life:
    """The reference data's scale, with the bounds of its life around its middle."""
    (row,) = (row for row in data.rows("lifetimes.csv") if row["application"] == application)
    low, _, high = row["life_years"].partition("-")
    scale_micro_years = YEARS.parse(row["weibull_scale_years"])
    return Life(
        scale_micro_years=life_span(scale_micro_years, (Fraction(low), Fraction(high or low))),
        shape_micro=SHAPE.parse(row["weibull_shape"]),
    )


def _published_recovery(route: str) -> Span:
    """A range has its exact middle: parts per billion are fine enough for every figure of the file."""
    (row,) = (row for row in data.rows("recycling_routes.csv") if row["route"] == route)
    low, _, high = row["ree_recovery"].partition("-")
    least, most = (RECOVERED.parse(text) for text in (low, high or low))
    return Span(least, (least + most) // 2, most)


def _quarter_text(number: int) -> str:
    return f"{number // QUARTERS}-Q{number % QUARTERS + 1}"


def _texts(text: Callable[[int], str], span: Span) -> tuple[str, str, str]:
    return text(span.low), text(span.middle), text(span.high)


def _sheet(found: tuple[Returned, ...]) -> Sheet:
    drawn = next(iter(found[0].recovered_mg))
    return Sheet(
        name="returns",
        title=f"What comes back by quarter; drawn: {drawn}",
        note="Kilograms recovered by element: least, middle and most, of the quarter and of all so far.",
        head=(
            "quarter",
            "element",
            *(f"{when}{name}_kg" for when in ("", "until_now_") for name in Span._fields),
        ),
        rows=tuple(_rows(found)),
        key="dark: least · middle · light: most",
        bars=tuple(_bar(_quarter_text(each.quarter), each.recovered_mg[drawn]) for each in found),
        whole=max(each.recovered_mg[drawn].high for each in found),
    )


def _rows(found: tuple[Returned, ...]) -> Iterator[tuple[str, ...]]:
    for each in found:
        for element, span in each.recovered_mg.items():
            figures = (*span, *each.until_now_mg[element])
            yield _quarter_text(each.quarter), element, *map(SUM_KG.text, figures)


def _bar(label: str, span: Span) -> Bar:
    return Bar(
        label=label,
        parts=(("low", span.low), ("middle", span.middle - span.low), ("high", span.high - span.middle)),
    )


HANDLERS: Final = (read,)
