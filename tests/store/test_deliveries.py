"""A delivery on a real PostgreSQL: every step recorded and read back, tables rebuilt from the record."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from msgspec.structs import replace

from contracts.commands import agreements, deliveries, indices
from contracts.rules.agreements import ProposeTerms
from contracts.rules.calls import deemed_acts
from contracts.rules.days import midnight
from contracts.rules.deliveries import Accept, Ship, Withdraw
from contracts.rules.indices import IndexUnit, PublishIndex
from contracts.rules.results import ExchangeAssays, LodgeAssay
from contracts.rules.settlements import Restate, Settle, SettleQuarter
from contracts.rules.weighings import Weigh
from contracts.store import deliveries as store
from contracts.store import indices as index_store
from contracts.store import issued_invoices, own_deliveries, own_invoices
from contracts.store.due import due_deliveries
from contracts.store.invoices import issues, list_invoices
from events.contract_events import InvoiceSettled
from events.decision import LaneKey
from events.delivery_events import DeliveryShipped
from events.price_clauses import IndexedPrice
from events.replay import from_journal
from events.vocabulary import lane_of
from market.commands import agreement_signing, shipping
from market.folders import DEPLOY
from market.rebuild import compare_with_record
from tests.agreement_support import signature, signed
from tests.contract_support import MICRO, TONNE_G
from tests.delivery_support import CFD, INDEX, delivery_terms, figures, quoted
from tests.desk_support import PERCENT_PPB, blotter
from tests.market_drafts import Firm
from tests.market_support import Scene, done
from tests.store.test_agreement_timers import timers_on

FIGURES = figures(Nd=60 * PERCENT_PPB, Pr=20 * PERCENT_PPB)
MARCH, APRIL = date(2027, 3, 1), date(2027, 4, 1)
LISTS = DEPLOY / "postgres" / "migrations" / "0050_lists_over_all_agreements.sql"
PAID = DEPLOY / "postgres" / "migrations" / "0070_payments_of_invoices.sql"
MONEY_ALONE = DEPLOY / "postgres" / "migrations" / "0078_part_paid_means_money.sql"
BOOKED = DEPLOY / "postgres" / "migrations" / "0082_what_books_call_an_invoice.sql"
CALLED = DEPLOY / "postgres" / "migrations" / "0085_invoices_by_what_either_side_calls_them.sql"
CHANGED = DEPLOY / "postgres" / "migrations" / "0081_invoices_and_payments_by_what_changed.sql"
MIGRATION = DEPLOY / "postgres" / "migrations" / "0043_provisional_invoices_have_a_day.sql"
CALLS = DEPLOY / "postgres" / "migrations" / "0046_deliveries_wait_for_their_buyer.sql"
EUR_OXIDE = IndexUnit(currency="EUR", per="oxide")


class Yard:
    """An effective spot contract between the first seller and the first buyer of a scene."""

    def __init__(self, scene: Scene, agreement: UUID) -> None:
        self.scene = scene
        self.agreement = agreement
        self.seller, self.buyer = scene.sellers[0], scene.buyers[0]

    def on(self, day: date) -> None:
        self.scene.clock.now = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)

    async def publish(self, *values: Any) -> None:
        argument = PublishIndex(caller=self.scene.operator, index=INDEX.code, unit=EUR_OXIDE, values=values)
        await indices.publish(self.scene.desk, argument)

    async def ship(self, lot: str = "L1", day: date = MARCH, by: Firm | None = None) -> UUID:
        answer = await shipping.ship(
            self.scene.desk,
            Ship(
                caller=(by or self.seller).trader,
                agreement=self.agreement,
                lot_number=lot,
                form="separated_oxide",
                shipped_on=day,
                net_wet_g=10 * TONNE_G,
                moisture_ppb=0,
                stated=FIGURES,
            ),
        )
        (event,) = done(answer).events
        assert isinstance(event.data, DeliveryShipped)
        return event.data.delivery

    async def weigh(self, delivery: UUID, day: date = MARCH) -> None:
        argument = Weigh(
            caller=self.buyer.trader,
            delivery=delivery,
            weighed_on=day,
            net_wet_g=10 * TONNE_G,
            moisture_ppb=0,
        )
        await deliveries.weigh(self.scene.desk, argument)

    async def lodge(self, delivery: UUID, by: Firm) -> None:
        argument = LodgeAssay(
            caller=by.trader, delivery=delivery, laboratory="AHK", reference="1", results=FIGURES
        )
        await deliveries.lodge(self.scene.desk, argument)

    async def accept(self, delivery: UUID, day: date = MARCH) -> None:
        argument = Accept(caller=self.buyer.trader, delivery=delivery, title_passed_on=day)
        await deliveries.accept(self.scene.desk, argument)

    async def settle(self, delivery: UUID) -> InvoiceSettled:
        answer = await deliveries.settle(
            self.scene.desk, Settle(caller=self.seller.trader, delivery=delivery)
        )
        return _invoice(answer)


def _invoice(answer: Any) -> InvoiceSettled:
    fact = done(answer).events[-1].data
    assert isinstance(fact, InvoiceSettled)
    return fact


async def yard_on(scene: Scene, terms: Any) -> Yard:
    scene.clock.now = midnight(date(2027, 1, 1))
    return Yard(scene, await signed(scene, terms, kind="spot"))


@pytest.fixture
async def yard(scene: Scene) -> Yard:
    made = await yard_on(scene, delivery_terms(IndexedPrice(index=INDEX)))
    made.on(MARCH)
    await made.publish(quoted(date(2027, 2, 1), 50 * MICRO))
    return made


async def refused(call: Any) -> list[str]:
    try:
        await call
    except Exception as error:  # noqa: BLE001  the code is what is asked for
        raised = error
    else:
        return []

    def again() -> Any:
        raise raised

    return [code for code, _ in blotter(again)]


async def test_a_delivery_from_shipment_to_a_restated_settlement(yard: Yard) -> None:
    delivery = await yard.ship()
    await yard.weigh(delivery)
    await yard.lodge(delivery, yard.seller)
    await yard.lodge(delivery, yard.buyer)
    await yard.accept(delivery)
    assert ["quotation_period_open"] == await refused(yard.settle(delivery))
    yard.on(APRIL)
    assert ["index_gap"] == await refused(yard.settle(delivery))
    await yard.publish(quoted(MARCH, 60 * MICRO))
    first = await yard.settle(delivery)
    # 8,000 kg × 60 EUR less 8,000 × 50 × 90 %
    assert 12_000_000 == first.total_cents
    assert ["already_settled"] == await refused(yard.settle(delivery))
    yard.on(date(2027, 5, 2))
    await yard.publish(quoted(MARCH, 61 * MICRO, published=date(2027, 5, 1)))
    answer = await deliveries.restate(yard.scene.desk, Restate(caller=yard.buyer.trader, delivery=delivery))
    second = _invoice(answer)
    assert (800_000, first.invoice) == (second.total_cents, second.restates)
    async with yard.scene.pool.acquire() as connection:
        kept = await list_invoices(connection, yard.agreement, after=None, limit=10)
        (shown,) = await store.list_deliveries(connection, yard.agreement, after=None, limit=10)
        issued = await issues(
            connection, yard.agreement, {first.invoice, second.invoice}, {delivery, yard.agreement}
        )
    assert [second, first] == kept
    assert "accepted" == shown.status
    assert {delivery: MARCH, first.invoice: APRIL, second.invoice: date(2027, 5, 2)} == {
        each: of.issued_at.date() for each, of in issued.items()
    }
    assert {MARCH} == {of.shipped_on for of in issued.values()}


async def test_shipments_of_before_are_dated_from_the_journal(database: Any, yard: Yard) -> None:
    delivery = await yard.ship()
    yard.on(date(2027, 3, 20))
    await yard.ship("L2")
    await yard.weigh(delivery)
    owner = await asyncpg.connect(database.dsn("owner"), server_settings={"search_path": "state, view"})
    try:
        before = await owner.fetch("select delivery, shipped_time from delivery order by delivery")
        await owner.execute("alter table delivery drop column shipped_time")
        async with owner.transaction():
            await owner.execute(MIGRATION.read_text("utf-8"))
        assert before == await owner.fetch("select delivery, shipped_time from delivery order by delivery")
        report = await compare_with_record(
            owner, lambda lane, upto: from_journal(yard.scene.pool, lane, upto=upto)
        )
    finally:
        await owner.close()
    assert [MARCH, date(2027, 3, 20)] == [row["shipped_time"].date() for row in before]
    assert [] == [table.table for table in report.tables if table.differences]


async def test_lists_of_before_are_filled_as_events_fill_them(database: Any, yard: Yard) -> None:
    """With an amendment between two shipments: each invoice is due by the terms of its shipment's day."""
    delivery = await yard.ship()
    await yard.weigh(delivery)
    await yard.lodge(delivery, yard.seller)
    await yard.lodge(delivery, yard.buyer)
    yard.on(APRIL)
    await yard.publish(quoted(MARCH, 60 * MICRO))
    terms = delivery_terms(IndexedPrice(index=INDEX))
    later = replace(terms, payment=replace(terms.payment, due_days=terms.payment.due_days + 7))
    propose = ProposeTerms(
        caller=yard.seller.trader, agreement=yard.agreement, expected_version=4, terms=later, note=None
    )
    await agreements.propose(yard.scene.desk, propose)
    for version, firm in ((5, yard.seller), (6, yard.buyer)):
        await agreement_signing.sign(yard.scene.desk, signature(firm, yard.agreement, version, proposal=2))
    await yard.accept(delivery, APRIL)
    await yard.settle(delivery)
    yard.on(date(2027, 4, 2))
    await yard.ship("L2", date(2027, 4, 2))
    owner = await asyncpg.connect(database.dsn("owner"), server_settings={"search_path": "state, view"})
    invoices = "select * from issued_invoice order by invoice"
    changed = "select delivery, contract_year, changed_time from delivery order by delivery"
    try:
        before = await owner.fetch(invoices), await owner.fetch(changed)
        await owner.execute("drop table issued_invoice, payment, payment_part")
        for index in ("seller", "buyer", "seller_changed", "buyer_changed"):
            await owner.execute(f"drop index if exists delivery_of_{index}")
        await owner.execute("alter table delivery drop column contract_year, drop column changed_time")
        async with owner.transaction():
            await owner.execute(LISTS.read_text("utf-8"))
            await owner.execute(PAID.read_text("utf-8"))
            await owner.execute(MONEY_ALONE.read_text("utf-8"))
            await owner.execute(CHANGED.read_text("utf-8"))
            await owner.execute(BOOKED.read_text("utf-8"))
            await owner.execute(CALLED.read_text("utf-8"))
        assert before == (await owner.fetch(invoices), await owner.fetch(changed))
        report = await compare_with_record(
            owner, lambda lane, upto: from_journal(yard.scene.pool, lane, upto=upto)
        )
        await owner.execute("update delivery set shipped_time = null")
        await owner.execute("drop table issued_invoice, payment, payment_part")
        await owner.execute("alter table delivery drop column contract_year, drop column changed_time")
        await owner.execute("drop index delivery_of_seller, delivery_of_buyer")
        async with owner.transaction():
            await owner.execute(LISTS.read_text("utf-8"))
            await owner.execute(PAID.read_text("utf-8"))
            await owner.execute(MONEY_ALONE.read_text("utf-8"))
            await owner.execute(CHANGED.read_text("utf-8"))
            await owner.execute(BOOKED.read_text("utf-8"))
            await owner.execute(CALLED.read_text("utf-8"))
        await owner.execute("update delivery set changed_time = '-infinity'")
    finally:
        await owner.close()
    days = terms.payment.due_days
    assert [(APRIL + timedelta(days), "final"), (MARCH + timedelta(days), "provisional")] == sorted(
        [(row["due_on"], row["settles"]) for row in before[0] if row["delivery"] == delivery],
        key=lambda each: each[1],
    )
    assert date(2027, 4, 2) + timedelta(days + 7) in {row["due_on"] for row in before[0]}
    assert [] == [table.table for table in report.tables if table.differences]
    wanted = own_invoices.Wanted(organisation=yard.seller.organisation)
    async with yard.scene.pool.acquire() as connection:
        unknown = await own_invoices.list_by_due(connection, wanted, after=None, limit=9)
        late = await own_invoices.list_by_due(
            connection, wanted, after=(date.min, unknown[0].invoice), limit=9
        )
        timed = await own_invoices.list_by_issue(connection, wanted, after=None, limit=1)
        moved = await own_invoices.list_by_change(connection, wanted, after=None, limit=9)
        changes = await own_deliveries.list_newest(
            connection, own_deliveries.Wanted(organisation=yard.buyer.organisation), after=None, limit=9
        )
        sums = await own_invoices.totals(connection, wanted, APRIL)
    assert [None, None, APRIL + timedelta(days)] == [each.due_on for each in unknown]
    assert unknown[1:] == late
    by_time = sorted(unknown, key=lambda each: (each.changed_at or issued_invoices.ALWAYS, each.invoice))
    assert by_time == moved
    assert [(None, unknown[0].invoice)] == [(each.issued_at, each.invoice) for each in timed]
    assert [None, None] == [each.changed_at for each in changes]
    assert [(None, 2), (1, 1)] == [(each.due, each.invoices) for each in sums]


