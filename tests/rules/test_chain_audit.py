"""What the audit by chain takes, counts and names, without any server."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from events.chain import next_head
from events.decision import LaneKey
from events.links import Link
from events.merkle import Frontier, leaf_hash
from market.audit.chain_audit import ChainAudit
from market.audit.lane_verdict import WHOLE, Bounds, LaneVerdict
from market.audit.repeats import Repeats
from tests.blotter import DEPLOYMENT, START, Lane, ident, member, ndpr_price
from tests.tampered_lanes import chained

KEY = LaneKey("market", 0)
EVENTS = 12


def lane_of(count: int = EVENTS) -> Lane:
    lane = Lane()
    while len(lane.events) < count:
        lane.now = START + timedelta(minutes=len(lane.events))
        lane.record(ndpr_price())
    return lane


def records(lane: Lane) -> list[Link]:
    return [Link(offset, event.body, event.chain) for offset, event in enumerate(lane.events)]


def audited(fed: list[Link], expected_end: int | None = None, **given: Any) -> LaneVerdict:
    check = ChainAudit(KEY, DEPLOYMENT, expected_end, **given)
    check.feed(fed)
    if check.unsettled:
        for record in fed:
            check.reread(record)
    verdict = check.verdict()
    told(verdict)
    return verdict


def told(verdict: LaneVerdict) -> None:
    """Whatever diverges is named with both values."""
    found = verdict.divergence
    if found is not None:
        assert found.sentence.endswith(f"; {found.field} is {found.recorded}, it has to be {found.expected}")


def kind(verdict: LaneVerdict) -> str | None:
    return None if verdict.divergence is None else verdict.divergence.kind


def with_body(record: Link, old: bytes, new: bytes) -> Link:
    assert old in record.body
    return replace(record, body=record.body.replace(old, new))


def rechained(bodies: list[bytes]) -> list[Link]:
    return [Link(offset, *row) for offset, row in enumerate(chained(0, bodies))]


def root_of(fed: list[Link]) -> bytes:
    tree = Frontier()
    for record in fed:
        tree.append(leaf_hash(record.body))
    return tree.root()


def test_a_lane_is_followed_to_its_head() -> None:
    lane = lane_of()
    verdict = audited(records(lane), EVENTS)
    assert (None, EVENTS, lane.head.hex(), True) == (
        kind(verdict), verdict.position, verdict.head, verdict.end_proven
    )  # fmt: skip
    assert "gap" == kind(audited(records(lane), EVENTS + 1))


def test_changed_bytes_are_named_with_both_chains() -> None:
    fed = records(lane_of())
    honest = fed[4].chain
    fed[4] = with_body(fed[4], b'"test"', b'"tesd"')
    found = audited(fed).divergence
    assert found is not None
    assert fed[3].chain is not None
    assert honest is not None
    expected = next_head(fed[3].chain, fed[4].body).hex()
    assert ("chain", 5, 4, "chain") == (found.kind, found.position, found.offset, found.field)
    assert (honest.hex(), expected) == (found.recorded, found.expected)
    assert found.sentence.endswith(f"chain is {honest.hex()}, it has to be {expected}")


@pytest.mark.parametrize("chain", [None, b"", b"x" * 32])
def test_another_chain_than_the_bodys_is_named(chain: bytes | None) -> None:
    fed = records(lane_of())
    fed[2] = replace(fed[2], chain=chain)
    assert "chain" == kind(audited(fed))


def test_a_missing_a_moved_and_a_foreign_record_are_named() -> None:
    fed = records(lane_of())
    assert "gap" == kind(audited(fed[:3] + fed[4:]))
    assert "gap" == kind(audited([*fed[:3], fed[4], fed[3], *fed[5:]]))
    assert "undecodable" == kind(audited([*fed, Link(99, b"no event", b"x" * 32)]))
    bodies = [record.body for record in fed]
    elsewhere = [bodies[0].replace(b'"lane":0', b'"lane":1'), *bodies[1:]]
    assert "placement" == kind(audited(rechained(elsewhere)))
    other = str(ident("other")).encode()
    stranger = [*bodies[:5], bodies[5].replace(str(DEPLOYMENT).encode(), other)]
    assert "source" == kind(audited(rechained(stranger)))
    jumped = [*bodies[:5], bodies[6]]
    assert "gap" == kind(audited(rechained(jumped)))


def test_an_event_that_is_written_in_another_way_is_taken() -> None:
    bodies = [record.body for record in records(lane_of())]
    spaced = bodies[3].replace(b'"lane":0', b'"lane": 0')
    assert None is kind(audited(rechained([*bodies[:3], spaced, *bodies[4:]])))


@pytest.mark.parametrize("window", [3, 1_000])
def test_repeats_are_counted_when_identical_and_named_when_not(window: int) -> None:
    fed = records(lane_of())
    verdict = audited([*fed[:10], *fed[2:]], repeats=Repeats(window))
    assert (None, 8) == (kind(verdict), verdict.repeats)
    other = with_body(fed[2], b'"test"', b'"tesd"')
    assert "repeat" == kind(audited([*fed[:10], other, *fed[3:]], repeats=Repeats(window)))


def test_what_was_signed_holds_a_history_that_was_computed_anew() -> None:
    fed = records(lane_of())
    seals = {5: root_of(fed[:5]), EVENTS: root_of(fed)}
    verdict = audited(fed, seals=seals)
    assert (None, EVENTS) == (kind(verdict), verdict.sealed)
    bodies = [record.body for record in fed]
    forged = rechained([*bodies[:2], bodies[2].replace(b'"test"', b'"tesd"'), *bodies[3:]])
    assert None is kind(audited(forged))
    found = audited(forged, seals=seals).divergence
    assert found is not None
    assert ("checkpoint", 5, "root", seals[5].hex()) == (
        found.kind, found.position, found.field, found.expected
    )  # fmt: skip
    assert "truncated" == kind(audited(fed[:7], seals=seals))


def test_a_range_ends_where_it_was_asked_to() -> None:
    lane = lane_of()
    fed = records(lane)
    seals = {5: root_of(fed[:5]), EVENTS: root_of(fed)}
    fed[9] = with_body(fed[9], b'"test"', b'"tesd"')
    verdict = audited(fed, seals=seals, bounds=Bounds(upto=7))
    assert (None, 7, 7, 5, True) == (
        kind(verdict), verdict.position, verdict.records, verdict.sealed, verdict.bounded
    )  # fmt: skip
    assert "chain" == kind(audited(fed, bounds=Bounds(upto=10)))


def test_a_range_is_taken_up_from_the_record_before_it() -> None:
    lane = lane_of()
    fed = records(lane)
    for start in (0, 2, 4):
        verdict = audited(fed[start:], bounds=Bounds(first=6))
        assert (None, EVENTS, lane.head.hex(), 6) == (
            kind(verdict), verdict.position, verdict.head, verdict.first
        )  # fmt: skip
    assert "gap" == kind(audited(fed[5:], bounds=Bounds(first=6)))
    changed = [*fed[:8], with_body(fed[8], b'"test"', b'"tesd"'), *fed[9:]]
    assert "chain" == kind(audited(changed, bounds=Bounds(first=6)))
    assert "chain" == kind(audited([replace(fed[4], chain=None), *fed[5:]], bounds=Bounds(first=6)))
    again = audited([*fed[:10], *fed[2:]], bounds=Bounds(first=6))
    assert (None, 8) == (kind(again), again.repeats)
    assert 1 == WHOLE.first


def test_members_of_a_market_make_no_difference_to_a_chain() -> None:
    lane = Lane()
    lane.admit(member("seller"))
    assert None is kind(audited(records(lane)))


def test_a_recovery_is_held_against_the_chain_where_it_found_the_lane() -> None:
    lane = lane_of()
    anchor = lane.events[6].chain.hex()
    assert kind(audited(records(lane), anchors={7: anchor})) is None
    verdict = audited(records(lane), anchors={6: anchor})
    assert verdict.divergence is not None
    assert ("anchor", 6, "head", anchor) == (
        verdict.divergence.kind,
        verdict.divergence.position,
        verdict.divergence.field,
        verdict.divergence.expected,
    )
    assert "market lane 0, position 6, offset 5: " in verdict.divergence.sentence


def test_a_lane_that_ends_before_a_recovery_is_truncated() -> None:
    lane = lane_of()
    fed = records(lane)[:-1]
    verdict = audited(fed, anchors={EVENTS: lane.head.hex()})
    assert verdict.divergence is not None
    assert ("truncated", EVENTS) == (verdict.divergence.kind, verdict.divergence.position)
    assert "it was recovered with 12 events" in verdict.divergence.sentence
    assert kind(audited(fed, bounds=Bounds(upto=4), anchors={EVENTS: lane.head.hex()})) is None


def test_a_recovery_before_a_range_is_left_out_and_one_at_its_beginning_is_compared() -> None:
    lane = lane_of()
    fed, later = records(lane), Bounds(first=5)
    assert kind(audited(fed, bounds=later, anchors={3: "other"})) is None
    assert kind(audited(fed[:3], bounds=later, anchors={3: lane.events[2].chain.hex()})) is None
    assert kind(audited(fed, bounds=later, anchors={4: lane.events[3].chain.hex()})) is None
    verdict = audited(fed, bounds=later, anchors={4: "other"})
    assert verdict.divergence is not None
    assert ("anchor", 4, 3) == (
        verdict.divergence.kind,
        verdict.divergence.position,
        verdict.divergence.offset,
    )
