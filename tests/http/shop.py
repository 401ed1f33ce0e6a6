"""The app in this process on a real PostgreSQL, with a market in which two sellers and two buyers may
trade."""

import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from ipaddress import ip_address
from itertools import count
from typing import Any, TypedDict
from uuid import UUID

import httpx
from litestar import Litestar
from litestar.types import ASGIApp
from prometheus_client import CollectorRegistry
from uuid_utils.compat import uuid7

from events.connections import open_pool
from events.vocabulary import KeyRole
from market.commands import parties
from market.http.app import HANDLERS, Outermost, create_app, declared, state_of
from market.http.wire.access import KeyRing
from market.http.wire.credentials import find_credential
from market.http.wire.door import Door
from market.http.wire.examples import FACILITY, LOT, MARKET, OFFER, REQUIREMENT
from market.http.wire.feed_tail import FeedTail
from market.http.wire.ids import to_text
from market.http.wire.limits import BODY_BYTES_MAX, CallerLimits, Quota
from market.http.wire.metrics import DoorMetrics
from market.http.wire.paging import CursorSeal
from market.http.wire.tokens import mint, secret_sha256
from market.readiness import Check
from market.rules.parties.keys import IssueKey
from market.rules.parties.parties import KeyDetails
from market.rules.streams.reach import Address, Reach
from market.solver import Solver
from market.store.reading import DESK_SESSIONS
from tests.feed_support import publish
from tests.market_drafts import Firm
from tests.market_support import Scene, project, scene_on

IMPORT_BYTES_MAX = 1024 * 1024
INSIDE = {"inside.example": ("10.1.2.3",)}


class Asker(TypedDict):
    """As whom `Shop.ask` asks."""

    by: Firm
    roles: tuple[KeyRole, ...]


async def resolve(host: str, port: int) -> list[Address]:
    """Every name is public; one leads inside as well, one nowhere."""
    if host == "nowhere.example":
        raise OSError(host)
    return [ip_address("93.184.216.34"), *map(ip_address, INSIDE.get(host, ()))]


AMPLE = Quota(requests=600_000, seconds=60, burst=600_000)
secrets_made = count(1)


POSTS = [
    (re.compile(re.sub(r"\{\w+\}", "[^/]+", each.path)), each.located)
    for each in declared(HANDLERS)
    if each.method == "POST"
]


def made_at(path: str) -> bool:
    """Whether what is posted to a path is made at an address, as its route declares."""
    (located,) = {located for form, located in POSTS if form.fullmatch(path.partition("?")[0])}
    return located


