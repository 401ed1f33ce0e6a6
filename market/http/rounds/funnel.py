"""The funnel: what was matched, and how much of it was confirmed, contracted, delivered and settled."""

from datetime import date, datetime
from typing import Annotated, Final, Self

from msgspec import Struct

from contracts.rules.days import day_of, midnight, months_later
from market.http.wire.access import READERS
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint
from market.http.wire.faults import Fault
from market.http.wire.ids import MarketId, to_text, to_uuid
from market.http.wire.material import Body, check_days
from market.http.wire.numbers import DecimalKind
from market.http.wire.problems import DoorError
from market.http.wire.reads import as_desk, own
from market.rules import funnel as rules
from market.rules.funnel import Stage
from market.store.funnel import load_trails

TAG: Final = "Funnel"
MONTHS_MAX: Final = 24
MONTHS_SHOWN: Final = 12
SUM_KG: Final = DecimalKind(unit="kg", digits=15, decimals=3, shown=3, example="1700.000")
SUM_EUR: Final = DecimalKind(unit="EUR", digits=17, decimals=2, shown=2, signed=True, example="121325.34")


class FunnelQuery(Struct, frozen=True, kw_only=True):
    """Months of the rounds' cuts, the first day of each; without `since` the last twelve."""

    market: MarketId | None = None
    since: date | None = None
    until: date | None = None

    def __post_init__(self) -> None:
        check_days(self)


class AmountView(Body, frozen=True, kw_only=True):
    """Number of matches, kg of the market's basis and EUR that reached a stage."""

    matches: int
    quantity_kg: Annotated[str, SUM_KG.meta()]
    eur: Annotated[str, SUM_EUR.meta()]

    @classmethod
    def of(cls, value: rules.Amount) -> Self:
        return cls(
            matches=value.matches,
            quantity_kg=SUM_KG.text(value.quantity_g),
            eur=SUM_EUR.text(value.cents_eur),
        )


class FunnelStageView(Body, frozen=True, kw_only=True):
    stage: Stage
    amount: AmountView


class DropOutView(Body, frozen=True, kw_only=True):
    """What did not get beyond stage `after`, by reason."""

    after: Stage
    reason: str
    amount: AmountView


class FunnelView(Body, frozen=True, kw_only=True):
    """A market's matches of one month. Delivered is valued at the matched price, settled is what was invoiced
    in EUR, without other currencies."""

    market: MarketId
    month: date
    stages: tuple[FunnelStageView, ...]
    dropped: tuple[DropOutView, ...]

    @classmethod
    def of(cls, value: rules.Funnel) -> Self:
        return cls(
            market=to_text("mkt", value.market),
            month=value.month,
            stages=tuple(
                FunnelStageView(stage=stage, amount=AmountView.of(value.stages[stage]))
                for stage in rules.STAGES
            ),
            dropped=tuple(
                DropOutView(after=each.after, reason=each.reason, amount=AmountView.of(each.amount))
                for each in value.dropped
            ),
        )


class FunnelsView(Body, frozen=True, kw_only=True):
    items: tuple[FunnelView, ...]


@endpoint(
    "GET",
    "/v1/funnel",
    roles=READERS,
    summary="Read how far matches came",
    tag=TAG,
    query=FunnelQuery,
    answer=FunnelsView,
    cost=5,
    problems=(422,),
    description="By market and month, with reasons of what dropped out. A party gets its own trades only.",
)
async def read(call: Call[Nothing, FunnelQuery]) -> Answer:
    query = call.query
    since, until = _months(query, call.door.clock())
    async with as_desk(call) as connection:
        trails = await load_trails(
            connection,
            None if query.market is None else to_uuid(query.market),
            midnight(since),
            midnight(until),
            own(call.caller),
        )
    items = tuple(FunnelView.of(found) for found in rules.funnels(trails))
    return Answer(body=FunnelsView(items=items), hashed=True)


def _months(query: FunnelQuery, now: datetime) -> tuple[date, date]:
    """The first day in and the first day out. DoorError for what is no span of months."""
    this_month = day_of(now).replace(day=1)
    until = query.until or months_later(this_month, 1)
    since = query.since or months_later(until, -MONTHS_SHOWN)
    faults = [
        Fault(code="not_first_of_month", detail="name the first day of a month", parameter=name)
        for name, day in (("since", since), ("until", until))
        if day.day != 1
    ]
    if not faults and not since < until <= months_later(since, MONTHS_MAX):
        detail = f"`until` comes after `since`, at most {MONTHS_MAX} months"
        faults.append(Fault(code="out_of_range", detail=detail, parameter="until"))
    if faults:
        raise DoorError("inconsistent", "These months are no period of the funnel.", faults=faults)
    return since, until


HANDLERS: Final = (read,)
