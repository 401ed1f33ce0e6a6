"""Markets: open (operators), read (everybody with a key)."""

from typing import Annotated, Any, Final, Self
from uuid import UUID

from msgspec import UNSET, Meta

from events import market_terms as terms
from events.market_events import MarketOpened
from events.vocabulary import Instant, MarketBasis, Seconds
from market.commands import markets as commands
from market.http.wire import lists
from market.http.wire.access import OPERATORS, READERS
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing, endpoint, not_found
from market.http.wire.ids import MarketId, PlanId, to_text
from market.http.wire.lists import PageQuery
from market.http.wire.material import Body
from market.http.wire.numbers import EUR_PER_KG, PERCENT, EurPerKgPositive, Percent
from market.http.wire.paging import Listing
from market.http.wire.reads import as_caller, sees_all
from market.http.wire.receipts import Accepted, done
from market.rules.refusing.wording import Name, Text
from market.store import markets as store
from market.store.markets import MarketRow

TAG: Final = "Markets"
EXAMPLE: Final = {
    "name": "NdPr Europe, sandbox",
    "basis": "ndpr",
    "sandbox": True,
    "clearing_interval_seconds": 0,
    "rule_notice_seconds": 0,
    "confirmation_seconds": 172800,
    "least_basis_percent": "1",
    "orders_max": 50000,
    "tick_eur_per_kg": "0.50",
    "umpire": "Umpire Laboratories, Antwerp",
}


class MarketTerms(Body, frozen=True, kw_only=True):
    """How a market runs. Its basis says what a kilogram is: contained Nd+Pr, Dy, Tb or Sm, or whole magnets.

    `clearing_interval_seconds` 0: on demand only. `tick_eur_per_kg` is the width of the price bands for the
    public and for quotes; `public_organisations_min` the number of groups of companies required on a side
    before the public sees any of it; `quotes_per_day` how many quotes a group may ask for, 0: none. `umpire`
    is the laboratory named in contracts of its matches; null leaves it to the parties.
    """

    name: Name
    basis: MarketBasis
    sandbox: bool
    clearing_interval_seconds: Seconds
    clearing_jitter_seconds: Seconds = 0
    demand_notice_seconds: Seconds = 0
    rule_notice_seconds: Seconds
    confirmation_seconds: Seconds
    least_basis_percent: Percent
    orders_max: Annotated[int, Meta(ge=1, le=200_000)]
    tick_eur_per_kg: EurPerKgPositive
    public_organisations_min: Annotated[int, Meta(ge=1, le=100)] = 5
    quotes_per_day: Annotated[int, Meta(ge=0, le=100)] = 5
    umpire: Text | None = None

    def inside(self) -> terms.MarketTerms:
        return terms.MarketTerms(
            name=self.name,
            basis=self.basis,
            sandbox=self.sandbox,
            clearing_interval_seconds=self.clearing_interval_seconds,
            clearing_jitter_seconds=self.clearing_jitter_seconds,
            demand_notice_seconds=self.demand_notice_seconds,
            rule_notice_seconds=self.rule_notice_seconds,
            confirmation_seconds=self.confirmation_seconds,
            least_basis_ppb=PERCENT.parse(self.least_basis_percent),
            orders_max=self.orders_max,
            tick_ueur_per_kg=EUR_PER_KG.parse(self.tick_eur_per_kg),
            public_organisations_min=self.public_organisations_min,
            quotes_per_day=self.quotes_per_day,
            umpire=self.umpire or UNSET,
        )


class HaltView(Body, frozen=True, kw_only=True):
    """Since when and why the market takes no orders and plans no round."""

    since: Instant
    reason: str


