"""A market for a newcomer: made once by `lodestone up`, so that the printed trader keys can trade at once."""

from datetime import date, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from msgspec import Struct

from events.callers import Caller
from events.desk import Desk
from events.market_terms import (
    FootprintBenchmark,
    FxRate,
    MarketTerms,
    ReferencePrice,
    RuleSet,
    SustainabilityProfile,
)
from events.publishing import derived_id
from events.vocabulary import GRAMS_PER_KG, MICRO, PartyRole, StatedPrice, ValueChainStage
from market.commands import inputs, markets, members, parties
from market.data import rows
from market.operators import SCREENED, ensure_organisation
from market.rules.clearing.clearing import ALGORITHM
from market.rules.orders.rex import STANDARD_CEILINGS
from market.rules.parties.facilities import RegisterFacility
from market.rules.parties.parties import FacilityDetails, OrganisationDetails
from market.rules.refusing.party_refusals import AlreadyMember
from market.store.inputs import input_key, list_inputs, load_rule_set
from market.store.markets import load_market
from market.store.party_reads import list_facilities

RULE_SET_VERSION: Final = 1
USGS_COLUMN: Final = "2025e"
USGS_AS_OF: Final = date(2025, 12, 31)
USGS_SOURCE: Final = "USGS Mineral Commodity Summaries, estimate for 2025 (market/data/SOURCES.md)"
INPUTS_READ_MAX: Final = 500
SANDBOX_UEUR_PER_USD: Final = 920_000
EU: Final = (
    "AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IE",
    "IT", "LV", "LT", "LU", "MT", "NL", "PL", "PT", "RO", "SK", "SI", "ES", "SE",
)  # fmt: skip


class SandboxParty(Struct, frozen=True, kw_only=True):
    name: str
    organisation: UUID
    facility: UUID


class Sandbox(Struct, frozen=True, kw_only=True):
    """`made`: whether it was opened now."""

    market: UUID
    seller: SandboxParty
    buyer: SandboxParty
    made: bool


def _terms() -> MarketTerms:
    return MarketTerms(
        name="NdPr sandbox",
        basis="ndpr",
        sandbox=True,
        clearing_interval_seconds=0,
        rule_notice_seconds=0,
        confirmation_seconds=86_400,
        least_basis_ppb=10_000_000,
        orders_max=10_000,
        tick_ueur_per_kg=500_000,
    )


def _benchmark() -> FootprintBenchmark:
    """The published mean of oxides from monazite, in the words of the documented offer."""
    row = next(row for row in rows("carbon_footprints.csv") if row["route"] == "monazite")
    mean_g = int(Decimal(row["kg_co2e_per_kg"]) * GRAMS_PER_KG)
    return FootprintBenchmark(
        form="separated_oxide",
        declared_unit="oxide",
        boundary="cradle-to-gate",
        allocation="economic",
        benchmark_g_co2e_per_kg=mean_g,
        worst_g_co2e_per_kg=mean_g * 3 // 2,
        source=f"{row['source']}, mean of REO from monazite; worst: 1.5 times it; for the sandbox",
    )


def _rule_set(now: datetime) -> RuleSet:
    return RuleSet(
        version=RULE_SET_VERSION,
        algorithm=ALGORITHM,
        benchmarks=(_benchmark(),),
        default_profile=SustainabilityProfile(),
        eu_countries=EU,
        route_ceilings=STANDARD_CEILINGS,
        effective_from=now,
        conditional_orders_rest=True,
        goods_agreed=True,
        origins_by_stage=True,
        caps_by_benchmark=True,
        demands_agreed=True,
        demands_in_full=True,
        splitting_by_stated=True,
        origins_in_full=True,
    )


def _inputs(now: datetime) -> tuple[ReferencePrice | FxRate, ...]:
    """The USGS price of NdPr oxide, so that tickets show one, and a rate for orders in dollars."""
    prices = {row["product"]: row for row in rows("prices_usgs.csv")}
    usd_per_kg = Decimal(prices["NdPr_oxide_99"][USGS_COLUMN])
    price = StatedPrice(amount_micro=int(usd_per_kg * MICRO), currency="USD", per="oxide")
    return (
        FxRate(
            currency="USD",
            ueur_per_unit=SANDBOX_UEUR_PER_USD,
            as_of=now.date(),
            published_at=now,
            source="a round figure for the sandbox, no market rate",
        ),
        ReferencePrice(
            code="usgs-ndpr-oxide",
            analyte="NdPr",
            price=price,
            description="NdPr oxide 99 %, yearly average",
            as_of=USGS_AS_OF,
            published_at=now,
            source=USGS_SOURCE,
        ),
    )


async def ensure_sandbox(desk: Desk, operator: Caller, now: datetime) -> Sandbox:
    """Market, rule set, one seller and one buyer with a site each; every id follows from the deployment's.

    What a start that was cut off has left out is made up for.
    """
    deployment = operator.organisation.bytes
    market = derived_id(deployment, "sandbox market")
    async with desk.looking() as connection:
        exists = await load_market(connection, market) is not None
        published = await load_rule_set(connection, market, RULE_SET_VERSION) is not None
        recorded = await list_inputs(connection, market, after=None, limit=INPUTS_READ_MAX)
    seller = await _party(desk, operator, now, "refiner-fr-1", "FR", "refiner", "processing")
    buyer = await _party(desk, operator, now, "magnet-de-1", "DE", "magnet_producer", "manufacturing")
    if not exists:
        await markets.open_market(desk, operator, terms=_terms(), market=market)
    if not published:
        await inputs.publish_rule_set(
            desk,
            operator,
            market=market,
            rule_set=_rule_set(now),
            signed_by=(operator.organisation,),
        )
    known = {(row.kind, row.key) for row in recorded.items}
    for value in _inputs(now):
        if input_key(value) not in known:
            await inputs.record_input(desk, operator, market=market, value=value, source_id="sandbox")
    for party in (seller, buyer):
        await _admit(desk, operator, market, party.organisation)
    return Sandbox(market=market, seller=seller, buyer=buyer, made=not exists)


async def _party(
    desk: Desk,
    operator: Caller,
    now: datetime,
    name: str,
    country: str,
    role: PartyRole,
    stage: ValueChainStage,
) -> SandboxParty:
    deployment = operator.organisation.bytes
    organisation = derived_id(deployment, "sandbox organisation", name)
    screened = now + SCREENED
    details = OrganisationDetails(
        name=name, country=country, roles=(role,), sanctions_screened_until=screened
    )
    await ensure_organisation(desk, operator, organisation, details)
    facility = await _facility(desk, operator, organisation, name, country, stage)
    return SandboxParty(name=name, organisation=organisation, facility=facility)


async def _facility(
    desk: Desk, operator: Caller, organisation: UUID, name: str, country: str, stage: ValueChainStage
) -> UUID:
    async with desk.looking() as connection:
        sites = await list_facilities(connection, organisation, after=None, limit=1)
    if sites.items:
        return sites.items[0].facility
    details = FacilityDetails(
        name=f"{name} site",
        country=country,
        place=f"{name} site",
        stages=(stage,),
        scale="industrial",
        readiness_level=9,
    )
    await parties.register_facility(
        desk, RegisterFacility(caller=operator, organisation=organisation, details=details)
    )
    return await _facility(desk, operator, organisation, name, country, stage)


async def _admit(desk: Desk, operator: Caller, market: UUID, organisation: UUID) -> None:
    try:
        await members.admit(desk, operator, market=market, organisation=organisation)
    except AlreadyMember:
        return
