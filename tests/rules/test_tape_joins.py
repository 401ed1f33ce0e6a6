"""Who has traded with somebody cannot tell which of the tape's other lines are that firm's."""

import re
from collections import Counter
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import msgspec
import pytest

from events.envelope import Recorded
from events.market_events import (
    ClearingCompleted,
    MatchConfirmed,
    RecoveredLotListed,
    SupplyOfferAmended,
    SupplyOfferWithdrawn,
)
from market.publisher import Tape, tape_id, wire
from market.rules.streams.partner_lines import ALL, PartnerLine, ShownLane
from market.rules.viewers import Band, public_id
from market.rules.visibility.tape import TapeOrder, TapeTrade, public_book
from tests.blotter import (
    EUR,
    MARKET,
    PERCENT,
    PPM,
    Lane,
    T,
    assay,
    cell,
    eur,
    facts_of_type,
    ident,
    member,
    supply_terms,
)
from tests.rules.test_crowd import Trading
from tests.rules.test_visibility import KEY, PUBLIC, crowd, finish

SomeLane = TypeVar("SomeLane", bound=Lane)
IDENTIFIER = re.compile(r"[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}")
GROUPS_MIN = 5
GROUPS_MIN_OF_RANDOM = 3


class Busy(Trading):
    """Whose members stay as they are: else few groups are left."""

    def step(self) -> None:
        getattr(self, f"_{self.dice.choice(('post', 'post', 'post', 'amend', 'end', 'round', 'decide'))}")()


class Left(NamedTuple):
    """A line with the event that it tells, whose group that is of, and the event with which it left."""

    event: Recorded
    line: Any
    group: UUID | None
    released: Recorded


def left(lane: Lane, tape: Tape | None = None) -> list[Left]:
    """Lines in the order of the tape."""
    tape = Tape() if tape is None else tape
    events = {event.id: event for event in lane.events}
    groups: dict[UUID, UUID | None] = {}
    found: list[Left] = []
    for event in lane.events:
        book, organisation = tape.books.get(MARKET), getattr(event.data, "organisation", None)
        member_of = None if book is None or organisation is None else book.members.get(organisation)
        groups[event.id] = None if member_of is None else member_of.group
        told = tape.passing(event, tape.before(event), PUBLIC)
        found += [Left(events[of], line, groups[of], event) for of, line in told]
    return found


def batches(lines: list[Left]) -> list[list[Left]]:
    """Lines of orders that left at once and look alike in kind and forms."""
    alike: dict[Any, list[Left]] = {}
    for each in lines:
        if isinstance(each.line, TapeOrder):
            alike.setdefault((each.released.id, each.line.topic, each.line.forms), []).append(each)
    return list(alike.values())


def is_anybodys(groups: Counter[Any], groups_min: int) -> bool:
    return len(groups) >= groups_min and 2 * max(groups.values()) <= groups.total()


def once_more(lane: SomeLane, **of_lots: Any) -> SomeLane:
    """Another order of each kind by everybody: enough that all kinds leave."""
    for k in range(6):
        lane.offer(f"seller{k}", f"another offer {k}", ask=eur(95 * EUR))
        lane.lot(f"seller{k}", f"another lot {k}", ask=eur(95 * EUR), **of_lots)
        lane.require(f"buyer{k}", f"another wanted {k}", limit=eur(20 * EUR))
    return lane


def identifiers(text: str) -> set[str]:
    return {each.replace("-", "") for each in IDENTIFIER.findall(text)}


def test_who_has_a_match_finds_no_other_order_of_its_counterparty_on_the_tape() -> None:
    """Not by id, not by position, not by time: the two share the market alone."""
    lane = once_more(crowd(step=timedelta(seconds=1)))
    finish(lane)
    (confirmed,) = facts_of_type(lane.events, MatchConfirmed)
    shown = ShownLane()
    mine: list[PartnerLine] = []
    for event in lane.events:
        mine += [line for line in shown.step(event) if line.audience in (ALL, confirmed.buyer)]
    own = [line for line in mine if line.own]
    told = "".join(f"{line.event} {line.subject} {line.time} {line.body.decode()}" for line in mine)
    tape = [each for each in left(lane) if isinstance(each.line, TapeOrder | TapeTrade)]
    others = [
        each
        for each in tape
        if getattr(each.event.data, "organisation", None) == confirmed.seller
        and confirmed.supply
        not in (getattr(each.event.data, "offer", None), getattr(each.event.data, "lot", None))
    ]
    assert str(confirmed.supply) in told
    assert others

    published = "".join(f"{tape_id(KEY, each.event.id)} {wire(each.line, 1).decode()}" for each in tape)
    assert {MARKET.hex} == identifiers(told) & identifiers(published)
    among = [batch for batch in batches(tape) if any(each in batch for each in others)]
    assert [True] * len(among) == [
        is_anybodys(Counter(each.group for each in batch), GROUPS_MIN) for batch in among
    ]
    for event in (each.event for each in others):
        assert event.position not in {line.position for line in own}
        assert event.time not in {line.time for line in mine}
        assert event.time.isoformat()[:19] not in told
        assert str(getattr(event.data, "lot", None) or getattr(event.data, "offer", None)) not in told
    names = {name for each in tape for name in members_of(each.line)}
    assert {"position", "lane", "stream", "time"}.isdisjoint(names)


