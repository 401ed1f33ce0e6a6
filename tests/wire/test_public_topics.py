"""Every public topic, read whole from Kafka: no price, id, name, quantity or composition of anybody, however
it is spelled; and the same search finds every one of them in the record. A partner's topic tells its own."""

import re
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from events.market_events import MatchStruck
from events.market_terms import SustainabilityProfile
from events.vocabulary import Assay, Cell, Composition, PhysicalLot
from market.commands import clearings, lots, matches, offers, parties, requirements
from market.rules.streams.streams import OpenStream, partner_topic
from market.topics import declared_topics, open_reading
from tests.market_drafts import (
    PERCENT,
    START,
    TONNE_G,
    VALID_UNTIL,
    Firm,
    euro,
    lot_draft,
    requirement_draft,
    supply_draft,
)
from tests.market_support import LANES, Scene, scene_on
from tests.process_support import caught_up, eventually, published, serving, wired
from tests.sentinels import figure, found, identity

FIRMS = 6
ORDER_ACTIONS = ("posted", "amended", "withdrawn", "expired")
TYPES = {
    *(f"public.supply-offer.{action}.v1" for action in ORDER_ACTIONS),
    *(f"public.recovered-lot.{action}.v1" for action in ORDER_ACTIONS),
    *(f"public.requirement.{action}.v1" for action in ORDER_ACTIONS),
    "public.trade.struck.v1",
    "public.clearing.completed.v1",
    "public.pricing-rule.published.v1",
    "public.market.halted.v1",
    "public.market.resumed.v1",
}
NOT_WRITTEN_HERE = {"public.checkpoints.v1", "public.offtake-agreements.v1"}
ND_PPB = 28 * PERCENT + 1_377_317
TICK_UEUR = 1_000_000

PRIVATE = re.compile(
    r"(ask|dear|limit|low|weight) \d+$|(laboratory|assay|terms|LOT|seller|buyer)-\d+$|facility of"
)

Secrets = dict[str, tuple[str, ...]]
"""What must not be found → its spellings."""


def ask_of(k: int) -> int:
    return 61_377_301 + 117_911 * k


def dear_of(k: int) -> int:
    return 197_131_719 + 113_717 * k


def limit_of(k: int) -> int:
    return 88_911_307 + 119_311 * k


def low_of(k: int) -> int:
    return 11_317_737 + 131_711 * k


def weight_of(k: int) -> int:
    return 1_777_331 + 17_389 * k


def wet_g_of(k: int) -> int:
    return 10 * TONNE_G + 137_113 + 11 * k


def wanted_g_of(k: int) -> int:
    return 3 * TONNE_G + 131_171 + 13 * k


def composition() -> Composition:
    cells = {"Nd": ND_PPB, "Pr": 7 * PERCENT, "Dy": PERCENT, "Th": 0}
    return Composition(
        basis="dry",
        of="sample",
        cells=tuple(
            Cell(analyte=name, reported_as=name, state="value", fraction_ppb=ppb)
            for name, ppb in cells.items()
        ),
    )


def supply(k: int, ask: int) -> dict[str, Any]:
    return {
        "ask": euro(ask),
        "net_wet_g": wet_g_of(k),
        "composition": composition(),
        "assay": Assay(laboratory=f"laboratory-{k}", reference=f"assay-{k}", sampled_on=START.date()),
        "payment_terms": f"terms-{k}",
    }


def demand(k: int, limit: int) -> dict[str, Any]:
    profile = SustainabilityProfile(eu_origin_ueur_per_kg=weight_of(k), cap_ueur_per_kg=weight_of(k))
    return {"limit": euro(limit), "basis_g": wanted_g_of(k), "profile": profile}


