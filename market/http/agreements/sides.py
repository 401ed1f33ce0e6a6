"""The sides of agreements: names that their parties see from the first draft on."""

from collections.abc import Iterable, Mapping
from typing import Any, Self
from uuid import UUID

from market.http.wire.addresses import ElectronicContact, PostalAddress
from market.http.wire.endpoint import Call
from market.http.wire.ids import OrganisationId, to_text
from market.http.wire.material import Body
from market.http.wire.reads import as_desk
from market.rules.parties.parties import Organisation
from market.store.party_reads import find_organisations


class PartyView(Body, frozen=True, kw_only=True):
    """An organisation as it is registered now; what it does not state is null."""

    organisation: OrganisationId
    name: str
    country: str
    register_number: str | None
    postal_address: PostalAddress | None
    electronic_contact: ElectronicContact | None

    @classmethod
    def of(cls, party: Organisation) -> Self:
        return cls(
            organisation=to_text("org", party.organisation),
            name=party.name,
            country=party.country,
            register_number=party.register_number or None,
            postal_address=PostalAddress.outside(party.postal_address) if party.postal_address else None,
            electronic_contact=party.electronic_contact or None,
        )


class PartiesView(Body, frozen=True, kw_only=True):
    seller: PartyView
    buyer: PartyView


async def parties_of(call: Call[Any, Any], seller: UUID, buyer: UUID) -> PartiesView:
    """Of an agreement that the caller may read."""
    async with as_desk(call) as connection:
        found = await find_organisations(connection, {seller, buyer})
    return PartiesView(seller=PartyView.of(found[seller]), buyer=PartyView.of(found[buyer]))


async def names_of(call: Call[Any, Any], organisations: Iterable[UUID]) -> Mapping[UUID, str]:
    """Of the parties of what the caller may read."""
    wanted = set(organisations)
    if not wanted:
        return {}
    async with as_desk(call) as connection:
        found = await find_organisations(connection, wanted)
    return {organisation: party.name for organisation, party in found.items()}
