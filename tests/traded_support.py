"""A market that was cleared twice, on its topics, and copies of them in which something was changed."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any
from uuid import UUID

import msgspec

from events.chain import genesis, next_head
from events.decision import LaneKey
from events.policy_terms import PortfolioLimits
from events.vocabulary import PPB, RecycledContent, StatedPrice
from market.audit.auditor import audit
from market.audit.lane_verdict import Divergence
from market.audit.report import AuditReport
from tests.market_support import Scene, scene_on
from tests.process_support import completed_rounds, copy_record, eventually, published, serving, wired

Rows = list[tuple[bytes, bytes]]
STRUCK = b'"type":"market.match.struck.v1"'
RECYCLED: dict[str, Any] = {
    "recycled": RecycledContent(post_consumer_ppb=PPB),
    "ask": StatedPrice(amount_micro=70_000_000, currency="EUR", per="element"),
    "commitment": "subject_to_confirmation",
}
A_QUARTER_RECYCLED = PortfolioLimits(recycled_min_ppb=PPB // 4)


class Traded:
    """A market that was cleared twice, on its topics."""

    def __init__(self, scene: Scene, database: Any, bootstrap: str, prefix: str, deployment_id: UUID) -> None:
        self.scene = scene
        self.database = database
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.deployment_id = deployment_id
        self.scratches = count(1)

    async def tampered(
        self, change: Callable[[Rows], Rows], *, chained: bool, resolve: bool = False
    ) -> Divergence:
        """The first divergence of a copy of the topics whose market lane was changed."""
        report = await self.audit_of(change, chained=chained, resolve=resolve)
        assert report.diverged
        assert report.first_divergence is not None
        found = report.first_divergence
        assert self.scene.lane == (found.stream, found.lane)
        assert found.sentence.endswith(f"{found.field} is {found.recorded}, it has to be {found.expected}")
        return found

    async def audit_of(
        self, change: Callable[[Rows], Rows], *, chained: bool, resolve: bool = False
    ) -> AuditReport:
        scratch = await self.copy(change, chained=chained)
        return await audit(self.bootstrap, prefix=scratch, deployment_id=self.deployment_id, resolve=resolve)

    async def copy(self, change: Callable[[Rows], Rows], *, chained: bool) -> str:
        def changed(key: LaneKey, rows: Rows) -> Sequence[tuple[bytes, bytes]]:
            if key != self.scene.lane:
                return rows
            after = change(list(rows))
            return rechained(key, self.deployment_id, after) if chained else after

        scratch = f"s{next(self.scratches)}-{self.prefix}"
        await copy_record(self.bootstrap, self.prefix, scratch, changed)
        return scratch


def rechained(key: LaneKey, deployment_id: UUID, rows: Rows) -> Rows:
    """What somebody who holds the operator's cluster can do: every later chain value computed anew."""
    head, found = genesis(deployment_id, key.stream, key.lane), []
    for body, _ in rows:
        head = next_head(head, body)
        found.append((body, head))
    return found


@asynccontextmanager
async def traded(database: Any, bootstrap: str, prefix: str) -> AsyncIterator[Traded]:
    async with scene_on(database) as scene, wired(database, bootstrap, prefix) as wiring:
        async with serving(wiring, "relay", "matcher"):
            for rounds in (1, 2):
                for seller in scene.sellers:
                    await scene.offer(seller, commitment="subject_to_confirmation")
                await scene.offer(scene.sellers[0], **RECYCLED)
                for buyer in scene.buyers:
                    await scene.require(buyer, portfolio=A_QUARTER_RECYCLED)
                await scene.plan()
                await eventually("the round", lambda wanted=rounds: _rounds(scene, wanted))  # type: ignore[misc]
            await eventually("the topics", lambda: published(scene))
        yield Traded(scene, database, bootstrap, prefix, wiring.deployment.deployment_id)


async def _rounds(scene: Scene, wanted: int) -> bool:
    return wanted == await completed_rounds(scene)


def edited(rows: Rows, which: Callable[[bytes], bool], change: Callable[[dict[str, Any]], None]) -> Rows:
    """The first body that `which` names, changed."""
    place = next(index for index, (body, _) in enumerate(rows) if which(body))
    value = msgspec.json.decode(rows[place][0])
    change(value)
    rows[place] = (msgspec.json.encode(value), rows[place][1])
    return rows


def dearer(rows: Rows) -> Rows:
    """One match's price, a cent per kg up."""

    def change(value: dict[str, Any]) -> None:
        value["data"]["price_ueur_per_kg"] += 10_000

    return edited(rows, lambda body: STRUCK in body, change)
