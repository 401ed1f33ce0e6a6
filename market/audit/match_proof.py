"""The file by which a partner proves its match, and its check: no connection, no operator's word, pure.

The file holds the bytes of what the party may know whole, and hashes of the rest, with the path of each to
the root that the operator has signed and witnesses have cosigned.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal
from uuid import UUID

from msgspec import Meta, Struct

from events.envelope import Recorded
from events.market_events import (
    MatchAnswered,
    MatchConfirmed,
    MatchStruck,
    RecoveredLotAmended,
    RecoveredLotListed,
    RequirementAmended,
    RequirementPosted,
    SupplyOfferAmended,
    SupplyOffered,
)
from events.notes import VerifierKey
from events.vocabulary import Side
from market.audit.sealed_proof import (
    NoteText,
    ProofError,
    Rotations,
    SealedEvent,
    check_event,
    check_head,
    parse_file,
)
from market.rules.visibility.proof_visibility import ANSWERS, Part
from market.rules.visibility.tickets import decimal_text, eur_text

FORMAT: Final = "lodestone-match-proof/v1"
WITH_ANSWERS: Final = "lodestone-match-proof/v2"
"""Of a match that had to be confirmed: as the first, with the answers of the sides."""
FORMATS: Final = (FORMAT, WITH_ANSWERS)
EVENTS_MAX: Final = 8
PRICE_LINES_MAX: Final = 100


class ProvenEvent(SealedEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event of the match's lane, and what it is to the match."""

    part: Part


class PriceLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line of the party's own waterfall, micro-EUR per kg of basis; the first is its limit or ask."""

    label: str
    ueur_per_kg: int


