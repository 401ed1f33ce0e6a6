"""The parties of a deal in its proof file: their names, and which of them an event proves. Pure.

A party may see its own registration in full, but not the other's, whose bytes contain more than a name: for
the other side the file states name, country and register number, with the hash of the registering event.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, NamedTuple
from uuid import UUID

from msgspec import Meta, Struct

from contracts.rules.days import instant_text
from events.notes import VerifierKey
from events.party_events import OrganisationChanged, OrganisationRegistered
from events.vocabulary import CountryCode, Instant, Side, Text
from market.audit.sealed_proof import (
    NoteText,
    ProofError,
    Rotations,
    SealedEvent,
    check_event,
    check_head,
    not_cosigned,
)


class SealedRegistration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The event with its path to a checkpoint of its own lane, which is of the parties stream."""

    checkpoint: NoteText
    sealed: SealedEvent


class NamedParty(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As the register knew it when the deal was made; `registration` is null while no checkpoint holds it."""

    side: Side
    organisation: UUID
    name: Text
    country: CountryCode
    register_number: Text | None = None
    registration: SealedRegistration | None = None


NamedParties = Annotated[tuple[NamedParty, ...], Meta(max_length=2)]


class Names(NamedTuple):
    """One sentence each: what a signed event says, and what stands in the file alone."""

    proved: tuple[str, ...]
    stated: tuple[str, ...]


def check_parties(
    parties: Iterable[NamedParty],
    known: Mapping[Side, UUID],
    at: Instant | None,
    rotations: Rotations,
    operator: VerifierKey,
    witnesses: Sequence[VerifierKey],
) -> Names:
    """ProofError unless they are who is `known` to be on that side, and what is shown says what is stated.

    `at`: when the deal was made, where that is shown. A name whose checkpoint one of `witnesses` has not
    cosigned is none that is proved.
    """
    proved: list[str] = []
    stated: list[str] = []
    seen: set[Side] = set()
    for party in parties:
        who = f"the {party.side} org_{party.organisation.hex}"
        if party.side in seen:
            raise ProofError(f"two organisations are named as the {party.side}")
        seen.add(party.side)
        if known.get(party.side, party.organisation) != party.organisation:
            raise ProofError(f"{who} is named, and the deal is of org_{known[party.side].hex}")
        number = party.register_number
        told = f"{who} is {party.name}, {party.country}, " + (
            "no register number stated" if number is None else f"register number {number}"
        )
        given = party.registration
        if given is None:
            stated.append(f"{told}; no checkpoint held its registration yet")
            continue
        shown = _registration(party, given, at, rotations, operator)
        lacking = not_cosigned(given.checkpoint, witnesses)
        if shown is None:
            where = f"position {given.sealed.position} of its lane"
            stated.append(f"{told}; of its registration, at {where}, there is only the hash")
        elif lacking:
            stated.append(f"{told}; {lacking[0]} has not cosigned the checkpoint of its registration")
        else:
            proved.append(f"{told}, as registered at {instant_text(shown)}; a change since then is not shown")
    return Names(tuple(proved), tuple(stated))


def _registration(
    party: NamedParty,
    given: SealedRegistration,
    at: Instant | None,
    rotations: Rotations,
    operator: VerifierKey,
) -> Instant | None:
    """When it was recorded; None where only its hash is given."""
    what = f"registration of the {party.side}"
    head = check_head(given.checkpoint, rotations, operator, ())
    if head.lane.stream != "parties":
        raise ProofError(f"the {what} is under a checkpoint of {head.checkpoint.origin}, no lane of parties")
    event = check_event(given.sealed, what, head)
    if event is None:
        return None
    fact = event.data
    if not isinstance(fact, OrganisationRegistered | OrganisationChanged):
        raise ProofError(f"what is given as the {what} is another event")
    said = fact.organisation, fact.name, fact.country, fact.register_number or None
    if said != (party.organisation, party.name, party.country, party.register_number):
        raise ProofError(f"the {what} says {fact.name}, {fact.country}, of org_{fact.organisation.hex}")
    if at is not None and event.time > at:
        raise ProofError(f"the {what} is of a time after the deal")
    return event.time
