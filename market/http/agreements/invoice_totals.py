"""Totals of the invoices of all own agreements, by currency and due state."""

from datetime import date
from typing import Final

from contracts.rules.days import day_of
from contracts.store import own_invoices as store
from contracts.store.own_invoices import Total
from market.http.agreements.contract_reads import as_party
from market.http.agreements.invoice_queries import FALLS, STATES, TAG, DueQuery, Falls, wanted
from market.http.wire import row_tables
from market.http.wire.access import LEDGER_READERS
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint
from market.http.wire.material import Body
from market.http.wire.numbers import SIGNED_CENTS, SignedCents
from market.http.wire.row_files import CSV, XLSX
from market.http.wire.row_tables import Column, member


class TotalView(Body, frozen=True, kw_only=True):
    """Totals for one currency and due state: invoiced amounts that the caller receives and pays, including
    paid ones; `own_total` is the first minus the second."""

    currency: str
    state: Falls | None
    invoices: int
    receive_total: SignedCents
    pay_total: SignedCents
    own_total: SignedCents


TOTALS: Final[tuple[Column, ...]] = tuple(
    member(name, number=name not in ("currency", "state")) for name in TotalView.__struct_fields__
)


class TotalsView(Body, frozen=True, kw_only=True):
    """`on`: the day of UTC that the states are of."""

    on: date
    items: tuple[TotalView, ...]


@endpoint(
    "GET",
    "/v1/invoices/totals",
    roles=LEDGER_READERS,
    summary="Add up what invoices say",
    tag=TAG,
    query=DueQuery,
    problems=(422,),
    answer=TotalsView,
    shapes=(CSV, XLSX),
    description="Of the invoices that the same parameters list, by currency and state: what they say, "
    f"whether paid or not. `/v1/invoices/ageing` adds up what is outstanding. {STATES}",
)
async def totals(call: Call[Nothing, DueQuery]) -> Answer:
    today = day_of(call.door.clock())
    async with as_party(call) as (connection, _):
        found = await store.totals(connection, wanted(call), today)
    items, asked = _summed(found), call.query.format
    if asked == "json":
        return Answer(body=TotalsView(on=today, items=items))
    file, media_type, headers = row_tables.content(asked, "totals", "totals", TOTALS, items, frozen=2)
    return Answer(body=file, media_type=media_type, headers=headers)


def _summed(found: list[Total]) -> tuple[TotalView, ...]:
    """Both sides together, in the order of the currencies and of the days."""
    sums: dict[tuple[str, int], list[int]] = {}
    for each in found:
        of = sums.setdefault((each.currency, -2 if each.due is None else each.due), [0, 0, 0])
        pays = (each.buyers_pay_cents, each.sellers_pay_cents)
        received, paid = pays if each.side == "seller" else pays[::-1]
        of[0], of[1], of[2] = of[0] + each.invoices, of[1] + received, of[2] + paid
    return tuple(
        TotalView(
            currency=currency,
            state=FALLS.get(due),
            invoices=invoices,
            receive_total=SIGNED_CENTS.text(received),
            pay_total=SIGNED_CENTS.text(paid),
            own_total=SIGNED_CENTS.text(received - paid),
        )
        for (currency, due), (invoices, received, paid) in sorted(sums.items())
    )


HANDLERS: Final = (totals,)
