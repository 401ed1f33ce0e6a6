"""A while of trading in a small market: one of nearly every fact that its streams can hold."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec.structs import replace
from uuid_utils.compat import uuid7

from contracts.commands import agreements, indices
from contracts.rules.agreements import DraftAgreement, ProposeTerms, SignProposal, WithdrawProposal
from contracts.rules.contests import ContestDeclaration, SettleContest
from contracts.rules.indices import IndexUnit, PublishIndex
from contracts.rules.standing import Extend, Resume, SettleCondition, Suspend, Terminate
from events.callers import Caller
from events.contract_events import AgreementDrafted
from events.contract_terms import Evidence, IndexValue
from events.market_events import MatchStruck
from events.market_terms import (
    ConcentratedOrigins,
    Qualification,
)
from events.material_events import PassportIssued
from events.party_events import PolicyPublished
from events.policy_terms import PolicyTerms, PortfolioLimits
from events.rex_terms import StepDown
from events.vocabulary import (
    PPB,
    Assay,
    Period,
    StatedPrice,
)
from market.commands import (
    agreement_signing,
    clearings,
    declared_volumes,
    initiative_figures,
    initiatives,
    inputs,
    leaving,
    lots,
    matches,
    members,
    offers,
    parties,
    partners,
    passports,
    policies,
    product_twins,
    quotes,
    rehearsals,
    requirements,
    transformations,
    webhooks,
)
from market.rules.clearing.round_events import planned_of
from market.rules.crma.declared_volumes import CorrectVolume, DeclareVolume, WithdrawVolume
from market.rules.orders.initiatives import (
    ChangeInitiative,
    InitiativeDetails,
    RegisterInitiative,
    RevokeInitiative,
)
from market.rules.orders.offers import PostSupply
from market.rules.orders.policies import (
    NewPolicy,
    PolicyDetails,
    PublishPolicy,
    RetirePolicy,
    RevisePolicy,
)
from market.rules.orders.requirements import PostRequirement
from market.rules.parties.closings import AskClosing, CloseOrganisation, WithdrawClosing
from market.rules.parties.facilities import ChangeFacility, RegisterFacility, RevokeFacility
from market.rules.parties.keys import IssueKey, RevokeKey
from market.rules.parties.papers import RegisterCertificate, RegisterLicence, RevokeCertificate, RevokeLicence
from market.rules.parties.parties import CertificateDetails, ChangeOrganisation, KeyDetails, LicenceDetails
from market.rules.parties.partners import (
    AnswerInvitation,
    InvitePartner,
    LeaveInitiative,
    WithdrawInvitation,
)
from market.rules.passports.passports import (
    AcknowledgePassport,
    CorrectPassport,
    IssuePassport,
    NotePassport,
    RetirePassport,
    TransferPassport,
)
from market.rules.streams.reach import Reach
from market.rules.streams.streams import CloseStream, OpenStream
from market.rules.streams.webhooks import (
    ChangeWebhook,
    DisableWebhook,
    RegisterWebhook,
    RemoveWebhook,
    RotateWebhook,
)
from market.rules.twins.product_twins import StateTwin
from market.rules.visibility.initiative_figures import StateFigures
from market.rules.webhook_terms import WebhookTerms
from market.store import due
from market.store import matches as matches_store
from tests.contract_support import PERMIT, agreement_terms
from tests.market_drafts import (
    DELIVERY,
    PERCENT,
    SECOND_DELIVERY,
    START,
    TONNE_G,
    VALID_UNTIL,
    Firm,
    facility_details,
    initiative,
    lot_draft,
    organisation_details,
    requirement_draft,
    rule_set,
    supply_draft,
    two_tranches,
)
from tests.market_support import Scene, done, fact_of
from tests.passport_support import DAY, content, declared, made, product, recycled, transform


async def trade_for_a_while(scene: Scene) -> None:
    """Every kind of fact at least once, by the commands that partners, timers and the matcher use."""
    await change_the_parties(scene)
    await change_the_policies(scene)
    await post_and_change_orders(scene)
    await clear_and_answer(scene)
    await let_time_pass(scene)
    await agree_for_a_while(scene)
    await go_round_the_loop(scene)


async def change_webhooks(scene: Scene, firm: Firm) -> None:
    """One that is removed, and one that was disabled."""
    desk, terms = scene.desk, WebhookTerms(url="https://partner.example/hook")
    of: dict[str, Any] = {"caller": firm.trader, "organisation": firm.organisation}
    for webhook in (removed := uuid7(), disabled := uuid7()):
        await webhooks.register(desk, RegisterWebhook(**of, webhook=webhook, terms=terms, reach=Reach()))
    resting: dict[str, Any] = {"expected_version": 1, "terms": terms, "active": False, "reach": Reach()}
    await webhooks.change(desk, ChangeWebhook(**of, webhook=removed, **resting))
    await webhooks.remove(desk, RemoveWebhook(**of, webhook=removed))
    await webhooks.rotate(desk, RotateWebhook(**of, webhook=disabled, overlap_hours=1))
    given = {"webhook": disabled, "version": 2, "reason": "failing", "since": scene.clock.now}
    await webhooks.disable(desk, DisableWebhook(**{**of, **given, "caller": scene.operator}))


async def go_round_the_loop(scene: Scene) -> None:
    """Two lots with passports become one, which is corrected, sold and retired; claims go by mass balance."""
    seller, buyer = scene.sellers[0], scene.buyers[0]
    roots = {uuid7(): recycled(post=50), uuid7(): ()}
    for number, (passport, shares) in enumerate(roots.items()):
        stated = content(seller.facility, f"ROOT-{number}", recycled=shares, custody="mass_balance")
        await passports.issue(
            scene.desk, IssuePassport(caller=seller.trader, passport=passport, content=stated)
        )
    lot = uuid7()
    work = transform(
        seller.trader,
        uuid7(),
        seller.facility,
        [(passport, 1_000_000) for passport in roots],
        [made(lot, "MADE-1", net_wet_g=2_000_000, recycled=recycled(post=20))],
        method="credit",
        balance_days=90,
    )
    recorded = done(await transformations.transform(scene.desk, work))
    (issued,) = [event for event in recorded.events if isinstance(event.data, PassportIssued)]
    assert isinstance(issued.data, PassportIssued)
    step: dict[str, Any] = {"caller": seller.trader, "passport": lot}
    measured = replace(issued.data.content, assay=Assay(laboratory="lab", reference="a", sampled_on=DAY))
    await passports.correct(
        scene.desk,
        CorrectPassport(
            **step, expected_version=1, corrects=issued.id, reason="the assay was missing", content=measured
        ),
    )
    await passports.transfer(
        scene.desk,
        TransferPassport(**step, expected_version=2, owner=buyer.organisation, transferred_on=DAY),
    )
    await passports.note(scene.desk, NotePassport(**step, expected_version=3, note="the grade was another"))
    step["caller"] = buyer.trader
    await passports.acknowledge(scene.desk, AcknowledgePassport(**step, expected_version=4))
    await passports.retire(scene.desk, RetirePassport(**step, expected_version=5, reason="installed"))
    twin = StateTwin(caller=seller.trader, twin=uuid7(), expected_version=0, terms=product())
    await product_twins.state(scene.desk, twin)
    await declare_beside(scene)


async def declare_beside(scene: Scene) -> None:
    """A volume that was not traded here is declared and corrected; another one is withdrawn."""
    trader, kept, given_up = scene.buyers[0].trader, uuid7(), uuid7()
    for volume, reference in ((kept, "INV-1"), (given_up, "INV-2")):
        terms = declared(reference=reference, lot_number=reference)
        asked = DeclareVolume(caller=trader, volume=volume, terms=terms)
        event = done(await declared_volumes.declare(scene.desk, asked)).events[0]
        step: dict[str, Any] = {
            "caller": trader, "volume": volume, "expected_version": 1, "reason": "said too early"
        }  # fmt: skip
        if volume == kept:
            terms = replace(terms, counterparty_country="AU")
            await declared_volumes.correct(scene.desk, CorrectVolume(**step, corrects=event.id, terms=terms))
        else:
            await declared_volumes.withdraw(scene.desk, WithdrawVolume(**step))


async def agree_for_a_while(scene: Scene) -> None:
    """An offtake through every step and two years' volumes; a draft that is withdrawn and ended."""
    sides = {"seller": scene.sellers[0].trader, "buyer": scene.buyers[0].trader}
    seller, buyer = sides["seller"], sides["buyer"]
    today = scene.clock.now.date()
    evidence = (Evidence(title="Permit", sha256="ab" * 32, dated_on=today),)
    terms = agreement_terms(
        term=replace(agreement_terms().term, starts_on=today, extended_by=None), conditions=(PERMIT,)
    )
    other = replace(terms, shortfall_notice_days=7)
    found: list[tuple[UUID, int]] = []
    for first in (terms, other):
        draft = DraftAgreement(
            caller=seller,
            market=scene.market,
            kind="offtake",
            side="seller",
            counterparty=buyer.organisation,
            basis="ndpr",
            members=frozenset({seller.organisation, buyer.organisation}),
            terms=first,
        )
        drafted = done(await agreements.draft(scene.desk, draft))
        found.append((fact_of(drafted, AgreementDrafted).agreement, 1))

    async def step(place: int, command: Any, argument: Any, by: Caller, **given: Any) -> None:
        agreement, version = found[place]
        asked = argument(caller=by, agreement=agreement, expected_version=version, **given)
        answer = await command(scene.desk, asked)
        found[place] = (agreement, version + len(done(answer).events))

    await step(1, agreements.withdraw, WithdrawProposal, seller, proposal=1)
    await step(1, agreements.terminate, Terminate, buyer, reason="negotiation_failed")
    await step(0, agreements.propose, ProposeTerms, buyer, terms=other, note="a week of notice")
    for by in (seller, buyer):
        await step(0, agreement_signing.sign, SignProposal, by, proposal=2, binding=True)
    settled = {"condition": "permit", "outcome": "met", "on": today, "evidence": evidence}
    await step(0, agreements.settle_condition, SettleCondition, seller, **settled)
    period = Period(start=scene.clock.now, end=scene.clock.now + timedelta(days=3))
    await step(0, agreements.suspend, Suspend, seller, period=period, reason="flood", evidence=())
    scene.clock.pass_seconds(86_400)
    await step(0, agreements.resume, Resume, seller)
    await step(0, agreements.extend, Extend, buyer)
    of: dict[str, Any] = {"caller": buyer, "agreement": found[0][0], "suspension": 1}
    done(await agreements.contest(scene.desk, ContestDeclaration(**of, reason="it was dry")))
    done(await agreements.settle_contest(scene.desk, SettleContest(**of, outcome="stands")))
    await scene.record_volumes(found[0][0])
    await publish_values(scene)


