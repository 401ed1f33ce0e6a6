"""The file with which a partner proves its match, and its check: offline, without trust in the operator,
pure.

The file contains the bytes of events that the party may see in full, and hashes of the others, with the path
of each to the root signed by the operator and cosigned by witnesses.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from contracts.rules.days import instant_text
from events.envelope import Recorded
from events.market_events import (
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
from events.notes import VerifierKey
from events.vocabulary import Side
from market.audit.proven_parties import NamedParties, Names, check_parties
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
NAMED: Final = "lodestone-match-proof/v3"
"""With the names of the parties; with the answers of the sides where there are any."""
FORMATS: Final = (FORMAT, WITH_ANSWERS, NAMED)
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
    earlier keys to the one that signed it. `parties` stand in the third format alone: of a deal both, else
    the party that the file is of."""

    format: Literal["lodestone-match-proof/v1", "lodestone-match-proof/v2", "lodestone-match-proof/v3"]
    match: UUID
    organisation: UUID
    side: Side
    checkpoint: NoteText
    rotations: Rotations
    events: Annotated[tuple[ProvenEvent, ...], Meta(min_length=1, max_length=EVENTS_MAX)]
    price_lines: Annotated[tuple[PriceLine, ...], Meta(max_length=PRICE_LINES_MAX)] = ()
    parties: NamedParties | UnsetType = UNSET


Deal = Literal["confirmed", "declined", "lapsed", "not_shown"]
"""What became of the match, as events in the file say it whose bytes are shown."""


class ProofVerdict(Struct, frozen=True, kw_only=True):
    """What is proved, one sentence each; `stated` stands in the file and in no signed event, as do `names`
    of which no event is shown.

    `shown`: the match itself, not only that some event has its hash. `order`: the party's own, where its
    bytes are shown. `missing`: why no deal is shown.
    """

    origin: str
    size: int
    match: UUID
    shown: bool
    order: str | None
    deal: Deal
    missing: str | None
    proved: tuple[str, ...]
    stated: tuple[str, ...]
    names: tuple[str, ...]
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
    deal, missing = _deal(proof, events)
    names = _names(proof, events, operator, witnesses)
    return ProofVerdict(
        origin=head.checkpoint.origin,
        size=head.checkpoint.size,
        match=proof.match,
        shown="match" in events,
        order=None if "order" not in events else _order_of(events["order"])[1],
        deal=deal,
        missing=missing,
        proved=(*map(_told, proof.events), *follows, *names.proved),
        stated=_price_lines(proof, events),
        names=names.stated,
        cosigners=head.cosigners,
        unchecked_cosigners=head.unchecked,
    )


def _names(
    proof: MatchProof,
    events: Mapping[Part, Recorded],
    operator: VerifierKey,
    witnesses: Sequence[VerifierKey],
) -> Names:
    if (proof.format == NAMED) != bool(proof.parties):
        raise ProofError("the third format of a proof names parties, and the others do not")
    if proof.parties is UNSET:
        return Names((), ())
    known: dict[Side, UUID] = {proof.side: proof.organisation}
    decision = events.get("decision")
    if decision is not None and isinstance(decision.data, MatchConfirmed):
        known = {"seller": decision.data.seller, "buyer": decision.data.buyer}
    at = None if decision is None else decision.time
    return check_parties(proof.parties, known, at, proof.rotations, operator, witnesses)


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
        told.append(_decided(proof, events["decision"], struck))
    return told


def _deal(proof: MatchProof, events: Mapping[Part, Recorded]) -> tuple[Deal, str | None]:
    """What became of the match, and why nothing else is shown."""
    decision = events["decision"].data if "decision" in events else None
    answers = [events[part].data for part in ANSWERS & set(events)]
    if isinstance(decision, MatchDeclined) or any(
        isinstance(fact, MatchAnswered) and fact.answer == "declined" for fact in answers
    ):
        return "declined", None
    if isinstance(decision, MatchLapsed):
        return "lapsed", None
    if isinstance(decision, MatchConfirmed) and "match" in events:
        return "confirmed", None
    given = {each.part for each in proof.events}
    if "decision" not in given:
        return "not_shown", "the file holds no decision of the match"
    if decision is None:
        return "not_shown", "of the decision there is only a hash, and a decline or a lapse has one too"
    return "not_shown", "of the match itself there is only a hash, or nothing"


