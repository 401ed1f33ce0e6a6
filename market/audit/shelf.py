"""An audit's working data about agreements, in a file, so that its memory does not grow with the record."""

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Struct

from contracts.commands.indices import windows_of
from contracts.rules.agreement import Agreement
from contracts.rules.days import midnight
from contracts.rules.delivery import Delivery
from contracts.rules.indices import IndexUnit
from contracts.rules.payment import OVER, Payable, Payment
from contracts.rules.volumes import Volumes
from events.contract_events import IndexPublished, InvoiceSettled
from events.contract_terms import AgreementTerms, IndexValue
from events.envelope import Recorded
from events.market_events import MatchConfirmed
from events.payment_events import PaymentReceived, PaymentStated
from market.audit.material_shelf import MaterialShelf
from market.rules.clearing.columns import EPOCH, microseconds

SCHEMA: Final = """
create table if not exists confirmed (match blob primary key, body blob) without rowid;
create table if not exists agreement (agreement blob primary key, body blob) without rowid;
create table if not exists delivery (
    agreement blob, delivery blob, shipped_on text, lot text, body blob, primary key (agreement, delivery)
) without rowid;
create index if not exists delivery_in_time on delivery (agreement, shipped_on);
create index if not exists delivery_lot on delivery (agreement, lot);
create table if not exists quarter_invoice (agreement blob, start text, invoice blob, body blob);
create index if not exists quarter_invoice_of on quarter_invoice (agreement, start);
create table if not exists payable (invoice blob primary key, body blob) without rowid;
create table if not exists payment (payment blob primary key, body blob) without rowid;
create table if not exists payment_alike (alike blob primary key, payment blob) without rowid;
create table if not exists index_unit (
    code text, lane int, position int, body blob, primary key (code, lane, position)
) without rowid;
create table if not exists index_value (
    code text, starts int, ends int, lane int, position int, place int, recorded int, body blob,
    primary key (code, starts, lane, position, place)
) without rowid;
"""


class Confirmed(Struct, frozen=True, kw_only=True):
    """A confirmed match that has no agreement yet, and the event that says so."""

    event: UUID
    time: datetime
    fact: MatchConfirmed


class Following(Struct, frozen=True, kw_only=True):
    """A fact that has to come next of its agreement: what its event has to say, as JSON."""

    type: str
    body: bytes


class Dossier(Struct, frozen=True, kw_only=True):
    """An agreement as its facts have made it so far, and what the last decision left to be said."""

    agreement: Agreement
    volumes: Volumes = Volumes()
    following: tuple[Following, ...] = ()


class DeliveryFile(Struct, frozen=True, kw_only=True):
    """A delivery with its invoices, in the order of the record."""

    delivery: Delivery
    invoices: tuple[InvoiceSettled, ...] = ()


class KnownValue(NamedTuple):
    """`recorded`: when the record took it."""

    recorded: datetime
    value: IndexValue


