"""Figures of an initiative: stated once for each quarter, read as JSON, as a table and as a page."""

from datetime import date
from typing import Annotated, Final, Self

from msgspec import Meta, Struct

from events.initiative_terms import (
    FigureBand,
    FigureCell,
    FigureMeasure,
    FigureRoute,
    FigureShare,
    FigureStage,
)
from events.origin_terms import OriginStage
from events.party_events import InitiativeFiguresStated
from events.vocabulary import MarketBasis, RexRoute
from market.commands import initiative_figures as commands
from market.http.materials.figure_reads import load_figures
from market.http.parties.initiatives import TAG
from market.http.parties.partners import LEAD_READERS, load_led
from market.http.wire.access import COMPLIANCE
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing, endpoint, not_found
from market.http.wire.loading import COST, RATE
from market.http.wire.material import Body, check_days
from market.http.wire.numbers import PERCENT, SUM_KG, Percent, SumKg
from market.http.wire.reads import as_desk, sees_all
from market.http.wire.receipts import Accepted
from market.http.wire.sheets import SHAPES, Bar, Shape, Sheet, answer
from market.http.wire.steps import given
from market.pages import words
from market.rules.crma.shares import Verdict
from market.rules.refusing.wording import InitiativeCode
from market.store import initiatives as store

FIGURES: Final = "/v1/initiatives/{initiative}/figures"
MG_PER_G: Final = 1_000
NOTE: Final = (
    "Contained kg of each market's basis: at least the first figure, less than the second. Shown is only "
    "what enough groups of companies stand behind, none with more than half, without the coordinator's own."
)


class FiguresQuery(Struct, frozen=True, kw_only=True):
    """`since`: the first day of a quarter; without it the newest that was stated."""

    since: date | None = None
    format: Annotated[Shape | None, Meta(description="Instead of an Accept header.")] = None

    def __post_init__(self) -> None:
        check_days(self)


class FiguresOrder(Body, frozen=True, kw_only=True):
    """The first day of a quarter that is over."""

    since: date

    def __post_init__(self) -> None:
        check_days(self)


class FiguresAccepted(Accepted, frozen=True, kw_only=True):
    initiative: InitiativeCode
    since: date


class MassRange(Body, frozen=True, kw_only=True):
    """At least `least_kg`, below `most_kg`."""

    least_kg: SumKg
    most_kg: SumKg

    @classmethod
    def of(cls, band: FigureBand) -> Self:
        return cls(least_kg=SUM_KG.text(band.low * MG_PER_G), most_kg=SUM_KG.text(band.high * MG_PER_G))


class ShareRange(Body, frozen=True, kw_only=True):
    """At least `least_percent`, below `most_percent`; all of it counts in the last step."""

    least_percent: Percent
    most_percent: Percent

    @classmethod
    def of(cls, band: FigureBand) -> Self:
        return cls(least_percent=PERCENT.text(band.low), most_percent=PERCENT.text(band.high))


class MassView(Body, frozen=True, kw_only=True):
    """`stage` null: of all of them. Of orders by the forms they are for, of trades by what was sold;
    `several`: a need of forms of several stages."""

    measure: FigureMeasure
    stage: FigureStage | None
    material: MarketBasis
    contained: MassRange

    @classmethod
    def of(cls, cell: FigureCell) -> Self:
        return cls(
            measure=cell.measure,
            stage=cell.stage,
            material=cell.material,
            contained=MassRange.of(cell.mass_g),
        )


class PartnersShareView(Body, frozen=True, kw_only=True):
    """Of what partners that make magnets in the Union took of an element; against Article 5 of Regulation
    (EU) 2024/1252."""

    element: str
    stage: OriginStage
    union: ShareRange
    undeclared: ShareRange
    largest_third_country: ShareRange
    benchmark_percent: Percent | None
    benchmark: Verdict
    ceiling_percent: Percent | None
    ceiling: Verdict

    @classmethod
    def of(cls, share: FigureShare) -> Self:
        return cls(
            element=share.element,
            stage=share.stage,
            union=ShareRange.of(share.union_ppb),
            undeclared=ShareRange.of(share.undeclared_ppb),
            largest_third_country=ShareRange.of(share.largest_third_ppb),
            benchmark_percent=PERCENT.text_optional(share.benchmark_ppb),
            benchmark=share.benchmark,
            ceiling_percent=PERCENT.text_optional(share.ceiling_ppb),
            ceiling=share.ceiling,
        )


class RouteView(Body, frozen=True, kw_only=True):
    """Net wet mass of goods by Re-X route, and pieces; null if too few state the number."""

    rex_route: RexRoute
    goods: MassRange
    least_pieces: int | None
    most_pieces: int | None

    @classmethod
    def of(cls, route: FigureRoute) -> Self:
        pieces = route.pieces
        return cls(
            rex_route=route.route,
            goods=MassRange.of(route.goods_g),
            least_pieces=None if pieces is None else pieces.low,
            most_pieces=None if pieces is None else pieces.high,
        )