def _order_of(event: Recorded) -> tuple[UUID, str, UUID, Side]:
    """The order, as it is written, its organisation and its side."""
    fact = event.data
    match fact:
        case RequirementPosted() | RequirementAmended():
            return fact.requirement, f"req_{fact.requirement.hex}", fact.organisation, "buyer"
        case SupplyOffered() | SupplyOfferAmended():
            return fact.offer, f"offer_{fact.offer.hex}", fact.organisation, "seller"
        case RecoveredLotListed() | RecoveredLotAmended():
            return fact.lot, f"lot_{fact.lot.hex}", fact.organisation, "seller"
        case _:
            raise ProofError("what is given as the order is another event")


def _own_order(proof: MatchProof, event: Recorded, struck: object) -> str:
    order, named, organisation, side = _order_of(event)
    if (organisation, side) != (proof.organisation, proof.side):
        told = f"the order is of {_organisation(organisation)}, not of {_organisation(proof.organisation)}"
        raise ProofError(f"{told} as {proof.side}")
    told = f"{named} of {_organisation(organisation)} as {side}, unchanged"
    if not isinstance(struck, MatchStruck):
        return told
    if order not in (struck.supply, struck.requirement):
        raise ProofError("the match is not of the order that is given")
    return f"{told}; the match is of it"


def _organisation(organisation: UUID) -> str:
    return f"org_{organisation.hex}"


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
    if proof.format == NAMED and not given:
        return
    missing = [part for part, must in needed.items() if must and part not in events]
    if missing and "decision" in events:
        raise ProofError(f"the match had to be confirmed, and {missing[0]} is not shown")


def _answer(proof: MatchProof, part: Part, events: Mapping[Part, Recorded]) -> str:
    event = events[part]
    fact = event.data
    side: Side = "seller" if part == "seller_answer" else "buyer"
    if not isinstance(fact, MatchAnswered) or (fact.match, fact.side) != (proof.match, side):
        raise ProofError(f"what is given as the {side}'s answer is another event")
    decision = events["decision"].data if "decision" in events else None
    if event.actor != fact.organisation or (
        isinstance(decision, MatchConfirmed) and fact.answer != "confirmed"
    ):
        raise ProofError(f"the {side}'s answer is no confirmation of its own")
    if isinstance(decision, MatchConfirmed) and getattr(decision, side) != fact.organisation:
        raise ProofError(f"the confirmation names another {side} than the answer")
    return f"{_organisation(fact.organisation)} {fact.answer} as {side} at {instant_text(event.time)}"


def _decided(proof: MatchProof, event: Recorded, struck: object) -> str:
    fact = event.data
    if not isinstance(fact, MatchConfirmed | MatchDeclined | MatchLapsed) or fact.match != proof.match:
        raise ProofError("what is given as the decision is another event")
    if isinstance(struck, MatchStruck) and _pair(fact) != _pair(struck):
        raise ProofError("the decision is of other orders or another quantity than the match")
    if isinstance(fact, MatchDeclined):
        return f"declined by {' and '.join(fact.declined_by)} at {instant_text(event.time)}"
    if isinstance(fact, MatchLapsed):
        return f"lapsed at {instant_text(event.time)}: silent was the {' and the '.join(fact.silent)}"
    if proof.organisation != getattr(fact, proof.side):
        raise ProofError("the confirmation names other parties")
    return (
        f"confirmed between {_organisation(fact.seller)} as seller and {_organisation(fact.buyer)} as buyer"
    )


def _pair(fact: MatchStruck | MatchConfirmed | MatchDeclined | MatchLapsed) -> tuple[UUID, UUID, int]:
    return fact.supply, fact.requirement, fact.quantity_basis_g


def _price_lines(proof: MatchProof, events: Mapping[Part, Recorded]) -> tuple[str, ...]:
    """The party's own lines, which no signed event holds: only their first figure and their sum are held
    against its order and the match."""
    if not proof.price_lines:
        return ()
    lines = tuple(f"{each.label}: {eur_text(each.ueur_per_kg)}" for each in proof.price_lines)
    return (*lines, _price(proof, events.get("order"), events["match"].data if "match" in events else None))


def _price(proof: MatchProof, order: Recorded | None, struck: object) -> str:
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
    start = "an ask or limit that is not shown" if order is None else f"the {first.label} of the order"
    end = "the match's price" if isinstance(struck, MatchStruck) else "a price that is not shown"
    return f"they begin at {start} and come to {end}, {eur_text(total)}; what lies between is unproved"
