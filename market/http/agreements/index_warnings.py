"""Warnings about published index values: ahead of their period, far from earlier ones, and similar codes."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from msgspec.structs import replace

from contracts.rules.index_changes import change_cautions
from contracts.rules.index_units import alike_cautions
from contracts.rules.indices import IndexUnit, early_cautions
from contracts.store import indices as store
from contracts.store.indices import Window
from events.contract_terms import IndexValue
from events.refusal import Caution
from market.http.wire.reads import Looking, looking_on
from market.http.wire.receipts import Warned, unless_unread, warned

CODES_MAX: Final = 1_000
"""Number of codes with which a code is compared."""
BEFORE: Final = timedelta(days=100)
"""How long before the first value an earlier one may have begun to be compared with it."""


async def of_values(
    on: Looking, index: str, unit: IndexUnit, values: Sequence[IndexValue], rows: Sequence[str] = ()
) -> tuple[Warned, ...]:
    """`rows`: where each value stands, if not in `/values`."""
    early = warned(_placed(place, each, rows) for place, each in early_cautions(values))
    return (*early, *await unless_unread(_read(on, index, unit, values, rows)))


async def _read(
    on: Looking, index: str, unit: IndexUnit, values: Sequence[IndexValue], rows: Sequence[str]
) -> tuple[Warned, ...]:
    window = Window(
        on.desk.lane("contracts", index).lane,
        index,
        min(each.period.start for each in values) - BEFORE,
        max(each.period.end for each in values),
    )
    async with looking_on(on) as connection:
        known = (await store.load_values(connection, [window]))[index]
        published = await store.load_codes(connection, limit=CODES_MAX)
    changes = (_placed(place, each, rows) for place, each in change_cautions(index, unit, values, known))
    return (*warned(changes), *warned(alike_cautions(index, published)))


def _placed(place: int, caution: Caution, rows: Sequence[str]) -> Caution:
    if not rows:
        return caution
    return replace(caution, pointer=rows[place] + caution.pointer.removeprefix(f"/values/{place}"))
