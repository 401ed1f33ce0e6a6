"""Facilities that are counted: nobody sells the last tonne twice, in one market or in two."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from contracts.commands import agreements
from contracts.rules.agreements import ProposeTerms as Propose
from contracts.rules.standing import Terminate
from contracts.store.agreements import list_agreements
from events.capacity_terms import CapacityCount, CapacityRule, FacilityCapacity
from events.contract_events import AgreementSigned
from events.contract_terms import FixedVolume, ProductClause, ShareOfOutput, SourceClause, TermClause
from events.market_events import MatchConfirmed, SupplyOffered
from events.party_events import FacilityRegistered
from events.refusal import Refusals
from events.vocabulary import PPB, Period, TermHorizon, Tranche
from market.commands import agreement_signing, inputs, lots, matches, members, offers, parties
from market.rules.parties.facilities import ChangeFacility, RegisterFacility, RevokeFacility
from market.rules.parties.parties import FacilityDetails
from market.rules.twins.committed import Claim, ContractClaim, Volume, claimed, committed
from market.store.claims import read_claims
from tests.agreement_support import drafted, of_match, signature
from tests.conftest import Database
from tests.contract_support import agreement_terms
from tests.market_drafts import NDPR_PRICE, TONNE_G, Firm, facility_details, lot_draft, rule_set, supply_draft
from tests.market_support import Scene, done, scene_on
from tests.rules.test_forecast_supply import RETURNED

THIRD = Period(start=datetime(2026, 7, 1, tzinfo=UTC), end=datetime(2026, 10, 1, tzinfo=UTC))
Q3 = 2026 * 4 + 2


@pytest.fixture
async def scene(database: Database) -> AsyncIterator[Scene]:
    """The first seller makes 10 t of metal a quarter, and the market refuses more."""
    async with scene_on(database) as found:
        await state_capacity(found, 40)
        await publish(found, found.market, "refuse", 2)
        yield found


async def publish(scene: Scene, market: UUID, rule: CapacityRule, version: int) -> None:
    await inputs.publish_rule_set(
        scene.desk,
        scene.operator,
        market=market,
        rule_set=rule_set(version=version, capacity=rule),
        signed_by=(scene.operator.organisation,),
    )


async def state_capacity(scene: Scene, tonnes_per_year: int, version: int = 1) -> None:
    seller = scene.sellers[0]
    capacity = FacilityCapacity(form="metal", nameplate_g_per_year=tonnes_per_year * TONNE_G)
    details = facility_details("seller-0")
    await parties.change_facility(
        scene.desk,
        ChangeFacility(
            caller=seller.trader,
            organisation=seller.organisation,
            facility=seller.facility,
            details=FacilityDetails(
                **{
                    name: getattr(details, name) for name in details.__struct_fields__ if name != "capacities"
                },
                capacities=(capacity,),
            ),
            expected_version=version,
        ),
    )


def draft(seller: Firm, tonnes: int = 10, **changes: Any) -> Any:
    grams = tonnes * TONNE_G
    usual: dict[str, Any] = {"tranches": (Tranche(window=THIRD, net_wet_g=grams),)}
    return supply_draft(seller, net_wet_g=grams, **(usual | changes))


async def post(scene: Scene, tonnes: int = 10, market: UUID | None = None, **changes: Any) -> UUID:
    seller = scene.sellers[0]
    answer = await offers.post(
        scene.desk, seller.trader, market=market or scene.market, draft=draft(seller, tonnes, **changes)
    )
    fact = done(answer).events[0].data
    assert isinstance(fact, SupplyOffered)
    return fact.offer


async def refusal(scene: Scene, tonnes: int, **changes: Any) -> str:
    before = len(await scene.events("market"))
    with pytest.raises(Refusals) as refused:
        await post(scene, tonnes, **changes)
    assert before == len(await scene.events("market"))
    return " ".join(reason.detail() for reason in refused.value.refusals)


async def claims(scene: Scene) -> tuple[Claim | ContractClaim, ...]:
    facility = scene.sellers[0].facility
    async with scene.pool.acquire() as connection:
        return (await read_claims(connection, [facility], scene.clock.now)).get(facility, ())


async def committed_g(scene: Scene, quarter: int = Q3) -> list[int]:
    """Offered, matched and contracted grams of the quarter."""
    volumes = [
        claimed(claim).get(quarter, (0, 0, 0)) for claim in await claims(scene) if isinstance(claim, Claim)
    ]
    return [sum(column) for column in zip(*volumes, strict=True)]


async def test_what_passes_the_capacity_is_refused_and_leaves_nothing(scene: Scene) -> None:
    assert "In 2026-Q3 the facility makes 10 t of metal: 0 t are committed, 11 t asked." == (
        await refusal(scene, 11)
    )
    await post(scene, 6)
    assert "In 2026-Q3 the facility makes 10 t of metal: 6 t are committed, 5 t asked." == (
        await refusal(scene, 5)
    )
    await post(scene, 4)


def from_site(scene: Scene, *tonnes_a_year: int, **changes: Any) -> Any:
    """An offtake of metal from 1 July 2026 on, half of it NdPr, from the facility that is counted."""
    given: dict[str, Any] = {
        "product": ProductClause(basis="ndpr", form="metal"),
        "term": TermClause(starts_on=date(2026, 7, 1), years=len(tonnes_a_year)),
        "volume": FixedVolume(acq_g=tuple(tonnes * TONNE_G for tonnes in tonnes_a_year)),
        "conditions": (),
        "source": SourceClause(facility=scene.sellers[0].facility, basis_ppb=PPB // 2),
    }
    return agreement_terms(**(given | changes))


async def refused_signature(scene: Scene, terms: Any) -> list[str]:
    agreement = await drafted(scene, terms)
    before = len(await scene.events("contracts"))
    with pytest.raises(Refusals) as refused:
        await agreement_signing.sign(scene.desk, signature(scene.sellers[0], agreement, 1))
    assert before == len(await scene.events("contracts"))
    return [reason.detail() for reason in refused.value.refusals]


async def test_an_agreement_that_over_commits_its_facility_is_refused_year_by_year(scene: Scene) -> None:
    """10 t a quarter, of which 6 t are offered in the third; 10 t of NdPr are 20 t of metal a year."""
    await post(scene, 6)
    found = await refused_signature(scene, from_site(scene, 10, 30))
    assert [
        "In 2026-Q3 the facility makes 10 t of metal: 6 t are committed, 5.041096 t agreed.",
        "In 2027-Q3 the facility makes 10 t of metal: 0 t are committed, 15.081967 t agreed.",
        "In 2027-Q4 the facility makes 10 t of metal: 0 t are committed, 15.081967 t agreed.",
        "In 2028-Q1 the facility makes 10 t of metal: 0 t are committed, 14.918033 t agreed.",
        "In 2028-Q2 the facility makes 10 t of metal: 0 t are committed, 14.918033 t agreed.",
    ] == found


async def test_what_a_seller_has_signed_holds_its_facility_until_it_ends(scene: Scene) -> None:
    """8 t of NdPr a year are 16 t of metal, 4.03 t of them in the third quarter."""
    seller, buyer = scene.sellers[0], scene.buyers[0]
    agreement = await drafted(scene, from_site(scene, 8))
    await agreement_signing.sign(scene.desk, signature(buyer, agreement, 1))
    assert await of_agreement(scene) == (0, 0)
    recorded = done(await agreement_signing.sign(scene.desk, signature(seller, agreement, 2)))
    (signed, _) = (event.data for event in recorded.events)
    assert isinstance(signed, AgreementSigned)
    assert isinstance(signed.capacity, CapacityCount)
    assert ("refuse", 4) == (signed.capacity.rule, len(signed.capacity.quarters))
    assert await of_agreement(scene) == (0, 4_032_877)
    assert "4.032877 t are committed, 6 t asked" in await refusal(scene, 6)
    more = Propose(caller=seller.trader, agreement=agreement, expected_version=4, terms=from_site(scene, 24))
    await agreements.propose(scene.desk, more)
    with pytest.raises(Refusals, match=r"0 t are committed, 12\.09863 t agreed"):
        await agreement_signing.sign(scene.desk, signature(seller, agreement, 5, proposal=2))
    wider = Propose(caller=seller.trader, agreement=agreement, expected_version=5, terms=from_site(scene, 16))
    await agreements.propose(scene.desk, wider)
    await agreement_signing.sign(scene.desk, signature(seller, agreement, 6, proposal=3))
    assert await of_agreement(scene) == (4_032_877, 4_032_877)
    ending = Terminate(
        caller=buyer.trader, agreement=agreement, expected_version=7, reason="breach", note=None
    )
    await agreements.terminate(scene.desk, ending)
    assert await of_agreement(scene) == (0, 0)


async def of_agreement(scene: Scene) -> tuple[int, int]:
    """Offered and contracted grams of metal of the third quarter by agreements without a match."""
    found = [claim for claim in await claims(scene) if isinstance(claim, ContractClaim)]
    volume = committed(found, "metal", None).get(Q3, Volume())
    return volume.offered_g, volume.contracted_g


async def test_of_a_signature_and_an_offer_at_once_one_takes_the_last_tonnes(scene: Scene) -> None:
    agreement = await drafted(scene, from_site(scene, 16))
    outcomes = await asyncio.gather(
        agreement_signing.sign(scene.desk, signature(scene.sellers[0], agreement, 1)),
        post(scene, 3),
        return_exceptions=True,
    )
    assert 1 == sum(isinstance(outcome, Refusals) for outcome in outcomes)


async def test_an_agreement_names_its_facility_or_is_flagged_as_uncounted(scene: Scene) -> None:
    assert [
        "The market counts capacity: an agreement without a match has to name the facility of its supply."
    ] == (await refused_signature(scene, from_site(scene, 8, source=UNSET)))
    other = SourceClause(facility=scene.sellers[1].facility, basis_ppb=PPB)
    assert ["The seller has no such facility."] == await refused_signature(
        scene, from_site(scene, 8, source=other)
    )
    await publish(scene, scene.market, "flag", 3)
    for terms, quarters in ((from_site(scene, 8, source=UNSET), 0), (from_site(scene, 30), 4)):
        agreement = await drafted(scene, terms)
        recorded = done(await agreement_signing.sign(scene.desk, signature(scene.sellers[0], agreement, 1)))
        fact = recorded.events[0].data
        assert isinstance(fact, AgreementSigned)
        assert isinstance(fact.capacity, CapacityCount)
        assert ("flag", quarters) == (fact.capacity.rule, len(fact.capacity.quarters))


async def test_a_share_of_output_is_counted_by_what_is_expected(scene: Scene) -> None:
    """Half of 40 t of NdPr a year, which are 40 t of metal as delivered."""
    share = ShareOfOutput(share_ppb=PPB // 2, expected_output_g=(40 * TONNE_G,))
    (first, *_) = await refused_signature(scene, from_site(scene, 20, volume=share))
    assert "In 2026-Q3 the facility makes 10 t of metal: 0 t are committed, 10.082192 t agreed." == first


async def test_units_that_come_back_are_offered_once_also_from_a_site_that_is_closed(scene: Scene) -> None:
    """5.852 t of NdPr come back; a tonne of metal has 350 kg of it."""
    seller, other = scene.sellers[0], await scene.open_market(name="another market")
    await admitted(scene, other)
    offer = await ahead(scene, seller, 4)
    change: dict[str, Any] = {"order": offer, "expected_version": 1}
    await offers.amend(scene.desk, seller.trader, draft=returning(seller, 9), **change)
    site: dict[str, Any] = {"organisation": seller.organisation, "details": facility_details("elsewhere")}
    registered = (
        done(await parties.register_facility(scene.desk, RegisterFacility(caller=seller.trader, **site)))
        .events[0]
        .data
    )
    assert isinstance(registered, FacilityRegistered)
    await parties.revoke_facility(
        scene.desk,
        RevokeFacility(caller=seller.trader, organisation=seller.organisation, facility=seller.facility),
    )
    moved = replace(seller, facility=registered.facility)
    with pytest.raises(
        Refusals, match=r"is 5852\.469 kg: 3150\.000 kg are already offered, 2800\.000 kg more"
    ):
        await ahead(scene, moved, 8, other)
    await ahead(scene, moved, 7, other)


async def ahead(scene: Scene, seller: Firm, tonnes: int, market: UUID | None = None) -> UUID:
    answer = await offers.post(
        scene.desk, seller.trader, market=market or scene.market, draft=returning(seller, tonnes)
    )
    fact = done(answer).events[0].data
    assert isinstance(fact, SupplyOffered)
    return fact.offer


def returning(seller: Firm, tonnes: int) -> Any:
    return supply_draft(seller, net_wet_g=tonnes * TONNE_G, forecast=RETURNED)


async def test_an_amendment_of_a_matchs_contract_is_counted_for_what_it_adds(scene: Scene) -> None:
    """24 t of metal offered for 2027, 6 t a quarter; 7 t of NdPr, which are 20 t of it, matched."""
    seller, buyer = scene.sellers[0], scene.buyers[0]
    window = Period(start=datetime(2027, 1, 1, tzinfo=UTC), end=datetime(2027, 12, 31, tzinfo=UTC))
    year = TermHorizon(
        start_year=2027, profile_ppb=(PPB,), index=NDPR_PRICE.code, quotation_period="month_of_shipment"
    )
    await post(scene, 24, term=year, tranches=(Tranche(window=window, net_wet_g=24 * TONNE_G),))
    await scene.require(buyer, basis_g=7 * TONNE_G, term=year, window=window)
    (confirmed,) = [
        event for event in await scene.conclude(await scene.plan()) if isinstance(event.data, MatchConfirmed)
    ]
    agreement = await of_match(scene, confirmed)
    for version, firm in enumerate((seller, buyer), 1):
        recorded = done(await agreement_signing.sign(scene.desk, signature(firm, agreement, version)))
        signed = recorded.events[0].data
        assert isinstance(signed, AgreementSigned)
        assert UNSET is signed.capacity
    first = 2027 * 4
    assert [TONNE_G, 0, 4_931_507] == await committed_g(scene, first)

    async def propose(tonnes: Decimal, version: int) -> None:
        async with scene.pool.acquire() as connection:
            (stands,) = await list_agreements(connection, None, limit=1)
        terms = replace(stands.terms, volume=FixedVolume(acq_g=(int(tonnes * TONNE_G),)))
        asked = Propose(caller=buyer.trader, agreement=agreement, expected_version=version, terms=terms)
        await agreements.propose(scene.desk, asked)

    await propose(Decimal(14), 4)
    with pytest.raises(Refusals) as refused:
        await agreement_signing.sign(scene.desk, signature(seller, agreement, 5, proposal=2))
    assert [
        "In 2027-Q1 the facility makes 10 t of metal: 1 t are committed, 9.863013 t agreed.",
        "In 2027-Q2 the facility makes 10 t of metal: 1 t are committed, 9.972603 t agreed.",
        "In 2027-Q3 the facility makes 10 t of metal: 1 t are committed, 10.082192 t agreed.",
        "In 2027-Q4 the facility makes 10 t of metal: 1 t are committed, 10.082192 t agreed.",
    ] == [reason.detail() for reason in refused.value.refusals]
    await propose(Decimal("10.5"), 5)
    recorded = done(await agreement_signing.sign(scene.desk, signature(seller, agreement, 6, proposal=3)))
    signed = recorded.events[0].data
    assert isinstance(signed, AgreementSigned)
    assert isinstance(signed.capacity, CapacityCount)
    assert [TONNE_G] * 4 == [each.committed_g for each in signed.capacity.quarters]
    assert [TONNE_G + 2_465_753, 0, 4_931_507] == await committed_g(scene, first)
    await agreement_signing.sign(scene.desk, signature(buyer, agreement, 7, proposal=3))
    assert [TONNE_G, 0, 7_397_260] == await committed_g(scene, first)


async def test_lots_are_counted_like_offers(scene: Scene) -> None:
    await post(scene, 6)
    lot = lot_draft(scene.sellers[0], "L-1", net_wet_g=5 * TONNE_G)
    lot = draft(scene.sellers[0], 5, physical_lot=lot.physical_lot, rex_routes=lot.rex_routes)
    with pytest.raises(Refusals, match="6 t are committed, 5 t asked"):
        await lots.list_lot(scene.desk, scene.sellers[0].trader, market=scene.market, draft=lot)


async def test_an_amendment_is_counted_without_what_the_order_had(scene: Scene) -> None:
    offer, seller = await post(scene, 6), scene.sellers[0]
    change: dict[str, Any] = {"order": offer, "expected_version": 1}
    with pytest.raises(Refusals, match="0 t are committed, 11 t asked"):
        await offers.amend(scene.desk, seller.trader, draft=draft(seller, 11), **change)
    await offers.amend(scene.desk, seller.trader, draft=draft(seller, 10), **change)
    await offers.withdraw(scene.desk, seller.trader, order=offer, expected_version=2)
    await post(scene, 10)


async def test_of_offers_at_once_in_one_market_one_takes_the_last_tonnes(scene: Scene) -> None:
    answers = await asyncio.gather(*(post(scene, 4) for _ in range(8)), return_exceptions=True)
    assert 2 == sum(isinstance(answer, UUID) for answer in answers)
    refused = [str(answer) for answer in answers if isinstance(answer, Refusals)]
    text = "In 2026-Q3 the facility makes 10 t of metal: 8 t are committed, 4 t asked."
    assert [f"capacity_exceeded: {text}"] * 6 == refused


async def test_of_offers_at_once_in_several_lanes_one_takes_the_last_tonnes(scene: Scene) -> None:
    """The markets lie in other lanes, so that no lane makes them wait."""
    markets = [scene.market]
    while len({scene.desk.lane("market", market) for market in markets}) < 3:
        market = await scene.open_market(name=f"market {len(markets)}")
        await publish(scene, market, "refuse", 2)
        markets.append(market)
    for market in markets[1:]:
        await admitted(scene, market)
    posts = [post(scene, 7, market=market) for _ in range(3) for market in markets]
    answers = await asyncio.gather(*posts, return_exceptions=True)
    assert 1 == sum(isinstance(answer, UUID) for answer in answers)
    refused = {str(answer) for answer in answers if isinstance(answer, Refusals)}
    text = "In 2026-Q3 the facility makes 10 t of metal: 7 t are committed, 7 t asked."
    assert {f"capacity_exceeded: {text}"} == refused
    assert [7 * TONNE_G, 0, 0] == await committed_g(scene)


async def admitted(scene: Scene, market: UUID) -> None:
    await members.admit(scene.desk, scene.operator, market=market, organisation=scene.sellers[0].organisation)


async def test_what_a_match_took_stays_committed_without_its_offer(scene: Scene) -> None:
    """2 t of basis are 5.714286 t of product."""
    offer = await post(scene, 10, commitment="subject_to_confirmation")
    await scene.require(scene.buyers[0], commitment="subject_to_confirmation")
    struck = (await scene.conclude(await scene.plan()))[0].data
    assert [10 * TONNE_G - 5_714_286, 5_714_286, 0] == await committed_g(scene)
    await offers.withdraw(scene.desk, scene.sellers[0].trader, order=offer, expected_version=1)
    assert [0, 5_714_286, 0] == await committed_g(scene)
    assert "5.714286 t are committed, 5 t asked." in await refusal(scene, 5)
    for firm in (scene.sellers[0], scene.buyers[0]):
        await matches.answer(scene.desk, firm.trader, match=struck.match, answer="confirmed")  # type: ignore[attr-defined]
    assert [0, 0, 5_714_286] == await committed_g(scene)


async def test_a_market_that_flags_takes_the_order_and_records_the_figures(scene: Scene) -> None:
    await publish(scene, scene.market, "flag", 3)
    offer = await post(scene, 11)
    (fact,) = [
        event.data
        for event in await scene.events("market")
        if isinstance(event.data, SupplyOffered) and event.data.offer == offer
    ]
    assert fact.terms.capacity is not None
    (quarter,) = fact.terms.capacity.quarters
    assert (10 * TONNE_G, 0, 11 * TONNE_G) == (quarter.capacity_g, quarter.committed_g, quarter.asked_g)


async def test_a_facility_made_smaller_keeps_what_it_has_and_takes_no_more(scene: Scene) -> None:
    await post(scene, 6)
    await state_capacity(scene, 20, version=2)
    assert "makes 5 t of metal: 6 t are committed, 1 t asked." in await refusal(scene, 1)


async def test_other_facilities_are_not_counted(scene: Scene) -> None:
    other = scene.sellers[1]
    await offers.post(scene.desk, other.trader, market=scene.market, draft=draft(other, 900))
    await post(scene, 10)


async def test_a_dry_run_is_counted_too_and_leaves_nothing(scene: Scene) -> None:
    seller = scene.sellers[0]
    before = len(await scene.events("market"))
    given: dict[str, Any] = {"market": scene.market, "dry_run": True}
    with pytest.raises(Refusals, match="0 t are committed, 11 t asked"):
        await offers.post(scene.desk, seller.trader, draft=draft(seller, 11), **given)
    drafts = await offers.post(scene.desk, seller.trader, draft=draft(seller, 10), **given)
    assert isinstance(drafts, tuple)
    assert 1 == len(drafts)
    assert before == len(await scene.events("market"))
    await post(scene, 10)
