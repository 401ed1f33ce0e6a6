"""The demonstration's offtake: from the draft of a term match through two contract years, over HTTP.

Nothing is dated back: the clock of all services is moved on to the day on which a party acts.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

from msgspec import Struct

from contracts.rules.days import midnight
from market.client import Client
from market.demo import offtake_terms as terms
from market.demo.calendar import text
from market.demo.door import DemoError
from market.demo.offtake_terms import Lot, month_after
from market.demo.run import Running, Traded
from market.demo.supplies import Body

MORNING = time(9, tzinfo=UTC)
WAIT_SECONDS_MAX = 30.0
POLL_SECONDS = 0.05
STATUSES = {"binding_subject_to_cp": "binding, subject to conditions", "effective": "effective"}
UMPIRE_COST = "1800.00"
WEIGHED_DAYS, LODGED_DAYS, UMPIRE_DAYS = 3, 9, 24
"""After the shipment."""
PUBLISHED_DAY = 3
"""Of the month after, when its values are out for sure."""


class Act(Struct, frozen=True, kw_only=True):
    """Who did what, and when by the moved clock."""

    day: date
    who: str
    what: str


class Delivered(Struct, frozen=True, kw_only=True):
    """A settled delivery and its final invoice, as the seller reads them."""

    lot: Lot
    delivery: Body
    invoice: Body


class Paid(Struct, frozen=True, kw_only=True):
    """EUR of a payment as it was confirmed, and of the agreement's invoices that are not settled after it."""

    amount: Decimal
    announced: Decimal
    status: str
    open_invoices: int
    outstanding: Decimal