def test_orders_in_a_row_leave_among_as_many_of_others() -> None:
    """Whoever knows that a firm handed in a file at that moment knows no line of it."""
    lane = Lane()
    lane.admit(*(member(f"seller{k}") for k in range(6)))
    for k in range(6):
        lane.offer(f"seller{k}", f"first {k}", net_wet_g=25_000_000)
    for k in range(30):
        lane.offer("seller0", f"row {k}", net_wet_g=1_000_000)
    for k in range(1, 5):
        lane.offer(f"seller{k}", f"second {k}")
    (batch,) = batches(left(lane))
    assert {lane.events[-2].id} == {each.released.id for each in batch}
    groups = Counter(each.group for each in batch)
    assert (4, [4, 1, 1, 1, 1]) == (groups[ident("group of seller0")], sorted(groups.values(), reverse=True))
    assert sorted(each.line.id for each in batch) == [each.line.id for each in batch]


def test_who_is_alone_in_a_step_of_content_is_not_told_by_it() -> None:
    """Neither by the band nor by having none: the others of the batch are shown in the same."""
    rich = assay(cell("Nd", 51 * PERCENT))
    for odd in range(6):
        lane = Lane()
        lane.admit(*(member(f"seller{k}") for k in range(6)))
        for lap in range(2):
            for k in range(6):
                changes: dict[str, Any] = {"composition": rich, "net_wet_g": 12_000_000} if k == odd else {}
                lane.offer(f"seller{k}", f"offer {lap} {k}", **changes)
        for shown in (
            [(each.line, each.group) for each in left(lane)],
            [(line, owners(lane)[line.id]) for line in public_book(lane.book, PUBLIC)],
        ):
            lines = [(line, group) for line, group in shown if isinstance(line, TapeOrder)]
            bands = {line.content_ppb for line, _ in lines}
            assert None not in bands
            told = ident(f"group of seller{odd}") in {group for _, group in lines}
            assert told == (Band(low=20 * PERCENT, high=50 * PERCENT) in bands)
            for band in bands:
                groups = Counter(group for line, group in lines if line.content_ppb == band)
                assert is_anybodys(groups, GROUPS_MIN), (odd, band)


def owners(lane: Lane) -> dict[str, UUID]:
    return {
        public_id(KEY, "public.supply-offers.v1", order.order): lane.book.members[order.organisation].group
        for order in lane.book.supplies.values()
    }


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_happens_lines_leave_in_crowds_and_in_the_order_of_each_order(seed: int) -> None:
    lane = Busy(seed)
    for _ in range(150):
        lane.step()
    tape = Tape()
    lines = left(lane, tape)
    assert batches(lines)
    for batch in batches(lines):
        groups = Counter(each.group for each in batch)
        assert is_anybodys(groups, GROUPS_MIN_OF_RANDOM)
        for band in {each.line.content_ppb for each in batch}:
            of_band = Counter(each.group for each in batch if each.line.content_ppb == band)
            assert is_anybodys(of_band, GROUPS_MIN_OF_RANDOM)
    by_order: dict[str, list[Left]] = {}
    for each in lines:
        if isinstance(each.line, TapeOrder):
            by_order.setdefault(each.line.id, []).append(each)
    for told in by_order.values():
        positions = [each.event.position for each in told]
        assert sorted(set(positions)) == positions
        assert "posted" not in [each.line.action for each in told[1:]]
    waiting = tape.mixes[MARKET]
    kept = [order for kind in waiting.orders.values() for group in kind.values() for order in group]
    assert set(kept) == set(waiting.places)
    assert len(kept) == len(waiting.places)


