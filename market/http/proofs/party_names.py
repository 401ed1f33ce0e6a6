"""The parties of the deal that a file proves, as registered at that time."""

from collections.abc import Mapping
from uuid import UUID

from events import seals
from events.desk import Desk
from events.envelope import Recorded
from events.party_events import OrganisationChanged, OrganisationRegistered
from events.vocabulary import Instant, Side
from market.audit.proven_parties import NamedParty, SealedRegistration
from market.http.proofs.checkpoints import views
from market.http.proofs.receipt_proofs import sealed_event
from market.http.wire.endpoint import Call, Nothing
from market.http.wire.reads import as_desk
from market.store.party_events import registered_at


async def named_parties(
    call: Call[Nothing, Nothing], parties: Mapping[Side, UUID], at: Instant
) -> tuple[NamedParty, ...]:
    """Bytes of the caller's own registration, the hash of another's; who registered later is left out."""
    desk: Desk = call.door.desk
    found: list[tuple[Side, Recorded]] = []
    async with desk.looking() as connection:
        for side, organisation in parties.items():
            lane = desk.lane("parties", organisation).lane
            event = await registered_at(connection, lane, organisation, at)
            if event is not None:
                found.append((side, event))
    return tuple([await _named(call, side, event) for side, event in found])


async def _named(call: Call[Nothing, Nothing], side: Side, event: Recorded) -> NamedParty:
    fact = event.data
    assert isinstance(fact, OrganisationRegistered | OrganisationChanged)
    return NamedParty(
        side=side,
        organisation=fact.organisation,
        name=fact.name,
        country=fact.country,
        register_number=fact.register_number or None,
        registration=await _sealed(call, event, whole=fact.organisation == call.caller.organisation),
    )


async def _sealed(call: Call[Nothing, Nothing], event: Recorded, *, whole: bool) -> SealedRegistration | None:
    key = call.door.desk.lane("parties", event.subject)
    async with as_desk(call) as connection:
        seal = await seals.read_covering(connection, key, event.position)
        if seal is None:
            return None
        held = await sealed_event(connection, event, seal, whole=whole)
        (checkpoint,) = await views(connection, [seal])
    return SealedRegistration(checkpoint=checkpoint.note, sealed=held)