async def test_credits_of_before_are_set_off_as_events_set_them_off(database: Any, scene: Scene) -> None:
    """A final invoice below its provisional one, and a shipment that was withdrawn, from before payments; of
    tens of millions, whose squares no bigint holds."""
    yard = await yard_on(scene, delivery_terms(IndexedPrice(index=INDEX)))
    yard.on(MARCH)
    await yard.publish(quoted(date(2027, 2, 1), 5_000 * MICRO))
    delivery, gone = await yard.ship(), await yard.ship("L2")
    await yard.weigh(delivery)
    for firm in (yard.seller, yard.buyer):
        await yard.lodge(delivery, firm)
    await yard.accept(delivery)
    yard.on(APRIL)
    await yard.publish(quoted(MARCH, 4_000 * MICRO))
    assert -400_000_000 == (await yard.settle(delivery)).total_cents
    withdrawal = Withdraw(caller=yard.seller.trader, delivery=gone, reason="wrong lot")
    await deliveries.withdraw(yard.scene.desk, withdrawal)
    owner = await asyncpg.connect(database.dsn("owner"), server_settings={"search_path": "state, view"})
    rows = "select * from issued_invoice order by issued_time, invoice"
    try:
        before = await owner.fetch(rows)
        await owner.execute("drop table payment, payment_part")
        await owner.execute(
            "alter table issued_invoice drop column seller_calls, drop column buyer_calls,"
            " drop column received_cents, drop column stated_cents,"
            " drop column set_off_cents, drop column status, drop column settled_on,"
            " drop column changed_time, drop column seller_reference, drop column seller_dated_on,"
            " drop column buyer_reference, drop column buyer_dated_on"
        )
        await owner.execute("drop index issued_invoice_by_id, issued_invoice_of_delivery")
        async with owner.transaction():
            await owner.execute(PAID.read_text("utf-8"))
            await owner.execute(MONEY_ALONE.read_text("utf-8"))
            await owner.execute(CHANGED.read_text("utf-8"))
            await owner.execute(BOOKED.read_text("utf-8"))
            await owner.execute(CALLED.read_text("utf-8"))
        assert before == await owner.fetch(rows)
        report = await compare_with_record(
            owner, lambda lane, upto: from_journal(yard.scene.pool, lane, upto=upto)
        )
    finally:
        await owner.close()
    assert [] == [table.table for table in report.tables if table.differences]
    assert [
        ("open", 3_600_000_000, 400_000_000, None),
        ("set_off", 3_600_000_000, 3_600_000_000, APRIL),
        ("set_off", -400_000_000, -400_000_000, APRIL),
        ("set_off", -3_600_000_000, -3_600_000_000, APRIL),
    ] == [(row["status"], row["total_cents"], row["set_off_cents"], row["settled_on"]) for row in before]