async def trade_oddly(scene: Scene) -> None:
    """Every kind of public line: all actions on all orders, a round, a trade at once and a confirmed one.

    Every action falls among lines of five firms, else it would wait.
    """
    desk = scene.desk
    dear, unmet = [], []
    kept, spare, waiting = [], [], []
    for k, (seller, buyer) in enumerate(zip(scene.sellers, scene.buyers, strict=True)):
        open_terms = {"commitment": "subject_to_confirmation"} if k == FIRMS - 1 else {}
        await scene.offer(seller, **supply(k, ask_of(k)), **open_terms)
        dear.append(await scene.lot(seller, f"LOT-{k}", **supply(k, dear_of(k))))
        await scene.require(buyer, **demand(k, limit_of(k)), **open_terms)
        unmet.append(await scene.require(buyer, **demand(k, low_of(k))))
    for k, (seller, buyer) in enumerate(zip(scene.sellers, scene.buyers, strict=True)):
        kept.append(await scene.offer(seller, **supply(k, dear_of(k))))
        spare.append(await scene.lot(seller, f"LOT-{k}-B", **supply(k, dear_of(k))))
        waiting.append(await scene.require(buyer, **demand(k, low_of(k))))
    seller, buyer = scene.sellers[0], scene.buyers[0]
    amended = supply_draft(seller, **supply(0, dear_of(FIRMS)))
    await offers.amend(desk, seller.trader, order=kept[0], expected_version=1, draft=amended)
    await offers.withdraw(desk, scene.sellers[1].trader, order=kept[1], expected_version=1)
    await scene.offer(scene.sellers[2], **supply(2, dear_of(2)))
    await lots.grade(
        desk, seller.trader, order=dear[0], condition="B", inspector="inspector-0", expected_version=1
    )
    physical = PhysicalLot(site=seller.facility, lot_number="LOT-0")
    listed = replace(lot_draft(seller, "LOT-0", **supply(0, dear_of(FIRMS))), physical_lot=physical)
    await lots.amend(desk, seller.trader, order=dear[0], expected_version=2, draft=listed)
    await lots.withdraw(desk, scene.sellers[1].trader, order=dear[1], expected_version=1)
    lower = requirement_draft(buyer, **demand(0, low_of(FIRMS)))
    await requirements.amend(desk, buyer.trader, order=unmet[0], expected_version=1, draft=lower)
    await requirements.withdraw(desk, scene.buyers[1].trader, order=unmet[1], expected_version=1)
    concluded = await scene.conclude(await scene.plan())
    struck = [event.data for event in concluded if isinstance(event.data, MatchStruck)]
    assert {True, False} == {each.seller_must_confirm for each in struck}
    for each in struck:
        if each.seller_must_confirm:
            for firm in (scene.sellers[-1], scene.buyers[-1]):
                await matches.answer(desk, firm.trader, match=each.match, answer="confirmed")
    scene.clock.now = VALID_UNTIL
    await clearings.halt(desk, scene.operator, market=scene.market, reason="an audit")
    for k in (0, 2, 3, 4, 5):
        await offers.expire(desk, scene.operator, order=kept[k])
        await lots.expire(desk, scene.operator, order=spare[k])
        await requirements.expire(desk, scene.operator, order=waiting[k])
    await clearings.resume(desk, scene.operator, market=scene.market, reason="nothing was found")


async def secrets_of(scene: Scene) -> Secrets:
    events = await scene.events("market")
    secrets: Secrets = {"Nd": (str(ND_PPB), spelled(ND_PPB, 7), spelled(ND_PPB, 9))}
    for k, (seller, buyer) in enumerate(zip(scene.sellers, scene.buyers, strict=True)):
        for name, micro in (
            ("ask", ask_of(k)),
            ("dear", dear_of(k + 1)),
            ("limit", limit_of(k)),
            ("low", low_of(k + 1)),
            ("weight", weight_of(k)),
        ):
            secrets[f"{name} {k}"] = figure(micro)
        for name, grams in (("wet", wet_g_of(k)), ("wanted", wanted_g_of(k))):
            secrets[f"{name} {k}"] = (str(grams), spelled(grams, 3), spelled(grams, 6))
        for firm in (seller, buyer):
            secrets |= {f"{name} of {firm}": spellings for name, spellings in identities(firm)}
        for word in (f"seller-{k}", f"buyer-{k}", f"laboratory-{k}", f"assay-{k}", f"terms-{k}", f"LOT-{k}"):
            secrets[word] = (word,)
    for event in events:
        secrets[f"event {event.position}"] = identity(event.id)
        for name in ("offer", "lot", "requirement", "match"):
            of: Any = getattr(event.data, name, None)
            if of is not None:
                secrets[f"{name} {of}"] = identity(of)
        if isinstance(event.data, MatchStruck):
            assert event.data.price_ueur_per_kg % TICK_UEUR, "else a band's edge would be the price"
            secrets[f"price {event.position}"] = figure(event.data.price_ueur_per_kg)
            grams = event.data.quantity_basis_g
            secrets[f"traded {event.position}"] = (str(grams), spelled(grams, 3), spelled(grams, 6))
    return secrets


