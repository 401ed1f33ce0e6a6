"""A place in the feed of an organisation: one sealed cursor for long polls, streams and replays.

It moves by lines that the organisation is shown, and by nothing else: a cursor that moved in a quiet market
would tell of the other side's sealed answer.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

from msgspec import Meta

from events.connections import Connection
from events.decision import LaneKey
from events.vocabulary import STREAMS, Count
from market.http.wire.endpoint import Call
from market.http.wire.faults import Fault
from market.http.wire.numbers import END
from market.http.wire.problems import DoorError
from market.store import feed

LATEST: Final = "latest"
PATH: Final = "/v1/feed"
Sealed: TypeAlias = tuple[tuple[Count, ...], ...]
"""Positions by lane, of each stream in the order of `STREAMS`."""

FeedCursor = Annotated[
    str,
    Meta(
        pattern=rf"^[A-Za-z0-9_-]+{END}",
        max_length=8_000,
        description="A cursor of this feed; `latest`: only what comes from now on; none: from the first.",
    ),
]
FeedUntil = Annotated[
    str,
    Meta(
        pattern=rf"^[A-Za-z0-9_-]+{END}",
        max_length=8_000,
        description="The cursor of the last event of the range; `latest`, or none: up to now.",
    ),
]
GivenCursor = Annotated[
    str,
    Meta(pattern=rf"^[A-Za-z0-9_-]+{END}", max_length=8_000, description="A cursor that the feed gave."),
]


class Place:
    """The last line of each lane that was read."""

    def __init__(self, organisation: UUID, positions: Mapping[LaneKey, int]) -> None:
        self.organisation = organisation
        self.positions = dict(positions)

    def passed(self, key: LaneKey, position: int) -> bool:
        return position <= self.positions.get(key, 0)

    def move(self, key: LaneKey, position: int) -> None:
        self.positions[key] = max(position, self.positions.get(key, 0))

    def sealed(self, call: Call[Any, Any]) -> str:
        lanes = 1 + max((key.lane for key in self.positions), default=-1)
        rows: dict[str, list[int]] = {stream: [0] * lanes for stream in STREAMS}
        for (stream, lane), position in self.positions.items():
            rows[stream][lane] = position
        return call.door.seal.seal(list(rows.values()), _scope(self.organisation))


def opened(call: Call[Any, Any], cursor: str) -> Place:
    """DoorError `cursor_invalid`."""
    organisation = call.caller.organisation
    rows = call.door.seal.open(cursor, _scope(organisation), Sealed)
    positions = {
        LaneKey(stream, lane): position
        for stream, row in zip(STREAMS, rows, strict=True)
        for lane, position in enumerate(row)
        if position
    }
    return Place(organisation, positions)


async def check_kept(call: Call[Any, Any], connection: Connection, place: Place) -> None:
    """DoorError `history_gone`, with the earliest cursor, when lines behind the place were dropped."""
    floors = await feed.read_floors(connection, place.organisation)
    if all(place.passed(key, floor) for key, floor in floors.items()):
        return
    earliest = Place(place.organisation, place.positions)
    for key, floor in floors.items():
        earliest.move(key, floor)
    cursor = earliest.sealed(call)
    raise DoorError(
        "history_gone",
        "What follows this cursor is no longer kept; the earliest cursor goes on behind the gap.",
        faults=[Fault(code="earliest", detail=cursor, parameter="after")],
        headers={"Link": f'<{PATH}?after={cursor}>; rel="first"'},
    )


def _scope(organisation: UUID) -> str:
    return f"feed {organisation}"
