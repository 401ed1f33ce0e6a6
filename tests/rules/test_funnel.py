"""The funnel: stages only ever narrow, and what dropped out says why."""

from datetime import date
from typing import Any

from msgspec.structs import replace

from market.rules.funnel import Amount, Stage, Trail, funnels
from tests.desk_support import MARKET, TONNE_G, numbered

MAY = date(2026, 5, 1)
WHOLE = Trail(
    market=MARKET,
    month=MAY,
    status="confirmed",
    reason=None,
    agreement_status="effective",
    ended_reason=None,
    matches=2,
    matched_g=10 * TONNE_G,
    matched_cents=75_000_000,
    delivered_g=0,
    delivered_value=0,
    off_spec_g=0,
    settled_g=0,
    settled_cents=0,
)


def trail(**changes: Any) -> Trail:
    return replace(WHOLE, **changes)


def tonnes(stages: dict[Stage, Amount]) -> list[int]:
    return [amount.quantity_g // TONNE_G for amount in stages.values()]


def test_each_trail_counts_up_to_the_stage_it_came_to() -> None:
    (found,) = funnels(
        [
            trail(status="open", agreement_status=None),
            trail(status="declined", reason="quality", agreement_status=None),
            trail(status="declined", reason=None, agreement_status=None),
            trail(status="lapsed", agreement_status=None),
            trail(agreement_status=None),
            trail(agreement_status="draft"),
            trail(agreement_status="terminated", ended_reason="long_stop_passed"),
            trail(),
            trail(
                delivered_g=6 * TONNE_G,
                delivered_value=6 * TONNE_G * 75_000_000,
                off_spec_g=TONNE_G,
                settled_g=5 * TONNE_G,
                settled_cents=37_000_000,
            ),
        ]
    )
    assert [90, 50, 20, 6, 5] == tonnes(found.stages)
    assert Amount(matches=2, quantity_g=6 * TONNE_G, cents_eur=45_000_000) == found.stages["delivered"]
    assert Amount(matches=2, quantity_g=5 * TONNE_G, cents_eur=37_000_000) == found.stages["settled"]
    assert [
        ("matched", "declined:other_side", 10),
        ("matched", "declined:quality", 10),
        ("matched", "lapsed", 10),
        ("confirmed", "terminated:long_stop_passed", 10),
        ("contracted", "off_spec", 1),
    ] == [(each.after, each.reason, each.amount.quantity_g // TONNE_G) for each in found.dropped]


def test_markets_and_months_stay_apart() -> None:
    other = numbered(9)
    found = funnels([trail(market=other), trail(month=date(2026, 6, 1)), trail(), trail()])
    assert [(MARKET, MAY, 20), (MARKET, date(2026, 6, 1), 10), (other, MAY, 10)] == [
        (each.market, each.month, each.stages["matched"].quantity_g // TONNE_G) for each in found
    ]
    assert [] == funnels([])


def test_a_reason_that_nobody_recorded_is_unknown() -> None:
    (found,) = funnels([trail(agreement_status="terminated")])
    assert ["terminated:unknown"] == [each.reason for each in found.dropped]
