"""What a reader finds in a lane does not depend on how its records are cut into slices."""

from collections.abc import Callable
from typing import Any

import pytest

from events.chain import genesis, next_head
from events.decision import LaneKey
from events.links import Link, Slice
from events.positions import Place
from events.verifying import Keep, Verified
from tests.blotter import DEPLOYMENT, ident
from tests.tampered_lanes import template

KEY = LaneKey("market", 0)
AT = 5
"""Where the lane is tampered with: not at the edge of a slice of two, four or all."""


def lane() -> list[Link]:
    return [Link(offset, event.body, event.chain) for offset, event in enumerate(template())]


def hole(records: list[Link]) -> None:
    del records[AT]


def fork(records: list[Link]) -> None:
    body = records[AT].body.replace(str(DEPLOYMENT).encode(), str(ident("other")).encode())
    records[AT] = Link(AT, body, records[AT].chain)


def unchained(records: list[Link]) -> None:
    records[AT] = Link(AT, records[AT].body, None)


def repeat(records: list[Link]) -> None:
    records.insert(AT, records[AT - 3])


def claimed(old: bytes, new: bytes) -> Callable[[list[Link]], None]:
    """A body that is not as it has to be, under the head that follows from it."""

    def change(records: list[Link]) -> None:
        assert old in records[AT].body
        body = records[AT].body.replace(old, new)
        records[AT] = Link(AT, body, next_head(records[AT - 1].chain or b"", body))

    return change


def verified_by(records: list[Link], size: int, keep: Keep | None = None) -> Verified:
    verified = Verified(KEY, "market", Place(0, genesis(DEPLOYMENT, *KEY), 0, None, None), keep)
    for start in range(0, len(records), size):
        if verified.fault is None:
            verified.take(Slice.of(records[start : start + size]))
    return verified


def found(records: list[Link], size: int) -> tuple[Any, ...]:
    verified = verified_by(records, size)
    events = [(event.position, event.body, event.chain) for event in verified.events]
    repeats = [(record, event.body) for record, event in verified.repeats]
    return str(verified.fault), events, verified.offsets, repeats


@pytest.mark.parametrize(
    ("tamper", "fault", "taken"),
    [
        (list[Link].copy, "None", len(lane())),
        (hole, "topic market, partition 0, offset 6: position 6 is missing before position 7", AT),
        (fork, "topic market, partition 0, offset 5: position 6 does not continue the chain", AT),
        (unchained, "topic market, partition 0, offset 5: position 6 does not continue the chain", AT),
        (repeat, "None", len(lane())),
        (claimed(b'"position":6', b'"position":7'), "position 6 is missing before position 7", AT),
        (claimed(b'"lane":0', b'"lane":1'), "offset 5 belongs to lane market/1", AT),
        (claimed(b'"stream":"market"', b'"stream":"party"'), "offset 5 ", AT),
        (claimed(b'"salt"', b'"salz"'), "offset 5 cannot be decoded: ", AT),
    ],
    ids=["whole", "hole", "fork", "unchained", "repeat", "jump", "lane", "stream", "undecodable"],
)
def test_slices_of_any_size_tell_the_same(
    tamper: Callable[[list[Link]], object], fault: str, taken: int
) -> None:
    records = lane()
    tamper(records)
    told, events, offsets, repeats = singly = found(records, 1)
    assert fault in told
    assert [(event.position, event.body, event.chain) for event in template()[:taken]] == events
    assert [(record, record.body) for record in records[AT : AT + (tamper is repeat)]] == repeats
    assert len(events) == len(offsets)
    for size in (2, 4, len(records)):
        assert singly == found(records, size)
    assert (told, events, offsets[-1:]) == kept(records, 4)


def kept(records: list[Link], size: int) -> tuple[Any, ...]:
    """As `found`, by a reader that keeps something else of its events."""
    verified = verified_by(records, size, lambda events: [(e.position, e.body, e.chain) for e in events])
    assert [(event.position, event.body, event.chain) for event in verified.events] == verified.kept[-1:]
    return str(verified.fault), verified.kept, verified.offsets
