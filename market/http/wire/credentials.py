"""API keys looked up for the door."""

from uuid import UUID

from events.connections import Pool
from market.http.wire.access import Credential
from market.store.party_reads import find_key
from market.store.reading import reading


async def find_credential(reader: Pool, key: UUID) -> Credential | None:
    async with reading(reader, organisation=None, role="door", key=key) as connection:
        found = await find_key(connection, key)
    if found is None:
        return None
    return Credential(
        key=found.key,
        organisation=found.organisation,
        roles=frozenset(found.details.roles),
        secret_sha256=found.details.secret_sha256,
        expires_at=found.details.expires_at,
        revoked=found.revoked,
    )