class AuditShelf:
    """One for all lanes of an audit. `market_read`: the market stream was, before the contracts."""

    def __init__(self, file: sqlite3.Connection | None = None, *, market_read: bool = False) -> None:
        """`file` may hold what an earlier reading has put there; whoever opened it commits and closes it."""
        self._market_read = market_read
        self._broken_off: set[int] = set()
        self._file = file or sqlite3.connect("", isolation_level=None)
        for statement in SCHEMA.split(";"):
            self._file.execute(statement)
        self.materials = MaterialShelf(self._file)

    def matches_known(self, lane: int) -> bool:
        """Whether every confirmed match of the market's lane of this number was kept."""
        return self._market_read and lane not in self._broken_off

    def break_off(self, lane: int) -> None:
        """The market's lane of this number is read no further."""
        self._broken_off.add(lane)

    def keep_match(self, event: Recorded, fact: MatchConfirmed) -> None:
        """Matches without terms make no agreement."""
        if fact.contract is not None:
            kept = Confirmed(event=event.id, time=event.time, fact=fact)
            self._put("insert or replace into confirmed values (?, ?)", fact.match.bytes, _encode(kept))

    def match(self, match: UUID) -> Confirmed | None:
        row = self._one("select body from confirmed where match = ?", match.bytes)
        return None if row is None else _matches.decode(row[0])

    def drop_match(self, match: UUID) -> None:
        """It has its agreement."""
        self._put("delete from confirmed where match = ?", match.bytes)

    def agreement(self, agreement: UUID) -> Dossier | None:
        row = self._one("select body from agreement where agreement = ?", agreement.bytes)
        return None if row is None else _dossiers.decode(row[0])

    def keep_agreement(self, dossier: Dossier) -> None:
        key = dossier.agreement.agreement.bytes
        self._put("insert or replace into agreement values (?, ?)", key, _encode(dossier))

    def delivery(self, agreement: UUID, delivery: UUID) -> DeliveryFile | None:
        row = self._one(
            "select body from delivery where agreement = ? and delivery = ?", agreement.bytes, delivery.bytes
        )
        return None if row is None else _deliveries.decode(row[0])

    def keep_delivery(self, of: DeliveryFile) -> None:
        shipped = of.delivery.shipped
        self._put(
            "insert or replace into delivery values (?, ?, ?, ?, ?)",
            shipped.agreement.bytes,
            shipped.delivery.bytes,
            shipped.shipped_on.isoformat(),
            shipped.lot_number,
            _encode(of),
        )

    def of_lot(self, agreement: UUID, lot_number: str) -> tuple[Delivery, ...]:
        rows = self._all(
            "select body from delivery where agreement = ? and lot = ?", agreement.bytes, lot_number
        )
        return tuple(_deliveries.decode(row[0]).delivery for row in rows)

    def deliveries_of(self, agreement: UUID) -> tuple[Delivery, ...]:
        rows = self._all("select body from delivery where agreement = ?", agreement.bytes)
        return tuple(_deliveries.decode(row[0]).delivery for row in rows)

    def shipped_between(self, agreement: UUID, start: date, end: date) -> tuple[Delivery, ...]:
        rows = self._all(
            "select body from delivery where agreement = ? and shipped_on >= ? and shipped_on < ?"
            " order by shipped_on, delivery",
            agreement.bytes,
            start.isoformat(),
            end.isoformat(),
        )
        return tuple(_deliveries.decode(row[0]).delivery for row in rows)

    def last_settled(self, agreement: UUID) -> tuple[tuple[UUID, date] | None, datetime | None]:
        """The delivery that left last, with its day; the start of the last quarter that was settled."""
        shipped = self._one(
            "select delivery, shipped_on from delivery where agreement = ?"
            " order by shipped_on desc, delivery desc limit 1",
            agreement.bytes,
        )
        quarter = self._one("select max(start) from quarter_invoice where agreement = ?", agreement.bytes)
        return (
            None if shipped is None else (UUID(bytes=shipped[0]), date.fromisoformat(shipped[1])),
            None if quarter is None or quarter[0] is None else midnight(date.fromisoformat(quarter[0])),
        )

    def keep_quarter_invoice(self, fact: InvoiceSettled, start: date) -> None:
        self._put(
            "insert into quarter_invoice values (?, ?, ?, ?)",
            fact.agreement.bytes,
            start.isoformat(),
            fact.invoice.bytes,
            _encode(fact),
        )

    def quarter_invoices(self, agreement: UUID, start: date) -> tuple[InvoiceSettled, ...]:
        rows = self._all(
            "select body from quarter_invoice where agreement = ? and start = ? order by rowid",
            agreement.bytes,
            start.isoformat(),
        )
        return tuple(_invoices.decode(row[0]) for row in rows)

    def payable(self, invoice: UUID) -> Payable | None:
        row = self._one("select body from payable where invoice = ?", invoice.bytes)
        return None if row is None else _payables.decode(row[0])

    def keep_payable(self, payable: Payable) -> None:
        self._put("insert or replace into payable values (?, ?)", payable.invoice.bytes, _encode(payable))

    def payment(self, payment: UUID) -> Payment | None:
        row = self._one("select body from payment where payment = ?", payment.bytes)
        return None if row is None else _payments.decode(row[0])

    def keep_payment(self, payment: Payment) -> None:
        """And where its like is found, as long as it is not over."""
        named = payment.opened.payment.bytes
        self._put("insert or replace into payment values (?, ?)", named, _encode(payment))
        if payment.status in OVER:
            self._put("delete from payment_alike where alike = ?", _alike(payment.opened))
        else:
            self._put("insert or replace into payment_alike values (?, ?)", _alike(payment.opened), named)

    def payment_like(self, fact: PaymentStated | PaymentReceived) -> UUID | None:
        """Of the same two, the same day and reference."""
        row = self._one("select payment from payment_alike where alike = ?", _alike(fact))
        return None if row is None else UUID(bytes=row[0])

    def keep_index(self, event: Recorded, fact: IndexPublished) -> None:
        """What is kept already stays: an audit reads all values before it checks what is priced by them."""
        unit = IndexUnit(currency=fact.currency, per=fact.per, rate_of=fact.rate_of)
        place = (event.lane, event.position)
        self._put("insert or ignore into index_unit values (?, ?, ?, ?)", fact.index, *place, _encode(unit))
        self._file.executemany(
            "insert or ignore into index_value values (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    fact.index,
                    microseconds(value.period.start),
                    microseconds(value.period.end),
                    *place,
                    number,
                    microseconds(event.time),
                    _encode(value),
                )
                for number, value in enumerate(fact.values)
            ],
        )

    def unit_before(self, event: Recorded, code: str) -> IndexUnit | None:
        row = self._one(
            "select body from index_unit where code = ? and lane = ? and position < ?"
            " order by position limit 1",
            code,
            event.lane,
            event.position,
        )
        return None if row is None else _units.decode(row[0])

    def units(self, codes: Iterable[str]) -> dict[str, IndexUnit]:
        """Of those that were published; it never changes, so whichever value said so."""
        found = {
            code: self._one("select body from index_unit where code = ? order by position limit 1", code)
            for code in codes
        }
        return {code: _units.decode(row[0]) for code, row in found.items() if row is not None}

    def values_before(self, event: Recorded, code: str, start: datetime, end: datetime) -> list[IndexValue]:
        """Values of the lane that touch a period."""
        rows = self._all(
            "select body from index_value where code = ? and lane = ? and position < ? and ends > ?"
            " and starts < ? order by starts, position",
            code,
            event.lane,
            event.position,
            microseconds(start),
            microseconds(end),
        )
        return [_values.decode(row[0]) for row in rows]

    def known_values(self, terms: AgreementTerms, days: Sequence[date]) -> dict[str, list[KnownValue]]:
        """By code: whatever a price for a shipment of these days may rest on, in the order of recording."""
        found: dict[str, dict[tuple[int, int, int], KnownValue]] = {}
        for window in windows_of(terms, days, 1):
            rows = self._all(
                "select lane, position, place, recorded, body from index_value"
                " where code = ? and ends > ? and starts < ?",
                window.code,
                microseconds(window.start),
                microseconds(window.end),
            )
            of_code = found.setdefault(window.code, {})
            for lane, position, place, recorded, body in rows:
                moment = EPOCH + timedelta(microseconds=recorded)
                of_code[lane, position, place] = KnownValue(moment, _values.decode(body))
        return {code: sorted(known.values(), key=lambda of: of.recorded) for code, known in found.items()}

    def _put(self, statement: str, *values: Any) -> None:
        self._file.execute(statement, values)

    def _one(self, statement: str, *values: Any) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._file.execute(statement, values).fetchone()
        return row

    def _all(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._file.execute(statement, values).fetchall()


def _alike(fact: PaymentStated | PaymentReceived) -> bytes:
    return _encode((fact.market, fact.payer, fact.payee, fact.value_on, fact.reference))


_encode = msgspec.msgpack.Encoder().encode
_matches = msgspec.msgpack.Decoder(Confirmed)
_dossiers = msgspec.msgpack.Decoder(Dossier)
_deliveries = msgspec.msgpack.Decoder(DeliveryFile)
_invoices = msgspec.msgpack.Decoder(InvoiceSettled)
_payables = msgspec.msgpack.Decoder(Payable)
_payments = msgspec.msgpack.Decoder(Payment)
_units = msgspec.msgpack.Decoder(IndexUnit)
_values = msgspec.msgpack.Decoder(IndexValue)
