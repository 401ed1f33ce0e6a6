"""Who may order a recovery, and what it puts on the record."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from events.callers import Caller
from events.decision import Moment
from events.party_events import LaneAnchor, RecordRepublished, RecordRestored
from events.refusal import Refusals
from events.vocabulary import Stream
from market.rules.recoveries import Republish, Restore, republish, restore

OPERATOR = Caller(organisation=UUID(int=7), roles=frozenset({"operator"}))
MOMENT = Moment(now=datetime(2026, 3, 2, tzinfo=UTC), new_id=uuid4)


def anchor(stream: Stream, lane: int) -> LaneAnchor:
    return LaneAnchor(stream=stream, lane=lane, position=5, head="00" * 32, sealed=3)


ANCHORS = (anchor("parties", 0), anchor("market", 0), anchor("market", 1))


def test_an_order_is_one_fact_a_stream_on_the_operators_lane() -> None:
    asked = Republish(caller=OPERATOR, lane=4, old_clusters=("old",), new_cluster="new", anchors=ANCHORS)
    drafts = republish(None, asked, MOMENT).drafts
    assert {("parties", 4, str(OPERATOR.organisation))} == {
        (each.stream, each.lane, each.subject) for each in drafts
    }
    assert [
        RecordRepublished(
            organisation=OPERATOR.organisation, old_clusters=("old",), new_cluster="new", anchors=anchors
        )
        for anchors in (ANCHORS[1:], ANCHORS[:1])
    ] == [each.data for each in drafts]


def test_a_journal_taken_back_is_told_stream_by_stream() -> None:
    drafts = restore(None, Restore(caller=OPERATOR, lane=4, cluster="c", anchors=ANCHORS), MOMENT).drafts
    assert [
        RecordRestored(organisation=OPERATOR.organisation, cluster="c", anchors=anchors)
        for anchors in (ANCHORS[1:], ANCHORS[:1])
    ] == [each.data for each in drafts]


def test_nobody_else_orders_a_recovery() -> None:
    trader = Caller(organisation=UUID(int=8), roles=frozenset({"trader", "admin", "auditor"}))
    with pytest.raises(Refusals):
        republish(
            None,
            Republish(caller=trader, lane=0, old_clusters=(), new_cluster="new", anchors=ANCHORS),
            MOMENT,
        )
    with pytest.raises(Refusals):
        restore(None, Restore(caller=trader, lane=0, cluster="c", anchors=ANCHORS), MOMENT)
