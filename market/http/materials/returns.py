"""Return forecasts: when a product's magnets come back. Computed on what is posted; nothing is kept."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from events.analytes import element_meant_by
from events.forecast_terms import ProductMagnet
from events.refusal import Refusal
from events.vocabulary import ELEMENTS, MarketBasis
from events.wellformed import duplicate_refusals
from market import data
from market.http.materials.product_twins import load_version
from market.http.materials.return_views import Outlook, PeriodView, QuarterView, ReturnsView, sheet_of
from market.http.orders.return_terms import (
    SHAPE,
    YEARS,
    BillTerms,
    LifeTerms,
    PlacedTerms,
    Quarter,
    ReuseTerms,
    SpanTerms,
    quarter_number,
)
from market.http.wire.access import READERS
from market.http.wire.endpoint import Answer, Call, endpoint
from market.http.wire.faults import Fault
from market.http.wire.loading import COST, RATE, BookLoads
from market.http.wire.material import Body, NamedTwin
from market.http.wire.numbers import PERCENT, DecimalKind
from market.http.wire.problems import DoorError, told
from market.http.wire.receipts import warned
from market.http.wire.sheets import SHAPES, Shape, answer
from market.rules.orders.twin_references import product_magnets
from market.rules.orders.unlikely_magnets import share_cautions
from market.rules.refusing.forecast_defects import ForecastBeforePlaced
from market.rules.refusing.wording import Code
from market.rules.twins.capacities import quarter_text
from market.rules.twins.magnet_shares import share_refusals
from market.rules.twins.return_chances import Fleet, calendar_years, chances
from market.rules.twins.returns import (
    Life,
    Losses,
    Span,
    bill_line,
    by_basis,
    forecast,
    life_span,
    span_of,
)

TAG: Final = "Forecasts"
QUARTERS_MAX: Final = 160
PLACED_MAX: Final = 240
RECOVERED: Final = DecimalKind(unit="kg per kg", digits=1, decimals=9, example="0.985")
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
    alike. `reuse` makes whole magnets for reuse of the same units, a share that nobody publishes. A quarter's
    units come back from the next quarter on."""

    twin: NamedTwin | None = None
    application: Code | None = None
    life: LifeTerms | None = None
    magnets: Annotated[tuple[BillTerms, ...], Meta(max_length=64)] = ()
    placed_on_market: Annotated[tuple[PlacedTerms, ...], Meta(min_length=1, max_length=PLACED_MAX)]
    collection: SpanTerms
    disassembly: SpanTerms
    route: Code | None = None
    recovery: SpanTerms | None = None
    reuse: ReuseTerms | None = None
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


class ReturnsQuery(Struct, frozen=True, kw_only=True):
    basis: Annotated[
        MarketBasis | None, Meta(description="Of a market: what table and plot show, instead of elements.")
    ] = None
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
    description=f"""Of units placed on the market by quarter: how many reach their end of life
(Weibull), and how much of each element, and of each market's basis, collection, disassembly and
recovery leave. By quarter, by calendar year as far as asked for, and in total. A pure computation:
nothing is recorded.

Two kinds of uncertainty, told apart:

- least, middle and most are expected amounts at the bounds of what was stated or published, no
  probabilities. A quarter's are of the three lives; `until_now_kg` has exact bounds where `first` is no
  later than the first unit
- `quantiles` are what chance leaves, unit by unit, at the middle of all that is stated: in 10 of 100
  cases no more than `p10` comes. Units are taken as independent: what befalls many at once, a recall or
  a price, spreads more

`p10_least` and `p90_most` are both together: the tenth percentile at the least of everything, the
ninetieth at the most. {RATE}""",
)
async def read(call: Call[ReturnsTerms, ReturnsQuery]) -> Answer:
    body = call.body
    _check(body)
    life, bill = await _product(call)
    recovery = body.recovery.span if body.recovery is not None else _published_recovery(body.route or "")
    fleet = Fleet(
        placed={quarter_number(each.quarter): each.units for each in body.placed_on_market},
        bill=tuple(map(bill_line, bill)),
        life=life,
        losses=Losses(
            collection_ppb=body.collection.span,
            disassembly_ppb=body.disassembly.span,
            recovery_ppb=recovery,
            reuse_ppb=None if body.reuse is None else body.reuse.span,
        ),
    )
    loads: BookLoads = call.state.loads
    computed = partial(_computed, fleet, quarter_number(body.first), body.quarters)
    found = await loads.work_of(call.caller.organisation, computed)
    _check_basis(found, call.query.basis)
    view = ReturnsView(
        twin=body.twin,
        life_years=_texts(YEARS.text, life.scale_micro_years),
        shape=SHAPE.text(life.shape_micro),
        recovery_percent=_texts(PERCENT.text, recovery),
        reuse=body.reuse,
        magnets_per_unit=(pieces := sum(each.pieces for each in bill)),
        quarters=tuple(
            QuarterView.of(each, likely, pieces)
            for each, likely in zip(found.expected, found.quarters, strict=True)
        ),
        years=tuple(PeriodView.of(each, pieces) for each in found.years),
        total=PeriodView.of(found.whole, pieces),
        warnings=warned(share_cautions(bill, "/magnets")),
    )
    return await answer(call, view, sheet_of(found, call.query.basis), call.query.format)


