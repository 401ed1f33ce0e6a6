"""Clearings of a market: plan one on demand, abandon one (operators), read rounds."""

from typing import Final, Literal, Self

from events.clearing_terms import SectionResult
from events.market_events import ClearingPlanned
from events.vocabulary import Instant
from market.commands import clearings as commands
from market.http.rounds.markets import load as load_market
from market.http.wire import lists
from market.http.wire.access import OPERATORS, READERS
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing, endpoint, not_found
from market.http.wire.ids import MarketId, PlanId, to_text
from market.http.wire.lists import PageQuery
from market.http.wire.material import Body, utc
from market.http.wire.numbers import EUR_CENTS, KILOGRAMS, WELFARE, DecimalText
from market.http.wire.paging import Listing
from market.http.wire.reads import as_caller, sees_all
from market.http.wire.receipts import Accepted, done
from market.rules.refusing.wording import Code, Text
from market.store import clearings as store
from market.store.clearings import ClearingRow

TAG: Final = "Clearings"


class PlanTerms(Body, frozen=True, kw_only=True):
    """`announced_at`: when the round was announced to the members, if the market requires notice."""

    announced_at: Instant | None = None


class AbandonTerms(Body, frozen=True, kw_only=True):
    code: Code
    reason: Text


class SectionView(Body, frozen=True, kw_only=True):
    """One section's totals; welfare is Σ quantity × value, in EUR.

    No trades within the orders' limits are worth more than `bound_eur`; `gap_eur` = bound − welfare is the
    most that removed orders can have cost. `bound_without_sustainability_eur` is the bound if no buyer bid
    for sustainability. All three are null for older rounds. `welfare_without_sustainability_eur`, its former
    name, is not the welfare of any trades: compare it with `bound_eur`, never with `welfare_eur`, which whole
    lots and packages also reduce.
    """

    section: str
    edges: int
    trades: int
    traded_basis_kg: DecimalText
    welfare_eur: DecimalText
    welfare_without_sustainability_eur: DecimalText
    bound_eur: DecimalText | None
    bound_without_sustainability_eur: DecimalText | None
    gap_eur: DecimalText | None
    removed_orders: int | None
    unique: bool

    @classmethod
    def of(cls, result: SectionResult) -> Self:
        without = WELFARE.text(int(result.welfare_without_sustainability))
        return cls(
            section=result.section,
            edges=result.edge_count,
            trades=result.trades,
            traded_basis_kg=KILOGRAMS.text(int(result.traded_basis_g)),
            welfare_eur=WELFARE.text(int(result.welfare)),
            welfare_without_sustainability_eur=without,
            bound_eur=None if result.relaxed_bound is None else WELFARE.text(int(result.relaxed_bound)),
            bound_without_sustainability_eur=None if result.relaxed_bound is None else without,
            gap_eur=None if result.gap is None else WELFARE.text(int(result.gap)),
            removed_orders=result.removed_orders,
            unique=result.unique,
        )


class ClearingTotals(Body, frozen=True, kw_only=True):
    """What buyers pay is what sellers receive, to the cent."""

    matches: int
    buyers_pay_eur: DecimalText
    sellers_receive_eur: DecimalText
    sections: tuple[SectionView, ...]


class ClearingView(Body, frozen=True, kw_only=True):
    """A round. `cut` is the lane position of its plan: the round includes everything before it and nothing
    after it.

    `totals` is for operators and auditors; everybody gets the hashes that bind the round to its evidence.
    """

    id: PlanId
    market: MarketId
    round: int
    status: Literal["planned", "completed", "abandoned"]
    cut: int
    cut_time: Instant
    trigger: Literal["interval", "demand"]
    algorithm: str
    rule_set_version: int
    rule_set_sha256: str
    evidence_sha256: tuple[str, ...] = ()
    matches_sha256: str | None = None
    previous_sha256: str | None = None
    abandoned_code: str | None = None
    totals: ClearingTotals | None = None


class ClearingAccepted(Accepted, frozen=True, kw_only=True):
    """The position of the first receipt is the cut. `id` and `round` are null after a dry run of a plan."""

    id: PlanId | None
    round: int | None = None


