"""An audit that is broken off anywhere goes on with the same verdict; its state belongs to it alone."""

import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from events.decision import LaneKey
from events.links import Link
from market.audit.chain_audit import ChainAudit
from market.audit.fact_progress import Folded
from market.audit.lane_audit import LaneAudit, LaneRecord
from market.audit.lane_progress import Followed, beginning
from market.audit.lane_verdict import Bounds, LaneVerdict
from market.audit.repeats import Repeats
from market.audit.round_audit import BY_CERTIFICATE
from market.audit.shelf import AuditShelf
from market.audit.state import APPLICATION_ID, AuditState, LanePlace, Purpose, StateError, format_of
from market.rules.clearing.clearing import conclude
from tests.blotter import DEPLOYMENT, Lane
from tests.contract_journeys import journey
from tests.contract_lane import KEY as CONTRACTS
from tests.rules import test_chain_audit as chains
from tests.rules.test_lane_audit import KEY, records, traded

PURPOSE = Purpose(
    format=format_of(Folded),
    cluster="c1",
    prefix="",
    deployment=str(DEPLOYMENT),
    mode="full",
    resolve=False,
    processes=1,
    lanes={"market/0": Bounds()},
)


def kept(value: Any, shape: Any) -> Any:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=shape)


def alike(verdict: LaneVerdict) -> LaneVerdict:
    return replace(verdict, read_before=0)


def in_two(fed: list[LaneRecord], cut: int, key: LaneKey = KEY, **given: Any) -> LaneVerdict:
    """The shelf stands in one file, as both readings have it."""
    shelf = AuditShelf(market_read=True)
    begun = Folded(followed=beginning(DEPLOYMENT, key))
    first = LaneAudit(key, DEPLOYMENT, BY_CERTIFICATE, shelf=shelf, folded=begun, **given)
    for record in fed[:cut]:
        first.feed(record)
    folded = kept(first.folded(), Folded)
    second = LaneAudit(key, DEPLOYMENT, BY_CERTIFICATE, shelf=shelf, folded=folded, **given)
    for record in fed[cut:]:
        second.feed(record)
    if second.unsettled:
        for record in fed:
            second.reread(record)
    verdict = second.verdict()
    assert len(fed[:cut]) == verdict.read_before
    return alike(verdict)


def rounds() -> Lane:
    """Two rounds; an order comes while the second is open."""
    lane = traded()
    lane.round()
    lane.offer("seller", "later")
    plan = lane.plan()
    drafts = conclude(lane.book, plan)
    lane.offer("seller", "between")
    lane.append(drafts)
    return lane


def test_a_market_lane_that_is_cut_anywhere_has_one_verdict() -> None:
    fed = records(rounds())
    seals = {
        5: chains.root_of(chains.records(rounds())[:5]),
        len(fed): chains.root_of(chains.records(rounds())),
    }
    whole = in_two(fed, 0, seals=seals)
    assert (None, 2, len(fed)) == (whole.divergence, whole.clearings, whole.sealed)
    for cut in range(1, len(fed) + 1):
        assert whole == in_two(fed, cut, seals=seals)
    anchored = in_two(fed, 0, anchors={4: fed[3].chain, 7: "other"})
    assert "anchor" == chains.kind(anchored)
    for cut in range(1, len(fed) + 1):
        assert anchored == in_two(fed, cut, anchors={4: fed[3].chain, 7: "other"})
    changed = [*fed]
    place = next(k for k, record in enumerate(fed) if b"market.match.struck" in record.body)
    changed[place] = replace(fed[place], body=fed[place].body.replace(b'"subject":"', b'"subject":"x'))
    wrong = in_two(changed, 0)
    assert wrong.divergence is not None
    for cut in range(1, len(fed) + 1):
        assert wrong == in_two(changed, cut)


def test_a_contracts_lane_that_is_cut_anywhere_has_one_verdict() -> None:
    fed = journey("difference").records()
    whole = in_two(fed, 0, CONTRACTS)
    assert (None, 1) == (whole.divergence, whole.agreements)
    for cut in range(1, len(fed), 3):
        assert whole == in_two(fed, cut, CONTRACTS)


def test_rounds_before_a_range_are_followed_and_not_proved() -> None:
    lane = rounds()
    fed = records(lane)
    second = [event for event in lane.events if event.type == "market.clearing.planned.v1"][1].position
    ranged = in_two(fed, 4, bounds=Bounds(first=second))
    assert (None, 1, second, len(fed)) == (
        ranged.divergence, ranged.clearings, ranged.first, ranged.position
    )  # fmt: skip


def chain_in_two(fed: list[Link], cut: int, **given: Any) -> LaneVerdict:
    bounds: Bounds = given.get("bounds", Bounds())
    begun = beginning(DEPLOYMENT, KEY, first=bounds.first)
    first = ChainAudit(KEY, DEPLOYMENT, followed=begun, **given)
    first.feed(fed[:cut])
    second = ChainAudit(KEY, DEPLOYMENT, **given, followed=kept(first.followed(), Followed))
    second.feed(fed[cut:])
    if second.unsettled:
        for record in fed:
            second.reread(record)
    return alike(second.verdict())


