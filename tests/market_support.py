"""A small market on a real PostgreSQL: organisations, rules, reference prices, and orders that meet."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import asyncpg
from msgspec import Struct
from msgspec.structs import replace
from uuid_utils.compat import uuid7

from contracts.commands import agreements, indices
from contracts.rules.agreements import DraftAgreement, ProposeTerms, SignProposal, WithdrawProposal
from contracts.rules.indices import IndexUnit, PublishIndex
from contracts.rules.standing import Extend, Resume, SettleCondition, Suspend, Terminate
from events.callers import Caller
from events.codec import decode_event
from events.command import Outcome
from events.connections import Connection, Pool, open_pool
from events.contract_events import (
    DeliveryAccepted,
    DeliveryRejected,
    DeliveryShipped,
    InvoiceSettled,
    OutputDeclared,
    QuantityNominated,
    ShortfallNotified,
)
from events.contract_terms import Evidence, IndexValue, NominatedPart
from events.decision import LaneKey
from events.desk import Answer, Desk, open_desk
from events.envelope import Draft, Recorded
from events.heads import append, lock_lanes
from events.journal import initialise, read_events
from events.lane import LaneWriter
from events.market_events import MatchStruck
from events.market_terms import (
    AcceptedForm,
    AnalyteLimit,
    ConcentratedOrigins,
    FxRate,
    MarketTerms,
    Qualification,
    ReferencePrice,
    RuleSet,
    SustainabilityProfile,
)
from events.material_events import PassportIssued
from events.policy_terms import PolicyTerms, PortfolioLimits
from events.rex_terms import StepDown
from events.vocabulary import (
    PPB,
    Assay,
    Cell,
    Commitment,
    Composition,
    OriginStep,
    Packaging,
    Period,
    PhysicalLot,
    Place,
    StatedPrice,
    Tranche,
)
from market.commands import (
    agreement_signing,
    clearings,
    declared_volumes,
    initiatives,
    inputs,
    lots,
    markets,
    matches,
    members,
    offers,
    parties,
    passports,
    policies,
    product_twins,
    quotes,
    rehearsals,
    requirements,
    transformations,
    webhooks,
)
from market.rules.book import Book, Books, fold
from market.rules.clearing.clearing import ALGORITHM, conclude
from market.rules.crma.declared_volumes import CorrectVolume, DeclareVolume, WithdrawVolume
from market.rules.orders.initiatives import InitiativeDetails, NewInitiative
from market.rules.orders.offers import PostSupply
from market.rules.orders.policies import NewPolicy, PolicyDetails
from market.rules.orders.requirements import PostRequirement, RequirementDraft
from market.rules.orders.supplies import SupplyDraft
from market.rules.parties.parties import (
    CertificateDetails,
    FacilityDetails,
    KeyDetails,
    LicenceDetails,
    OrganisationDetails,
)
from market.rules.passports.passports import CorrectPassport, IssuePassport, RetirePassport, TransferPassport
from market.rules.streams.reach import Reach
from market.rules.streams.webhooks import (
    ChangeWebhook,
    DisableWebhook,
    RegisterWebhook,
    RemoveWebhook,
    RotateWebhook,
)
from market.rules.twins.product_twins import StateTwin
from market.rules.webhook_terms import WebhookTerms
from market.store import books, due, views
from market.store import matches as matches_store
from market.store.applying import apply
from tests.contract_support import PERMIT, agreement_terms
from tests.passport_support import DAY, content, declared, made, product, recycled, transform
from tests.record_support import new_salt

LANES = 3
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
DELIVERY = Period(start=datetime(2026, 6, 1, tzinfo=UTC), end=datetime(2026, 9, 1, tzinfo=UTC))
SECOND_DELIVERY = Period(start=datetime(2026, 9, 1, tzinfo=UTC), end=datetime(2026, 12, 1, tzinfo=UTC))
VALID_UNTIL = datetime(2026, 5, 1, tzinfo=UTC)
TONNE_G = 1_000_000
PERCENT = 10_000_000


class Firm(Struct, frozen=True, kw_only=True):
    organisation: UUID
    facility: UUID

    @property
    def trader(self) -> Caller:
        return Caller(organisation=self.organisation, roles=frozenset({"trader", "admin"}))


class OpenMarket(NamedTuple):
    """Who and what a database with an open market holds."""

    operator: Caller
    market: UUID
    sellers: tuple[Firm, ...]
    buyers: tuple[Firm, ...]


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Scene:
    """A deployment with one open market, its sellers and its buyers."""

    def __init__(self, desk: Desk, pool: Pool, clock: Clock, operator: Caller) -> None:
        self.desk = desk
        self.pool = pool
        self.clock = clock
        self.operator = operator
        self.market = UUID(int=0)
        self.sellers: list[Firm] = []
        self.buyers: list[Firm] = []

    @property
    def lane(self) -> LaneKey:
        return self.desk.lane("market", self.market)

    async def open_market(self, **changes: Any) -> UUID:
        outcome = done(await markets.open_market(self.desk, self.operator, terms=market_terms(**changes)))
        market: UUID = outcome.events[0].data.market  # type: ignore[attr-defined]
        for value in (EUR_RATE, NDPR_PRICE, DY_PRICE):
            await inputs.record_input(self.desk, self.operator, market=market, value=value, source_id="test")
        await inputs.publish_rule_set(
            self.desk,
            self.operator,
            market=market,
            rule_set=rule_set(),
            signed_by=(self.operator.organisation,),
        )
        return market

    async def register(self, name: str, market: UUID | None = None) -> Firm:
        details = organisation_details(name)
        registered = done(await parties.register_organisation(self.desk, self.operator, details=details))
        organisation: UUID = registered.events[0].data.organisation  # type: ignore[attr-defined]
        facility = done(
            await parties.register_facility(
                self.desk, self.operator, organisation=organisation, details=facility_details(name)
            )
        )
        await members.admit(self.desk, self.operator, market=market or self.market, organisation=organisation)
        return Firm(organisation=organisation, facility=facility.events[0].data.facility)  # type: ignore[attr-defined]

    async def offer(self, seller: Firm, **changes: Any) -> UUID:
        answer = await offers.post(
            self.desk, seller.trader, market=self.market, draft=supply_draft(seller, **changes)
        )
        return done(answer).events[0].data.offer  # type: ignore[attr-defined, no-any-return]

    async def lot(self, seller: Firm, number: str, *, market: UUID | None = None, **changes: Any) -> UUID:
        draft = lot_draft(seller, number, **changes)
        answer = await lots.list_lot(self.desk, seller.trader, market=market or self.market, draft=draft)
        return done(answer).events[0].data.lot  # type: ignore[attr-defined, no-any-return]

    async def require(self, buyer: Firm, **changes: Any) -> UUID:
        answer = await requirements.post(
            self.desk, buyer.trader, market=self.market, draft=requirement_draft(buyer, **changes)
        )
        return done(answer).events[0].data.requirement  # type: ignore[attr-defined, no-any-return]

    async def plan(self) -> Recorded:
        answer = await clearings.plan(self.desk, self.operator, market=self.market, trigger="demand")
        return done(answer).events[0]

    async def conclude(self, plan: Recorded) -> tuple[Recorded, ...]:
        """What the matcher does with an open plan, from the journal instead of the topic."""
        folded: Books = {}
        async with self.pool.acquire() as connection:
            for event in await read_events(connection, self.lane, 0, plan.position, 100_000):
                fold(folded, event)
        drafts = conclude(folded[self.market], plan)
        async with self.pool.acquire() as connection, connection.transaction():
            heads = await lock_lanes(connection, [self.lane])
            return await append(
                connection,
                heads,
                drafts,
                cause=str(plan.id),
                actor=plan.actor,
                source="urn:lodestone:" + str(UUID(int=1)),
                now=self.clock.now,
                new_id=uuid7,
                new_salt=new_salt,
                apply=apply,
            )

    async def record_volumes(self, agreement: UUID) -> None:
        """What is nominated, declared and delivered of two contract years, straight into the record."""
        key = self.desk.lane("contracts", self.market)
        named: dict[str, Any] = {"market": self.market, "agreement": agreement}
        taken, returned = uuid4(), uuid4()
        totals: dict[str, Any] = {"currency": "EUR", "lines": ()}
        facts = (
            OutputDeclared(**named, year=1, output_g=900 * TONNE_G),
            *[
                QuantityNominated(
                    **named,
                    nomination=uuid4(),
                    level="annual",
                    year=1,
                    part=NominatedPart(period=DELIVERY, quantity_g=grams, form="separated_oxide"),
                )
                for grams in (500 * TONNE_G, 550 * TONNE_G)
            ],
            ShortfallNotified(**named, year=2, quantity_g=TONNE_G, reason="a kiln is down"),
            *[
                DeliveryShipped(
                    **named,
                    **totals,
                    delivery=delivery,
                    year=1,
                    lot_number=str(delivery),
                    form="separated_oxide",
                    shipped_on=date(2026, 5, 1),
                    net_wet_g=grams,
                    moisture_ppb=0,
                    stated=(),
                    quantity_g=grams,
                    invoice=uuid4(),
                )
                for delivery, grams in ((taken, 20 * TONNE_G), (returned, TONNE_G))
            ],
            DeliveryAccepted(
                **named, delivery=taken, year=1, quantity_g=20 * TONNE_G, title_passed_on=date(2026, 6, 1)
            ),
            DeliveryRejected(**named, delivery=returned, year=1, quantity_g=TONNE_G, reasons=("Th",)),
            InvoiceSettled(
                **named, **totals, invoice=uuid4(), delivery=taken, settles="final", total_cents=0
            ),
        )
        drafts = [
            Draft(stream=key.stream, lane=key.lane, subject=str(agreement), data=fact) for fact in facts
        ]
        async with self.pool.acquire() as connection, connection.transaction():
            heads = await lock_lanes(connection, [key])
            await append(
                connection,
                heads,
                drafts,
                cause="test",
                actor=self.operator.organisation,
                source="urn:lodestone:" + str(UUID(int=1)),
                now=self.clock.now,
                new_id=uuid7,
                new_salt=new_salt,
                apply=apply,
            )

    def known(self) -> "OpenMarket":
        return OpenMarket(self.operator, self.market, tuple(self.sellers), tuple(self.buyers))

    async def events(self, stream: str) -> list[Recorded]:
        """Every event of a stream, lane by lane."""
        async with self.pool.acquire() as connection:
            return await journal_events(connection, stream)


async def journal_events(connection: Connection, stream: str) -> list[Recorded]:
    rows = await connection.fetch(
        "select body, chain from record.journal where stream = $1 order by lane, position", stream
    )
    return [decode_event(row["body"], row["chain"]) for row in rows]


async def load_book(connection: Connection, market: UUID) -> Book | None:
    rows = await books.read(connection, market)
    return None if rows is None else books.decode(rows)


def done(answer: Answer) -> Outcome:
    assert isinstance(answer, Outcome)
    return answer


@asynccontextmanager
async def scene_on(database: Any, *, sellers: int = 2, buyers: int = 2) -> AsyncIterator[Scene]:
    """An open market with members that may trade in it: that of the database, if there is one in it."""
    known: OpenMarket | None = database.market
    if known is not None:
        assert (sellers, buyers) == (len(known.sellers), len(known.buyers))
        async with _scene(database, known.operator) as scene:
            scene.market = known.market
            scene.sellers, scene.buyers = list(known.sellers), list(known.buyers)
            yield scene
        return
    async with bare_scene_on(database) as scene:
        scene.market = await scene.open_market()
        scene.sellers = [await scene.register(f"seller-{n}") for n in range(sellers)]
        scene.buyers = [await scene.register(f"buyer-{n}") for n in range(buyers)]
        yield scene


@asynccontextmanager
async def bare_scene_on(database: Any) -> AsyncIterator[Scene]:
    """A deployment without markets; the initiative remhub is registered."""
    owner = await asyncpg.connect(database.dsn("owner"))
    try:
        await initialise(owner, uuid4(), LANES)
    finally:
        await owner.close()
    operator = Caller(organisation=uuid7(), roles=frozenset({"operator"}))
    async with _scene(database, operator) as scene:
        await initiatives.register(scene.desk, operator, details=initiative("remhub"))
        yield scene


@asynccontextmanager
async def _scene(database: Any, operator: Caller) -> AsyncIterator[Scene]:
    pool = await open_pool(database.dsn("writer"), size=6)
    clock = Clock()
    writer = LaneWriter(pool, apply, clock=clock, new_id=uuid7, new_salt=new_salt)
    await writer.start()
    try:
        yield Scene(await open_desk(writer, pool, uuid7), pool, clock, operator)
    finally:
        await writer.stop()
        await pool.close()


# --- what they trade

EUR_RATE = FxRate(
    currency="USD", ueur_per_unit=920_000, as_of=date(2026, 3, 1), published_at=START, source="test"
)
NDPR_PRICE = ReferencePrice(
    code="ndpr-oxide",
    analyte="NdPr",
    price=StatedPrice(amount_micro=69_000_000, currency="USD", per="oxide"),
    description="NdPr oxide",
    as_of=date(2026, 3, 1),
    published_at=START,
    source="test",
)
DY_PRICE = ReferencePrice(
    code="dy-oxide",
    analyte="Dy",
    price=StatedPrice(amount_micro=239_000_000, currency="USD", per="oxide"),
    description="Dy oxide",
    as_of=date(2026, 3, 1),
    published_at=START,
    source="test",
)


def market_terms(**changes: Any) -> MarketTerms:
    given: dict[str, Any] = {
        "name": "NdPr",
        "basis": "ndpr",
        "sandbox": True,
        "clearing_interval_seconds": 0,
        "rule_notice_seconds": 0,
        "confirmation_seconds": 3_600,
        "least_basis_ppb": PERCENT,
        "orders_max": 100_000,
        "tick_ueur_per_kg": 1_000_000,
    }
    return MarketTerms(**(given | changes))


def rule_set(**changes: Any) -> RuleSet:
    given: dict[str, Any] = {
        "version": 1,
        "algorithm": ALGORITHM,
        "default_profile": SustainabilityProfile(),
        "eu_countries": ("FR", "DE"),
        "effective_from": START,
    }
    return RuleSet(**(given | changes))


def initiative(code: str) -> NewInitiative:
    return NewInitiative(code=code, name=f"the {code} project")


def organisation_details(name: str) -> OrganisationDetails:
    return OrganisationDetails(
        name=name,
        country="FR",
        roles=("refiner", "magnet_producer"),
        initiatives=("remhub",),
        sanctions_screened_until=datetime(2027, 1, 1, tzinfo=UTC),
    )


def facility_details(name: str) -> FacilityDetails:
    return FacilityDetails(
        name=f"{name} works",
        country="FR",
        place="La Rochelle",
        stages=("processing",),
        scale="industrial",
        readiness_level=9,
    )


def composition(nd_percent: int = 28, pr_percent: int = 7) -> Composition:
    fractions = {"Nd": nd_percent, "Pr": pr_percent, "Dy": 1, "Th": 0}
    cells = tuple(
        Cell(analyte=analyte, reported_as=analyte, state="value", fraction_ppb=percent * PERCENT)
        for analyte, percent in fractions.items()
    )
    return Composition(basis="dry", of="sample", cells=cells)


def supply_draft(seller: Firm, **changes: Any) -> SupplyDraft:
    """10 t of dry metal, 35 % NdPr: 3.5 t of basis, in one delivery unless said otherwise."""
    net_wet_g = changes.pop("net_wet_g", 10 * TONNE_G)
    given: dict[str, Any] = {
        "form": "metal",
        "net_wet_g": net_wet_g,
        "moisture_ppb": 0,
        "composition": composition(),
        "assay": Assay(laboratory="lab", reference="a-1", sampled_on=date(2026, 2, 1)),
        "packaging": Packaging(unit="bulk", package_wet_g=250_000),
        "minimum_parcel_wet_g": 250_000,
        "tranches": (Tranche(window=DELIVERY, net_wet_g=net_wet_g),),
        "incoterm": "DAP",
        "place": Place(country="FR", name="La Rochelle"),
        "ask": StatedPrice(amount_micro=60_000_000, currency="EUR", per="element"),
        "valid_until": VALID_UNTIL,
        "payment_terms": "30 days",
        "facility": seller.facility,
        "origin": (OriginStep(stage="processing", country="FR"),),
        "waste_status": "product",
        "commitment": "firm",
    }
    return SupplyDraft(**(given | changes))


def lot_draft(seller: Firm, number: str, **changes: Any) -> SupplyDraft:
    lot = PhysicalLot(site=seller.facility, lot_number=number)
    return supply_draft(seller, **({"physical_lot": lot, "rex_routes": ("recycle",)} | changes))


def requirement_draft(buyer: Firm, **changes: Any) -> RequirementDraft:
    """2 t of basis at up to 90 EUR per kg."""
    given: dict[str, Any] = {
        "forms": (AcceptedForm(form="metal"),),
        "basis_g": 2 * TONNE_G,
        "minimum_parcel_g": 100_000,
        "limit": StatedPrice(amount_micro=90_000_000, currency="EUR", per="element"),
        "limits": (AnalyteLimit(analyte="Th", max_ppb=50_000),),
        "window": DELIVERY,
        "place": Place(country="FR", name="La Rochelle"),
        "facility": buyer.facility,
        "valid_until": VALID_UNTIL,
        "commitment": "firm",
    }
    return RequirementDraft(**(given | changes))


def commitments(count: int) -> Sequence[Commitment]:
    return tuple("firm" if n % 2 == 0 else "subject_to_confirmation" for n in range(count))


# --- a while of trading


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
    resting = {"expected_version": 1, "terms": terms, "active": False, "reach": Reach()}
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
    step["caller"] = buyer.trader
    await passports.retire(scene.desk, RetirePassport(**step, expected_version=3, reason="installed"))
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
        found.append((drafted.events[0].data.agreement, 1))  # type: ignore[attr-defined]

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
    await step(0, agreements.suspend, Suspend, seller, period=period, reason="flood")
    scene.clock.pass_seconds(86_400)
    await step(0, agreements.resume, Resume, seller)
    await step(0, agreements.extend, Extend, buyer)
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
    await policies.revise(scene.desk, buyer.trader, details=replace(details, authority="the board"), **change)
    await policies.retire(scene.desk, buyer.trader, policy=own, expected_version=2)
    await published(scene, scene.operator, lines, "remhub")


async def published(scene: Scene, caller: Caller, lines: PolicyTerms, *addressed_to: str) -> UUID:
    """The id of a new policy."""
    details = NewPolicy(title="Recycled magnets", terms=lines, addressed_to=addressed_to)
    outcome = done(await policies.publish(scene.desk, caller, details=details))
    return outcome.events[0].data.policy  # type: ignore[attr-defined, no-any-return]


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
                    desk, admin, organisation=organisation, details=certificate
                )
            ),
            done(await parties.register_licence(desk, admin, organisation=organisation, details=licence)),
            done(await parties.issue_key(desk, admin, organisation=organisation, details=key)),
            done(
                await parties.register_facility(
                    desk, admin, organisation=organisation, details=facility_details("second")
                )
            ),
        ]
    papers, permit, issued, site = (outcome.events[0].data for outcome in kept)
    await parties.revoke_certificate(desk, admin, organisation=organisation, certificate=papers.certificate)
    await parties.revoke_licence(desk, admin, organisation=organisation, licence=permit.licence)
    await parties.revoke_key(desk, admin, organisation=organisation, key=issued.key)
    await parties.revoke_facility(desk, admin, organisation=organisation, facility=site.facility)
    await parties.open_stream(desk, buyer.trader, organisation=buyer.organisation)
    await parties.close_stream(desk, buyer.trader, organisation=buyer.organisation)
    for firm in (*scene.sellers, buyer):
        await change_webhooks(scene, firm)
    await parties.change_facility(
        desk,
        buyer.trader,
        organisation=buyer.organisation,
        facility=buyer.facility,
        details=facility_details("renamed"),
        expected_version=1,
    )
    details = organisation_details("renamed")
    await parties.change_organisation(
        desk, scene.operator, organisation=buyer.organisation, details=details, expected_version=1
    )
    await initiatives.register(desk, scene.operator, details=initiative("permanet"))
    led = InitiativeDetails(name="the permanet project", coordinator="an institute")
    await initiatives.change(desk, scene.operator, initiative="permanet", details=led, expected_version=1)
    await initiatives.revoke(desk, scene.operator, initiative="permanet")
    last = scene.sellers[-1].organisation
    await members.suspend(desk, scene.operator, market=scene.market, organisation=last, reason="audit")
    await members.admit(desk, scene.operator, market=scene.market, organisation=last)
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
        plan=plan.data.plan,  # type: ignore[attr-defined]
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
    small = {"commitment": "firm", "net_wet_g": TONNE_G}
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


def two_tranches(net_wet_g: int) -> tuple[Tranche, ...]:
    half_g = net_wet_g // 2
    return (
        Tranche(window=DELIVERY, net_wet_g=half_g),
        Tranche(window=SECOND_DELIVERY, net_wet_g=net_wet_g - half_g),
    )


PLACE_OF_PROJECTOR = """
insert into record.consumer (name, stream, lane, position, head, next_offset) values ($1, $2, $3, $4, $5, 0)
on conflict (name, stream, lane) do update set position = excluded.position, head = excluded.head
"""


async def project(scene: Scene) -> None:
    """What the projector does, from the journal instead of the topic."""
    for lane in range(scene.desk.lanes):
        key = LaneKey("market", lane)
        async with scene.pool.acquire() as connection, connection.transaction():
            after = await connection.fetchval(
                "select position from record.consumer where name = $1 and stream = $2 and lane = $3",
                views.PROJECTOR,
                *key,
            )
            events = await read_events(connection, key, after or 0, 2**62, 10_000)
            if events:
                await views.apply(connection, events)
                last = events[-1]
                await connection.execute(PLACE_OF_PROJECTOR, views.PROJECTOR, *key, last.position, last.chain)
