"""Which lines of agreements are published on the tape together, as `mixing` does for orders.

A company often signs several agreements in a row, and counterparties know when. So a line waits until lines
of the same market and form from enough groups of companies on each side wait; then they are published at
once, sorted by ids that reveal nothing.
"""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from events.envelope import Recorded
from market.rules.visibility.crowd import is_crowd
from market.rules.visibility.deal_tape import GROUPS_MIN, TapeAgreement
from market.rules.visibility.deals import Deals


class WaitingStep(Struct, frozen=True, kw_only=True):
    """A line that tells `event`, with the groups of companies of its agreement's parties."""

    event: UUID
    line: TapeAgreement
    seller: UUID
    buyer: UUID


DealMix = dict[str, list[WaitingStep]]
"""What waits of a lane, by market and form, in the order in which it came."""


def steps_leaving(
    mix: DealMix, event: Recorded, seen: TapeAgreement | None, deals: Deals
) -> tuple[tuple[UUID, TapeAgreement], ...]:
    """What leaves with an event, in order. `seen` is its own line, `deals` stand before it."""
    if seen is None:
        return ()
    agreement: UUID = event.data.agreement  # type: ignore[attr-defined]  # a line is of one
    deal, kind = deals[agreement], f"{seen.market} {seen.form}"
    waiting = WaitingStep(
        event=event.id,
        line=seen,
        seller=deal.seller_group or deal.seller,
        buyer=deal.buyer_group or deal.buyer,
    )
    alike = mix.setdefault(kind, [])
    alike.append(waiting)
    told = _mixed(alike)
    if told:
        events = {step.event for step in told}
        mix[kind] = [step for step in alike if step.event not in events]
    if not mix[kind]:
        del mix[kind]
    return tuple((step.event, step.line) for step in sorted(told, key=lambda step: step.line.id))


def _mixed(alike: Sequence[WaitingStep]) -> list[WaitingStep]:
    """Of no group more than half on either side, the oldest of each; none while too few wait."""
    found = list(alike)
    while True:
        sellers = Counter(step.seller for step in found)
        buyers = Counter(step.buyer for step in found)
        if min(len(sellers), len(buyers)) < GROUPS_MIN:
            return []
        if is_crowd(sellers.values(), GROUPS_MIN) and is_crowd(buyers.values(), GROUPS_MIN):
            return found
        # one of these two has more than half
        seller, of_seller = sellers.most_common(1)[0]
        buyer, of_buyer = buyers.most_common(1)[0]
        if of_seller >= of_buyer:
            found.remove(next(step for step in reversed(found) if step.seller == seller))
        else:
            found.remove(next(step for step in reversed(found) if step.buyer == buyer))