def _view(row: ClearingRow, *, whole: bool) -> ClearingView:
    done_ = row.completed
    return ClearingView(
        id=to_text("plan", row.plan),
        market=to_text("mkt", row.market),
        round=row.round,
        status=row.status,
        cut=row.cut,
        cut_time=row.cut_time,
        trigger=row.planned.trigger,
        algorithm=row.planned.algorithm,
        rule_set_version=row.planned.rule_set.version,
        rule_set_sha256=row.planned.rule_set_sha256,
        evidence_sha256=() if done_ is None else done_.evidence_sha256,
        matches_sha256=None if done_ is None else done_.matches_sha256,
        previous_sha256=None if done_ is None else done_.previous_sha256,
        abandoned_code=None if row.abandoned is None else row.abandoned.code,
        totals=_totals(row) if whole else None,
    )


def _totals(row: ClearingRow) -> ClearingTotals | None:
    if row.completed is None:
        return None
    return ClearingTotals(
        matches=row.completed.match_count,
        buyers_pay_eur=EUR_CENTS.text(int(row.completed.buyers_pay_cents_eur)),
        sellers_receive_eur=EUR_CENTS.text(int(row.completed.sellers_receive_cents_eur)),
        sections=tuple(map(SectionView.of, row.completed.sections)),
    )


@endpoint(
    "POST",
    "/v1/markets/{market}/clearings",
    roles=OPERATORS,
    summary="Plan a clearing now",
    tag=TAG,
    body=PlanTerms,
    query=DryRun,
    answer=ClearingAccepted,
    status=201,
    located=True,
    idempotent=True,
    description="The matcher computes the round from the record up to the plan's position.",
    example={},
)
async def plan(call: Call[PlanTerms, DryRun]) -> Answer:
    announced = call.body.announced_at
    result = await commands.plan(
        call.door.desk,
        call.caller,
        market=call.ids["market"],
        trigger="demand",
        announced_at=None if announced is None else utc(announced, "/announced_at"),
        request=call.idempotent_request(),
        dry_run=call.query.validate_only,
    )
    outcome = done(call, result)
    fact = outcome.fact(ClearingPlanned)
    market = to_text("mkt", fact.market)
    found = outcome.made("plan", fact.plan)
    return outcome.answer(
        ClearingAccepted(id=found, round=None if found is None else fact.round, **outcome.accepted()),
        location=f"/v1/markets/{market}/clearings/{found}",
    )


@endpoint(
    "POST",
    "/v1/markets/{market}/clearings/{plan}/abandon",
    roles=OPERATORS,
    summary="Give up an open plan",
    tag=TAG,
    body=AbandonTerms,
    query=DryRun,
    answer=ClearingAccepted,
    idempotent=True,
    description="For a round that cannot be computed: it trades nothing, and the next one can be planned.",
    example={"code": "operator", "reason": "wrong reference price"},
)
async def abandon(call: Call[AbandonTerms, DryRun]) -> Answer:
    result = await commands.abandon(
        call.door.desk,
        call.caller,
        market=call.ids["market"],
        plan=call.ids["plan"],
        code=call.body.code,
        reason=call.body.reason,
        request=call.idempotent_request(),
        dry_run=call.query.validate_only,
    )
    outcome = done(call, result)
    return outcome.answer(ClearingAccepted(id=to_text("plan", call.ids["plan"]), **outcome.accepted()))


@endpoint(
    "GET",
    "/v1/markets/{market}/clearings",
    roles=READERS,
    summary="List clearings",
    tag=TAG,
    query=PageQuery,
    answer=Listing[ClearingView],
    description="The newest round first.",
)
async def index(call: Call[Nothing, PageQuery]) -> Answer:
    await load_market(call)
    async with as_caller(call) as connection:
        page = await store.list_clearings(
            connection, call.ids["market"], after=lists.after(call, int), limit=lists.limit(call)
        )
    whole = sees_all(call.caller)
    return lists.answer(call, page, key=lambda row: row.round, view=lambda row: _view(row, whole=whole))


@endpoint(
    "GET",
    "/v1/markets/{market}/clearings/{plan}",
    roles=READERS,
    summary="Read a clearing",
    tag=TAG,
    answer=ClearingView,
    etagged=True,
    description="`planned` while it is computed, then `completed` or `abandoned`, with the hashes that "
    "bind it to its evidence. Totals are for operators and auditors.",
)
async def read(call: Call[Nothing, Nothing]) -> Answer:
    async with as_caller(call) as connection:
        row = await store.load_clearing(connection, call.ids["market"], call.ids["plan"])
    if row is None:
        raise not_found()
    whole = sees_all(call.caller)
    # The distance between cut and end would reveal the number of matches.
    return Answer(body=_view(row, whole=whole), version=row.version, position=row.position if whole else None)


HANDLERS: Final = (plan, index, read, abandon)
