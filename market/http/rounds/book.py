"""The book of a market: anonymised for every reader, whole for operators and auditors."""

import asyncio
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from events.vocabulary import Commitment, ProductForm
from market.http.rounds.markets import TAG
from market.http.rounds.markets import load as load_market
from market.http.wire import lists
from market.http.wire.access import OVERSEERS, READERS, require
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint, not_found
from market.http.wire.ids import to_text
from market.http.wire.lists import PageQuery
from market.http.wire.loading import COST, RATE, BookLoads
from market.http.wire.logs import write_whole_book_read
from market.http.wire.material import Body
from market.http.wire.numbers import KILOGRAMS, PERCENT
from market.http.wire.paging import Listing
from market.http.wire.reads import as_caller, as_of, viewer
from market.rules.book import Book
from market.rules.clearing.exports import BookFile
from market.rules.refusing.wording import Code
from market.rules.viewers import AuditorViewer, InitiativeViewer, OperatorViewer, PublicViewer
from market.rules.visibility.crowd import TapeViewer
from market.rules.visibility.tape import OrderTopic, TapeOrder, public_book
from market.rules.visibility.visibility import see_book
from market.store import clearings, members
from market.store.reading import page

BOOKS_KEPT: Final = 64

SIDES: Final[dict[OrderTopic, Literal["supply_offer", "recovered_lot", "requirement"]]] = {
    "public.supply-offers.v1": "supply_offer",
    "public.recovered-lots.v1": "recovered_lot",
    "public.requirements.v1": "requirement",
}


class BookQuery(PageQuery, frozen=True, kw_only=True):
    """`initiative`: also orders visible only to that initiative, for its members.

    `format`: `clearing` is the book for `lodestone clear`, complete for auditors, for operators without
    orders that no cut has included yet.
    """

    kind: Literal["supply_offer", "recovered_lot", "requirement"] | None = None
    form: ProductForm | None = None
    initiative: Annotated[Code, Meta(description="One of your own initiatives.")] | None = None
    format: Literal["anonymised", "clearing"] = "anonymised"


class KilogramBand(Body, frozen=True, kw_only=True):
    """From `low` up to, not including, `high`."""

    low: str
    high: str


class PercentBand(Body, frozen=True, kw_only=True):
    """From `low` up to, but without, `high`; exactly 100 counts in the last band."""

    low: str
    high: str


class BookEntry(Body, frozen=True, kw_only=True):
    """An open order without owner, place, price or composition. `id` is the one of the public tape.

    `basis_percent_of_product`: a step of 10 %, wider where few groups of companies are in it.
    `forecast`: supply that is not there yet.
    """

    id: str
    kind: Literal["supply_offer", "recovered_lot", "requirement"]
    forms: tuple[ProductForm, ...]
    basis_kg: KilogramBand
    basis_percent_of_product: PercentBand | None
    commitment: Commitment
    start_month: str
    end_month: str
    start_year: int | None
    forecast: bool = False


class ClearingBook(Body, frozen=True, kw_only=True):
    """Orders with their owners and limits, members, inputs and rule sets, in the words of the events."""

    format: Literal["lodestone-book-1"]
    book: dict[str, Any]


