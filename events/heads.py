"""The path of every write: lock the lanes, assign positions, chain, write the journal, move the heads."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from events.catalog import stream_of, type_of
from events.chain import next_head
from events.codec import encode_event, place
from events.connections import Connection
from events.decision import LaneKey, Request
from events.envelope import Draft, Recorded
from events.journal import JournalRow, copy_rows
from events.refusal import LaneStopped
from events.row_counts import RowCountWrong
from events.vocabulary import STREAMS
from events.writes import Write, send

Apply = Callable[[Connection, Sequence[Recorded]], Awaitable[Sequence[Write]]]
"""Applies events to tables; returns the writes that may be sent together with the rows of the journal."""

COPY_FROM_ROWS = 400


class Head(Struct, kw_only=True, frozen=True):
    """A locked lane: next position, chain head, time of its last event, and why it is stopped, if it is."""

    next_position: int
    head: bytes
    last_time: datetime | None
    stopped_reason: str | None


class RequestRaced(Exception):
    """Another transaction stored a request with the same scope and key meanwhile: roll back and read it."""


class Stamp(Struct, kw_only=True, frozen=True):
    """What all events of one command share, and the source of their missing ids and salts."""

    cause: str
    actor: UUID
    source: str
    now: datetime
    new_id: Callable[[], UUID]
    new_salt: Callable[[], str]


class Heads:
    """The lanes that a transaction has locked, and the events written onto them but not stored yet."""

    def __init__(self, found: dict[LaneKey, Head], locked_at: datetime | None) -> None:
        """`locked_at` by the database's clock; None for lanes that the writing statement will lock."""
        self.found = found
        self._heads = dict(found)
        self._before: dict[LaneKey, int] = {}
        self._rows: list[JournalRow] = []
        self._requests: list[tuple[Request, list[UUID]]] = []
        self.locked_at = locked_at

    def __getitem__(self, key: LaneKey) -> Head:
        try:
            return self._heads[key]
        except KeyError:
            raise ValueError(f"lane {key.stream}/{key.lane} is not locked here, or does not exist") from None

    def check_open(self, keys: Sequence[LaneKey]) -> None:
        """LaneStopped when one of the lanes is; ValueError when one does not exist."""
        for key in keys:
            if (reason := self[key].stopped_reason) is not None:
                raise LaneStopped(stream=key.stream, lane=key.lane, reason=reason)

    def now(self, clock: datetime, keys: Sequence[LaneKey]) -> datetime:
        """The clock's time, but never before the last event of these lanes."""
        now = clock
        for key in keys:
            if (time := self[key].last_time) is not None and time > now:
                now = time
        return now

    def write(
        self, drafts: Sequence[Draft], stamp: Stamp, request: Request | None = None
    ) -> tuple[Recorded, ...]:
        """Give drafts their positions, bodies and chain hashes; all or none.

        ValueError when readers could not decode one of them, or when its lane is not locked.
        """
        heads: dict[LaneKey, Head] = {}
        written: list[Recorded] = []
        rows: list[JournalRow] = []
        for draft in drafts:
            key = LaneKey(draft.stream, draft.lane)
            recorded, row, heads[key] = _record(draft, heads.get(key) or self[key], stamp)
            written.append(recorded)
            rows.append(row)
        for key, head in heads.items():
            self._before.setdefault(key, self._heads[key].next_position)
            self._heads[key] = head
        self._rows += rows
        if request is not None:
            self._requests.append((request, [recorded.id for recorded in written]))
        return tuple(written)

    def move(self, key: LaneKey, next_position: int, head: bytes, last_time: datetime) -> None:
        """Set a lane's head after events whose rows the caller itself stores before `store`."""
        before = self[key]
        self._before.setdefault(key, before.next_position)
        self._heads[key] = replace(
            before, next_position=next_position, head=head, last_time=self.now(last_time, [key])
        )

    @property
    def current(self) -> dict[LaneKey, Head]:
        """The heads including what was written onto them."""
        return self._heads

    def writes(self, effects: Sequence[Write] = ()) -> list[Write]:
        """The writes of `effects`, then the journal rows, the lanes' new heads and the requests."""
        moves = [_move(key, before, self._heads[key]) for key, before in self._before.items()]
        asked = [_asked(request, ids) for request, ids in sorted(self._requests, key=_scope)]
        return [
            *effects,
            Write(JOURNAL, INSERT_JOURNAL, self._rows, (self.locked_at,)),
            Write(LANE, MOVE_LANES, moves),
            Write(REQUEST, INSERT_REQUESTS, asked, (self.locked_at,)),
        ]

    async def store(self, connection: Connection, effects: Sequence[Write] = ()) -> None:
        """Insert the journal rows, move the heads and store the requests, together with `effects`, in one
        round trip. The caller has to roll back on RequestRaced."""
        if len(self._rows) >= COPY_FROM_ROWS:
            assert self.locked_at is not None, "rows are copied under locks that are held"
            await copy_rows(connection, self._rows, self.locked_at)
            self._rows = []
        try:
            await send(connection, self.writes(effects))
        except RowCountWrong as error:
            if error.what == REQUEST:
                raise RequestRaced from error
            raise
        self._before, self._rows, self._requests = {}, [], []


