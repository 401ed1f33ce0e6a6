"""Rows of files about contracts: values of indices, and assays of deliveries."""

from collections.abc import Sequence
from typing import Final

from contracts.commands import deliveries as delivery_commands
from contracts.commands import indices as index_commands
from contracts.rules.indices import IndexUnit, PublishIndex
from events.callers import Caller
from events.contract_events import IndexPublished
from events.decision import Request
from events.delivery_events import AssayLodged
from events.desk import Answer, Desk
from events.envelope import Recorded
from events.vocabulary import Denominator
from market.http.agreements.assays import LodgedAssay, lodging
from market.http.agreements.delivery_warnings import of_assay
from market.http.agreements.index_values import ValueBody
from market.http.agreements.index_warnings import of_values
from market.http.wire.ids import DeliveryId, to_text, to_uuid
from market.http.wire.reads import Looking
from market.http.wire.receipts import Warned, unless_unread
from market.rules.refusing.wording import Code, CurrencyCode

DELIVERY: Final = "del_0199b3c2d4e57f60a1b2c3d4e5f60718"


class IndexValueRow(ValueBody, frozen=True, kw_only=True):
    """One value of an index, and what the index counts."""

    index: Code
    currency: CurrencyCode
    per: Denominator | None = None
    rate_of: CurrencyCode | None = None


class AssayRow(LodgedAssay, frozen=True, kw_only=True):
    """A side's figures of one delivery."""

    delivery: DeliveryId


def unit_of(row: IndexValueRow) -> tuple[str, IndexUnit]:
    return row.index, IndexUnit(currency=row.currency, per=row.per, rate_of=row.rate_of)


async def publish(
    desk: Desk, caller: Caller, rows: Sequence[IndexValueRow], *, request: Request | None, dry_run: bool
) -> Answer:
    index, unit = unit_of(rows[0])
    values = tuple(row.inside() for row in rows)
    argument = PublishIndex(caller=caller, index=index, unit=unit, values=values)
    return await index_commands.publish(desk, argument, request=request, dry_run=dry_run)


async def lodge(
    desk: Desk, caller: Caller, row: AssayRow, *, request: Request | None, dry_run: bool
) -> Answer:
    argument = lodging(caller, to_uuid(row.delivery), row)
    return await delivery_commands.lodge(desk, argument, request=request, dry_run=dry_run)


async def warn_of_assay(on: Looking, fact: AssayLodged) -> tuple[Warned, ...]:
    return await unless_unread(of_assay(on, fact))


async def warn_of_values(on: Looking, fact: IndexPublished) -> tuple[Warned, ...]:
    unit = IndexUnit(currency=fact.currency, per=fact.per, rate_of=fact.rate_of)
    return await of_values(on, fact.index, unit, fact.values)


def made_assay(event: Recorded) -> str:
    assert isinstance(event.data, AssayLodged)
    return to_text("del", event.data.delivery)


def made_values(event: Recorded) -> str:
    return to_text("evt", event.id)