@dataclass
class Shop:
    """A scene behind its door."""

    scene: Scene
    door: Door
    app: Litestar
    client: httpx.AsyncClient
    tokens: dict[tuple[UUID, frozenset[KeyRole]], str] = field(default_factory=dict)
    keys: "count[int]" = field(default_factory=lambda: count(1))

    @property
    def market(self) -> str:
        return to_text("mkt", self.scene.market)

    @property
    def operator(self) -> Firm:
        return Firm(organisation=self.scene.operator.organisation, facility=UUID(int=0))

    async def token(self, firm: Firm, *roles: KeyRole) -> str:
        held = frozenset(roles or ("trader",))
        if (firm.organisation, held) not in self.tokens:
            key = uuid7()
            token = mint(key, next(secrets_made).to_bytes(32, "big"))
            await parties.issue_key(
                self.scene.desk,
                IssueKey(
                    caller=self.scene.operator,
                    organisation=firm.organisation,
                    key=key,
                    details=KeyDetails(
                        label=",".join(sorted(held)),
                        secret_sha256=secret_sha256(token),
                        roles=tuple(sorted(held)),
                        expires_at=self.scene.clock.now + timedelta(days=365),
                    ),
                ),
            )
            self.tokens[firm.organisation, held] = token
        return self.tokens[firm.organisation, held]

    async def ask(
        self,
        method: str,
        path: str,
        *,
        by: Firm | None = None,
        roles: Sequence[KeyRole] = ("trader",),
        body: Any = None,
        version: str | None = None,
        key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """A request with what its route needs; `by` None sends no credentials."""
        sent = dict(headers or {})
        if by is not None:
            sent["Authorization"] = f"Bearer {await self.token(by, *roles)}"
        if method in ("POST", "PUT"):
            sent.setdefault("Idempotency-Key", key or f"k-{next(self.keys)}")
        if version is not None:
            sent["If-Match"] = version
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        if content is not None:
            sent.setdefault("Content-Type", "application/json")
        answer = await self.client.request(method, path, content=content, headers=sent)
        if answer.status_code == 201:
            gone = "removed_since" in answer.text
            assert (made_at(path) and not gone) == ("location" in answer.headers), path
        return answer

    async def rows(self) -> dict[str, int]:
        """Row counts of everything a request could store."""
        async with self.scene.pool.acquire() as connection:
            return {
                table: await connection.fetchval(f"select count(*) from {table}")
                for table in ("record.journal", "record.request", "supply", "requirement", "match", "api_key")
            }

    async def project(self) -> None:
        """What projector and publisher do: the views and the feed, brought to the end of every lane."""
        await project(self.scene)
        await publish(self.scene)

    def offer_body(self, firm: Firm, **changes: Any) -> dict[str, Any]:
        return self._body(OFFER, firm, changes)

    def lot_body(self, firm: Firm, **changes: Any) -> dict[str, Any]:
        return self._body(LOT, firm, changes)

    def requirement_body(self, firm: Firm, **changes: Any) -> dict[str, Any]:
        return self._body(REQUIREMENT, firm, changes)

    def _body(self, example: dict[str, Any], firm: Firm, changes: dict[str, Any]) -> dict[str, Any]:
        """The example of the documentation, in this shop's market, from this firm's site, in its season."""
        text = (
            json.dumps(example).replace(MARKET, self.market).replace(FACILITY, to_text("fac", firm.facility))
        )
        text = (
            text.replace("2027-0", "2026-0")
            .replace("2026-10-", "2026-01-")
            .replace("2026-03-15", "2026-03-30")
        )
        return {**json.loads(text), **changes}


made: list[tuple[Litestar, ASGIApp]] = []


def app_behind(door: Door) -> Litestar:
    """As `create_app` makes it. One for all shops, one at a time: its routes, which take longer to make than
    most tests, remember nothing."""
    if not made:
        app = create_app(door)
        assert isinstance(app.asgi_handler, Outermost)
        made.append((app, app.asgi_handler._app))
    app, routes = made[0]
    app.state = state_of(door)
    app.asgi_handler = Outermost(app, routes, door)
    return app


@asynccontextmanager
async def shop_on(
    database: Any,
    *,
    quota: Quota = AMPLE,
    strangers: Quota = AMPLE,
    checks: dict[str, Check] | None = None,
) -> AsyncIterator[Shop]:
    """The clock of both quotas stands still: what is used up stays so."""
    async with scene_on(database) as scene:
        reader = await open_pool(database.dsn("reader"), size=4)
        desk_sessions = partial(open_pool, database.dsn("reader"), size=1, session=DESK_SESSIONS)
        tail = FeedTail(desk_sessions, wait_seconds_max=0.2)
        solver = Solver(children_max=1)
        try:
            door = Door(
                desk=scene.desk,
                reader=reader,
                clock=scene.clock,
                new_id=uuid7,
                new_secret=lambda: next(secrets_made).to_bytes(32, "big"),
                public_id_key=b"p" * 32,
                topic_prefix="",
                webhook_key=b"w" * 32,
                reach=Reach(),
                resolve=resolve,
                keys=KeyRing(partial(find_credential, reader), scene.clock),
                seal=CursorSeal("c" * 32),
                limits=CallerLimits(quota, clock_ns=lambda: 0),
                strangers=CallerLimits(strangers, policy="address", clock_ns=lambda: 0),
                solver=solver,
                metrics=DoorMetrics(CollectorRegistry()),
                feed=tail,
                checks=checks or {},
                body_bytes_max=BODY_BYTES_MAX,
                public_url="https://door.example/",
                import_bytes_max=IMPORT_BYTES_MAX,
            )
            app = app_behind(door)
            transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
            async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
                yield Shop(scene=scene, door=door, app=app, client=client)
        finally:
            await tail.stop()
            await solver.stop()
            await reader.close()