async def publish_values(scene: Scene) -> None:
    """A month's value of an index, and its restatement."""
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    first = IndexValue(
        period=Period(start=start, end=end),
        amount_micro=69_000_000,
        as_of=date(2026, 1, 31),
        published_at=end,
        source="entered by the operator",
    )
    for value in (first, replace(first, amount_micro=70_000_000, published_at=end + timedelta(days=1))):
        publishing = PublishIndex(
            caller=scene.operator,
            index="ndpr-oxide-cn",
            unit=IndexUnit(currency="USD", per="oxide"),
            values=(value,),
        )
        await indices.publish(scene.desk, publishing)


async def change_the_policies(scene: Scene) -> None:
    """A buyer's own policy in two versions, retired; an operator's, addressed to an initiative."""
    buyer = scene.buyers[0]
    lines = PolicyTerms(recycled_min_ppb=PERCENT)
    details = PolicyDetails(title="Recycled magnets", terms=lines)
    own = await published(scene, buyer.trader, lines)
    change: dict[str, Any] = {"policy": own, "expected_version": 1}
    await policies.revise(
        scene.desk,
        RevisePolicy(caller=buyer.trader, details=replace(details, authority="the board"), **change),
    )
    await policies.retire(scene.desk, RetirePolicy(caller=buyer.trader, policy=own, expected_version=2))
    await published(scene, scene.operator, lines, "remhub")