async def test_a_refused_step_stores_nothing(yard: Yard) -> None:
    before = len(await yard.scene.events("contracts"))
    assert ["side_wrong"] == await refused(yard.ship(by=yard.buyer))
    assert ["agreement_unknown"] == await refused(yard.ship(by=yard.scene.sellers[1]))
    delivery = await yard.ship()
    assert ["lot_delivered"] == await refused(yard.ship())
    assert ["delivery_unknown"] == await refused(yard.lodge(delivery, yard.scene.sellers[1]))
    assert ["delivery_status_unfit"] == await refused(yard.lodge(delivery, yard.seller))
    assert before + 1 == len(await yard.scene.events("contracts"))


async def test_the_timer_finds_the_deliveries_whose_exchange_is_over(yard: Yard) -> None:
    delivery = await yard.ship()
    await yard.weigh(delivery)
    await yard.lodge(delivery, yard.seller)
    over = midnight(date(2027, 3, 16))
    async with yard.scene.pool.acquire() as connection:
        assert () == (await due_deliveries(connection, midnight(date(2027, 3, 15)), 10)).places
        (place,) = (await due_deliveries(connection, over, 10)).places
    assert delivery == place.delivery
    yard.scene.clock.now = over
    argument = ExchangeAssays(caller=yard.scene.operator, delivery=delivery)
    await deliveries.exchange(yard.scene.desk, argument)
    async with yard.scene.pool.acquire() as connection:
        (place,) = (await due_deliveries(connection, over, 10)).places
    assert delivery == place.delivery, "for its buyer to be called upon"
    assert ["delivery_status_unfit"] == await refused(deliveries.exchange(yard.scene.desk, argument))


