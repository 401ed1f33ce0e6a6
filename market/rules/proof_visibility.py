"""Which events a party's proof of a match holds whole, and which only as a hash: all doors ask here."""

from collections.abc import Iterable
from typing import Literal
from uuid import UUID

from msgspec import Struct

from events.envelope import Recorded
from events.market_events import (
    ClearingCompleted,
    ClearingPlanned,
    MatchConfirmed,
    MatchDeclined,
    MatchLapsed,
    MatchStruck,
    RecoveredLotAmended,
    RecoveredLotListed,
    RequirementAmended,
    RequirementPosted,
    SupplyOfferAmended,
    SupplyOffered,
)
from market.rules.evidence import derived_id, pair_bytes
from market.rules.matches import MatchStatus

Part = Literal["order", "plan", "match", "clearing", "decision"]
"""What an event is to the match: the party's own order, the round's plan, the strike, the round's end, and
what became of the match."""

OwnOrderFact = (
    SupplyOffered
    | SupplyOfferAmended
    | RecoveredLotListed
    | RecoveredLotAmended
    | RequirementPosted
    | RequirementAmended
)


class ProofPart(Struct, frozen=True, kw_only=True):
    """`whole`: the event's bytes may be shown; else its leaf hash stands for it."""

    part: Part
    event: Recorded
    whole: bool


def struck_event_id(struck: MatchStruck) -> UUID:
    """Of the event that recorded a match: it follows from the round's plan and the pair."""
    pair = pair_bytes(struck.supply, struck.tranche, struck.requirement)
    return derived_id(struck.plan, f"event/struck/{struck.section}", *pair)


def proof_parts(
    events: Iterable[Recorded], struck: MatchStruck, organisation: UUID, status: MatchStatus
) -> tuple[ProofPart, ...]:
    """What of `events` belongs to the match of a party, in lane order.

    An event's bytes hold its salt and every member, so they are shown only where the party may know all of
    it: its own orders always; the strike, which names the other's order, and the confirmation, which names
    the other, once both have confirmed. A plan's salt would open the salts of its whole round, and a round's
    totals tell of others' trades: of these the hash is shown.
    """
    found = []
    for event in events:
        part = _part(event, struck, organisation)
        if part is not None:
            shared = part in ("match", "decision") and status == "confirmed"
            found.append(ProofPart(part=part, event=event, whole=part == "order" or shared))
    return tuple(sorted(found, key=lambda each: each.event.position))


def _part(event: Recorded, struck: MatchStruck, organisation: UUID) -> Part | None:
    fact = event.data
    match fact:
        case RequirementPosted() | RequirementAmended():
            own = (fact.organisation, fact.requirement) == (organisation, struck.requirement)
            return "order" if own else None
        case SupplyOffered() | SupplyOfferAmended():
            return "order" if (fact.organisation, fact.offer) == (organisation, struck.supply) else None
        case RecoveredLotListed() | RecoveredLotAmended():
            return "order" if (fact.organisation, fact.lot) == (organisation, struck.supply) else None
        case MatchStruck():
            return "match" if fact.match == struck.match else None
        case MatchConfirmed() | MatchDeclined() | MatchLapsed():
            return "decision" if fact.match == struck.match else None
        case ClearingPlanned():
            return "plan" if fact.plan == struck.plan else None
        case ClearingCompleted():
            return "clearing" if fact.plan == struck.plan else None
        case _:
            return None
