"""A deployment to post into: sellers with a site and a key each, in markets on the wanted lanes."""

import asyncio
import json
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from figures import say
from load import Order
from msgspec import Struct
from servers import Database
from uuid_utils.compat import uuid7

from events.callers import Caller
from events.market_terms import FxRate, MarketTerms, ReferencePrice, RuleSet, SustainabilityProfile
from events.vocabulary import StatedPrice, lane_of
from market.commands import inputs, markets, members, parties
from market.ground import Ground, Wiring, wire
from market.http.wire.examples import OFFER
from market.http.wire.ids import to_text
from market.http.wire.tokens import SECRET_BYTES
from market.operators import ensure_operator, issue_key
from market.rules.clearing.clearing import ALGORITHM
from market.rules.parties.facilities import RegisterFacility
from market.rules.parties.parties import FacilityDetails, OrganisationDetails, RegisterOrganisation
from market.store.party_reads import list_facilities

# The door lets an organisation pass 100 requests a second and process: together these may ask enough.
SELLERS = 96
MARKETS_OF_ONE_LANE = 8
ORDERS_MAX = 200_000
VALID = timedelta(days=365)


class Seller(Struct, frozen=True):
    organisation: UUID
    facility: UUID
    token: str


class Exchange(Struct, frozen=True):
    """`spread` has one market on every lane, `narrow` several on one lane."""

    sellers: list[Seller]
    spread: list[UUID]
    narrow: list[UUID]

    def orders(self, chosen: Sequence[UUID]) -> list[Order]:
        """An offer of every seller in every one of the markets; neighbours differ in both."""
        return [
            offer(self.sellers[(turn + place) % SELLERS], market, turn * len(chosen) + place)
            for turn in range(SELLERS)
            for place, market in enumerate(chosen)
        ]


def offer(seller: Seller, market: UUID, number: int) -> Order:
    """The offer of the HTTP examples, with dates around today; each `number` has figures of its own."""
    now = datetime.now(UTC)
    body = json.loads(json.dumps(OFFER))
    body["net_wet_t"] = body["tranches"][0]["net_wet_t"] = f"{10 + number % 89}.000"
    body["moisture_percent"] = f"0.{number % 83 + 1:02d}"
    body["composition"]["cells"][0]["fraction"]["amount"] = f"{70 + number % 5}.{number % 79:02d}"
    body["ask"]["amount"] = f"{60 + number % 20}.{number % 97:02d}"
    window = {"start": _text(now + timedelta(days=120)), "end": _text(now + timedelta(days=210))}
    body["market"] = to_text("mkt", market)
    body["facility"] = to_text("fac", seller.facility)
    body["assay"]["sampled_on"] = (now.date() - timedelta(days=30)).isoformat()
    body["tranches"][0]["window"] = window
    body["valid_until"] = _text(now + timedelta(days=90))
    body["footprint"]["valid_until"] = _text(now + 2 * VALID)
    return Order(token=seller.token, path="/v1/supply-offers", body=json.dumps(body))


def _text(instant: datetime) -> str:
    return instant.replace(microsecond=0).isoformat().replace("+00:00", "Z")


async def populate(database: Database, *, narrow: bool = True) -> Exchange:
    """Organisations, sites, keys, markets, their inputs and memberships, through the commands themselves."""
    ground = Ground(settings=database.settings, admin_url=database.admin_url, bootstrap="")
    async with wire(ground) as wiring:
        now = datetime.now(UTC)
        operator = await ensure_operator(wiring.desk, wiring.deployment.deployment_id, now)
        sellers = await asyncio.gather(*(_seller(wiring, operator, number, now) for number in range(SELLERS)))
        lanes = wiring.deployment.lanes
        wide = [_market_on(lane, lanes) for lane in range(lanes)]
        close = [_market_on(0, lanes) for _ in range(MARKETS_OF_ONE_LANE)] if narrow else []
        await asyncio.gather(*(_open(wiring, operator, market, now) for market in wide + close))
        for market in wide + close:
            await asyncio.gather(
                *(
                    members.admit(wiring.desk, operator, market=market, organisation=seller.organisation)
                    for seller in sellers
                )
            )
    say(f"{SELLERS} sellers are members of {len(wide + close)} markets")
    return Exchange(list(sellers), wide, close)


async def _seller(wiring: Wiring, operator: Caller, number: int, now: datetime) -> Seller:
    organisation = uuid7()
    name = f"refiner-fr-{number + 1}"
    await parties.register_organisation(
        wiring.desk,
        RegisterOrganisation(
            caller=operator,
            organisation=organisation,
            details=OrganisationDetails(
                name=name, country="FR", roles=("refiner",), sanctions_screened_until=now + VALID
            ),
        ),
    )
    await parties.register_facility(
        wiring.desk,
        RegisterFacility(
            caller=operator,
            organisation=organisation,
            details=FacilityDetails(
                name=f"{name} site",
                country="FR",
                place="La Rochelle",
                stages=("processing",),
                scale="industrial",
                readiness_level=9,
            ),
        ),
    )
    minted = await issue_key(
        wiring.desk,
        operator,
        organisation,
        roles=("trader",),
        label="bench",
        expires_at=now + VALID,
        secret=secrets.token_bytes(SECRET_BYTES),
    )
    async with wiring.writer.acquire() as connection:
        sites = await list_facilities(connection, organisation, after=None, limit=1)
    return Seller(organisation, sites.items[0].facility, minted.token)


def _market_on(lane: int, lanes: int) -> UUID:
    while True:
        market = uuid7()
        if lane_of(str(market), lanes) == lane:
            return market


async def _open(wiring: Wiring, operator: Caller, market: UUID, now: datetime) -> None:
    terms = MarketTerms(
        name="NdPr",
        basis="ndpr",
        sandbox=True,
        clearing_interval_seconds=0,
        rule_notice_seconds=0,
        confirmation_seconds=86_400,
        least_basis_ppb=10_000_000,
        orders_max=ORDERS_MAX,
        tick_ueur_per_kg=500_000,
    )
    await markets.open_market(wiring.desk, operator, terms=terms, market=market)
    rule_set = RuleSet(
        version=1,
        algorithm=ALGORITHM,
        default_profile=SustainabilityProfile(),
        eu_countries=("FR",),
        effective_from=now,
    )
    await inputs.publish_rule_set(
        wiring.desk, operator, market=market, rule_set=rule_set, signed_by=(operator.organisation,)
    )
    rate = FxRate(
        currency="USD",
        ueur_per_unit=920_000,
        as_of=now.date() - timedelta(days=1),
        published_at=now,
        source="ECB",
    )
    reference = ReferencePrice(
        code="NDPR-OXIDE",
        analyte="NdPr",
        price=StatedPrice(amount_micro=68_000_000, currency="USD", per="oxide"),
        description="NdPr oxide, 99.5 %",
        as_of=rate.as_of,
        published_at=now,
        source="bench",
    )
    await inputs.record_input(wiring.desk, operator, market=market, value=rate, source_id="ecb")
    await inputs.record_input(wiring.desk, operator, market=market, value=reference, source_id="bench")