async def test_lots_that_their_buyer_leaves_alone_are_called_and_deemed_taken(
    database: Any, yard: Yard
) -> None:
    """Two timers at once, after a migration that finds what was shipped and assayed before it."""
    silent, assayed, disputed = [await yard.ship(f"L{number}") for number in (1, 2, 3)]
    for delivery in (assayed, disputed):
        await yard.weigh(delivery)
        await yard.lodge(delivery, yard.seller)
    await yard.lodge(assayed, yard.buyer)
    owner = await asyncpg.connect(database.dsn("owner"), server_settings={"search_path": "state, view"})
    due = "select lot_number, due_time from delivery order by lot_number"
    before = await owner.fetch(due)
    await owner.execute("update delivery set due_time = null where status <> 'weighed'")
    async with owner.transaction():
        await owner.execute(CALLS.read_text("utf-8"))
    assert before == await owner.fetch(due)
    assert [date(2027, 5, 1), date(2027, 3, 16), date(2027, 3, 16)] == [
        row["due_time"].date() for row in before
    ]
    for day in (date(2027, 5, 1), date(2027, 5, 31), date(2027, 6, 1), date(2027, 6, 16), date(2027, 7, 17)):
        yard.on(day)
        while any(await asyncio.gather(timers_on(yard.scene).tick(), timers_on(yard.scene).tick())):
            yard.scene.clock.pass_seconds(6)
    report = await compare_with_record(
        owner, lambda lane, upto: from_journal(yard.scene.pool, lane, upto=upto)
    )
    await owner.close()
    assert [] == [table.table for table in report.tables if table.differences]
    told = {
        delivery: [
            (type(event.data).__name__, event.time.date())
            for event in await yard.scene.events("contracts")
            if getattr(event.data, "delivery", None) == delivery
        ][-4:]
        for delivery in (silent, assayed)
    }
    assert [
        ("DeliveryWeighed", date(2027, 6, 1)),
        ("AssaysExchanged", date(2027, 6, 16)),
        ("BuyerCalled", date(2027, 6, 16)),
        ("DeliveryAccepted", date(2027, 7, 17)),
    ] == told[silent]
    assert [("BuyerCalled", date(2027, 5, 1)), ("DeliveryAccepted", date(2027, 6, 1))] == told[assayed][-2:]
    async with yard.scene.pool.acquire() as connection:
        kept = await store.load_deliveries(
            connection,
            [(yard.scene.lane.lane, yard.scene.market, each) for each in (silent, assayed, disputed)],
        )
    assert [("weighing", "acceptance"), ("acceptance",), ("acceptance",)] == [
        deemed_acts(kept[each]) for each in (silent, assayed, disputed)
    ]
    await yard.publish(quoted(MARCH, 60 * MICRO))
    assert 12_000_000 == (await yard.settle(silent)).total_cents


