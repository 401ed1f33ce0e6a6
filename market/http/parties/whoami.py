"""The key in use: its organisation, roles, validity and markets."""

from typing import Final, Self

from events.vocabulary import Instant, KeyRole
from market.http.wire.access import EVERY_ROLE
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint, not_found
from market.http.wire.ids import KeyId, MarketId, OrganisationId, to_text
from market.http.wire.material import Body
from market.http.wire.reads import as_caller
from market.rules.parties.parties import ApiKey, Organisation
from market.store import members, party_reads
from market.store.members import MemberRow

TAG: Final = "Organisations"


class OwnMarket(Body, frozen=True, kw_only=True):
    """A market that admitted the organisation. One that has left counts as suspended too."""

    market: MarketId
    suspended: bool
    left_at: Instant | None

    @classmethod
    def of(cls, row: MemberRow) -> Self:
        return cls(market=to_text("mkt", row.market), suspended=row.suspended, left_at=row.left_time)


class OwnKeyView(Body, frozen=True, kw_only=True):
    """The key that asked. `markets`: those that admitted its organisation; operators and auditors reach
    beyond them."""

    organisation: OrganisationId
    name: str
    key: KeyId
    label: str
    roles: tuple[KeyRole, ...]
    expires_at: Instant
    markets: tuple[OwnMarket, ...]

    @classmethod
    def of(cls, key: ApiKey, organisation: Organisation, rows: list[MemberRow]) -> Self:
        return cls(
            organisation=to_text("org", key.organisation),
            name=organisation.name,
            key=to_text("key", key.key),
            label=key.details.label,
            roles=key.details.roles,
            expires_at=key.details.expires_at,
            markets=tuple(map(OwnMarket.of, rows)),
        )


@endpoint(
    "GET",
    "/v1/whoami",
    roles=EVERY_ROLE,
    summary="Read your own key",
    tag=TAG,
    answer=OwnKeyView,
    description="Whose it is, its roles, until when it counts, and the markets of its organisation.",
)
async def read(call: Call[Nothing, Nothing]) -> Answer:
    caller = call.caller
    assert caller.key is not None, "a caller over HTTP has a key"
    async with as_caller(call) as connection:
        key = await party_reads.find_key(connection, caller.key)
        organisation = await party_reads.load_organisation(connection, caller.organisation)
        rows = await members.memberships_of(connection, caller.organisation)
    if key is None or organisation is None:
        raise not_found()
    return Answer(body=OwnKeyView.of(key, organisation, rows))


HANDLERS: Final = (read,)
