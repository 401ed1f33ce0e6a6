"""Seeded changes of real topics, each lane its own: every one is found and named, and what is clean is clean.

`TAMPERINGS` says how many; `make test-tamper` takes ten thousand.
"""

import asyncio
import os
from collections.abc import Awaitable
from math import ceil
from random import Random
from secrets import token_hex
from typing import Any, NamedTuple

import msgspec
import pytest

from events.checkpoints import TOPIC, Signed, encode_message
from events.connections import open_producer
from events.merkle import leaf_hash
from events.topics import record_topic
from market.audit.auditor import audit
from market.audit.lane_verdict import LaneVerdict
from market.audit.report import AuditReport
from market.audit.sealed_heads import read_sealed
from market.topics import TopicError, open_reading
from tests.blotter import DEPLOYMENT
from tests.record_support import create_topic, delete_topic, eventually
from tests.rules.test_checkpoints import OPERATOR, head_of, leaves
from tests.tampered_lanes import MARKET_ALONE, WAYS, Tampered, clean, key_of

TAMPERINGS = int(os.environ.get("TAMPERINGS", "66"))
CHECKPOINT_WAYS = ("forge a checkpoint", "show two heads")
BATCH = 10
CLEAN_LANES = 100

Missed = list[str]


class Found(NamedTuple):
    """By way: how many there were, and which of them were missed; `alarms` where nothing is wrong."""

    counts: dict[str, int]
    missed: dict[str, Missed]
    alarms: Missed


class Batch:
    """Some of every way, on one topic of the market and one of checkpoints."""

    def __init__(self, bootstrap: str, first: int, count: int, clean_lanes: int) -> None:
        self.bootstrap = bootstrap
        self.prefix = f"tamper-{token_hex(4)}."
        self.seeds = range(first, first + count)
        self.lanes: list[tuple[str, int, Tampered]] = []
        for way, (tamper, _) in WAYS.items():
            for seed in self.seeds:
                lane = len(self.lanes)
                self.lanes.append((way, seed, tamper(lane, Random(f"{way} {seed}"))))
        for seed in range(clean_lanes):
            self.lanes.append(("clean", seed, clean(len(self.lanes), Random(f"clean {first} {seed}"))))
        self.messages: list[bytes] = []
        self.bad: dict[int, str] = {}
        heads = [self._head(lane) for lane in range(len(self.lanes))]
        self.messages += [encode_message(head) for head in heads]
        for seed in self.seeds:
            rng = Random(f"head {seed}")
            self._add(f"forge a checkpoint {seed}", forged(rng.choice(heads), rng))
            lane = rng.randrange(len(self.lanes))
            size = len(self.lanes[lane][2].signed)
            self._add(
                f"show two heads {seed}",
                head_of(leaves(size, f"other {seed}"), by=OPERATOR, lane=key_of(lane)),
            )

    def _head(self, lane: int) -> Signed:
        rows = self.lanes[lane][2].signed
        return head_of([leaf_hash(row.body) for row in rows], by=OPERATOR, lane=key_of(lane))

    def _add(self, name: str, message: Signed) -> None:
        self.bad[len(self.messages)] = name
        self.messages.append(encode_message(message))

    async def publish(self) -> None:
        market = record_topic(self.prefix, "market")
        await create_topic(self.bootstrap, market, len(self.lanes))
        await create_topic(self.bootstrap, self.prefix + TOPIC, 1)
        await eventually(self._ready)
        producer = await open_producer(self.bootstrap)
        try:
            sent: list[Awaitable[Any]] = []
            for lane, (_, _, tampered) in enumerate(self.lanes):
                for body, chain in tampered.rows:
                    given = [("chain", chain.hex().encode())]
                    sent.append(await producer.send(market, body, partition=lane, headers=given))
            checkpoints = self.prefix + TOPIC
            sent += [await producer.send(checkpoints, message, partition=0) for message in self.messages]
            await asyncio.gather(*sent)
        finally:
            await producer.stop()

    async def _ready(self) -> bool:
        """A partition whose end is known has its leader; a new one answers NotLeaderForPartition."""
        try:
            async with open_reading(self.bootstrap, record_topic(self.prefix, "market"), from_end=True):
                return True
        except TopicError:
            return False

    async def delete(self) -> None:
        for topic in (record_topic(self.prefix, "market"), self.prefix + TOPIC):
            await delete_topic(self.bootstrap, topic)

    async def audited(self, **asked: Any) -> AuditReport:
        return await audit(
            self.bootstrap,
            prefix=self.prefix,
            deployment_id=DEPLOYMENT,
            streams=("market",),
            key=OPERATOR.verifier,
            **asked,
        )

    async def judge(self, found: Found) -> None:
        full, chain = await self.audited(), await self.audited(mode="chain")
        assert full.diverged
        assert chain.diverged
        for lane, (way, seed, tampered) in enumerate(self.lanes):
            name = f"{way} {seed}"
            if way == "clean":
                again = len(tampered.rows) - len(tampered.signed)
                for verdict in (full.lanes[lane], chain.lanes[lane]):
                    if verdict.divergence is not None or verdict.repeats != again:
                        found.alarms.append(f"{name}: {verdict}")
                continue
            found.counts[way] += 1
            allowed = WAYS[way][1]
            if not is_named(full.lanes[lane], allowed):
                found.missed[way].append(f"{name}: {full.lanes[lane].divergence}")
            hashed = allowed - {"fold"} | {"checkpoint"}
            if way not in MARKET_ALONE and not is_named(chain.lanes[lane], hashed):
                found.missed[way].append(f"{name}, by chain: {chain.lanes[lane].divergence}")
        sealed = await read_sealed(self.bootstrap, self.prefix, OPERATOR.verifier)
        faults = {offset: fault.kind for offset, fault in sealed.faults}
        kinds = dict(zip(CHECKPOINT_WAYS, ("forged", "two_heads"), strict=True))
        for offset, name in self.bad.items():
            way = name.rpartition(" ")[0]
            found.counts[way] += 1
            if faults.pop(offset, None) != kinds[way]:
                found.missed[way].append(name)
        found.alarms.extend(f"checkpoint at {offset}: {kind}" for offset, kind in faults.items())