async def test_a_quarter_is_settled_over_its_deliveries(scene: Scene) -> None:
    """8 t × (110 − 62) EUR; the second time it was settled before."""
    clause = replace(CFD, index=replace(INDEX, quotation_period="quarter_of_shipment"))
    yard = await yard_on(scene, delivery_terms(clause))
    yard.on(date(2027, 2, 10))
    await yard.publish(quoted(date(2027, 1, 1), 62 * MICRO))
    delivery = await yard.ship(day=date(2027, 2, 10))
    await yard.weigh(delivery, date(2027, 2, 10))
    await yard.lodge(delivery, yard.seller)
    await yard.lodge(delivery, yard.buyer)
    await yard.accept(delivery, date(2027, 2, 10))
    yard.on(APRIL)
    await yard.publish(quoted(date(2027, 2, 1), 62 * MICRO), quoted(MARCH, 62 * MICRO))
    argument = SettleQuarter(caller=yard.buyer.trader, agreement=yard.agreement, quarter=date(2027, 1, 1))
    invoice = _invoice(await deliveries.settle_quarter(scene.desk, argument))
    assert 38_400_000 == invoice.total_cents
    assert ["already_settled"] == await refused(deliveries.settle_quarter(scene.desk, argument))


async def test_values_of_an_index_stay_beside_their_restatements(yard: Yard) -> None:
    yard.on(date(2027, 5, 2))
    first, second = quoted(MARCH, 60 * MICRO), quoted(MARCH, 61 * MICRO, published=date(2027, 5, 1))
    await yard.publish(first)
    await yard.publish(second)
    assert ["index_restatement_stale"] == await refused(yard.publish(first))
    assert ["index_periods_overlap"] == await refused(yard.publish(quoted(MARCH, 1, days=5)))
    lane = lane_of(INDEX.code, yard.scene.desk.lanes)
    async with yard.scene.pool.acquire() as connection:
        row = await index_store.load_index(connection, lane, INDEX.code)
        values = await index_store.list_values(connection, lane, INDEX.code, after=None, limit=10)
        rest = await index_store.list_values(
            connection, lane, INDEX.code, after=(MARCH_START, first.published_at), limit=10
        )
    assert row is not None
    assert EUR_OXIDE == row.unit
    assert [50 * MICRO, 60 * MICRO, 61 * MICRO] == [value.amount_micro for value in values]
    assert [second] == rest