async def published(scene: Scene, caller: Caller, lines: PolicyTerms, *addressed_to: str) -> UUID:
    """The id of a new policy."""
    details = NewPolicy(title="Recycled magnets", terms=lines, addressed_to=addressed_to)
    outcome = done(
        await policies.publish(
            scene.desk, PublishPolicy(caller=caller, policy=scene.desk.new_id(), details=details)
        )
    )
    return fact_of(outcome, PolicyPublished).policy


async def come_and_go(scene: Scene, coordinator: Firm, partner: Firm) -> None:
    """Into permanet and out of it, by every word there is; an invitation of another firm stays open."""
    of: dict[str, Any] = {"organisation": partner.organisation, "initiative": "permanet"}
    asked = InvitePartner(caller=coordinator.trader, **of)
    await partners.invite(scene.desk, asked)
    await partners.answer(scene.desk, AnswerInvitation(caller=partner.trader, accepted=True, **of))
    await partners.leave(scene.desk, LeaveInitiative(caller=partner.trader, **of))
    await partners.invite(scene.desk, asked)
    await partners.withdraw(scene.desk, WithdrawInvitation(caller=coordinator.trader, **of))
    last = scene.sellers[-1].organisation
    await partners.invite(
        scene.desk, InvitePartner(caller=coordinator.trader, organisation=last, initiative="permanet")
    )
    figures = StateFigures(
        caller=scene.operator,
        initiative="permanet",
        since=date(2025, 10, 1),
        partners={partner.organisation: partner.organisation},
        coordinated_by=coordinator.organisation,
        coordinator_group=coordinator.organisation,
        amounts=(),
        shares=(),
        others_shares=(),
        routes=(),
        groups_min=5,
    )
    await initiative_figures.state(scene.desk, figures)