class FiguresView(Body, frozen=True, kw_only=True):
    """One quarter as it was stated; it never changes. Figures with too few groups of companies are left out,
    just like zero."""

    initiative: InitiativeCode
    since: date
    until: date
    partners: int
    groups: int
    groups_min: int
    masses: tuple[MassView, ...]
    shares: tuple[PartnersShareView, ...]
    rex_routes: tuple[RouteView, ...]

    @classmethod
    def of(cls, stated: InitiativeFiguresStated) -> Self:
        return cls(
            initiative=stated.initiative,
            since=stated.since,
            until=stated.until,
            partners=stated.partners,
            groups=len(stated.groups),
            groups_min=stated.groups_min,
            masses=tuple(map(MassView.of, stated.cells)),
            shares=tuple(map(PartnersShareView.of, stated.shares)),
            rex_routes=tuple(map(RouteView.of, stated.routes)),
        )


@endpoint(
    "POST",
    FIGURES,
    roles=COMPLIANCE,
    summary="State an initiative's figures of a quarter",
    tag=TAG,
    body=FiguresOrder,
    query=DryRun,
    answer=FiguresAccepted,
    status=201,
    idempotent=True,
    cost=COST,
    problems=(422,),
    description="By the organisation that coordinates it, or an operator, of a quarter that is over: once "
    "and for good, of who are its partners then. Refused while another initiative with the same coordinator "
    "has figures of that quarter and its partners differ by fewer groups of companies than stand behind a "
    f"figure. {RATE}",
    example={"since": "2026-07-01"},
)
async def state(call: Call[FiguresOrder, DryRun]) -> Answer:
    initiative = await load_led(call)
    outcome = await given(call, commands.state, await load_figures(call, initiative, call.body.since))
    stated = outcome.fact(InitiativeFiguresStated)
    return outcome.answer(
        FiguresAccepted(initiative=stated.initiative, since=stated.since, **outcome.accepted())
    )


@endpoint(
    "GET",
    FIGURES,
    roles=LEAD_READERS,
    summary="Read an initiative's figures of a quarter",
    tag=TAG,
    query=FiguresQuery,
    answer=FiguresView,
    shapes=SHAPES,
    etagged=True,
    problems=(422,),
    description="For the organisation that coordinates it, operators and auditors: by stage and material "
    "what its partners offered, needed, agreed and took, inside the initiative and across; their shares of "
    "consumption against the benchmarks of the CRMA; goods by Re-X route. In bands, each of enough groups of "
    "companies. A coordinator reads what was stated while it was one.",
)
async def read(call: Call[Nothing, FiguresQuery]) -> Answer:
    initiative = await load_led(call)
    async with as_desk(call) as connection:
        stated = await store.load_figures(connection, initiative.initiative, call.query.since)
    if stated is None or not (sees_all(call.caller) or stated.coordinated_by == call.caller.organisation):
        raise not_found()
    view = FiguresView.of(stated)
    return await answer(call, view, figures_sheet(view), call.query.format)


def figures_sheet(view: FiguresView) -> Sheet:
    """Masses, then shares, then routes: one row each, with what its kind has no column of left empty."""
    masses = [
        (each.measure, each.stage or "all", each.material, each.contained.least_kg, each.contained.most_kg)
        for each in view.masses
    ]
    routes = [
        ("rex_route", each.rex_route, None, each.goods.least_kg, each.goods.most_kg)
        for each in view.rex_routes
    ]
    shares = [
        (
            "share",
            each.stage,
            each.element,
            None,
            None,
            each.union.least_percent,
            each.union.most_percent,
            each.benchmark_percent,
            each.benchmark,
            each.ceiling,
        )
        for each in view.shares
    ]
    bare = (None,) * 5
    bars = [
        (words(f"{measure} {stage} {material}"), SUM_KG.decoded(least), SUM_KG.decoded(most))
        for measure, stage, material, least, most in masses
    ]
    return Sheet(
        name=f"initiative-{view.initiative}-{view.since}",
        title=f"Figures of {view.initiative} from {view.since} to before {view.until}",
        note=NOTE,
        head=(
            "measure",
            "stage",
            "material",
            "least_kg",
            "most_kg",
            "union_least_percent",
            "union_most_percent",
            "benchmark_percent",
            "benchmark",
            "ceiling",
        ),
        rows=(*((*row, *bare) for row in (*masses, *routes)), *shares),
        key="green: at least this much · grey: the rest of the band",
        bars=tuple(
            Bar(label=label, parts=(("inside", least), ("open", most - least))) for label, least, most in bars
        ),
        whole=max((most for _, _, most in bars), default=1),
        scope=(
            ("initiative", view.initiative),
            ("since", str(view.since)),
            ("until", str(view.until)),
            ("partners", str(view.partners)),
            ("groups_min", str(view.groups_min)),
        ),
    )


HANDLERS: Final = (state, read)