def _scope(entry: tuple[Request, list[UUID]]) -> tuple[bytes, str, str]:
    request = entry[0]
    return request.organisation.bytes, request.route, request.key


def _move(key: LaneKey, before: int, head: Head) -> tuple[object, ...]:
    return key.stream, key.lane, before, head.next_position, head.head, head.last_time


def _asked(request: Request, event_ids: list[UUID]) -> tuple[object, ...]:
    ids = "{" + ",".join(map(str, event_ids)) + "}"
    return request.organisation, request.route, request.key, request.body_hash, ids


def _record(draft: Draft, head: Head, stamp: Stamp) -> tuple[Recorded, JournalRow, Head]:
    """One event at the head of its lane, its journal row, and the head after it."""
    name = type_of(draft.data)
    if stream_of(name) != draft.stream:
        raise ValueError(f"{name} does not belong to stream {draft.stream}")
    position = head.next_position
    event_id = draft.id or stamp.new_id()
    time = draft.time or (stamp.now if head.last_time is None else max(stamp.now, head.last_time))
    salt = draft.salt or stamp.new_salt()
    cause, actor = draft.cause or stamp.cause, draft.actor or stamp.actor
    if draft.unplaced is not None:
        body = place(draft, draft.unplaced, stamp.source, position)
    else:
        body = encode_event(
            event_id=event_id,
            source=stamp.source,
            subject=draft.subject,
            time=time,
            lane=draft.lane,
            position=position,
            cause=cause,
            actor=actor,
            salt=salt,
            data=draft.data,
        )
    chain = next_head(head.head, body)
    recorded = Recorded(
        id=event_id,
        type=name,
        subject=draft.subject,
        time=time,
        stream=draft.stream,
        lane=draft.lane,
        position=position,
        cause=cause,
        actor=actor,
        salt=salt,
        data=draft.data,
        body=body,
        chain=chain,
    )
    row = JournalRow(draft.stream, draft.lane, position, event_id, name, draft.subject, body, chain)
    last_time = time if head.last_time is None else max(time, head.last_time)
    after = Head(
        next_position=position + 1, head=chain, last_time=last_time, stopped_reason=head.stopped_reason
    )
    return recorded, row, after


# One statement takes the locks, in ascending order; everything read after it is current.
LOCK_LANES = """
select stream, lane, next_position, head, last_time, stopped_reason, clock_timestamp() as locked_at
from record.lane where (stream, lane) in (select * from unnest($1::text[], $2::bigint[]))
order by stream, lane for update
"""

JOURNAL, LANE, REQUEST = "record.journal", "record.lane", "record.request"

INSERT_JOURNAL = """
insert into record.journal (stream, lane, position, event_id, type, key, body, chain, recorded_at)
select *, coalesce($9::timestamptz, now()) from unnest(
    $1::text[], $2::bigint[], $3::bigint[], $4::uuid[], $5::text[], $6::text[], $7::bytea[], $8::bytea[]
)
"""

# If a lane that was not locked has moved on, a row is missing.
MOVE_LANES = """
update record.lane l set next_position = h.after, head = h.head, last_time = h.last_time
from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[], $6::timestamptz[])
    as h (stream, lane, before, after, head, last_time)
where l.stream = h.stream and l.lane = h.lane and l.next_position = h.before
"""

# A missing row means a lost race.
INSERT_REQUESTS = """
insert into record.request (organisation, route, key, body_hash, event_ids, at)
select organisation, route, key, body_hash, event_ids::uuid[], coalesce($6::timestamptz, now())
from unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::text[])
    as r (organisation, route, key, body_hash, event_ids)
on conflict do nothing
"""


async def lock_lanes(connection: Connection, keys: Iterable[LaneKey]) -> Heads:
    """Lock lanes ascending, in one statement, inside the caller's transaction. Unknown lanes are left out."""
    wanted = sorted(set(keys))
    rows = await connection.fetch(LOCK_LANES, [key.stream for key in wanted], [key.lane for key in wanted])
    return _heads_of(rows)


# Only for this transaction: the role's own limits suit commands, and would end a transaction of a stalled
# process.
ALLOW_MORE = """
select set_config(s.name, (s.setting::bigint + more.ms)::text || 'ms', true)
from pg_settings s
join (values ('idle_in_transaction_session_timeout', $1::bigint), ('statement_timeout', $1),
    ('transaction_timeout', $2)) as more (name, ms) on more.name = s.name
where s.setting <> '0'
"""
EVENTS_A_MS_BETWEEN_STATEMENTS = 4
"""Allows each event more than ten times the time that encoding, chaining and folding it takes on an idle
processor."""


