"""Two firms that live an offtake over HTTP on running services, whose clock is moved on for them."""

import asyncio
import secrets
from calendar import monthrange
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Any

import httpx

from market.ground import Wiring
from market.http.wire.ids import to_text
from market.http.wire.tokens import SECRET_BYTES
from market.operators import issue_key
from tests.market_support import Clock, OpenMarket
from tests.process_support import eventually, serving, wired

SERVICES = ("api", "relay", "timers")
KEY_DAYS = 36_500
PERMIT = {"title": "Decision of the board", "sha256": "ab" * 32}

Body = dict[str, Any]
Answer = httpx.Response


class Trade:
    """Services on real servers, an open market, and a key each for a seller, a buyer and the operator."""

    def __init__(self, wiring: Wiring, clock: Clock, market: OpenMarket, client: httpx.AsyncClient) -> None:
        self.wiring = wiring
        self.clock = clock
        self.market = to_text("mkt", market.market)
        self.buyer = to_text("org", market.buyers[0].organisation)
        self._client = client
        self._keys = {"seller": "", "buyer": "", "operator": ""}
        self._sent = count(1)

    async def open(self, market: OpenMarket) -> None:
        for name, firm, role in (
            ("seller", market.sellers[0].organisation, "trader"),
            ("buyer", market.buyers[0].organisation, "trader"),
            ("operator", market.sellers[1].organisation, "operator"),
        ):
            minted = await issue_key(
                self.wiring.desk,
                market.operator,
                firm,
                roles=(role,),  # type: ignore[arg-type]
                label=f"journeys {name}",
                expires_at=self.clock.now + timedelta(days=KEY_DAYS),
                secret=secrets.token_bytes(SECRET_BYTES),
            )
            self._keys[name] = minted.token

    async def get(self, who: str, path: str) -> Answer:
        return await self._client.get(path, headers={"Authorization": f"Bearer {self._keys[who]}"})

    async def try_post(self, who: str, path: str, body: Body | None = None, version: str = "") -> Answer:
        headers = {"Authorization": f"Bearer {self._keys[who]}", "Idempotency-Key": f"k-{next(self._sent)}"}
        if version:
            headers["If-Match"] = version
        return await self._client.post(path, json=body, headers=headers)

    async def post(self, who: str, path: str, body: Body | None = None, version: str = "") -> Body:
        answer = await self.try_post(who, path, body, version)
        assert 201 == answer.status_code, answer.text
        found: Body = answer.json()
        return found

    def move_to(self, day: date) -> None:
        """The morning of a day that has not passed; no effect on the day itself."""
        assert day >= self.clock.now.date()
        self.clock.now = max(self.clock.now, datetime.combine(day, time(9), UTC))

    def next_year(self) -> int:
        """The next year that begins in four months or more; the clock goes to those four months before it."""
        now = self.clock.now
        year = now.year + (1 if now.month < 9 else 2)
        self.move_to(date(year - 1, 9, 1))
        return year

    async def publish(self, index: str, year: int, months: dict[int, str], **unit: str) -> None:
        """Values of whole months, published on the first day of the month after."""
        values = []
        for month, amount in months.items():
            last = date(year, month, monthrange(year, month)[1])
            values.append(
                {
                    "first_day": f"{year}-{month:02}-01",
                    "last_day": last.isoformat(),
                    "amount": amount,
                    "as_of": last.isoformat(),
                    "published_at": f"{last + timedelta(days=1)}T00:00:00Z",
                    "source": "entered by the operator",
                }
            )
        await self.post("operator", f"/v1/indices/{index}/values", unit | {"values": values})

    async def draft(self, terms: Body, kind: str = "offtake") -> "Offtake":
        body = {"market": self.market, "kind": kind, "side": "seller", "counterparty": self.buyer}
        made = await self.post("seller", "/v1/agreements", body | {"terms": terms})
        return Offtake(self, made["id"])

    async def agreed(self, terms: Body) -> "Offtake":
        """Signed as binding by both."""
        offtake = await self.draft(terms)
        await offtake.sign(1)
        return offtake


