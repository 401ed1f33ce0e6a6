"""A market in which a round strikes a given number of matches: books of term orders, each index its own."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

from facts import offer_terms
from msgspec.structs import replace
from uuid_utils.compat import uuid7

from events.market_events import (
    ClearingPlanned,
    MarketOpened,
    MemberAdmitted,
    RequirementPosted,
    RuleSetPublished,
    SupplyOffered,
)
from events.market_terms import (
    AcceptedForm,
    MarketTerms,
    Member,
    MemberFacility,
    RequirementTerms,
    RuleSet,
    SustainabilityProfile,
)
from events.vocabulary import ConvertedPrice, Period, Place, StatedPrice, TermHorizon
from market.rules.clearing.clearings import rule_set_sha256
from market.rules.clearing.rounds import ALGORITHM

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ORDERS_A_SIDE = 50
"""Of each index: what one index makes of pairs grows with its square."""
EUR = 1_000_000


def opening(market: UUID) -> Iterator[MarketOpened | RuleSetPublished | MemberAdmitted]:
    terms = MarketTerms(
        name="NdPr",
        basis="ndpr",
        sandbox=True,
        clearing_interval_seconds=0,
        rule_notice_seconds=0,
        confirmation_seconds=86_400,
        least_basis_ppb=10_000_000,
        orders_max=100_000,
        tick_ueur_per_kg=500_000,
    )
    yield MarketOpened(market=market, terms=terms)
    yield RuleSetPublished(market=market, rule_set=rule_set(), signed_by=(market,))
    for side in ("seller", "buyer"):
        for number in range(ORDERS_A_SIDE):
            yield MemberAdmitted(market=market, member=_member(market, side, number))


def rule_set() -> RuleSet:
    return RuleSet(
        version=1,
        algorithm=ALGORITHM,
        default_profile=SustainabilityProfile(),
        eu_countries=("FR",),
        effective_from=NOW - timedelta(days=1),
    )


def orders(market: UUID, matches: int) -> Iterator[SupplyOffered | RequirementPosted]:
    """As many offers as requirements, of one size each: every index trades all that it has."""
    for place in range(matches):
        index, number = divmod(place, ORDERS_A_SIDE)
        term = TermHorizon(
            start_year=2027, profile_ppb=(10**9,), index=f"index-{index}", quotation_period="M+1"
        )
        seller, buyer = _member(market, "seller", number), _member(market, "buyer", number)
        supply = replace(offer_terms(NOW), term=term, facility=seller.facilities[0].facility)
        yield SupplyOffered(
            market=market,
            offer=uuid7(),
            organisation=seller.organisation,
            terms=replace(supply, ask=_price(-5 * EUR + number * 1_000)),
        )
        yield RequirementPosted(
            market=market,
            requirement=uuid7(),
            organisation=buyer.organisation,
            terms=_requirement(buyer, supply.basis_g, _price(EUR + number * 1_000), term),
        )


def plan(market: UUID) -> ClearingPlanned:
    return ClearingPlanned(
        market=market,
        plan=uuid7(),
        round=1,
        cut_time=NOW,
        rule_set=rule_set(),
        rule_set_sha256=rule_set_sha256(rule_set()),
        algorithm=ALGORITHM,
        trigger="demand",
    )


def _requirement(buyer: Member, basis_g: int, limit: ConvertedPrice, term: TermHorizon) -> RequirementTerms:
    return RequirementTerms(
        forms=(AcceptedForm(form="separated_oxide"),),
        basis_g=basis_g,
        minimum_parcel_g=1,
        limit=limit,
        window=Period(start=NOW, end=NOW + timedelta(days=365)),
        place=Place(country="FR", name="La Rochelle"),
        facility=buyer.facilities[0].facility,
        valid_until=NOW + timedelta(days=365),
        commitment="firm",
        term=term,
    )


def _price(ueur_per_kg: int) -> ConvertedPrice:
    stated = StatedPrice(amount_micro=ueur_per_kg, currency="EUR", per="element")
    return ConvertedPrice(stated=stated, ueur_per_kg=ueur_per_kg)


def _member(market: UUID, side: str, number: int) -> Member:
    organisation = UUID(int=market.int ^ ((1 if side == "seller" else 2) << 32 | number))
    return Member(
        organisation=organisation,
        name=f"{side} {number}",
        country="FR",
        roles=("refiner",),
        group=organisation,
        sanctions_screened_until=NOW + timedelta(days=1_000),
        facilities=(
            MemberFacility(facility=organisation, country="FR", stages=("processing",), scale="industrial"),
        ),
        source_position=1,
    )
