"""Which events a proof of a match or of a receipt contains in full, and which only as a hash; every interface
uses it."""

import re
from collections.abc import Iterable
from typing import Final, Literal
from uuid import UUID

from msgspec import Struct

from events.contract_events import AgreementAdvanced, AgreementDrafted
from events.envelope import Fact, Recorded
from events.market_events import (
    ClearingAbandoned,
    ClearingCompleted,
    ClearingEvidence,
    ClearingPlanned,
    MatchAnswered,
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
from events.vocabulary import Side
from market.rules.clearing.evidence import derived_id, pair_bytes
from market.rules.matches import MatchStatus

Part = Literal["order", "plan", "match", "clearing", "seller_answer", "buyer_answer", "decision"]
"""The role of an event in a match: the party's own order, the round's plan, the match itself, the round's
end, the answers of both sides if they had to confirm, and the decision."""
SHARED: Final[frozenset[Part]] = frozenset({"match", "seller_answer", "buyer_answer", "decision"})
ANSWERS: Final[frozenset[Part]] = frozenset({"seller_answer", "buyer_answer"})


_ASKED_FOR: Final = re.compile(r".+ [0-9a-f]{64} [0-9a-f]{64}")
"""The pattern of a cause that is a request: its route, hashes of idempotency key and body."""


class ProofPart(Struct, frozen=True, kw_only=True):
    """`whole`: the event's bytes may be shown; otherwise only its leaf hash."""

    part: Part
    event: Recorded
    whole: bool


def is_known_to_both(events: Iterable[Recorded]) -> bool:
    """Whether both sides of an agreement have bound themselves, by signatures or by their match."""
    return any(
        isinstance(event.data, AgreementAdvanced)
        or (isinstance(event.data, AgreementDrafted) and event.data.match is not None)
        for event in events
    )


def named_sides(seller: UUID, buyer: UUID, organisation: UUID, *, known: bool) -> dict[Side, UUID]:
    """The parties named in a file: both after both have confirmed or signed, before that only its own
    party."""
    sides: dict[Side, UUID] = {"seller": seller, "buyer": buyer}
    if known:
        return sides
    return {side: party for side, party in sides.items() if party == organisation}


def struck_event_id(struck: MatchStruck) -> UUID:
    """Of the event that recorded a match: it follows from the round's plan and the pair."""
    pair = pair_bytes(struck.supply, struck.tranche, struck.requirement)
    return derived_id(struck.plan, f"event/struck/{struck.section}", *pair)


def proof_parts(
    events: Iterable[Recorded], struck: MatchStruck, organisation: UUID, status: MatchStatus
) -> tuple[ProofPart, ...]:
    """What of `events` belongs to the match of a party, in lane order.

    An event's bytes hold its salt and every member, so they are shown only where the party may know all of
    it: its own orders always, and its own answer to a match that was declined; the strike, which names the
    other's order, and the confirmation, which names the other, once both have confirmed. A plan's salt would
    open the salts of its whole round, and a round's totals tell of others' trades: here the hash is shown.
    """
    found = []
    for event in events:
        part = _part(event, struck, organisation)
        if part is None:
            continue
        own = part == "order" or (part in ANSWERS and event.actor == organisation)
        if part in ANSWERS and status != "confirmed" and not (own and status == "declined"):
            continue
        shared = part in SHARED and status == "confirmed"
        found.append(ProofPart(part=part, event=event, whole=own or shared))
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
        case MatchAnswered():
            answer: Part = "seller_answer" if fact.side == "seller" else "buyer_answer"
            return answer if fact.match == struck.match else None
        case MatchConfirmed() | MatchDeclined() | MatchLapsed():
            return "decision" if fact.match == struck.match else None
        case ClearingPlanned():
            return "plan" if fact.plan == struck.plan else None
        case ClearingCompleted():
            return "clearing" if fact.plan == struck.plan else None
        case _:
            return None


def has_receipt(event: Recorded, organisation: UUID) -> bool:
    """Whether a request of the organisation was answered with the event's receipt."""
    return event.actor == organisation and _ASKED_FOR.fullmatch(event.cause) is not None


def shown_to_actor(fact: Fact, organisation: UUID) -> bool:
    """Whether the organisation whose request recorded a fact may see its bytes.

    Not those of a round, or of a match before both have confirmed: see `proof_parts`. Nor effects of its
    command on others, such as the release of the seller's lot by a decline.
    """
    match fact:
        case ClearingPlanned() | ClearingEvidence() | ClearingCompleted() | ClearingAbandoned():
            return False
        case MatchStruck() | MatchDeclined() | MatchLapsed():
            return False
        case MatchConfirmed() | AgreementDrafted():
            return organisation in (fact.seller, fact.buyer)
        case _:
            owner = getattr(fact, "member", fact)
            return getattr(owner, "organisation", organisation) == organisation
