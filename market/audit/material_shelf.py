"""An audit's working data about passports, accounts and transformations, in the file of its shelf."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Struct

from events.codec import decode_event
from events.envelope import Recorded
from events.material_events import MassBalanceMoved
from events.passport_terms import ClaimKind
from events.volume_terms import VolumeTerms
from market.rules.clearing.columns import EPOCH, microseconds
from market.rules.crma.declared_volumes import DeclaredVolume
from market.rules.materials_remade import Drawn
from market.rules.orders.orders import Reservation
from market.rules.passport import Passport
from market.rules.passports.mass_balance import Account, Credit
from market.rules.twins.product_twins import ProductTwin

SCHEMA: Final = """
create table if not exists passport (passport blob primary key, lane int, body blob) without rowid;
create table if not exists twin (twin blob primary key, lane int, body blob) without rowid;
create table if not exists volume (
    volume blob primary key, organisation blob, lane int, quarter text, reference text, document text,
    withdrawn int, body blob
) without rowid;
create index if not exists volume_of on volume (organisation, quarter);
create table if not exists lot_number (
    facility blob, number text, passport blob, primary key (facility, number)
) without rowid;
create table if not exists reservation (identity text primary key, body blob) without rowid;
create table if not exists credit (
    facility blob, element text, claim text, transformation blob, input_mg int, claimed_mg int,
    remaining_mg int, expires int, primary key (facility, element, claim, transformation)
) without rowid;
create table if not exists part (
    transformation blob, role text, of blob, time int, body blob, primary key (transformation, role, of)
) without rowid;
"""

Role = Literal["transformed", "drawn", "issued", "moved"]
Accounts: TypeAlias = dict[tuple[str, ClaimKind], Account]


class Part(Struct, frozen=True, kw_only=True):
    """A fact of a transformation, and what stood in its lane before it: the input, or the accounts."""

    body: bytes
    chain: bytes
    offset: int
    drawn: Drawn | None = None
    accounts: tuple[tuple[str, ClaimKind, Account], ...] = ()

    def event(self) -> Recorded:
        return decode_event(self.body, self.chain)


class CreditRow(Struct, frozen=True, kw_only=True):
    remaining_mg: int
    expires: int


class MaterialShelf:
    """Tables of the file that an `AuditShelf` has; one for all lanes of an audit."""

    def __init__(self, file: sqlite3.Connection) -> None:
        self._file = file
        for statement in SCHEMA.split(";"):
            self._file.execute(statement)

    def passport(self, passport: UUID) -> tuple[int, Passport] | None:
        """With the lane in which it was issued."""
        row = self._one("select lane, body from passport where passport = ?", passport.bytes)
        return None if row is None else (row[0], _passports.decode(row[1]))

    def keep_passport(self, lane: int, passport: Passport) -> None:
        self._put(
            "insert or replace into passport values (?, ?, ?)",
            passport.passport.bytes,
            lane,
            _encode(passport),
        )

    def twin(self, twin: UUID) -> tuple[int, ProductTwin] | None:
        """Its newest version, with the lane in which it is kept."""
        row = self._one("select lane, body from twin where twin = ?", twin.bytes)
        return None if row is None else (row[0], _twins.decode(row[1]))

    def keep_twin(self, lane: int, twin: ProductTwin) -> None:
        self._put("insert or replace into twin values (?, ?, ?)", twin.twin.bytes, lane, _encode(twin))

    def lane_of_volumes(self, organisation: UUID) -> int | None:
        """The lane in which an organisation has declared before."""
        row = self._one("select lane from volume where organisation = ? limit 1", organisation.bytes)
        return None if row is None else int(row[0])

    def volume(self, volume: UUID) -> DeclaredVolume | None:
        row = self._one("select body from volume where volume = ?", volume.bytes)
        return None if row is None else _volumes.decode(row[0])

    def volumes_alike(
        self, organisation: UUID, volume: UUID, terms: VolumeTerms
    ) -> tuple[tuple[DeclaredVolume, ...], int]:
        """As `store.declared_volumes.load_alike`."""
        rows = self._file.execute(
            "select body from volume where organisation = ? and not withdrawn and volume <> ?"
            " and (reference = ? or document = ? and quarter = ?) order by volume",
            (
                organisation.bytes,
                volume.bytes,
                terms.reference,
                terms.document.sha256,
                terms.quarter.isoformat(),
            ),
        )
        count = self._one(
            "select count(*) from volume where organisation = ? and quarter = ? and not withdrawn",
            organisation.bytes,
            terms.quarter.isoformat(),
        )
        assert count is not None
        return tuple(_volumes.decode(row[0]) for row in rows.fetchall()), int(count[0])

    def keep_volume(self, lane: int, volume: DeclaredVolume) -> None:
        terms = volume.terms
        self._put(
            "insert or replace into volume values (?, ?, ?, ?, ?, ?, ?, ?)",
            volume.volume.bytes,
            volume.organisation.bytes,
            lane,
            terms.quarter.isoformat(),
            terms.reference,
            terms.document.sha256,
            volume.withdrawn,
            _encode(volume),
        )

    def numbered(self, facility: UUID, number: str) -> UUID | None:
        """The passport that has this lot number of the facility."""
        row = self._one(
            "select passport from lot_number where facility = ? and number = ?", facility.bytes, number
        )
        return None if row is None else UUID(bytes=row[0])

    def keep_number(self, facility: UUID, number: str, passport: UUID) -> None:
        """Who has it first keeps it."""
        self._put("insert or ignore into lot_number values (?, ?, ?)", facility.bytes, number, passport.bytes)

    def reservation(self, identity: str) -> Reservation | None:
        row = self._one("select body from reservation where identity = ?", identity)
        return None if row is None else _reservations.decode(row[0])

    def keep_reservation(self, reservation: Reservation) -> None:
        self._put(
            "insert or replace into reservation values (?, ?)", reservation.identity, _encode(reservation)
        )

    def credit(self, facility: UUID, element: str, claim: ClaimKind, of: UUID) -> CreditRow | None:
        row = self._one(
            "select remaining_mg, expires from credit"
            " where facility = ? and element = ? and claim = ? and transformation = ?",
            facility.bytes,
            element,
            claim,
            of.bytes,
        )
        return None if row is None else CreditRow(remaining_mg=row[0], expires=row[1])

    def pay_in(self, fact: MassBalanceMoved) -> None:
        self._file.executemany(
            "insert or replace into credit values (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    fact.facility.bytes,
                    line.element,
                    line.claim,
                    fact.transformation.bytes,
                    line.input_mg,
                    line.claimed_mg,
                    line.deposited_mg,
                    microseconds(fact.expires_at),
                )
                for line in fact.lines
            ],
        )

    def take_out(self, facility: UUID, element: str, claim: ClaimKind, of: UUID, mass_mg: int) -> None:
        self._put(
            "update credit set remaining_mg = remaining_mg - ?"
            " where facility = ? and element = ? and claim = ? and transformation = ?",
            mass_mg,
            facility.bytes,
            element,
            claim,
            of.bytes,
        )

    def accounts(self, facility: UUID, now: int) -> Accounts:
        """What has not expired at `now`, in microseconds."""
        held: defaultdict[tuple[str, ClaimKind], list[Credit]] = defaultdict(list)
        sums: defaultdict[tuple[str, ClaimKind], list[int]] = defaultdict(lambda: [0, 0])
        for element, claim, of, input_mg, claimed_mg, remaining_mg, expires in self._file.execute(
            "select element, claim, transformation, input_mg, claimed_mg, remaining_mg, expires from credit"
            " where facility = ? and expires > ? order by expires, transformation",
            (facility.bytes, now),
        ):
            key = (element, claim)
            sums[key][0] += input_mg
            sums[key][1] += claimed_mg
            if remaining_mg:
                held[key].append(
                    Credit(
                        transformation=UUID(bytes=of),
                        expires_at=EPOCH + timedelta(microseconds=expires),
                        remaining_mg=remaining_mg,
                    )
                )
        return {
            key: Account(input_mg=came, claimed_mg=claimed, credits=tuple(held[key]))
            for key, (came, claimed) in sums.items()
        }

    def keep_part(self, transformation: UUID, role: Role, of: UUID, time: int, part: Part) -> bool:
        """False when there is one already. `time`: of its event, in microseconds."""
        cursor = self._file.execute(
            "insert or ignore into part values (?, ?, ?, ?, ?)",
            (transformation.bytes, role, of.bytes, time, _encode(part)),
        )
        return cursor.rowcount > 0

    def open_transformations(self) -> list[UUID]:
        """Those with a part that is not settled, in the order in which they were recorded."""
        rows = self._file.execute(
            "select transformation from part group by transformation order by min(time), transformation"
        )
        return [UUID(bytes=row[0]) for row in rows.fetchall()]

    def parts(self, transformation: UUID) -> Iterator[tuple[Role, UUID, Part]]:
        rows = self._file.execute(
            "select role, of, body from part where transformation = ? order by role, of",
            (transformation.bytes,),
        )
        for role, of, body in rows.fetchall():
            yield role, UUID(bytes=of), _parts.decode(body)

    def settle(self, transformation: UUID) -> None:
        self._put("delete from part where transformation = ?", transformation.bytes)

    def _put(self, statement: str, *values: Any) -> None:
        self._file.execute(statement, values)

    def _one(self, statement: str, *values: Any) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._file.execute(statement, values).fetchone()
        return row


_encode = msgspec.msgpack.Encoder().encode
_passports = msgspec.msgpack.Decoder(Passport)
_reservations = msgspec.msgpack.Decoder(Reservation)
_twins = msgspec.msgpack.Decoder(ProductTwin)
_volumes = msgspec.msgpack.Decoder(DeclaredVolume)
_parts = msgspec.msgpack.Decoder(Part)