MARCH_START = midnight(MARCH)


async def test_rows_of_deliveries_are_their_parties_alone(database: Any, yard: Yard) -> None:
    await yard.ship()
    reader = await asyncpg.connect(database.dsn("reader"))
    try:
        for firm, expected in ((yard.seller, 1), (yard.buyer, 1), (yard.scene.sellers[1], 0)):
            async with reader.transaction():
                await reader.execute(
                    "select set_config('lodestone.organisation', $1, true)", str(firm.organisation)
                )
                assert expected == await reader.fetchval("select count(*) from state.delivery")
    finally:
        await reader.close()


async def test_tables_of_deliveries_are_rebuilt_from_the_record(database: Any, yard: Yard) -> None:
    delivery = await yard.ship()
    await yard.weigh(delivery)
    await yard.lodge(delivery, yard.seller)
    await yard.lodge(delivery, yard.buyer)
    await yard.accept(delivery)
    yard.on(APRIL)
    await yard.publish(quoted(MARCH, 60 * MICRO))
    await yard.settle(delivery)
    owner = await asyncpg.connect(database.dsn("owner"), server_settings={"search_path": "state, view"})
    try:
        report = await compare_with_record(owner, _feed(yard.scene), None)
    finally:
        await owner.close()
    assert [] == [table for table in report.tables if table.differences]
    filled = {table.table for table in report.tables if table.rows}
    assert {"state.delivery", "state.invoice", "state.price_index", "state.index_value"} <= filled


def _feed(scene: Scene) -> Any:
    def read(key: LaneKey, upto: int) -> Any:
        return from_journal(scene.pool, key, upto=upto)

    return read
