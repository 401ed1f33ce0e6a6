"""A value of an index on the wire."""

from datetime import date, timedelta
from typing import Final, Self

from contracts.rules.days import midnight
from events import contract_terms as terms
from events.vocabulary import Instant, Period
from market.http.wire.material import Dated, utc
from market.http.wire.numbers import INDEX_AMOUNT, IndexAmount
from market.rules.refusing.wording import LongText

VALUES_MAX: Final = 500
"""In one publication, as a body or as a file."""
_DAY = timedelta(days=1)


class ValueBody(Dated, frozen=True, kw_only=True):
    """A value for whole UTC days, including `last_day`; a value with a later `published_at` restates it."""

    first_day: date
    last_day: date
    amount: IndexAmount
    as_of: date
    published_at: Instant
    source: LongText

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.last_day < self.first_day:
            raise ValueError("the last day cannot be before the first")

    def inside(self) -> terms.IndexValue:
        return terms.IndexValue(
            period=Period(
                start=midnight(self.first_day),
                end=midnight(self.last_day) + _DAY,
            ),
            amount_micro=INDEX_AMOUNT.parse(self.amount),
            as_of=self.as_of,
            published_at=utc(self.published_at),
            source=self.source,
        )

    @classmethod
    def outside(cls, value: terms.IndexValue) -> Self:
        return cls(
            first_day=value.period.start.date(),
            last_day=(value.period.end - _DAY).date(),
            amount=INDEX_AMOUNT.text(value.amount_micro),
            as_of=value.as_of,
            published_at=value.published_at,
            source=value.source,
        )