async def change_the_parties(scene: Scene) -> None:
    seller, buyer = scene.sellers[0], scene.buyers[0]
    until = datetime(2027, 1, 1, tzinfo=UTC)
    desk, admin = scene.desk, seller.trader
    certificate = CertificateDetails(
        facility=seller.facility, scheme="irma", reference="c-1", valid_from=START, valid_until=until
    )
    licence = LicenceDetails(
        facility=seller.facility,
        kind="waste_treatment",
        waste_statuses=("waste",),
        reference="l-1",
        valid_from=START,
        valid_until=until,
    )
    key = KeyDetails(label="desk", secret_sha256="0" * 64, roles=("trader",), expires_at=until)
    organisation = seller.organisation
    kept: list[Any] = []
    for _ in range(2):
        kept = [
            done(
                await parties.register_certificate(
                    desk, RegisterCertificate(caller=admin, organisation=organisation, details=certificate)
                )
            ),
            done(
                await parties.register_licence(
                    desk, RegisterLicence(caller=admin, organisation=organisation, details=licence)
                )
            ),
            done(
                await parties.issue_key(
                    desk, IssueKey(caller=admin, organisation=organisation, details=key, key=desk.new_id())
                )
            ),
            done(
                await parties.register_facility(
                    desk,
                    RegisterFacility(
                        caller=admin, organisation=organisation, details=facility_details("second")
                    ),
                )
            ),
        ]
    papers, permit, issued, site = (outcome.events[0].data for outcome in kept)
    await parties.revoke_certificate(
        desk, RevokeCertificate(caller=admin, organisation=organisation, certificate=papers.certificate)
    )
    await parties.revoke_licence(
        desk, RevokeLicence(caller=admin, organisation=organisation, licence=permit.licence)
    )
    await parties.revoke_key(desk, RevokeKey(caller=admin, organisation=organisation, key=issued.key))
    await parties.revoke_facility(
        desk, RevokeFacility(caller=admin, organisation=organisation, facility=site.facility)
    )
    await parties.open_stream(desk, OpenStream(caller=buyer.trader, organisation=buyer.organisation))
    await parties.close_stream(desk, CloseStream(caller=buyer.trader, organisation=buyer.organisation))
    for firm in (*scene.sellers, buyer):
        await change_webhooks(scene, firm)
    await parties.change_facility(
        desk,
        ChangeFacility(
            caller=buyer.trader,
            organisation=buyer.organisation,
            facility=buyer.facility,
            details=facility_details("renamed"),
            expected_version=1,
        ),
    )
    details = organisation_details("renamed")
    await parties.change_organisation(
        desk,
        ChangeOrganisation(
            caller=scene.operator, organisation=buyer.organisation, details=details, expected_version=1
        ),
    )
    await initiatives.register(
        desk, RegisterInitiative(caller=scene.operator, details=initiative("permanet"))
    )
    led = InitiativeDetails(
        name="the permanet project", coordinator="an institute", coordinated_by=seller.organisation
    )
    await initiatives.change(
        desk, ChangeInitiative(caller=scene.operator, initiative="permanet", details=led, expected_version=1)
    )
    await come_and_go(scene, seller, buyer)
    await initiatives.revoke(desk, RevokeInitiative(caller=scene.operator, initiative="permanet"))
    last = scene.sellers[-1].organisation
    await members.suspend(desk, scene.operator, market=scene.market, organisation=last, reason="audit")
    await members.admit(desk, scene.operator, market=scene.market, organisation=last)
    await leave_and_close(scene)
    qualified = Qualification(
        buyer=buyer.organisation,
        seller=organisation,
        facility=seller.facility,
        form="metal",
        level="production",
    )
    await inputs.record_input(desk, buyer.trader, market=scene.market, value=qualified, source_id="trial-1")
    concentrated = ConcentratedOrigins(countries=("CN",), as_of=date(2026, 3, 1), source="test")
    await inputs.record_input(
        desk, scene.operator, market=scene.market, value=concentrated, source_id="list-1"
    )