async def allow_for(connection: Connection, events: int) -> None:
    """Raises the time limits of a transaction in proportion to the events that it appends: a busy machine
    needs seconds between two statements. Call it before the lanes are locked."""
    await connection.execute(ALLOW_MORE, events // EVENTS_A_MS_BETWEEN_STATEMENTS, events)


# Sent as one text, the only way to send two statements in one message; it cannot have parameters then.
BEGIN_AND_LOCK = """
begin;
select from record.lane where (stream, lane) in ({lanes}) order by stream, lane for update
"""


async def begin_and_lock(connection: Connection, keys: Iterable[LaneKey]) -> None:
    """Open a transaction and lock these lanes, in ascending order; `read_locked` then returns their heads."""
    lanes = ", ".join(f"('{stream}', {lane:d})" for stream, lane in keys if stream in STREAMS)
    await connection.execute(BEGIN_AND_LOCK.format(lanes=lanes or "(null, null)"))


# The lateral limit ensures one index probe of the primary key per request, whatever the planner's statistics.
READ_LOCKED = """
select l.stream, l.lane, l.next_position, l.head, l.last_time, l.stopped_reason,
       clock_timestamp() as locked_at, null::bigint as place, null::bytea as body_hash,
       null::uuid[] as event_ids
from unnest($1::text[], $2::bigint[]) as k (stream, lane)
join record.lane l on l.stream = k.stream and l.lane = k.lane
union all
select null, null, null, null, null, null, null, a.place - 1, r.body_hash, r.event_ids
from unnest($3::uuid[], $4::text[], $5::text[]) with ordinality as a (organisation, route, key, place)
cross join lateral (
    select q.body_hash, q.event_ids from record.request q
    where q.organisation = a.organisation and q.route = a.route and q.key = a.key limit 1
) r
"""

# Also requests accepted by a lost database: the topics contain the hashes of their keys.
OR_RESTORED = """
union all
select null, null, null, null, null, null, null, a.place - 1, r.body_hash, r.event_ids
from unnest($3::uuid[], $4::text[], $5::text[]) with ordinality as a (organisation, route, key, place)
cross join lateral (
    select q.body_hash, q.event_ids from record.restored_request q
    where q.organisation = a.organisation and q.route = a.route
    and q.key_sha256 = sha256(convert_to(a.key, 'UTF8')) limit 1
) r
"""
READ_LOCKED_OR_RESTORED = READ_LOCKED + OR_RESTORED

HAS_RESTORED = "select exists (select from record.restored_request)"


class StoredRequest(NamedTuple):
    """An accepted request; `place` is its index in `requests`."""

    place: int
    body_hash: bytes
    event_ids: list[UUID]


async def read_locked(
    connection: Connection,
    keys: Collection[LaneKey],
    requests: Sequence[Request],
    *,
    restored: bool = False,
) -> tuple[Heads, list[StoredRequest]]:
    """The heads of the locked lanes, and those of the requests that were accepted before.

    `restored`: also look for requests that a lost database had accepted.
    """
    rows = await connection.fetch(
        READ_LOCKED_OR_RESTORED if restored else READ_LOCKED,
        [key.stream for key in keys],
        [key.lane for key in keys],
        [request.organisation for request in requests],
        [request.route for request in requests],
        [request.key for request in requests],
    )
    stored = [
        StoredRequest(row["place"], row["body_hash"], row["event_ids"])
        for row in rows
        if row["place"] is not None
    ]
    return _heads_of([row for row in rows if row["place"] is None]), stored


def _heads_of(rows: Sequence[Any]) -> Heads:
    heads = {
        LaneKey(row["stream"], row["lane"]): Head(
            next_position=row["next_position"],
            head=row["head"],
            last_time=row["last_time"],
            stopped_reason=row["stopped_reason"],
        )
        for row in rows
    }
    return Heads(heads, rows[0]["locked_at"] if rows else datetime.max.replace(tzinfo=UTC))


async def has_restored(connection: Connection) -> bool:
    """Whether the database was ever recovered from topics that contained requests."""
    return bool(await connection.fetchval(HAS_RESTORED))


async def append(
    connection: Connection,
    heads: Heads,
    drafts: Sequence[Draft],
    *,
    cause: str,
    actor: UUID,
    source: str,
    now: datetime,
    new_id: Callable[[], UUID],
    new_salt: Callable[[], str],
    apply: Apply,
) -> tuple[Recorded, ...]:
    """Record drafts in the caller's transaction, on lanes it has locked.

    LaneStopped when one of them is stopped. After an exception nothing may be committed.
    """
    heads.check_open([LaneKey(draft.stream, draft.lane) for draft in drafts])
    stamp = Stamp(cause=cause, actor=actor, source=source, now=now, new_id=new_id, new_salt=new_salt)
    recorded = heads.write(drafts, stamp)
    await heads.store(connection, await apply(connection, recorded))
    return recorded