def identities(firm: Firm) -> list[tuple[str, tuple[str, ...]]]:
    return [("organisation", identity(firm.organisation)), ("facility", identity(firm.facility))]


def spelled(value: int, decimals: int) -> str:
    return f"{Decimal(value).scaleb(-decimals):f}".rstrip("0").rstrip(".")


async def told(bootstrap: str, topic: str) -> tuple[str, set[str]]:
    """Keys, headers and values of a topic, and the types of its records."""
    texts: list[str] = []
    types: set[str] = set()
    async with open_reading(bootstrap, topic) as reading:
        async for _, records in reading.batches():
            for record in records:
                headers = {name: value.decode() for name, value in record.headers.items()}
                types.add(headers["ce_type"])
                key = (record.key or b"").decode()
                texts.append(f"{key}\n{headers}\n{record.value.decode()}")
    return "\n".join(texts), types


def hits(secrets: Secrets, text: str) -> set[str]:
    """Names of the secrets of which a spelling stands in the text."""
    spellings = [each for given in secrets.values() for each in given]
    seen = set(found(spellings, text))
    return {name for name, given in secrets.items() if seen & set(given)}


def partners(scene: Scene) -> tuple[Firm, Firm]:
    return scene.sellers[0], scene.buyers[0]


async def joined(scene: Scene) -> bool:
    """Whether both partners' topics go with the publisher on the market's lane."""
    live = "select count(*) = 2 from ops.outlet where live and stream = 'market' and lane = $1"
    return bool(await scene.pool.fetchval(live, scene.lane.lane))


async def no_partner_is_told_of_another(scene: Scene, bootstrap: str, prefix: str, secrets: Secrets) -> None:
    """Its own price, words and site, and of everybody else no price, word or site.

    The price of a match is the marginal order's, and both its sides may know it.
    """
    seller, buyer = partners(scene)
    agreed = {value for name, given in secrets.items() if name.startswith("price ") for value in given}
    private = {name for name in secrets if PRIVATE.match(name) and not agreed.intersection(secrets[name])}
    own = {
        seller: {"ask 0", f"dear {FIRMS - 1}", "seller-0", "laboratory-0", "assay-0", "terms-0", "LOT-0"},
        buyer: {"limit 0", f"low {FIRMS - 1}", "weight 0", "buyer-0"},
    }
    for firm, names in own.items():
        text, types = await told(bootstrap, partner_topic(prefix, firm.organisation))
        assert names | {f"facility of {firm}"} == private & hits(secrets, text)
        assert "partner.match.struck.v1" in types


async def test_no_public_topic_tells_anything_of_anybody(
    database: Any, kafka_bootstrap: str, topic_prefix: str
) -> None:
    async with (
        scene_on(database, sellers=FIRMS, buyers=FIRMS) as scene,
        wired(database, kafka_bootstrap, topic_prefix) as wiring,
    ):
        async with serving(wiring, "relay", "publisher"):
            for firm in partners(scene):
                await parties.open_stream(
                    scene.desk, OpenStream(caller=firm.trader, organisation=firm.organisation)
                )
            await trade_oddly(scene)
            await eventually("the topics", lambda: published(scene))
            await eventually("the tape", lambda: caught_up(scene, "publisher"))
            await eventually("the partners", lambda: joined(scene))
        secrets = await secrets_of(scene)
        names = [topic.name for topic in declared_topics(LANES, brokers=1, prefix=topic_prefix)]
        public = [name for name in names if name.startswith(f"{topic_prefix}public.")]
        assert len(public) == 9
        types: set[str] = set()
        for name in public:
            text, of_topic = await told(kafka_bootstrap, name)
            assert (name.removeprefix(topic_prefix) in NOT_WRITTEN_HERE) == (text == ""), name
            assert set() == hits(secrets, text), name
            types |= of_topic
        assert types == TYPES
        await no_partner_is_told_of_another(scene, kafka_bootstrap, topic_prefix, secrets)
        record = [
            await told(kafka_bootstrap, name) for name in names if name.startswith(f"{topic_prefix}record.")
        ]
        assert set(secrets) == hits(secrets, "\n".join(text for text, _ in record))
