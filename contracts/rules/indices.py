"""Publication of index values: for periods of whole days that never overlap; later publications restate
earlier ones."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, time, timedelta

from msgspec import UNSET, Struct
from msgspec.structs import replace

from contracts.rules.days import midnight
from contracts.rules.price_refusals import (
    IndexPeriodNotDays,
    IndexPeriodsOverlap,
    IndexRestatementStale,
    IndexUnitDiffers,
    IndexUnitMissing,
    IndexValueEmpty,
    IndexValueInFuture,
    NothingPublished,
)
from contracts.rules.refusals import DatesOutOfOrder
from events.callers import Caller, role_refusals
from events.contract_events import IndexPublished
from events.contract_terms import IndexValue
from events.decision import Decision, Moment
from events.envelope import Draft
from events.refusal import Caution, Refusal, refuse
from events.vocabulary import Denominator, Period
from events.wellformed import malformed


class IndexUnit(Struct, frozen=True, kw_only=True):
    """Millionths of `currency` per kg of `per`, or for an exchange rate per unit of `rate_of`."""

    currency: str
    per: Denominator | None = None
    rate_of: str | None = None

    def __str__(self) -> str:
        return f"{self.currency} per {self.rate_of or f'kg {self.per}'}"


class IndexState(Struct, frozen=True, kw_only=True):
    """`unit` None: nothing was published yet. `values`: all whose periods overlap the new ones."""

    lane: int
    unit: IndexUnit | None = None
    values: tuple[IndexValue, ...] = ()


class PublishIndex(Struct, frozen=True, kw_only=True):
    caller: Caller
    index: str
    unit: IndexUnit
    values: tuple[IndexValue, ...]


def publish(state: IndexState, argument: PublishIndex, moment: Moment) -> Decision:
    """Publishes all values or none. Raises Refusals with all faults of all values."""
    refuse(role_refusals(argument.caller, "operator"))
    fact = IndexPublished(
        index=argument.index,
        currency=argument.unit.currency,
        per=argument.unit.per,
        rate_of=argument.unit.rate_of,
        values=argument.values,
    )
    refuse(malformed(fact))
    reasons: list[Refusal] = []
    if (argument.unit.per is None) == (argument.unit.rate_of is None):
        reasons.append(IndexUnitMissing(pointer="/per"))
    if state.unit is not None and state.unit != argument.unit:
        reasons.append(
            IndexUnitDiffers(
                pointer="/currency", index=argument.index, expected=state.unit, given=argument.unit
            )
        )
    if not argument.values:
        reasons.append(NothingPublished(pointer="/values"))
    for place, value in enumerate(argument.values):
        pointer = f"/values/{place}"
        reasons += _value_refusals(value, pointer, moment.now)
        reasons += _place_refusals(value, (*state.values, *argument.values[:place]), pointer)
    refuse(reasons)
    restates = tuple(
        place
        for place, value in enumerate(argument.values)
        if any(other.period == value.period for other in (*state.values, *argument.values[:place]))
    )
    fact = replace(fact, restates=restates or UNSET)
    draft = Draft(stream="contracts", lane=state.lane, subject=f"index:{argument.index}", data=fact)
    return Decision(drafts=(draft,))


def early_cautions(values: Sequence[IndexValue]) -> Iterator[tuple[int, Caution]]:
    """Warnings about values, by their index, that were published before the last day of their period
    began."""
    for place, value in enumerate(values):
        last = value.period.end - timedelta(days=1)
        if value.published_at < last:
            yield (
                place,
                Caution(
                    code="published_before_period_over",
                    text=f"The period runs until {last.date().isoformat()}, but the value is of "
                    f"{value.as_of.isoformat()}: final prices use it as the mean of the whole period.",
                    pointer=f"/values/{place}/published_at",
                ),
            )


def _value_refusals(value: IndexValue, pointer: str, now: datetime) -> list[Refusal]:
    reasons: list[Refusal] = []
    if value.amount_micro <= 0:
        reasons.append(IndexValueEmpty(pointer=f"{pointer}/amount_micro"))
    if not _whole_days(value.period):
        reasons.append(IndexPeriodNotDays(pointer=f"{pointer}/first_day"))
    if value.published_at > now:
        moment = value.published_at.isoformat()
        reasons.append(IndexValueInFuture(pointer=f"{pointer}/published_at", moment=moment))
    if midnight(value.as_of) > value.published_at:
        reasons.append(
            DatesOutOfOrder(
                pointer=f"{pointer}/published_at", later="publication", earlier="the day of the assessment"
            )
        )
    return reasons


def _place_refusals(value: IndexValue, known: Iterable[IndexValue], pointer: str) -> Iterator[Refusal]:
    """A period either equals an existing one, which it restates, or overlaps none; refuses the first
    overlap."""
    period = value.period
    for other in known:
        if other.period == period:
            if other.published_at >= value.published_at:
                published_at = other.published_at.isoformat()
                yield IndexRestatementStale(pointer=f"{pointer}/published_at", published_at=published_at)
                return
        elif other.period.start < period.end and period.start < other.period.end:
            yield IndexPeriodsOverlap(
                pointer=f"{pointer}/first_day",
                first=period.start.date().isoformat(),
                last=_last_day(period),
                other_first=other.period.start.date().isoformat(),
                other_last=_last_day(other.period),
            )
            return


def _last_day(period: Period) -> str:
    """The last day of a period, inclusive."""
    return (period.end - timedelta(days=1)).date().isoformat()


def _whole_days(period: Period) -> bool:
    return all(edge.astimezone(UTC).time() == time() for edge in (period.start, period.end))