class MatchProof(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`checkpoint` is a C2SP signed note with every signature under it; `rotations` lead from the operator's
    earlier keys to the one that signed it."""

    format: Literal["lodestone-match-proof/v1", "lodestone-match-proof/v2"]
    match: UUID
    organisation: UUID
    side: Side
    checkpoint: NoteText
    rotations: Rotations
    events: Annotated[tuple[ProvenEvent, ...], Meta(min_length=1, max_length=EVENTS_MAX)]
    price_lines: Annotated[tuple[PriceLine, ...], Meta(max_length=PRICE_LINES_MAX)] = ()


class ProofVerdict(Struct, frozen=True, kw_only=True):
    """What is proved, one sentence each; `shown`: the match itself, not only that some event has its hash."""

    origin: str
    size: int
    match: UUID
    shown: bool
    proved: tuple[str, ...]
    cosigners: tuple[str, ...]
    unchecked_cosigners: tuple[str, ...]


def parse_proof(raw: bytes) -> MatchProof:
    """ProofError for what is no such file."""
    return parse_file(raw, MatchProof)


def check_proof(proof: MatchProof, operator: VerifierKey, witnesses: Sequence[VerifierKey]) -> ProofVerdict:
    """ProofError unless everything in the file holds under these keys.

    `operator`: the key that signed the checkpoint, or an earlier one of the same operator. Every one of
    `witnesses` has to have cosigned. A hash alone may be any event's, so one event has to be shown whole.
    """
    head = check_head(proof.checkpoint, proof.rotations, operator, witnesses)
    if len({each.part for each in proof.events}) < len(proof.events):
        raise ProofError("two events are given as the same part")
    held = [(each.part, check_event(each, each.part, head)) for each in proof.events]
    events = {part: event for part, event in held if event is not None}
    if not {"order", "match"} & set(events):
        raise ProofError("neither the order nor the match is shown: hashes alone may be of anything")
    follows = _what_follows(proof, events)
    _require_answers(proof, events)
    return ProofVerdict(
        origin=head.checkpoint.origin,
        size=head.checkpoint.size,
        match=proof.match,
        shown="match" in events,
        proved=(*map(_told, proof.events), *follows),
        cosigners=head.cosigners,
        unchecked_cosigners=head.unchecked,
    )


def _told(given: ProvenEvent) -> str:
    what = "bytes" if given.body is not None else "hash only"
    return f"{given.part} at position {given.position}: under the checkpoint, {what}"


def _what_follows(proof: MatchProof, events: Mapping[Part, Recorded]) -> list[str]:
    """What the bytes say of each other."""
    order, struck = events.get("order"), events["match"].data if "match" in events else None
    told = []
    if order is not None:
        told.append(_own_order(proof, order, struck))
    if struck is not None:
        if not isinstance(struck, MatchStruck) or struck.match != proof.match:
            raise ProofError("what is given as the match is another event")
        quantity = decimal_text(struck.quantity_basis_g, 3, 3)
        told.append(f"the match is of {quantity} kg at {eur_text(struck.price_ueur_per_kg)}")
    told += [_answer(proof, part, events) for part in ("seller_answer", "buyer_answer") if part in events]
    if "decision" in events:
        told.append(_confirmed(proof, events["decision"]))
    if proof.price_lines:
        told.append(_price(proof, order, struck))
    return told


def _own_order(proof: MatchProof, event: Recorded, struck: object) -> str:
    fact = event.data
    match fact:
        case RequirementPosted() | RequirementAmended():
            order, side = fact.requirement, "buyer"
        case SupplyOffered() | SupplyOfferAmended():
            order, side = fact.offer, "seller"
        case RecoveredLotListed() | RecoveredLotAmended():
            order, side = fact.lot, "seller"
        case _:
            raise ProofError("what is given as the order is another event")
    if (fact.organisation, side) != (proof.organisation, proof.side):
        raise ProofError(f"the order is of {fact.organisation}, not of {proof.organisation} as {proof.side}")
    if isinstance(struck, MatchStruck) and order not in (struck.supply, struck.requirement):
        raise ProofError("the match is not of the order that is given")
    return f"order {order} is your own, unchanged"


def _require_answers(proof: MatchProof, events: Mapping[Part, Recorded]) -> None:
    """The first format has none; in the second none is missing that the match needed."""
    given = {each.part for each in proof.events} & ANSWERS
    if proof.format == FORMAT and given:
        raise ProofError("the first format of a proof holds no answers")
    struck = events["match"].data if "match" in events else None
    if proof.format == FORMAT or not isinstance(struck, MatchStruck):
        return
    needed = {
        "seller_answer": struck.seller_must_confirm,
        "buyer_answer": struck.buyer_must_confirm,
    }
    missing = [part for part, must in needed.items() if must and part not in events]
    if missing and "decision" in events:
        raise ProofError(f"the match had to be confirmed, and {missing[0]} is not shown")


def _answer(proof: MatchProof, part: Part, events: Mapping[Part, Recorded]) -> str:
    event = events[part]
    fact = event.data
    side: Side = "seller" if part == "seller_answer" else "buyer"
    if not isinstance(fact, MatchAnswered) or (fact.match, fact.side) != (proof.match, side):
        raise ProofError(f"what is given as the {side}'s answer is another event")
    if fact.answer != "confirmed" or event.actor != fact.organisation:
        raise ProofError(f"the {side}'s answer is no confirmation of its own")
    decision = events["decision"].data if "decision" in events else None
    if isinstance(decision, MatchConfirmed) and getattr(decision, side) != fact.organisation:
        raise ProofError(f"the confirmation names another {side} than the answer")
    return f"{fact.organisation} confirmed as {side} at {event.time.isoformat()}"


def _confirmed(proof: MatchProof, event: Recorded) -> str:
    fact = event.data
    if not isinstance(fact, MatchConfirmed) or fact.match != proof.match:
        raise ProofError("what is given as the decision is another event")
    if proof.organisation not in (fact.seller, fact.buyer):
        raise ProofError("the confirmation names other parties")
    return f"confirmed between {fact.seller} and {fact.buyer}"


def _price(proof: MatchProof, order: Recorded | None, struck: object) -> str:
    """The party's own lines add up from the figure in its order to the price in the match."""
    first, total = proof.price_lines[0], sum(line.ueur_per_kg for line in proof.price_lines)
    if order is not None:
        terms = order.data.terms  # type: ignore[attr-defined]
        stated = terms.limit.ueur_per_kg if proof.side == "buyer" else terms.ask.ueur_per_kg
        if first.ueur_per_kg != stated:
            told = f"the price begins at {eur_text(first.ueur_per_kg)}, the order states {eur_text(stated)}"
            raise ProofError(told)
    if isinstance(struck, MatchStruck) and struck.price_ueur_per_kg != total:
        told = f"the lines come to {eur_text(total)}, the match says {eur_text(struck.price_ueur_per_kg)}"
        raise ProofError(told)
    whose = "your" if order is not None else "an unproved"
    what = "the price of" if isinstance(struck, MatchStruck) else "an unproved price of"
    start = eur_text(first.ueur_per_kg)
    return f"from {whose} {first.label} of {start} the lines come to {what} {eur_text(total)}"
