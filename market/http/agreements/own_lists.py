"""Lists over all of one's agreements: what both have of query, page and file."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Annotated, Any, Final, Protocol, TypeVar
from uuid import UUID

from msgspec import Meta, Struct, structs

from events.contract_terms import ContractYear
from events.vocabulary import Side
from market.http.agreements.sides import names_of
from market.http.wire import lists, row_tables
from market.http.wire.endpoint import Answer, Call
from market.http.wire.faults import Fault, InvalidInputError
from market.http.wire.gates import charge
from market.http.wire.ids import AgreementId, OrganisationId, to_text
from market.http.wire.lists import PageQuery
from market.http.wire.loading import COST, BookLoads
from market.http.wire.material import utc
from market.http.wire.problems import DoorError
from market.http.wire.row_tables import Column, FileFormat
from market.store.reading import page

Row = TypeVar("Row")
FILE_ROWS_MAX: Final = 2_000
FILES: Final = (
    f"`format=csv` and `format=xlsx` answer a file of at most {FILE_ROWS_MAX:,} rows from the cursor on; "
    f"where there are more, its Link header names the next one. A file counts as {COST} requests in the "
    "organisation's rate."
)


class OwnQuery(PageQuery, frozen=True, kw_only=True):
    """`side`: the caller's side."""

    agreement: AgreementId | None = None
    contract_year: ContractYear | None = None
    side: Side | None = None
    format: Annotated[FileFormat, Meta(description="A file has no lines of prices, and more rows.")] = "json"


class Sides(Protocol):
    @property
    def seller(self) -> UUID: ...

    @property
    def buyer(self) -> UUID: ...


class OwnSide(Struct, frozen=True, kw_only=True):
    """The caller's side, and the counterparty."""

    side: Side
    counterparty: OrganisationId
    counterparty_name: str


def own_side(own: UUID, row: Sides, names: Mapping[UUID, str]) -> OwnSide:
    """`own`: who reads; `names`: as `names_of_others` found them."""
    selling = own == row.seller
    other = row.buyer if selling else row.seller
    return OwnSide(
        side="seller" if selling else "buyer",
        counterparty=to_text("org", other),
        counterparty_name=names[other],
    )


async def names_of_others(call: Call[Any, Any], rows: Iterable[Sides]) -> Mapping[UUID, str]:
    """Of those on the other side of each row."""
    own = call.caller.organisation
    return await names_of(call, (row.buyer if row.seller == own else row.seller for row in rows))


def rows_wanted(call: Call[Any, Any]) -> int:
    """One more than the answer holds. DoorError `too_many_requests`: a file takes what ten pages take."""
    if call.query.format != "json":
        charge(call, COST - 1)
    return _held(call) + 1


def _held(call: Call[Any, Any]) -> int:
    return lists.limit(call) if call.query.format == "json" else FILE_ROWS_MAX


def check_order(begin: date | None, end: date | None, name: str) -> None:
    """DoorError `inconsistent` for an empty range of days; `name`: the parameter that ends it."""
    if begin is not None and end is not None and begin >= end:
        fault = Fault(code="out_of_range", detail="no day lies between both", parameter=name)
        raise DoorError("inconsistent", "These days are no stretch of time.", faults=[fault])


def since(instant: datetime, name: str) -> datetime:
    """In UTC. InvalidInputError for far years, since the database would read the last one as infinity."""
    try:
        return utc(instant)
    except InvalidInputError as error:
        raise InvalidInputError(
            [structs.replace(each, pointer=None, parameter=name) for each in error.faults]
        ) from None


async def answer(
    call: Call[Any, Any],
    rows: Sequence[Row],
    *,
    key: Callable[[Row], Any],
    view: Callable[[Row], Any],
    name: str,
    columns: Sequence[Column],
    rows_of: Callable[[Any], Iterable[Any]] | None = None,
) -> Answer:
    """`rows`: as many as `rows_wanted` where there are more. A file is made in a thread, in its turn: it
    takes a second.
    `rows_of`: the rows that a view has in a file, where it is not itself one."""
    limit, asked = _held(call), call.query.format
    listed = partial(lists.answer, call, page(rows, limit), key=key, view=view)
    if asked == "json":
        return listed()
    loads: BookLoads = call.state.loads
    return await loads.work_of(
        call.caller.organisation, partial(_file, listed, asked, name, columns, rows_of)
    )


def _file(
    listed: Callable[[], Answer],
    asked: FileFormat,
    name: str,
    columns: Sequence[Column],
    rows_of: Callable[[Any], Iterable[Any]] | None,
) -> Answer:
    page = listed()
    shown = page.body.items
    rows = shown if rows_of is None else [row for view in shown for row in rows_of(view)]
    content, media_type, headers = row_tables.content(asked, name, name, columns, rows, frozen=1)
    return Answer(body=content, media_type=media_type, headers={**page.headers, **headers})
