"""Who has traded with somebody cannot tell which of the tape's other lines are that firm's."""

import re
from datetime import timedelta
from typing import Any

from events.envelope import Recorded
from events.market_events import MatchConfirmed, RecoveredLotListed
from market.publisher import tape_id, wire
from market.rules.partner_lines import ALL, PartnerLine, ShownLane
from market.rules.tape import TapeOrder, TapeTrade
from tests.blotter import MARKET, PERCENT, PPM, assay, cell, facts_of_type
from tests.rules.test_visibility import KEY, PUBLIC, Watched, crowd, finish, words

IDENTIFIER = re.compile(r"[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}")


def on_the_tape(lane: Watched) -> list[tuple[Recorded, dict[str, Any]]]:
    """Orders and trades as they are published, with their event."""
    seen = zip(lane.events, lane.seen(PUBLIC), strict=True)
    return [(event, wire(line, 1)) for event, line in seen if isinstance(line, TapeOrder | TapeTrade)]


def identifiers(text: str) -> set[str]:
    return {each.replace("-", "") for each in IDENTIFIER.findall(text)}


def test_who_has_a_match_finds_no_other_order_of_its_counterparty_on_the_tape() -> None:
    """Not by id, not by position, not by time: the two share the market alone."""
    lane = crowd(step=timedelta(seconds=1))
    finish(lane)
    (confirmed,) = facts_of_type(lane.events, MatchConfirmed)
    shown = ShownLane()
    mine: list[PartnerLine] = []
    for event in lane.events:
        mine += [line for line in shown.step(event) if line.audience in (ALL, confirmed.buyer)]
    own = [line for line in mine if line.own]
    told = "".join(f"{line.event} {line.subject} {line.time} {line.body.decode()}" for line in mine)
    tape = on_the_tape(lane)
    others = [
        event
        for event, _ in tape
        if getattr(event.data, "organisation", None) == confirmed.seller
        and confirmed.supply not in (getattr(event.data, "offer", None), getattr(event.data, "lot", None))
    ]
    assert str(confirmed.supply) in told
    assert others

    published = "".join(f"{tape_id(KEY, event.id)} {words(line)}" for event, line in tape)
    assert {MARKET.hex} == identifiers(told) & identifiers(published)
    for event in others:
        assert event.position not in {line.position for line in own}
        assert event.time not in {line.time for line in mine}
        assert event.time.isoformat()[:19] not in told
        assert str(getattr(event.data, "lot", None) or getattr(event.data, "offer", None)) not in told
    assert {"position", "lane", "stream", "time"}.isdisjoint(name for _, line in tape for name in line)


def test_the_tape_is_the_same_wherever_in_the_lane_and_of_whatever_composition_in_the_band() -> None:
    usual = on_the_tape(crowd(soft=False))
    later = on_the_tape(crowd(soft=False, prices=4))
    other = assay(cell("Nd", 21 * PERCENT - 1_234_567), cell("Dy", 2 * PERCENT), cell("C", 900 * PPM))
    mixed = on_the_tape(crowd(soft=False, composition=other))
    assert [line for _, line in usual] == [line for _, line in later] == [line for _, line in mixed]
    assert {3} == {
        after.position - event.position for (event, _), (after, _) in zip(usual, later, strict=True)
    }
    lots = [event.data for event, _ in mixed if isinstance(event.data, RecoveredLotListed)]
    assert {other} == {lot.terms.composition for lot in lots}
