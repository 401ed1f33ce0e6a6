"""The table writes of a round, started before its lane is locked: reads the rows of its orders, inserts its
matches.

Changes of the lane meanwhile are handled under the lock: an order's row has the position of the last event
that changed it, so changed ones are read again. A match depends only on drafts, except for its position,
which is moved by as much as the lane has grown.
"""

from collections.abc import Iterable, Sequence
from copy import copy
from typing import Self
from uuid import UUID

from asyncpg import UniqueViolationError

from events.catalog import type_of
from events.codec import place
from events.connections import Connection
from events.decision import LaneKey
from events.envelope import Draft, Recorded
from events.journal import read_head
from events.writes import Prepared, Write, prepare, send
from market.store import matches, requirements, supplies
from market.store.applying import read_batch, writes_of
from market.store.market_facts import Batch, Named
from market.store.matches import MatchChange


class RoundRecorded(Exception):
    """Another matcher has recorded the round meanwhile: roll back and read again."""


class RoundTables:
    """Applies the events of a round to tables; call `locked` before the first event."""

    def __init__(self, key: LaneKey, named: Named, batch: Batch, read_at: int) -> None:
        """`batch`: the rows that `named` names, read after the lane stood at position `read_at`."""
        self._key = key
        self._named = named
        self._batch = batch
        self._read_at = read_at
        self._ahead: list[Prepared] | None = None
        self._inserted: dict[UUID, MatchChange] = {}
        self._grown_by = 0

    @classmethod
    async def read(cls, connection: Connection, key: LaneKey, drafts: Sequence[Draft]) -> Self:
        """Before the lane is locked or after it. All drafts are of this lane."""
        head = await read_head(connection, key)
        named = Named(drafts)
        assert not named.matches, "a round decides no match but its own"
        return cls(key, named, await read_batch(connection, named), head.position)

    async def insert_matches(self, connection: Connection, drafts: Sequence[Draft]) -> None:
        """Before the lane is locked, in the same transaction, at the positions that they have if it does not
        grow; not on a lane that others write to, where it would: moving matches takes as long as inserting.
        What else is written if it does not grow is prepared too.

        `drafts` as from `codec.encode_ahead`. Waits for whoever inserts the same matches; then RoundRecorded.
        """
        trial = Batch(
            {order: copy(change) for order, change in self._batch.supplies.items()},
            {order: copy(change) for order, change in self._batch.requirements.items()},
            {},
        )
        _pass_over(trial, drafts, self._read_at + 1)
        if (await read_head(connection, self._key)).position != self._read_at:
            return
        self._inserted = trial.matches
        try:
            await send(connection, matches.writes(trial.matches.values()))
        except UniqueViolationError as error:
            raise RoundRecorded from error
        self._ahead = list(prepare(writes_of(trial, inserted=trial.matches.keys())))

    async def locked(self, connection: Connection, position: int) -> None:
        """Call when the lane is locked at `position`: reads again what has changed."""
        self._grown_by = position - self._read_at
        if not self._grown_by:
            return
        self._ahead = None
        since = self._read_at + 1
        named, batch = self._named, self._batch
        batch.supplies |= await supplies.read_changed(
            connection, named.supplies.values(), named.whole, since=since
        )
        batch.requirements |= await requirements.read_changed(
            connection, named.requirements.values(), since=since
        )

    def pass_over(self, drafts: Sequence[Draft], position: int) -> None:
        if self._ahead is None:
            _pass_over(self._batch, drafts, position)

    def prepared(self) -> Iterable[Prepared]:
        return prepare(self._writes()) if self._ahead is None else self._ahead

    def _writes(self) -> list[Write]:
        for match in self._inserted.values():
            match.position += self._grown_by
            assert match == self._batch.matches[match.match]
        moved = [(match.lane, match.market, match.match) for match in self._inserted.values()]
        return [
            *writes_of(self._batch, inserted=self._inserted.keys()),
            matches.moves(moved, self._grown_by),
        ]


def _pass_over(batch: Batch, drafts: Sequence[Draft], position: int) -> None:
    for at, draft in enumerate(drafts, position):
        batch.pass_over(_as_recorded(draft, at))


def _as_recorded(draft: Draft, position: int) -> Recorded:
    """All but the chain, which no table holds."""
    assert draft.unplaced is not None
    assert draft.id is not None
    assert draft.time is not None
    assert draft.cause is not None
    assert draft.actor is not None
    assert draft.salt is not None
    return Recorded(
        id=draft.id,
        type=type_of(draft.data),
        subject=draft.subject,
        time=draft.time,
        stream=draft.stream,
        lane=draft.lane,
        position=position,
        cause=draft.cause,
        actor=draft.actor,
        salt=draft.salt,
        data=draft.data,
        body=place(draft, draft.unplaced, draft.unplaced.source, position),
        chain=b"",
    )