class KeptBooks:
    """The newest anonymised book of each market and initiative: the same for everybody who may ask for it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[UUID, str | None], tuple[int, tuple[TapeOrder, ...]]] = OrderedDict()

    def find(self, market: UUID, initiative: str | None, position: int) -> tuple[TapeOrder, ...] | None:
        """None unless the book that is kept stands at lane position `position`."""
        kept = self._kept.get((market, initiative))
        return kept[1] if kept is not None and kept[0] == position else None

    def keep(self, market: UUID, initiative: str | None, position: int, lines: tuple[TapeOrder, ...]) -> None:
        """In place of an older one: a book may have 200,000 lines."""
        key = market, initiative
        if (kept := self._kept.get(key)) is not None and kept[0] > position:
            return
        self._kept[key] = position, lines
        self._kept.move_to_end(key)
        while len(self._kept) > BOOKS_KEPT:
            self._kept.popitem(last=False)


@endpoint(
    "GET",
    "/v1/markets/{market}/book",
    roles=READERS,
    summary="Read the anonymised book",
    tag=TAG,
    query=BookQuery,
    answer=(Listing[BookEntry], ClearingBook),
    cost=COST,
    description=(
        "Open orders that the newest round took: quantities and contents in bands, no price, no owner. A "
        "form is shown while enough groups of companies stand on its side and none holds more than half. "
        f"`as_of` is the lane position of the book, for traders the newest cut before it. {RATE} "
        "With `format=clearing` an auditor gets the book whole, an operator without orders that no cut has "
        "taken yet; every such reading is logged."
    ),
)
async def read(call: Call[Nothing, BookQuery]) -> Answer:
    if call.query.format == "clearing":
        return await _whole(call)
    await _check_initiative(call)
    position, lines = await _lines(call)
    query, market = call.query, call.ids["market"]
    async with as_caller(call) as connection:
        told = await as_of(call, connection, market, position)
    wanted = await asyncio.to_thread(_wanted, lines, query)
    after = lists.after(call, tuple[str, str])
    start = 0 if after is None else bisect_right(wanted, after, key=_key)
    size = lists.limit(call)
    return lists.answer(
        call,
        page(wanted[start : start + size + 1], size),
        key=_key,
        view=_entry,
        as_of={to_text("mkt", market): told},
    )


def _wanted(lines: Sequence[TapeOrder], query: BookQuery) -> list[TapeOrder]:
    return [
        line
        for line in lines
        if query.kind in (None, SIDES[line.topic]) and (query.form is None or query.form in line.forms)
    ]


async def _whole(call: Call[Any, BookQuery]) -> Answer:
    """For `lodestone clear` and `lodestone verify`; each such reading leaves a line of its own in the log."""
    require(OVERSEERS, call.caller.roles)
    market = call.ids["market"]
    row = await load_market(call)
    loads: BookLoads = call.state.loads
    book = await loads.load(call.door.reader, market, at_least=row.position)
    if book is None:
        raise not_found()
    async with as_caller(call) as connection:
        looking = await viewer(call, connection, market, None)
    if not isinstance(looking, AuditorViewer | OperatorViewer):
        raise not_found()
    write_whole_book_read(call.trace, market, book.position)
    return Answer(body=await loads.work(partial(_encoded, book, looking)))


def _encoded(book: Book, looking: AuditorViewer | OperatorViewer) -> bytes:
    return msgspec.json.encode(BookFile(format="lodestone-book-1", book=see_book(book, looking)))


async def _check_initiative(call: Call[Any, BookQuery]) -> None:
    """DoorError `not_found` for an initiative that is not the caller's."""
    if call.query.initiative is None:
        return
    async with as_caller(call) as connection:
        row = await members.load_member(connection, call.ids["market"], call.caller.organisation)
    if row is None or call.query.initiative not in row.member.initiatives:
        raise not_found()


async def _lines(call: Call[Any, BookQuery]) -> tuple[int, tuple[TapeOrder, ...]]:
    kept: KeptBooks = call.state.books
    market, initiative = call.ids["market"], call.query.initiative
    row = await load_market(call)
    lines = kept.find(market, initiative, row.position)
    if lines is not None:
        return row.position, lines
    loads: BookLoads = call.state.loads
    book = await loads.load(call.door.reader, market, at_least=row.position)
    if book is None:
        raise not_found()
    key = call.door.public_id_key
    looking = (
        PublicViewer(key=key) if initiative is None else InitiativeViewer(initiative=initiative, key=key)
    )
    async with as_caller(call) as connection:
        cut = await clearings.newest_cut(connection, market, completed_by=book.position)
    lines = await loads.work(partial(_anonymised, book, cut, looking))
    kept.keep(market, initiative, book.position, lines)
    return book.position, lines


def _anonymised(book: Book, cut: int, looking: TapeViewer) -> tuple[TapeOrder, ...]:
    """Of orders that the cut has taken: else who reads often knows when each came, and what came with it."""
    return public_book(see_book(book, OperatorViewer(cut=cut)), looking)


def _key(line: TapeOrder) -> tuple[str, str]:
    return line.topic, line.id


def _entry(line: TapeOrder) -> BookEntry:
    content = line.content_ppb
    return BookEntry(
        id=line.id,
        kind=SIDES[line.topic],
        forms=line.forms,
        basis_kg=KilogramBand(
            low=KILOGRAMS.text(line.quantity_basis_g.low), high=KILOGRAMS.text(line.quantity_basis_g.high)
        ),
        basis_percent_of_product=None
        if content is None
        else PercentBand(low=PERCENT.text(content.low), high=PERCENT.text(content.high)),
        commitment=line.commitment,
        start_month=line.start_month,
        end_month=line.end_month,
        start_year=line.start_year,
        forecast=line.forecast is True,
    )


HANDLERS: Final = (read,)
