"""The operator's first steps: its organisation and keys, before anybody can use the API."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct

from events.callers import Caller
from events.desk import Desk
from events.refusal import Refusal
from events.vocabulary import KeyRole
from market.commands import parties
from market.http.wire.tokens import SECRET_BYTES, mint, secret_sha256
from market.rules.parties.keys import IssueKey, RevokeKey
from market.rules.parties.parties import KeyDetails, OrganisationDetails, RegisterOrganisation
from market.store.party_reads import list_keys, load_organisation

OPERATOR_COUNTRY: Final = "BE"
SCREENED: Final = timedelta(days=365)
KEYS_READ_MAX: Final = 200


class MintedKey(Struct, frozen=True, kw_only=True):
    """`token` is shown once; the record holds only the SHA-256 of its secret."""

    organisation: UUID
    key: UUID
    roles: tuple[KeyRole, ...]
    expires_at: datetime
    token: str


def operator_of(organisation: UUID) -> Caller:
    """The operator's organisation has the deployment's own id."""
    return Caller(organisation=organisation, roles=frozenset({"operator"}))


async def ensure_organisation(
    desk: Desk, operator: Caller, organisation: UUID, details: OrganisationDetails
) -> bool:
    """Registers the organisation unless it exists; returns whether it was registered now."""
    async with desk.looking() as connection:
        if await load_organisation(connection, organisation) is not None:
            return False
    await parties.register_organisation(
        desk, RegisterOrganisation(caller=operator, details=details, organisation=organisation)
    )
    return True


async def ensure_operator(desk: Desk, deployment_id: UUID, now: datetime) -> Caller:
    details = OrganisationDetails(
        name="operator", country=OPERATOR_COUNTRY, roles=(), sanctions_screened_until=now + SCREENED
    )
    operator = operator_of(deployment_id)
    await ensure_organisation(desk, operator, deployment_id, details)
    return operator


async def issue_key(
    desk: Desk,
    operator: Caller,
    organisation: UUID,
    *,
    roles: tuple[KeyRole, ...],
    label: str,
    expires_at: datetime,
    secret: bytes,
) -> MintedKey:
    """`secret` is 32 random bytes. Raises the refusals of issuing a key."""
    assert len(secret) == SECRET_BYTES
    key = desk.new_id()
    token = mint(key, secret)
    details = KeyDetails(label=label, secret_sha256=secret_sha256(token), roles=roles, expires_at=expires_at)
    await parties.issue_key(
        desk, IssueKey(caller=operator, organisation=organisation, details=details, key=key)
    )
    return MintedKey(organisation=organisation, key=key, roles=roles, expires_at=expires_at, token=token)


async def revoke_labelled(
    desk: Desk, operator: Caller, organisation: UUID, label: str, *, page_keys: int = KEYS_READ_MAX
) -> int:
    """Revokes every live key with a label; returns their number. Revoked keys stay listed, so there may be
    many pages."""
    live: list[UUID] = []
    after, more = None, True
    async with desk.looking() as connection:
        while more:
            found = await list_keys(connection, organisation, after=after, limit=page_keys)
            live += [key.key for key in found.items if key.details.label == label and not key.revoked]
            after, more = (found.items[-1].key if found.items else None), found.more
    for key in live:
        await parties.revoke_key(desk, RevokeKey(caller=operator, organisation=organisation, key=key))
    return len(live)


def told(error: Refusal | Exception) -> str:
    """All reasons of a refused command, one per line."""
    reasons: tuple[object, ...] = getattr(error, "refusals", (error,))
    return "\n".join(str(reason) for reason in reasons)
