"""The public tape on real topics: nobody's price or name, the same ids and places after a crash."""

import re
import signal
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from events.contract_terms import AssayClause
from events.envelope import Recorded
from events.market_events import MatchStruck, SupplyOffered
from market.commands import clearings
from market.publisher import tape_id
from market.rules.streams.wire_units import PUBLIC_UNITS, in_units
from market.rules.viewers import public_id
from market.topics import TopicRecord, open_reading
from tests.agreement_support import signed
from tests.contract_support import spot_terms
from tests.market_drafts import Firm
from tests.market_support import Scene, done, scene_on
from tests.process_support import (
    caught_up,
    eventually,
    finish,
    let_lapse,
    published,
    serving,
    settings_for,
    start_cli,
    wired,
)

FIRMS = 6
TOPICS = (
    "public.supply-offers.v1",
    "public.requirements.v1",
    "public.trades.v1",
    "public.clearings.v1",
    "public.pricing-rules.v1",
    "public.markets.v1",
)


class Read(Struct, frozen=True):
    """A public record as a partner reads it."""

    topic: str
    id: str
    type: str
    data: dict[str, Any]
    raw: bytes


async def read_tape(bootstrap: str, prefix: str, topics: Sequence[str] = TOPICS) -> list[Read]:
    found: list[Read] = []
    for topic in topics:
        async with open_reading(bootstrap, prefix + topic) as reading:
            async for _, records in reading.batches():
                found += [_read(topic, record) for record in records]
    return found


def _read(topic: str, record: TopicRecord) -> Read:
    headers = {name: value.decode() for name, value in record.headers.items()}
    return Read(
        topic,
        headers["ce_id"],
        headers["ce_type"],
        msgspec.json.decode(record.value),
        record.value + (record.key or b"") + repr(headers).encode(),
    )


async def trade(scene: Scene) -> None:
    """Twice each: a form shows from its fifth firm on, and lines leave five firms at a time."""
    for _ in range(2):
        for seller in scene.sellers:
            await scene.offer(seller)
        for buyer in scene.buyers:
            await scene.require(buyer)
    await scene.conclude(await scene.plan())


async def market_events(scene: Scene) -> list[Recorded]:
    return [event for event in await scene.events("market") if event.lane == scene.lane.lane]


async def test_the_tape_shows_bands_and_nobody(
    database: Any, kafka_bootstrap: str, topic_prefix: str
) -> None:
    async with (
        scene_on(database, sellers=FIRMS, buyers=FIRMS) as scene,
        wired(database, kafka_bootstrap, topic_prefix) as wiring,
    ):
        async with serving(wiring, "relay", "publisher"):
            await trade(scene)
            for change, reason in ((clearings.halt, "an audit"), (clearings.resume, "mended")):
                done(await change(scene.desk, scene.operator, market=scene.market, reason=reason))
            await eventually("the topics", lambda: published(scene))
            await eventually("the tape", lambda: caught_up(scene, "publisher"))
        tape = await read_tape(kafka_bootstrap, topic_prefix)
        stood = [(record.type, record.data["reason"]) for record in tape if record.topic == TOPICS[-1]]
        assert [("public.market.halted.v1", "an audit"), ("public.market.resumed.v1", "mended")] == stood
        events = await market_events(scene)
        assert set(TOPICS) == {record.topic for record in tape}
        firms = [*scene.sellers, *scene.buyers]
        secrets = [str(firm.organisation) for firm in firms] + [str(firm.facility) for firm in firms]
        secrets += [f"seller-{number}" for number in range(FIRMS)] + ["ask", "limit", "60000000", "90000000"]
        secrets += [str(event.id) for event in events]
        secrets += [str(event.data.offer) for event in events if isinstance(event.data, SupplyOffered)]
        secrets += [str(event.data.match) for event in events if isinstance(event.data, MatchStruck)]
        for record in tape:
            if record.topic == "public.pricing-rules.v1":
                continue
            told = record.raw.decode()
            assert [] == [secret for secret in secrets if re.search(rf"\b{re.escape(secret)}\b", told)]
        (trade_line, *_) = [record.data for record in tape if record.topic == "public.trades.v1"]
        assert {"low", "high"} == set(trade_line["price_eur_per_kg"]) == set(trade_line["quantity_basis_kg"])
        assert all(isinstance(figure, str) for figure in trade_line["price_eur_per_kg"].values())


async def test_fewer_than_five_organisations_leave_no_line(
    database: Any, kafka_bootstrap: str, topic_prefix: str
) -> None:
    async with (
        scene_on(database, sellers=4, buyers=4) as scene,
        wired(database, kafka_bootstrap, topic_prefix) as wiring,
    ):
        async with serving(wiring, "relay", "publisher"):
            await trade(scene)
            await eventually("the topics", lambda: published(scene))
            await eventually("the tape", lambda: caught_up(scene, "publisher"))
        tape = await read_tape(kafka_bootstrap, topic_prefix)
        assert {"public.clearings.v1", "public.pricing-rules.v1"} == {record.topic for record in tape}