def test_what_leaves_is_the_same_from_a_snapshot_at_any_event() -> None:
    lane = Busy(1)
    for _ in range(80):
        lane.step()
    decoder = msgspec.msgpack.Decoder(Tape)
    tape = Tape()
    through: list[Any] = []
    for event in lane.events:
        tape = decoder.decode(msgspec.msgpack.encode(tape))
        through += tape.passing(event, tape.before(event), PUBLIC)
    assert [(each.event.id, each.line) for each in left(lane)] == through
    assert through


def test_an_order_is_told_as_it_stands_when_its_line_leaves() -> None:
    lane = Lane()
    lane.admit(*(member(f"seller{k}") for k in range(6)))
    for k in range(6):
        lane.offer(f"seller{k}", f"first {k}")
    lane.offer("seller0", "changed", net_wet_g=1_000_000)
    lane.offer("seller0", "gone")
    own: dict[str, Any] = {"market": MARKET, "organisation": ident("seller0")}
    larger = supply_terms("seller0", net_wet_g=3_000_000)
    lane.add(SupplyOfferAmended(**own, offer=ident("changed"), terms=larger, keeps_rank=False))
    lane.add(SupplyOfferWithdrawn(**own, offer=ident("gone")))
    for k in range(1, 4):
        lane.offer(f"seller{k}", f"second {k}")
    found = {each.line.id: each.line for each in left(lane) if isinstance(each.line, TapeOrder)}
    changed, gone = (public_id(KEY, "public.supply-offers.v1", ident(name)) for name in ("changed", "gone"))
    assert gone not in found
    assert ("posted", Band(low=500_000, high=1_000_000)) == (
        found[changed].action,
        found[changed].quantity_basis_g,
    )


def test_an_order_that_ends_while_its_change_waits_is_told_as_ended() -> None:
    """It stands on the tape from before: nothing else would take it down."""
    lane = Lane()
    lane.admit(*(member(f"seller{k}") for k in range(6)))
    for lap in ("first", "second"):
        for k in range(6):
            lane.offer(f"seller{k}", f"{lap} {k}")
    own: dict[str, Any] = {"market": MARKET, "organisation": ident("seller0"), "offer": ident("second 0")}
    larger = supply_terms("seller0", net_wet_g=30 * T)
    lane.add(SupplyOfferAmended(**own, terms=larger, keeps_rank=False))
    lane.add(SupplyOfferWithdrawn(**own))
    for k in range(1, 6):
        lane.offer(f"seller{k}", f"third {k}")
    ended = public_id(KEY, "public.supply-offers.v1", ident("second 0"))
    assert ["posted", "withdrawn"] == [
        each.line.action for each in left(lane) if isinstance(each.line, TapeOrder) and each.line.id == ended
    ]


def test_trades_leave_with_the_end_of_a_round_in_an_order_that_tells_nothing() -> None:
    lane = crowd(step=timedelta(seconds=1))
    finish(lane)
    firm = crowd(soft=False, step=timedelta(seconds=1))
    for each, count in ((lane, 1), (firm, 6)):
        trades = [told for told in left(each) if isinstance(told.line, TapeTrade)]
        assert count == len(trades)
        assert 1 == len({told.released.id for told in trades})
        assert sorted(told.line.id for told in trades) == [told.line.id for told in trades]
        assert each is lane or all(isinstance(told.released.data, ClearingCompleted) for told in trades)


def test_the_tape_is_the_same_wherever_in_the_lane_and_of_whatever_composition_in_the_band() -> None:
    other = assay(cell("Nd", 21 * PERCENT - 1_234_567), cell("Dy", 2 * PERCENT), cell("C", 900 * PPM))
    usual = left(once_more(crowd(soft=False)))
    later = left(once_more(crowd(soft=False, prices=4)))
    mixed = left(once_more(crowd(soft=False, composition=other), composition=other))
    assert lines_of(usual) == lines_of(later) == lines_of(mixed)
    assert {3} == {
        after.event.position - each.event.position
        for each, after in zip(orders_and_trades(usual), orders_and_trades(later), strict=True)
    }
    lots = [each.event.data for each in mixed if isinstance(each.event.data, RecoveredLotListed)]
    assert {other} == {lot.terms.composition for lot in lots}


def orders_and_trades(lines: list[Left]) -> list[Left]:
    return [each for each in lines if isinstance(each.line, TapeOrder | TapeTrade)]


def members_of(line: Any) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(wire(line, 1))
    return found


def lines_of(lines: list[Left]) -> list[dict[str, Any]]:
    return [members_of(each.line) for each in orders_and_trades(lines)]