async def leave_and_close(scene: Scene) -> None:
    """One member leaves, withdraws an offer with it and comes back; another is closed, with all it has."""
    desk, last = scene.desk, scene.sellers[-1]
    of: dict[str, Any] = {"market": scene.market, "organisation": last.organisation}
    await scene.offer(last)
    await scene.lot(last, "L-last")
    await leaving.leave(desk, last.trader, **of, withdraw_orders=True)
    await members.admit(desk, scene.operator, **of)
    closed = await scene.register("closed")
    own: dict[str, Any] = {"caller": closed.trader, "organisation": closed.organisation}
    await parties.open_stream(desk, OpenStream(**own))
    await change_webhooks(scene, closed)
    key = KeyDetails(
        label="desk",
        secret_sha256="1" * 64,
        roles=("admin",),
        expires_at=datetime(2027, 1, 1, tzinfo=UTC),
    )
    await parties.issue_key(desk, IssueKey(**own, details=key, key=desk.new_id()))
    await parties.ask_closing(desk, AskClosing(**own))
    await parties.withdraw_closing(desk, WithdrawClosing(**own))
    await parties.ask_closing(desk, AskClosing(**own))
    await parties.close_organisation(
        desk, CloseOrganisation(caller=scene.operator, organisation=closed.organisation)
    )