@pytest.mark.parametrize("label", ["publisher.sent", "subscription.committed"])
async def test_a_killed_publisher_says_the_same_again(
    database: Any, kafka_bootstrap: str, topic_prefix: str, label: str
) -> None:
    async with (
        scene_on(database, sellers=FIRMS, buyers=FIRMS) as scene,
        wired(database, kafka_bootstrap, topic_prefix) as wiring,
    ):
        async with serving(wiring, "relay"):
            await trade(scene)
            await eventually("the topics", lambda: published(scene))
            killed = await start_cli(
                database, kafka_bootstrap, topic_prefix, "run", "publisher", crash_at=label
            )
            code, _, told = await finish(killed)
            assert -signal.SIGKILL == code, told
            await let_lapse(scene)
            async with serving(wiring, "publisher"):
                for seller in scene.sellers:
                    await scene.offer(seller)
                await eventually("the topics", lambda: published(scene))
                await eventually("the tape", lambda: caught_up(scene, "publisher"))
        tape = await read_tape(kafka_bootstrap, topic_prefix)
        once: dict[str, bytes] = {}
        for record in tape:
            assert once.setdefault(record.id, record.raw) == record.raw
        for topic in TOPICS:
            found = {record.id: record.data["sequence"] for record in tape if record.topic == topic}
            assert list(range(1, len(found) + 1)) == sorted(found.values())


async def test_ids_cannot_be_joined_without_the_key(
    database: Any, kafka_bootstrap: str, topic_prefix: str
) -> None:
    key = settings_for(database, kafka_bootstrap, topic_prefix).public_id_secret.get_secret_value().encode()
    async with (
        scene_on(database, sellers=FIRMS, buyers=FIRMS) as scene,
        wired(database, kafka_bootstrap, topic_prefix) as wiring,
    ):
        async with serving(wiring, "relay", "publisher"):
            await trade(scene)
            await eventually("the topics", lambda: published(scene))
            await eventually("the tape", lambda: caught_up(scene, "publisher"))
        tape = {record.id: record.data for record in await read_tape(kafka_bootstrap, topic_prefix)}
        offered = {
            e.id: e.data.offer for e in await market_events(scene) if isinstance(e.data, SupplyOffered)
        }
        told = {event: line for event in offered if (line := tape.get(str(tape_id(key, event)))) is not None}
        assert 5 == len(told)
        for event, line in told.items():
            assert public_id(key, "public.supply-offers.v1", offered[event]) == line["id"]
            assert str(tape_id(b"another", event)) not in tape


def test_public_figures_are_decimal_strings_of_a_public_unit() -> None:
    inside = {
        "quantity_basis_g": {"low": 500_000, "high": 1_000_000},
        "price_ueur_per_kg": 62_500_000,
        "share_ppb": 500_000_000,
        "benchmark_g_co2e_per_kg": 15_500,
        "carbon_cents_per_t": 8_000,
        "start_year": None,
        "content_ppb": None,
        "terms": [{"floor_ueur_per_kg": -1}],
        "version": 1,
    }
    expected = {
        "quantity_basis_kg": {"low": "500", "high": "1000"},
        "price_eur_per_kg": "62.5",
        "share_percent": "50",
        "benchmark_kg_co2e_per_kg": "15.5",
        "carbon_eur_per_t": "80",
        "start_year": None,
        "content_ppb": None,
        "terms": [{"floor_eur_per_kg": "-0.000001"}],
        "version": 1,
    }
    assert expected == in_units(inside, PUBLIC_UNITS)


async def test_agreements_show_their_steps_in_bands_and_nobody(
    database: Any, kafka_bootstrap: str, topic_prefix: str
) -> None:
    async with (
        scene_on(database, sellers=FIRMS, buyers=FIRMS) as scene,
        wired(database, kafka_bootstrap, topic_prefix) as wiring,
    ):
        pairs = list(zip(scene.sellers, scene.buyers, strict=True))
        for seller, buyer in (*pairs, *pairs[: 2 * 5 - FIRMS]):
            await sign_a_contract(scene, seller, buyer)
        async with serving(wiring, "relay", "publisher"):
            await eventually("the topics", lambda: published(scene))
            await eventually("the tape", lambda: caught_up(scene, "publisher", "contracts"))
        tape = await read_tape(kafka_bootstrap, topic_prefix, ("public.offtake-agreements.v1",))
        assert ["public.offtake-agreement.effective.v1"] * 5 == [record.type for record in tape]
        assert [1, 2, 3, 4, 5] == [record.data["sequence"] for record in tape]
        assert sorted(record.data["id"] for record in tape) == [record.data["id"] for record in tape]
        assert {"low": "20000", "high": "50000"} == tape[0].data["yearly_basis_kg"]
        secrets = [str(firm.organisation) for firm in (*scene.sellers, *scene.buyers)]
        secrets += [event.subject for event in await scene.events("contracts")]
        secrets += ["110000000", "110.00", "SENTINEL"]
        told = "".join(record.raw.decode() for record in tape)
        assert [] == [secret for secret in secrets if secret in told]


async def sign_a_contract(scene: Scene, seller: Firm, buyer: Firm) -> None:
    """An offtake of 20 t a year without conditions, effective with the second signature."""
    terms = spot_terms(assay=AssayClause(umpire="SENTINEL"))
    await signed(scene, terms, parties=(seller, buyer))
