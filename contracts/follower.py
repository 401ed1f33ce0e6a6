"""PROCESS record.market.v1 → agreements: each confirmed match becomes a spot contract or the draft of an
offtake agreement."""

from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

import structlog
from msgspec.structs import replace

from contracts.rules.matched import from_match
from contracts.store.agreements import matched
from events.connections import Connection
from events.contract_events import AgreementDrafted
from events.decision import LaneKey, Moment
from events.envelope import Draft, Recorded
from events.faults import crash_point
from events.handling import Batch
from events.heads import Apply, append, lock_lanes
from events.market_events import MatchConfirmed

log = structlog.get_logger("lodestone.follower")

NAME: Final = "follower"


class Follower:
    """Handler of the market stream: writes the agreement of a match and the reader's position in one
    transaction."""

    def __init__(
        self,
        *,
        apply: Apply,
        source: str,
        new_id: Callable[[], UUID],
        new_salt: Callable[[], str],
    ) -> None:
        self._apply = apply
        self._source = source
        self._new_id = new_id
        self._new_salt = new_salt

    def keep(self, events: Sequence[Recorded], /) -> list[Recorded]:
        return [event for event in events if isinstance(event.data, MatchConfirmed)]

    async def handle(self, batch: Batch) -> None:
        """Handles all matches of the batch at once; other events only move the position."""
        confirmed = batch.kept
        async with batch.transaction() as connection:
            drafts = await self._follow(connection, batch.lane, confirmed) if confirmed else ()
            crash_point("follower.before_commit")
        crash_point("follower.after_commit")
        for draft in drafts:
            if isinstance(draft.data, AgreementDrafted):
                self._tell(batch.lane, draft.data)

    async def _follow(
        self, connection: Connection, lane: LaneKey, confirmed: Sequence[Recorded]
    ) -> tuple[Draft, ...]:
        """Writes to the contracts lane with the same number. A match that already has an agreement gets no
        second one."""
        heads = await lock_lanes(connection, [LaneKey("contracts", lane.lane)])
        known = await matched(connection, lane.lane, [match_of(event).match for event in confirmed])
        drafts: list[Draft] = []
        for event in confirmed:
            match = match_of(event)
            if match.match not in known:
                known.add(match.match)
                moment = Moment(now=event.time, new_id=self._new_id)
                found = from_match(lane.lane, match, moment).drafts
                drafts += [replace(draft, cause=str(event.id), actor=event.actor) for draft in found]
        if drafts:
            last = confirmed[-1]
            await append(
                connection,
                heads,
                drafts,
                cause=str(last.id),
                actor=last.actor,
                source=self._source,
                now=last.time,
                new_id=self._new_id,
                new_salt=self._new_salt,
                apply=self._apply,
            )
        return tuple(drafts)

    def _tell(self, lane: LaneKey, drafted: AgreementDrafted) -> None:
        log.info(
            "match_followed",
            market=str(drafted.market),
            match=str(drafted.match),
            agreement=str(drafted.agreement),
            kind=drafted.kind,
            lane=lane.lane,
        )


def match_of(event: Recorded) -> MatchConfirmed:
    assert isinstance(event.data, MatchConfirmed)
    return event.data
