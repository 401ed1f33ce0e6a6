"""Two agreements that one firm signs in a row are not told one after the other."""

from collections import Counter
from collections.abc import Iterator
from random import Random
from uuid import UUID

import pytest
from msgspec.structs import replace

from events.contract_events import AgreementTerminated
from events.envelope import Recorded
from market.rules.viewers import Band
from market.rules.visibility.deal_mixing import DealMix, steps_leaving
from market.rules.visibility.deal_tape import GROUPS_MIN, TapeAgreement
from market.rules.visibility.deals import Deal, Deals, DealTerms
from tests.desk_support import MARKET, NOW, numbered

Told = tuple[tuple[UUID, TapeAgreement], ...]


def deal(seller: int, buyer: int) -> Deal:
    terms = DealTerms(form="metal", yearly_g=1_000_000, years=3, start_year=2027, price="fixed")
    return Deal(
        market=MARKET,
        kind="offtake",
        seller=numbered(100 + seller),
        buyer=numbered(200 + buyer),
        status="effective",
        table=terms,
        terms=terms,
    )


def step(number: int) -> tuple[Recorded, TapeAgreement]:
    fact = AgreementTerminated(market=MARKET, agreement=numbered(number), reason="breach")
    event = Recorded(
        id=numbered(5_000 + number),
        type=fact.TYPE,
        subject="x",
        time=NOW,
        stream="contracts",
        lane=3,
        position=number,
        cause="test",
        actor=numbered(1),
        salt="0" * 32,
        data=fact,
        body=b"",
        chain=b"",
    )
    line = TapeAgreement(
        id=f"{Random(number).getrandbits(64):016x}",
        market=MARKET,
        action="terminated",
        form="metal",
        yearly_basis_g=Band(low=1, high=2),
        years=3,
        start_year=2027,
        price="fixed",
    )
    return event, line


def told(parties: list[tuple[int, int]]) -> Iterator[tuple[Told, DealMix, Deals]]:
    deals = {numbered(number): deal(*each) for number, each in enumerate(parties)}
    mix: DealMix = {}
    for number in range(len(parties)):
        yield steps_leaving(mix, *step(number), deals), mix, deals


def test_steps_leave_when_five_groups_wait_on_either_side() -> None:
    *first, last = [found for found, _, _ in told([(firm, firm) for firm in range(GROUPS_MIN)])]
    assert [()] * (GROUPS_MIN - 1) == first
    assert {numbered(5_000 + number) for number in range(GROUPS_MIN)} == {event for event, _ in last}
    assert sorted(line.id for _, line in last) == [line.id for _, line in last]


@pytest.mark.parametrize("group", ["seller_group", "buyer_group"])
def test_firms_of_one_group_wait_as_one(group: str) -> None:
    deals = {numbered(number): deal(number, number) for number in range(GROUPS_MIN + 1)}
    for number in (0, 1):
        deals[numbered(number)] = replace(deals[numbered(number)], **{group: numbered(99)})
    mix: DealMix = {}
    *first, last = [steps_leaving(mix, *step(number), deals) for number in range(GROUPS_MIN + 1)]
    assert [()] * GROUPS_MIN == first
    assert GROUPS_MIN + 1 == len(last)
    assert {} == mix


def test_what_has_no_line_leaves_none_and_waits_for_none() -> None:
    mix: DealMix = {}
    assert () == steps_leaving(mix, step(0)[0], None, {numbered(0): deal(0, 0)})
    assert {} == mix


def test_one_buyer_of_all_keeps_them_waiting() -> None:
    assert [()] * 20 == [found for found, _, _ in told([(firm, 0) for firm in range(20)])]


@pytest.mark.parametrize("side", ["seller", "buyer"])
def test_of_who_signs_in_a_row_no_more_leave_than_of_all_others_together(side: str) -> None:
    parties = [(0, firm % 9) for firm in range(12)] + [(firm, firm + 20) for firm in range(1, 5)]
    if side == "buyer":
        parties = [(other, firm) for firm, other in parties]
    *first, (last, mix, _) = told(parties)
    assert [()] * 15 == [found for found, _, _ in first]
    assert 8 == len(last)
    assert {numbered(5_000 + number) for number in (0, 1, 2, 3)} < {event for event, _ in last}
    assert [numbered(5_000 + number) for number in range(4, 12)] == [
        waiting.event for found in mix.values() for waiting in found
    ]


def test_every_batch_is_a_crowd_and_no_step_is_told_twice_or_lost() -> None:
    random = Random(7)
    parties = [(random.choice((0, 0, random.randrange(12))), random.randrange(9)) for _ in range(400)]
    events: list[UUID] = []
    mix: DealMix = {}
    for found, left, deals in told(parties):
        mix = left
        events += [event for event, _ in found]
        for side in ("seller", "buyer"):
            groups = Counter(
                getattr(deals[numbered(event.int - numbered(5_000).int)], side) for event, _ in found
            )
            assert not found or (len(groups) >= GROUPS_MIN and max(groups.values()) * 2 <= groups.total())
    waiting = [each.event for found in mix.values() for each in found]
    assert sorted([*events, *waiting]) == [numbered(5_000 + number) for number in range(400)]
    assert len(events) > 200