def is_named(verdict: LaneVerdict, allowed: frozenset[str]) -> bool:
    """What is missing after the last record has no offset."""
    found = verdict.divergence
    if found is None:
        return False
    where = f"market lane {verdict.lane}, position {found.position}"
    if found.offset >= 0:
        where += f", offset {found.offset}"
    return found.kind in allowed and found.sentence.startswith(f"{where}: ")


def forged(head: Signed, rng: Random) -> Signed:
    """A size, or a root, that was never signed under this signature."""
    origin, size, root, *rest = head.note.split("\n")
    if rng.random() < 0.5:
        size = str(int(size) + rng.randrange(1, 1_000))
    else:
        place = rng.randrange(42)
        root = root[:place] + ("A" if root[place] != "A" else "B") + root[place + 1 :]
    return msgspec.structs.replace(head, note="\n".join([origin, size, root, *rest]))


@pytest.fixture(scope="module")
async def found(kafka_bootstrap: str) -> Found:
    ways = (*WAYS, *CHECKPOINT_WAYS)
    each = ceil(TAMPERINGS / len(ways))
    batches = ceil(each / BATCH)
    result = Found(dict.fromkeys(ways, 0), {way: [] for way in ways}, [])
    for number in range(batches):
        first = number * BATCH
        cleans = CLEAN_LANES // batches + (number < CLEAN_LANES % batches)
        batch = Batch(kafka_bootstrap, first, min(BATCH, each - first), cleans)
        await batch.publish()
        await batch.judge(result)
        await batch.delete()
    return result


@pytest.mark.parametrize("way", [*WAYS, *CHECKPOINT_WAYS])
def test_every_change_is_found_and_named(found: Found, way: str) -> None:
    assert [] == found.missed[way]
    assert found.counts[way] >= TAMPERINGS / (len(WAYS) + len(CHECKPOINT_WAYS))


def test_what_is_clean_raises_no_alarm(found: Found) -> None:
    assert [] == found.alarms