class Offtake:
    """An agreement of the two, by its id."""

    def __init__(self, trade: Trade, agreement: str) -> None:
        self.id = agreement
        self.path = f"/v1/agreements/{agreement}"
        self._trade = trade

    async def read(self) -> Body:
        found: Body = (await self._trade.get("buyer", self.path)).json()
        return found

    async def statement(self) -> Body:
        found: Body = (await self._trade.get("buyer", f"{self.path}/statement")).json()
        return found

    async def step(self, who: str, name: str, body: Body) -> Body:
        """With the ETag that its sender has just read."""
        etag = (await self._trade.get(who, self.path)).headers["etag"]
        return await self._trade.post(who, f"{self.path}/{name}", body, etag)

    async def sign(self, proposal: int) -> None:
        for who in ("seller", "buyer"):
            await self.step(who, "signatures", {"proposal": proposal, "binding": True})

    async def amend(self, terms: Body) -> None:
        proposal = await self.step("buyer", "proposals", {"terms": terms})
        await self.sign(proposal["proposal"])

    async def meet(self, condition: str) -> None:
        day = self._trade.clock.now.date().isoformat()
        evidence = [PERMIT | {"dated_on": day}]
        body = {"outcome": "met", "on": day, "evidence": evidence}
        await self.step("seller", f"conditions/{condition}", body)

    async def nominate(self, level: str, start: date, end: date, quantity_kg: str, **more: str) -> Answer:
        period = {"start": f"{start}T00:00:00Z", "end": f"{end}T00:00:00Z"}
        body = {"level": level, "period": period, "quantity_kg": quantity_kg, "form": "separated_oxide"}
        return await self._trade.try_post("buyer", f"{self.path}/nominations", body | more)

    async def nominated(self, first_day: str, level: str) -> Body:
        """The nomination for the part that begins on that day, once somebody or silence has made it."""
        found: list[Body] = []

        async def there() -> bool:
            items = (await self._trade.get("seller", f"{self.path}/nominations")).json()["items"]
            found[:] = [
                item
                for item in items
                if item["level"] == level and item["period"]["start"].startswith(first_day)
            ]
            return bool(found)

        await eventually(f"the {level} nomination from {first_day}", there)
        return found[0]

    async def ship(self, lot: Body) -> Answer:
        """On the day itself."""
        shipped = {"shipped_on": self._trade.clock.now.date().isoformat()}
        return await self._trade.try_post("seller", f"{self.path}/deliveries", shipped | lot)

    async def take(self, day: date, lot: Body) -> str:
        """Shipped, weighed and accepted on that day, by the stated figures; the delivery's path."""
        self._trade.move_to(day)
        shipped = await self.ship(lot)
        assert 201 == shipped.status_code, shipped.text
        path: str = shipped.headers["location"]
        received = {name: lot[name] for name in ("net_wet_t", "moisture_percent") if name in lot}
        await self._trade.post("buyer", f"{path}/weighing", received | {"weighed_on": day.isoformat()})
        await self._trade.post("buyer", f"{path}/acceptance", {"title_passed_on": day.isoformat()})
        return path

    async def settle(self, delivery: str) -> Body:
        """The final invoice."""
        invoice: Body = (await self._trade.post("seller", f"{delivery}/settlement"))["invoice"]
        return invoice

    async def status(self, status: str) -> Body:
        """The agreement once the timers have brought it there."""

        async def there() -> bool:
            return bool((await self.read())["status"] == status)

        await eventually(status, there)
        return await self.read()

    async def ledger(self, year: int) -> Body:
        """Of a contract year that is over, once the timers have assessed it."""

        async def assessed() -> bool:
            return (await self.statement())["years"][year - 1]["ledger"] is not None

        await eventually(f"the ledger of year {year}", assessed)
        found: Body = (await self.statement())["years"][year - 1]["ledger"]
        return found


@asynccontextmanager
async def trade_on(database: Any, bootstrap: str, prefix: str) -> AsyncIterator[Trade]:
    """`database` holds an open market."""
    clock, market = Clock(), database.market
    bound: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    async with (
        wired(database, bootstrap, prefix, now=clock) as wiring,
        serving(wiring, *SERVICES, bound=bound),
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{await asyncio.wait_for(bound, 60)}", timeout=60
        ) as client,
    ):
        trade = Trade(wiring, clock, market, client)
        await trade.open(market)
        yield trade


def lot(number: str, net_wet_t: str, nd_percent: str, pr_percent: str, **more: Any) -> Body:
    """Figures as element in the dry sample."""
    stated = [
        {"analyte": analyte, "fraction": {"unit": "percent", "amount": amount}}
        for analyte, amount in (("Nd", nd_percent), ("Pr", pr_percent))
    ]
    given = {"lot_number": number, "form": "separated_oxide", "net_wet_t": net_wet_t, "stated": stated}
    return given | more


def terms(price: Body, acq_kg: list[str], starts_on: date, **clauses: Any) -> Body:
    """One year for each quantity, no conditions, no assays: what is stated stands; EUR, 90 % on documents."""
    given = {
        "product": {"basis": "ndpr", "form": "separated_oxide"},
        "term": {"starts_on": starts_on.isoformat(), "years": len(acq_kg)},
        "volume": {"kind": "fixed", "acq_kg": acq_kg},
        "price": price,
        "delivery": {
            "incoterm": "FCA",
            "place": {"country": "EE", "name": "Narva"},
            "lot_wet_t": "20.000",
            "packaging": {"unit": "big_bag", "package_wet_kg": "1000.000"},
        },
        "assay": {"splitting": [], "umpire": "a laboratory that both parties name"},
        "payment": {"currency": "EUR", "provisional_percent": "90", "due_days": 30},
    }
    return given | clauses


def index(code: str, currency: str = "EUR", per: str = "oxide", period: str = "month_of_shipment") -> Body:
    return {"code": code, "currency": currency, "per": per, "quotation_period": period}


def lines(invoice: Body) -> dict[str, tuple[str, str, str]]:
    """Kind → quantity, price, amount."""
    return {
        line["kind"]: (line["quantity_kg"], line["price_per_kg"], line["amount"]) for line in invoice["lines"]
    }


def prices(invoice: Body) -> dict[str, str]:
    """Of the first line: rule → the price per kg after it."""
    return {term["rule"]: term["after_per_kg"] for term in invoice["lines"][0]["terms"]}