def test_a_chain_that_is_cut_anywhere_has_one_verdict() -> None:
    fed = chains.records(chains.lane_of())
    again = [*fed[:9], *fed[2:9], *fed[4:]]
    other = chains.with_body(fed[2], b'"test"', b'"tesd"')
    cases: list[tuple[list[Link], str | None, dict[str, Any]]] = [
        (fed, None, {"seals": {chains.EVENTS: chains.root_of(fed)}, "expected_end": chains.EVENTS}),
        (fed, "checkpoint", {"seals": {7: b"x" * 32}}),
        (fed, "anchor", {"anchors": {7: "other"}}),
        (fed, "truncated", {"anchors": {chains.EVENTS + 1: "other"}}),
        (fed, None, {"bounds": Bounds(first=4, upto=9)}),
        (again, None, {}),
        ([*fed[:9], other, *fed[3:]], "repeat", {}),
    ]
    for rows, kind, given in cases:
        whole = alike(chains.audited(rows, given.pop("expected_end", None), **given))
        assert kind == chains.kind(whole)
        for cut in range(1, len(rows) + 1):
            found = chain_in_two(rows, cut, **given)
            if kind == "repeat":
                # What was read before is not at hand: such a repeat is named at the end of the lane.
                assert kind == chains.kind(found)
                continue
            assert (kind, whole.position, whole.head, whole.sealed, whole.repeats) == (
                chains.kind(found), found.position, found.head, found.sealed, found.repeats
            )  # fmt: skip


def test_what_was_signed_after_it_was_read_is_compared_where_the_reading_stands() -> None:
    fed = chains.records(chains.lane_of())
    check = ChainAudit(KEY, DEPLOYMENT, followed=None, seals={3: chains.root_of(fed[:3])})
    check.feed(fed)
    seals = {3: chains.root_of(fed[:3]), chains.EVENTS: b"x" * 32}
    again = ChainAudit(KEY, DEPLOYMENT, seals=seals, followed=check.followed()).verdict()
    assert "checkpoint" == chains.kind(again)
    found = ChainAudit(KEY, DEPLOYMENT, anchors={chains.EVENTS: "other"}, followed=check.followed())
    assert "anchor" == chains.kind(found.verdict())
    late = {3: chains.root_of(fed[:3]), 8: chains.root_of(fed[:8])}
    assert 3 == ChainAudit(KEY, DEPLOYMENT, seals=late, followed=check.followed()).verdict().sealed


def test_repeats_go_on_in_a_small_window() -> None:
    fed = chains.records(chains.lane_of())
    first = ChainAudit(KEY, DEPLOYMENT, repeats=Repeats(3))
    first.feed(fed[:8])
    state = first.followed()
    second = ChainAudit(KEY, DEPLOYMENT, followed=state, repeats=Repeats(3, seen=state.seen))
    second.feed([fed[7], *fed[8:], fed[11], fed[9]])
    assert not second.unsettled
    assert (None, 3) == (chains.kind(second.verdict()), second.verdict().repeats)


def test_a_state_keeps_what_was_saved_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "audit.state"
    state = AuditState(file)
    state.require(PURPOSE)
    assert None is state.place(KEY)
    place = LanePlace(next_offset=7, last_sha256=b"h" * 32, body=b"b")
    state.save({KEY: place})
    state.connection.execute("insert into lane values ('market', 9, 1, x'00', x'00')")
    with pytest.raises(StateError, match="is used by another audit"):
        AuditState(file)
    state.close()
    again = AuditState(file)
    again.require(PURPOSE)
    assert (place, None) == (again.place(KEY), again.place(LaneKey("market", 9)))
    again.close()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"cluster": "c2"}, "of another Kafka cluster"),
        ({"prefix": "x."}, "of topics with another prefix"),
        ({"deployment": "d"}, "of another deployment"),
        ({"mode": "chain"}, "in another mode"),
        ({"resolve": True}, "of rounds that were proved in another way"),
        ({"processes": 2}, "in another number of processes"),
        ({"lanes": {"market/1": Bounds()}}, "of other lanes or another range"),
        ({"lanes": {"market/0": Bounds(upto=3)}}, "of other lanes or another range"),
        ({"format": "older"}, "by another version of lodestone"),
    ],
)
def test_a_state_of_another_audit_is_refused(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    state = AuditState(tmp_path / "audit.state")
    state.require(replace(PURPOSE, **change))
    state.save({})
    with pytest.raises(StateError, match=told):
        state.require(PURPOSE)
    state.close()


def test_a_file_that_is_no_state_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    text, foreign = tmp_path / "text", tmp_path / "foreign.db"
    text.write_text("an important letter" * 100)
    with sqlite3.connect(foreign) as connection:
        connection.execute("create table theirs (a int)")
    connection.close()
    before = (text.read_bytes(), foreign.read_bytes())
    for file in (text, foreign):
        with pytest.raises(StateError, match="is no state of an audit"):
            AuditState(file)
    assert before == (text.read_bytes(), foreign.read_bytes())
    with pytest.raises(StateError, match="cannot be opened"):
        AuditState(tmp_path / "missing" / "audit.state")
    (tmp_path / "empty").touch()
    AuditState(tmp_path / "empty").close()
    assert 0x4C445341 == APPLICATION_ID