class Offtake:
    """One agreement of two firms, and the clock that it lives by."""

    def __init__(self, place: Running, traded: Traded) -> None:
        self.start_year = traded.calendar.start_year
        self.acts: list[Act] = []
        self.path = ""
        self._place = place
        self._doors = {
            "seller": traded.stage.players[terms.SELLER].door,
            "buyer": traded.stage.players[terms.BUYER].door,
        }
        self._version = 0
        self._values_from = month_after(self.today - timedelta(days=100))

    @property
    def today(self) -> date:
        return self._place.clock().date()

    @property
    def seller(self) -> Client:
        return self._doors["seller"]

    @property
    def buyer(self) -> Client:
        return self._doors["buyer"]

    def move_to(self, day: date) -> None:
        self._place.clock.move_to(datetime.combine(day, MORNING))

    async def negotiate(self, match: str) -> None:
        """Draft of the match → counter-proposal → both signatures → conditions → effective."""
        drafted: Body = await _until(lambda: self._draft_of(match), "the draft of the match")
        self.path, self._version = f"/v1/agreements/{drafted['id']}", drafted["version"]
        self._tell("follower", "drafts the agreement of the match; nobody has signed it")
        body = await self.seller.get(self.path)
        proposed = {"terms": terms.clauses(body["on_table"]["terms"], self.today)}
        await self._step("buyer", "proposals", proposed, "proposes what the match leaves open")
        signed = {"proposal": 2, "binding": True}
        await self._step("seller", "signatures", signed, "signs proposal 2 as binding")
        await self._step("buyer", "signatures", signed, "signs proposal 2 as binding")
        begun = self.today
        self.move_to(begun + timedelta(days=9))
        await self._meet("seller", "permit")
        self.move_to(begun + timedelta(days=20))
        await self._meet("buyer", "qualification")

    async def nominate(self, level: str, start: date, end: date, quantity_kg: str, make_up_kg: str) -> None:
        period = {"start": text(midnight(start)), "end": text(midnight(end))}
        body = {"level": level, "period": period, "quantity_kg": quantity_kg, "form": terms.FORM}
        await self.buyer.post(f"{self.path}/nominations", body | {"make_up_kg": make_up_kg})

    async def deliver(self, lot: Lot, passport: str | None = None) -> Delivered:
        """Shipped, weighed, assayed by both, decided by the umpire where they differ, accepted, settled."""
        shipped_on = lot.shipped_on(self.start_year)
        self.move_to(shipped_on)
        await self._publish()
        path = await self._ship(lot, shipped_on, passport)
        self.move_to(shipped_on + timedelta(days=WEIGHED_DAYS))
        received = {"weighed_on": self.today.isoformat(), "net_wet_t": f"{lot.net_wet_t:.3f}"}
        await self.buyer.post(f"{path}/weighing", received)
        self.move_to(shipped_on + timedelta(days=LODGED_DAYS))
        for side, nd in (("seller", lot.nd_seller), ("buyer", lot.nd_buyer or lot.nd_seller)):
            assay = {
                "laboratory": f"Laboratory of the {side}",
                "reference": lot.number,
                "results": terms.results(nd, lot.pr),
            }
            await self._doors[side].post(f"{path}/assays", assay)
        if lot.nd_umpire is not None:
            self.move_to(shipped_on + timedelta(days=UMPIRE_DAYS))
            decided = {
                "laboratory": terms.UMPIRE,
                "reference": lot.number,
                "results": terms.results(lot.nd_umpire, None),
                "cost": UMPIRE_COST,
                "certificate": {
                    "title": f"Certificate of {lot.number}",
                    "sha256": sha256(lot.number.encode()).hexdigest(),
                    "dated_on": self.today.isoformat(),
                },
            }
            await self.seller.post(f"{path}/umpire", decided)
        await self.buyer.post(f"{path}/acceptance", {"title_passed_on": self.today.isoformat()})
        known = month_after(shipped_on).replace(day=PUBLISHED_DAY)
        self.move_to(max(known, self.today + timedelta(days=1)))
        await self._publish()
        settled = await self.seller.post(f"{path}/settlement")
        return Delivered(lot=lot, delivery=await self.seller.get(path), invoice=settled["invoice"])

    async def end_year(self, year: int) -> Body:
        """The statement when the timers have assessed the year."""
        self.move_to(date(self.start_year + year, 1, 5))

        async def assessed() -> Body | None:
            statement = await self.statement()
            return statement if statement["years"][year - 1]["ledger"] is not None else None

        statement: Body = await _until(assessed, f"the ledger of contract year {year}")
        return statement

    async def statement(self) -> Body:
        return await self.buyer.get(f"{self.path}/statement")

    async def invoices(self) -> list[Body]:
        return list((await self.buyer.get(f"{self.path}/invoices", limit="100"))["items"])

    async def nominations(self) -> list[Body]:
        return list((await self.buyer.get(f"{self.path}/nominations"))["items"])

    async def pay(self, invoice: str, reference: str) -> Paid:
        """The buyer states that it pays all of it, the seller confirms; what is outstanding then."""
        before = await self.buyer.invoices.read(invoice)
        amount = f"{before.outstanding:.2f}"
        body = {
            "currency": before.currency,
            "amount": amount,
            "value_on": self.today.isoformat(),
            "reference": reference,
            "parts": [{"invoice": invoice, "amount": amount}],
        }
        stated = await self.buyer.payments.state(body)
        assert stated.id is not None
        waiting = await self.seller.invoices.read(invoice)
        await self.seller.payments.confirm(stated.id, version=stated.version)
        agreement = self.path.rpartition("/")[2]
        left = [each async for each in self.buyer.invoices.list(agreement=agreement)]
        after = next(each for each in left if each.invoice == invoice)
        return Paid(
            amount=before.outstanding,
            announced=waiting.announced,
            status=after.status,
            open_invoices=sum(1 for each in left if each.outstanding),
            outstanding=sum((each.outstanding for each in left), Decimal(0)),
        )

    async def _draft_of(self, match: str) -> Body | None:
        listed = await self.seller.get("/v1/agreements", status="draft")
        return next((found for found in listed["items"] if found["match"] == match), None)

    async def _ship(self, lot: Lot, shipped_on: date, passport: str | None) -> str:
        body = {
            "lot_number": lot.number,
            "passport": passport,
            "form": terms.FORM,
            "shipped_on": shipped_on.isoformat(),
            "net_wet_t": f"{lot.net_wet_t:.3f}",
            "stated": terms.stated(lot),
        }
        answer = await self.seller.post(f"{self.path}/deliveries", body)
        return f"/v1/deliveries/{answer['id']}"

    async def _meet(self, side: str, code: str) -> None:
        day = self.today.isoformat()
        evidence = {"title": f"Evidence of {code}", "sha256": "ab" * 32, "dated_on": day}
        body = {"outcome": "met", "on": day, "evidence": [evidence]}
        await self._step(side, f"conditions/{code}", body, f"meets its condition precedent: {code}")

    async def _step(self, side: str, name: str, body: Body, what: str) -> None:
        answer = await self._doors[side].post(f"{self.path}/{name}", body, version=self._version)
        self._version = answer["version"]
        who = {"seller": terms.SELLER, "buyer": terms.BUYER}[side]
        status = "" if answer["status"] is None else f" → {STATUSES[answer['status']]}"
        self._tell(who, what + status)

    async def _publish(self) -> None:
        """The months that are over since the last time."""
        upto = self.today.replace(day=1)
        if upto > self._values_from:
            for code, unit, values in (
                (terms.MONTHLY_INDEX, {"per": "oxide", "currency": "USD"}, terms.index_values),
                (terms.RATE, {"rate_of": "USD", "currency": "EUR"}, terms.rates),
            ):
                body = unit | {"values": values(self._values_from, upto)}
                await self._place.operator.post(f"/v1/indices/{code}/values", body)
            self._values_from = upto

    def _tell(self, who: str, what: str) -> None:
        self.acts.append(Act(day=self.today, who=who, what=what))


async def _until(look: Callable[[], Awaitable[Any]], what: str) -> Any:
    """What `look` finds in the end. DemoError when it finds nothing in time."""
    try:
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            while True:
                found = await look()
                if found is not None:
                    return found
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise DemoError(f"not within {WAIT_SECONDS_MAX:.0f} s: {what}") from None