async def post_and_change_orders(scene: Scene) -> None:
    """Leaves open: two offers in two deliveries, a lot, four requirements; one of each kind is withdrawn.

    Nothing is recycled enough for the fourth one.
    """
    desk, seller, buyer = scene.desk, scene.sellers[0], scene.buyers[0]
    both = {"net_wet_g": 10 * TONNE_G, "tranches": two_tranches(10 * TONNE_G)}
    kept = await scene.offer(seller, commitment="subject_to_confirmation", **both)
    await offers.amend(
        desk,
        seller.trader,
        order=kept,
        expected_version=1,
        draft=supply_draft(
            seller,
            commitment="subject_to_confirmation",
            net_wet_g=8 * TONNE_G,
            tranches=two_tranches(8 * TONNE_G),
        ),
    )
    await scene.offer(scene.sellers[1], commitment="subject_to_confirmation", **both)
    dropped = await scene.offer(seller)
    await offers.withdraw(desk, seller.trader, order=dropped, expected_version=1)
    lot = await scene.lot(seller, "L-1", commitment="subject_to_confirmation")
    await lots.grade(
        desk,
        seller.trader,
        order=lot,
        condition="B",
        inspector="i",
        step_down=StepDown(reason="no_demand"),
        expected_version=1,
    )
    ask = StatedPrice(amount_micro=61_000_000, currency="EUR", per="element")
    draft = lot_draft(seller, "L-1", commitment="subject_to_confirmation", ask=ask)
    await lots.amend(desk, seller.trader, order=lot, expected_version=2, draft=draft)
    gone = await scene.lot(seller, "L-2")
    await lots.withdraw(desk, seller.trader, order=gone, expected_version=1)
    for window in (DELIVERY, SECOND_DELIVERY, DELIVERY):
        await scene.require(buyer, window=window, commitment="subject_to_confirmation")
    recycled = PortfolioLimits(recycled_min_ppb=PPB // 2)
    await scene.require(scene.buyers[1], portfolio=recycled, commitment="subject_to_confirmation")
    unwanted = await scene.require(buyer)
    limit = StatedPrice(amount_micro=91_000_000, currency="EUR", per="element")
    await requirements.amend(
        desk,
        buyer.trader,
        order=unwanted,
        expected_version=1,
        draft=requirement_draft(buyer, limit=limit),
    )
    await requirements.withdraw(desk, buyer.trader, order=unwanted, expected_version=2)


async def clear_and_answer(scene: Scene) -> None:
    """One round abandoned, one concluded; its matches are confirmed, declined and left to lapse in turn."""
    plan = await scene.plan()
    await clearings.abandon(
        scene.desk,
        scene.operator,
        market=scene.market,
        plan=planned_of(plan).plan,
        code="stopped",
        reason="by hand",
    )
    concluded = await scene.conclude(await scene.plan())
    struck = [event.data for event in concluded if isinstance(event.data, MatchStruck)]
    assert len(struck) >= 3, "the round has to bring a match to confirm, one to decline and one to lapse"
    buyer = scene.buyers[0].trader
    traders = {firm.organisation: firm.trader for firm in scene.sellers}
    for number, match in enumerate(struck):
        async with scene.pool.acquire() as connection:
            place = await matches_store.locate(connection, None, match.match)
        assert place is not None
        if number % 3 == 0:
            await matches.answer(scene.desk, buyer, match=match.match, answer="confirmed")
            await matches.answer(scene.desk, traders[place.seller], match=match.match, answer="confirmed")
        elif number % 3 == 1:
            await matches.answer(scene.desk, buyer, match=match.match, answer="declined", reason="credit")
            await matches.answer(scene.desk, traders[place.seller], match=match.match, answer="confirmed")
    scene.clock.pass_seconds(3_601)
    for number, match in enumerate(struck):
        if number % 3 == 2:
            await matches.lapse(scene.desk, scene.operator, match=match.match)


async def let_time_pass(scene: Scene) -> None:
    """What a timer does once the validity of all orders is over; then one order more of each kind."""
    small: dict[str, Any] = {"commitment": "firm", "net_wet_g": TONNE_G}
    sold = await scene.lot(scene.sellers[1], "L-3", **small)
    await scene.require(scene.buyers[1], basis_g=350_000, minimum_parcel_g=1_000)
    await scene.conclude(await scene.plan())
    await ask_and_try(scene)
    await scene.offer(scene.sellers[0])
    await scene.require(scene.buyers[1])
    await scene.lot(scene.sellers[0], "L-4")
    scene.clock.now = VALID_UNTIL + timedelta(seconds=1)
    async with scene.pool.acquire() as connection:
        releases = (await due.due_releases(connection, 100)).places
        expiries = (await due.due_expiries(connection, scene.clock.now, 100)).places
    assert sold in [place.order for place in releases]
    await clearings.halt(scene.desk, scene.operator, market=scene.market, reason="orders are looked at")
    await clearings.resume(scene.desk, scene.operator, market=scene.market, reason="nothing was wrong")
    for place in releases:
        await lots.release(scene.desk, scene.operator, order=place.order)
    expire = {"offer": offers.expire, "lot": lots.expire, "requirement": requirements.expire}
    assert {"offer", "lot", "requirement"} == {place.kind for place in expiries}
    for place in expiries[:-1]:
        await expire[place.kind](scene.desk, scene.operator, order=place.order)


async def ask_and_try(scene: Scene) -> None:
    """A question of each side about the round, and a draft rule set tried on it."""
    buyer, seller = scene.buyers[0], scene.sellers[0]
    for posting in (
        PostRequirement(caller=buyer.trader, draft=requirement_draft(buyer)),
        PostSupply(caller=seller.trader, draft=supply_draft(seller)),
    ):
        await quotes.ask(scene.desk, posting, market=scene.market)
    draft = rule_set(version=2, thin_component_groups=1)
    await rehearsals.rehearse(scene.desk, scene.operator, market=scene.market, rule_set=draft)