class MarketView(MarketTerms, frozen=True, kw_only=True):
    """A market; `open_plan` while a round is computed, `halted` while it neither takes orders nor clears.

    Its lane position, the time of its newest event and the number of open orders are only for operators and
    auditors: in a quiet market they would reveal the other side's sealed answer.
    """

    id: MarketId
    lane: int
    last_round: int
    open_plan: PlanId | None
    halted: HaltView | None
    position: int | None = None
    last_time: Instant | None = None
    open_orders: int | None = None

    @classmethod
    def of(cls, row: MarketRow, *, whole: bool) -> Self:
        value = row.terms
        return cls(
            id=to_text("mkt", row.market),
            lane=row.lane,
            position=row.position if whole else None,
            last_time=row.last_time if whole else None,
            open_orders=row.open_orders if whole else None,
            last_round=row.last_round,
            open_plan=None if row.plan is None else to_text("plan", row.plan),
            halted=None if row.halt is None else HaltView(since=row.halt.since, reason=row.halt.reason),
            name=value.name,
            basis=value.basis,
            sandbox=value.sandbox,
            clearing_interval_seconds=value.clearing_interval_seconds,
            clearing_jitter_seconds=value.clearing_jitter_seconds,
            demand_notice_seconds=value.demand_notice_seconds,
            rule_notice_seconds=value.rule_notice_seconds,
            confirmation_seconds=value.confirmation_seconds,
            least_basis_percent=PERCENT.text(value.least_basis_ppb),
            orders_max=value.orders_max,
            tick_eur_per_kg=EUR_PER_KG.text(value.tick_ueur_per_kg),
            public_organisations_min=value.public_organisations_min,
            quotes_per_day=value.quotes_per_day,
            umpire=value.umpire or None,
        )


class MarketAccepted(Accepted, frozen=True, kw_only=True):
    """`id` is null after a dry run."""

    id: MarketId | None


@endpoint(
    "POST",
    "/v1/markets",
    roles=OPERATORS,
    summary="Open a market",
    tag=TAG,
    body=MarketTerms,
    query=DryRun,
    answer=MarketAccepted,
    status=201,
    located=True,
    idempotent=True,
    description="How it counts and how it clears. Orders come in once it has members, a rule "
    "set that is in force and the reference prices (inputs) that its basis is counted by.",
    example=EXAMPLE,
)
async def open_market(call: Call[MarketTerms, DryRun]) -> Answer:
    result = await commands.open_market(
        call.door.desk,
        call.caller,
        terms=call.body.inside(),
        request=call.idempotent_request(),
        dry_run=call.query.validate_only,
    )
    outcome = done(call, result)
    fact = outcome.fact(MarketOpened)
    found = outcome.made("mkt", fact.market)
    return outcome.answer(MarketAccepted(id=found, **outcome.accepted()), location=f"/v1/markets/{found}")


@endpoint(
    "GET",
    "/v1/markets",
    roles=READERS,
    summary="List markets",
    tag=TAG,
    query=PageQuery,
    answer=Listing[MarketView],
    description="All of them: what each counts, and how it clears.",
)
async def index(call: Call[Nothing, PageQuery]) -> Answer:
    async with as_caller(call) as connection:
        page = await store.list_markets(connection, after=lists.after(call, UUID), limit=lists.limit(call))
    whole = sees_all(call.caller)
    return lists.answer(
        call,
        page,
        key=lambda row: row.market,
        view=lambda row: MarketView.of(row, whole=whole),
    )


async def load(call: Call[Any, Any]) -> MarketRow:
    """The market of the path. DoorError `not_found`."""
    async with as_caller(call) as connection:
        row = await store.load_market(connection, call.ids["market"])
    if row is None:
        raise not_found()
    return row


@endpoint(
    "GET",
    "/v1/markets/{market}",
    roles=READERS,
    summary="Read a market",
    tag=TAG,
    answer=MarketView,
    etagged=True,
    description="What it counts, and how it clears. `open_plan` while a round is being computed.",
)
async def read(call: Call[Nothing, Nothing]) -> Answer:
    return Answer(body=MarketView.of(await load(call), whole=sees_all(call.caller)), hashed=True)


HANDLERS: Final = (open_market, index, read)
