"""The proof of an agreement for one of its parties: one file, to be checked without any connection."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from msgspec import UNSET

from contracts.store import agreement_events, agreements
from contracts.store.agreements import AgreementPlace
from events import seals
from events.contract_events import InvoiceSettled
from events.decision import LaneKey
from events.delivery_events import DeliveryShipped
from events.envelope import Recorded
from events.facts import ContractFact
from market.audit.agreement_proof import EVENTS_MAX, FORMAT, NAMED, TYPES, AgreementProof
from market.http.proofs.checkpoints import views
from market.http.proofs.party_names import named_parties
from market.http.proofs.receipt_proofs import covering, sealed_events
from market.http.wire.access import READERS
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint, not_found
from market.http.wire.loading import COST, RATE, BookLoads
from market.http.wire.reads import as_caller, as_desk
from market.rules.visibility.contract_visibility import shown_to_party
from market.rules.visibility.proof_visibility import is_known_to_both, named_sides

TAG: Final = "Agreements"


@endpoint(
    "GET",
    "/v1/agreements/{agreement}/proof",
    roles=READERS,
    summary="Take the proof of an agreement away",
    tag=TAG,
    answer=AgreementProof,
    problems=(409,),
    cost=COST,
    description=(
        "For its parties. The draft and every proposal, signature, advance, condition, extension, "
        "declaration and end, shipments with their provisional invoices, all other invoices and the ledgers "
        "of its years, each with its path to one signed checkpoint; a hash where one may not see all that an "
        "event says. `parties` says who they were by the register of its draft; before both have signed, "
        f"oneself alone. At most {EVENTS_MAX:,} events: those of the newest deliveries. "
        "`lodestone audit proof` checks the file offline and prints it in words. 409 `not_sealed` until a "
        "checkpoint holds all of it."
        f" {RATE}"
    ),
)
async def proof(call: Call[Nothing, Nothing]) -> Answer:
    async with as_caller(call) as connection:
        place = await agreements.locate(connection, call.caller.organisation, call.ids["agreement"])
        if place is None:
            raise not_found()
    loads: BookLoads = call.state.loads
    async with loads.turn():
        body = await _file(call, place)
    return Answer(body=body)


async def _file(call: Call[Nothing, Nothing], place: AgreementPlace) -> AgreementProof:
    """DoorError `not_sealed`."""
    organisation, key = call.caller.organisation, LaneKey("contracts", place.lane)
    async with call.door.desk.looking() as connection:
        events = newest(await agreement_events.load_events(connection, place.lane, place.agreement, TYPES))
    parties = {place.agreement: place}
    whole: dict[int, bool] = {}
    for event in events:
        fact: ContractFact = event.data  # type: ignore[assignment]  # of TYPES
        shown = shown_to_party(fact, organisation, parties)
        if shown is not None:
            whole[event.position] = shown is fact
    sides = named_sides(place.seller, place.buyer, organisation, known=is_known_to_both(events))
    named = await named_parties(call, sides, events[0].time)
    async with as_desk(call) as connection:
        seal = await covering(connection, key, max(whole))
        (checkpoint,) = await views(connection, [seal])
        return AgreementProof(
            format=NAMED if named else FORMAT,
            agreement=place.agreement,
            organisation=organisation,
            checkpoint=checkpoint.note,
            rotations=tuple(each.note for each in await seals.read_rotations(connection)),
            events=await sealed_events(
                connection, [event for event in events if event.position in whole], seal, whole
            ),
            parties=named or UNSET,
        )


def newest(events: Sequence[Recorded], events_max: int = EVENTS_MAX) -> list[Recorded]:
    """All that makes the agreement and its ledgers, and what belongs together of its invoices, the newest
    first, as far as it goes; in order."""
    kept = []
    groups: dict[object, list[Recorded]] = {}
    for event in events:
        fact = event.data
        together = _together(fact) if isinstance(fact, DeliveryShipped | InvoiceSettled) else None
        if together is None:
            kept.append(event)
        else:
            groups.setdefault(together, []).append(event)
    for group in sorted(groups.values(), key=lambda each: -each[-1].position):
        if len(kept) + len(group) > events_max:
            break
        kept += group
    return sorted(kept, key=lambda event: event.position)


def _together(fact: DeliveryShipped | InvoiceSettled) -> UUID | str | None:
    """The delivery, or the quarter's first day; None for what goes with its year's ledger."""
    if fact.delivery is not None:
        return fact.delivery
    period = None if isinstance(fact, DeliveryShipped) else fact.period
    return None if period is None else period.start.isoformat()


HANDLERS: Final = (proof,)