def _check_basis(found: Outlook, basis: MarketBasis | None) -> None:
    there = by_basis(found.whole.recovered_mg, found.whole.reused_mg)
    if basis is not None and basis not in there:
        detail = f"the forecast has {', '.join(there)}; whole magnets need a share of reuse"
        fault = Fault(code="unknown", detail=detail, parameter="basis")
        raise DoorError("inconsistent", "This forecast has nothing of that basis.", faults=[fault])


def _check(body: ReturnsTerms) -> None:
    faults = [
        Fault(
            code="unknown",
            detail=f"no element {each.element!r}: {element_meant_by(each.element)}",
            pointer=f"/magnets/{line}/elements/{index}",
        )
        for line, magnet in enumerate(body.magnets)
        for index, each in enumerate(magnet.elements)
        if each.element not in ELEMENTS
    ]
    known = {"application": "lifetimes.csv", "route": "recycling_routes.csv"}
    for name, file_name in known.items():
        stated, names = getattr(body, name), [row[name] for row in data.rows(file_name)]
        if stated is not None and stated not in names:
            faults.append(Fault(code="unknown", detail=f"there are {', '.join(names)}", pointer=f"/{name}"))
    faults += [
        Fault(code=each.code, detail=told(each), pointer=each.pointer)
        for each in (*_magnet_refusals(body), *_time_refusals(body))
    ]
    if faults:
        title = "This forecast names what is not known, or states what cannot be."
        raise DoorError("inconsistent", title, faults=faults)


def _magnet_refusals(body: ReturnsTerms) -> Iterator[Refusal]:
    for line, magnet in enumerate(body.magnets):
        pointer = f"/magnets/{line}/elements"
        yield from duplicate_refusals(pointer, [each.element for each in magnet.elements])
    yield from share_refusals([each.inside() for each in body.magnets], "/magnets")


def _time_refusals(body: ReturnsTerms) -> Iterator[Refusal]:
    """All that is asked for lies before the first unit can come back."""
    sold = [quarter_number(each.quarter) for each in body.placed_on_market if each.units]
    last = quarter_number(body.first) + body.quarters - 1
    if sold and last <= min(sold):
        yield ForecastBeforePlaced(
            pointer="/first", quarter=quarter_text(last), placed=quarter_text(min(sold))
        )


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


def _texts(text: Callable[[int], str], span: Span) -> tuple[str, str, str]:
    return text(span.low), text(span.middle), text(span.high)


def _computed(fleet: Fleet, first: int, quarters: int) -> Outlook:
    last = first + quarters - 1
    return Outlook(
        expected=forecast(fleet.placed, fleet.bill, fleet.life, fleet.losses, first, quarters),
        quarters=tuple(chances(fleet, each, each) for each in range(first, last + 1)),
        years=tuple(chances(fleet, *year) for year in calendar_years(first, last)),
        whole=chances(fleet, first, last),
    )


HANDLERS: Final = (read,)
