"""A small market on a real PostgreSQL: organisations, rules, reference prices, a clock that tests move."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, TypeVar
from uuid import UUID, uuid4

import asyncpg
from uuid_utils.compat import uuid7

from events.callers import Caller
from events.codec import decode_event
from events.command import Outcome
from events.connections import Connection, Pool, open_pool
from events.contract_events import InvoiceSettled, OutputDeclared, QuantityNominated, ShortfallNotified
from events.contract_terms import InvoiceLine, NominatedPart
from events.decision import LaneKey
from events.delivery_events import DeliveryAccepted, DeliveryRejected, DeliveryShipped
from events.desk import Answer, Desk, open_desk
from events.envelope import Draft, Recorded
from events.heads import append, lock_lanes
from events.journal import initialise, read_events
from events.lane import LaneWriter
from events.large_appends import RowsAhead, append_large
from events.payment_events import (
    InvoiceReferenced,
    PaymentDenied,
    PaymentPart,
    PaymentReceived,
    PaymentReversed,
    PaymentStated,
    PaymentWithdrawn,
)
from market.commands import (
    clearings,
    initiatives,
    inputs,
    lots,
    markets,
    members,
    offers,
    parties,
    requirements,
)
from market.matcher import ahead_of_lock
from market.rules.book import Book, Books, fold
from market.rules.clearing.clearing import conclude
from market.rules.orders.initiatives import RegisterInitiative
from market.rules.parties.facilities import RegisterFacility
from market.rules.parties.parties import RegisterOrganisation
from market.store import books, views
from market.store.applying import apply
from market.store.round_tables import RoundTables
from tests.market_drafts import (
    DELIVERY,
    DY_PRICE,
    EUR_RATE,
    NDPR_PRICE,
    START,
    TONNE_G,
    Firm,
    facility_details,
    initiative,
    lot_draft,
    market_terms,
    organisation_details,
    requirement_draft,
    rule_set,
    supply_draft,
)
from tests.record_support import new_salt, standing_still

F = TypeVar("F")

LANES = 3


class OpenMarket(NamedTuple):
    """Who and what a database with an open market holds."""

    operator: Caller
    market: UUID
    sellers: tuple[Firm, ...]
    buyers: tuple[Firm, ...]
    now: datetime = START


async def nothing_happens() -> None:
    pass


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
        registered = done(
            await parties.register_organisation(
                self.desk,
                RegisterOrganisation(caller=self.operator, details=details, organisation=self.desk.new_id()),
            )
        )
        organisation: UUID = registered.events[0].data.organisation  # type: ignore[attr-defined]
        facility = done(
            await parties.register_facility(
                self.desk,
                RegisterFacility(
                    caller=self.operator, organisation=organisation, details=facility_details(name)
                ),
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

    async def conclude(
        self,
        plan: Recorded,
        *,
        before: Callable[[], Awaitable[object]] = nothing_happens,
        meanwhile: Callable[[], Awaitable[object]] = nothing_happens,
    ) -> tuple[Recorded, ...]:
        """What the matcher does with an open plan, from the journal instead of the topic.

        `before` its matches are inserted, and then until the lane is locked, others may write to it.
        """
        folded: Books = {}
        async with self.pool.acquire() as connection:
            for event in await read_events(connection, self.lane, 0, plan.position, 100_000):
                fold(folded, event)
        source = "urn:lodestone:" + str(UUID(int=1))
        drafts = ahead_of_lock(conclude(folded[self.market], plan), source)
        async with self.pool.acquire() as connection, standing_still(connection):
            tables = await RoundTables.read(connection, self.lane, drafts)
            rows = await RowsAhead.read(connection, self.lane, source)
            await before()
            async with rows.making(drafts):
                await tables.insert_matches(connection, drafts)
            await meanwhile()
            heads = await lock_lanes(connection, [self.lane])
            await tables.locked(connection, heads[self.lane].next_position - 1)
            await append_large(connection, heads, self.lane, drafts, source, tables, ahead=rows)
            after = heads.found[self.lane].next_position - 1
            return tuple(await read_events(connection, self.lane, after, after + len(drafts), len(drafts)))

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
            *self._paid(named),
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

    def _paid(self, named: dict[str, Any]) -> list[Any]:
        """An invoice that was paid, then not; and a payment that never came."""
        invoice, cents = uuid4(), 5_000
        line = InvoiceLine(kind="deficiency", amount_cents=cents)
        of: dict[str, Any] = {
            **named,
            "payer": self.buyers[0].organisation,
            "payee": self.sellers[0].organisation,
        }
        said: dict[str, Any] = {
            "currency": "EUR",
            "amount_cents": cents,
            "value_on": date(2026, 6, 1),
            "parts": (PaymentPart(agreement=named["agreement"], invoice=invoice, amount_cents=cents),),
        }
        first, second = uuid4(), uuid4()
        return [
            InvoiceSettled(
                **named,
                currency="EUR",
                lines=(line,),
                invoice=invoice,
                settles="shortfall",
                total_cents=cents,
            ),
            InvoiceReferenced(**named, invoice=invoice, by="seller", reference="RE-1"),
            InvoiceReferenced(
                **named, invoice=invoice, by="buyer", reference="FI:1", dated_on=date(2026, 6, 1)
            ),
            PaymentStated(**of, **said, payment=first, reference="first"),
            PaymentReceived(**of, **said, payment=first, reference="first"),
            PaymentReversed(**of, payment=first, reason="of another"),
            PaymentStated(**of, **said, payment=second, reference="second"),
            PaymentDenied(**of, payment=second, reason="nothing came"),
            PaymentWithdrawn(**of, payment=second, reason="sent back"),
        ]

    def known(self) -> "OpenMarket":
        return OpenMarket(self.operator, self.market, tuple(self.sellers), tuple(self.buyers), self.clock.now)

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


def fact_of(outcome: Outcome, kind: type[F]) -> F:
    """The first that a command has recorded."""
    fact = outcome.events[0].data
    assert isinstance(fact, kind)
    return fact


@asynccontextmanager
async def scene_on(database: Any, *, sellers: int = 2, buyers: int = 2) -> AsyncIterator[Scene]:
    """An open market with members that may trade in it: that of the database, if there is one in it."""
    known: OpenMarket | None = database.market
    if known is not None:
        assert (sellers, buyers) == (len(known.sellers), len(known.buyers))
        async with _scene(database, known.operator) as scene:
            scene.market = known.market
            scene.clock.now = known.now
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
    """A deployment without markets, run by the organisation of its own id; the initiative remhub is
    registered."""
    deployment_id = uuid7()
    owner = await asyncpg.connect(database.dsn("owner"))
    try:
        await initialise(owner, deployment_id, LANES)
    finally:
        await owner.close()
    operator = Caller(organisation=deployment_id, roles=frozenset({"operator"}))
    async with _scene(database, operator) as scene:
        await initiatives.register(
            scene.desk, RegisterInitiative(caller=operator, details=initiative("remhub"))
        )
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
