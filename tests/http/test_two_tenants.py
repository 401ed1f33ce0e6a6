"""A crawl over every route as each tenant, in every state of a match: nothing of another before both have
confirmed, never its limit, ask or weights, and 404 for its ids."""

import asyncio
import itertools
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal, get_args, get_type_hints
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from contracts.commands import payments
from contracts.rules.deliveries import Ship
from contracts.rules.payment import PaidInvoice
from contracts.rules.payments import StatePayment
from events.checkpoints import public_size
from events.contract_terms import AssayClause, FixedVolume, TermClause
from events.decision import Request
from events.delivery_events import DeliveryShipped
from events.market_terms import CertificateAmount, FootprintBenchmark, SustainabilityProfile
from events.passport_terms import OriginShare
from events.payment_events import PaymentStated
from events.policy_terms import PolicyTerms
from events.price_clauses import FlatPrice
from events.vocabulary import PPB, Footprint, KeyRole, OriginStep
from market.commands import (
    declared_volumes,
    inputs,
    matches,
    parties,
    passports,
    product_twins,
    shipping,
    transformations,
)
from market.http.app import HANDLERS, declared
from market.http.streams.feed import LINES
from market.http.wire.endpoint import Endpoint
from market.http.wire.ids import to_text
from market.http.wire.row_files import NDJSON
from market.imports import Imports
from market.rules.crma.declared_volumes import DeclareVolume
from market.rules.orders.policy_references import PolicyReference
from market.rules.parties.papers import RegisterCertificate, RegisterLicence
from market.rules.parties.parties import CertificateDetails, LicenceDetails
from market.rules.passports.passports import IssuePassport, TransferPassport
from market.rules.twins.product_twins import StateTwin
from market.settings import Settings
from tests.agreement_support import drafted, signed
from tests.conftest import Copier, Database, market_copy
from tests.contract_support import PERMIT, agreement_terms
from tests.delivery_support import FLAT, NDPR, figures
from tests.http.seals import fill, sealed
from tests.http.shop import Asker, Shop, shop_on
from tests.http.test_feed import FEED, streaming
from tests.market_days import publish_values, published
from tests.market_drafts import START, Firm, euro, rule_set
from tests.market_support import OpenMarket, Scene, done, fact_of
from tests.passport_support import content, made, magnet_record, product, transform
from tests.passport_support import declared as volume_terms
from tests.process_support import eventually
from tests.receiver_support import Got, Receiver, receiving
from tests.sentinels import figure, found, identity
from tests.store.test_webhooks import Hook, posting
from tests.store.test_webhooks import hook as register_hook

ENDPOINTS = declared(HANDLERS)
READING = [e for e in ENDPOINTS if e.method == "GET"]
TENANT_ROLES: tuple[KeyRole, ...] = ("trader", "compliance", "admin")
LED = {f"/v1/initiatives/{{initiative}}/{of}" for of in ("members", "invitations", "figures")}
"""Nobody here coordinates an initiative: test_partners asks as one that does."""
TENANTS_READING = {e.path for e in READING if not e.roles or e.roles.intersection(TENANT_ROLES)}
FILLED = 130
"""Events of the market's lane, so that everybody may know of some."""
UNTIL = START.replace(year=2028)
ORIGIN = (OriginStep(stage="extraction", country="NO"), OriginStep(stage="processing", country="FR"))
ORIGIN_TEXTS = ("extraction:NO", '"NO"')
FOOTPRINT_G_CO2E_PER_KG, CARBON_CENTS_PER_T = 1_573_919, 7_919_393
FOOTPRINT_TEXTS, CARBON_TEXTS = figure(FOOTPRINT_G_CO2E_PER_KG, 3), figure(CARBON_CENTS_PER_T, 2)
BENCHMARK = FootprintBenchmark(
    form="metal",
    declared_unit="element",
    boundary="gate",
    allocation="economic",
    benchmark_g_co2e_per_kg=1_573_969,
    worst_g_co2e_per_kg=1_573_999,
    source="a study",
)

State = Literal["struck", "answered", "declined", "confirmed"]
SENT_STATES: tuple[State, ...] = ("answered", "confirmed")
OWN_EXCLUSIONS = re.compile(r'\\?"organisations_excluded\\?":\[[^]]*\]')


@dataclass
class Sentinel:
    """What stands for a party: `secret` no other may ever find, `named` not before both have confirmed."""

    firm: Firm
    secret: list[str]
    named: list[str]


@dataclass
class Street:
    """A market with a struck match, and every id that a path can name."""

    shop: Shop
    database: Database
    parties: dict[str, Sentinel]
    ids: dict[str, list[str]]
    match: UUID
    sealed: int = 0
    state: State = "struck"

    async def bring_to(self, state: State) -> None:
        """Both answers count once both are in; the first stays sealed."""
        scene, seller, buyer = self.shop.scene, self.parties["seller"].firm, self.parties["buyer"].firm
        if state != "struck" and self.state == "struck":
            await matches.answer(scene.desk, seller.trader, match=self.match, answer="confirmed")
        if state == "confirmed":
            await matches.answer(scene.desk, buyer.trader, match=self.match, answer="confirmed")
        if state == "declined":
            await matches.answer(
                scene.desk, buyer.trader, match=self.match, answer="declined", reason="quality"
            )
        self.state = state
        await self.shop.project()


async def street(shop: Shop, database: Database) -> Street:
    scene = shop.scene
    (seller, outsider), (buyer, late) = scene.sellers, scene.buyers
    await inputs.publish_rule_set(
        scene.desk,
        scene.operator,
        market=scene.market,
        rule_set=rule_set(
            version=2,
            thin_component_groups=1,
            benchmarks=(BENCHMARK,),
            recognised_certificates=("irma",),
        ),
        signed_by=(scene.operator.organisation,),
    )
    papers, asked_for = {}, []
    for firm in (seller, outsider, buyer, late):
        certificate, licence, event = await papers_of(shop, firm)
        papers[firm.organisation] = (certificate, licence)
        asked_for.append(event)
    policy = await published(scene, buyer.trader, PolicyTerms(origins_excluded=("AQ",)))
    twin, volume = await state_twin(shop, seller), await declare_volume(shop, seller)
    orders = await post_orders(shop, papers[seller.organisation][0], policy)
    loop = await go_round(shop, seller)
    plan = await scene.plan()
    events = await scene.conclude(plan)
    [match] = [event.data.match for event in events if event.type == "market.match.struck.v1"]  # type: ignore[attr-defined]
    await shop.project()
    await publish_values(scene)
    firms = {"seller": seller, "buyer": buyer, "outsider": outsider, "late": late}
    for firm in firms.values():
        await shop.token(firm, *TENANT_ROLES)
    keys = {
        firm.organisation: UUID(hex=token.split("_")[2])
        for (holder, _), token in shop.tokens.items()
        for firm in firms.values()
        if firm.organisation == holder
    }
    parties_ = {
        name: sentinel(name, firm, (*papers[firm.organisation], keys[firm.organisation]), orders[name])
        for name, firm in firms.items()
    }
    parties_["buyer"].secret += identity(policy)
    parties_["seller"].secret += [*identity(twin), "SENTINEL-PRODUCT"]
    parties_["seller"].secret += [*identity(volume), "SENTINEL-TRADER"]
    parties_["seller"].secret += [*LOOP_TEXTS, *(text for each in loop[:3] for text in identity(each))]
    hooked = {name: await hook(shop, firm) for name, firm in firms.items()}
    for name, found_ids in hooked.items():
        parties_[name].secret += [each.partition("_")[2] for each in found_ids]
    sent = await deliver(shop, outsider, late)
    ids = {
        "organisation": [to_text("org", firm.organisation) for firm in firms.values()],
        "facility": [to_text("fac", firm.facility) for firm in firms.values()],
        "certificate": [to_text("cert", papers[firm.organisation][0]) for firm in firms.values()],
        "licence": [to_text("lic", papers[firm.organisation][1]) for firm in firms.values()],
        "key": [to_text("key", keys[firm.organisation]) for firm in firms.values()],
        "market": [shop.market],
        "offer": [to_text("offer", orders["seller"][0]), to_text("offer", orders["outsider"][0])],
        "lot": [to_text("lot", orders["seller"][1])],
        "requirement": [to_text("req", orders["buyer"][0]), to_text("req", orders["late"][0])],
        "plan": [to_text("plan", plan.data.plan)],  # type: ignore[attr-defined]
        "match": [to_text("match", match)],
        "version": ["1", "2"],
        "initiative": ["remhub"],
        "policy": [to_text("pol", policy)],
        "twin": [to_text("twin", twin)],
        "volume": [to_text("vol", volume)],
        "file": ["swagger-ui.css"],
        "agreement": [to_text("agr", await agree(shop, outsider, late))],
        "proposal": ["1"],
        "condition": ["permit"],
        "delivery": [to_text("del", sent.delivery)],
        "invoice": [to_text("inv", sent.invoice)],
        "payment": [to_text("pay", await pay(shop, late, sent))],
        "code": ["ndpr-oxide-cn"],
        "event": [to_text("evt", event) for event in asked_for],
        "stream": ["market"],
        "lane": [str(scene.lane.lane)],
        "passport": [to_text("pass", each) for each in (*loop[:2], loop[3])],
        "transformation": [to_text("tra", loop[2])],
        "run": [to_text("run", uuid7())],
        "kind": ["offers"],
        "import": [await hand_in(shop, seller)],
        "webhook": [webhook for webhook, _ in hooked.values()],
        "message": [message for _, message in hooked.values()],
    }
    return Street(shop=shop, database=database, parties=parties_, ids=ids, match=match)


@pytest.fixture(scope="module")
async def first_street(
    server_settings: Settings, copier: Copier, template_market: tuple[str, OpenMarket]
) -> AsyncIterator[Street]:
    """Laid once; its database is copied, and its shop is closed."""
    async with market_copy(server_settings, copier, template_market) as database:
        async with shop_on(database) as shop:
            laid = await street(shop, database)
        yield laid


@asynccontextmanager
async def laid_again(first: Street, copier: Copier) -> AsyncIterator[Street]:
    """A copy behind a door of its own."""
    template = first.database.name, first.shop.scene.known()
    async with (
        market_copy(first.database.settings, copier, template) as database,
        shop_on(database) as shop,
    ):
        shop.tokens, shop.keys = dict(first.shop.tokens), first.shop.keys
        parties_ = {
            name: replace(each, secret=[*each.secret], named=[*each.named])
            for name, each in first.parties.items()
        }
        ids = {name: [*each] for name, each in first.ids.items()}
        yield replace(first, shop=shop, database=database, parties=parties_, ids=ids)


@pytest.fixture
async def laid(first_street: Street, copier: Copier) -> AsyncIterator[Street]:
    async with laid_again(first_street, copier) as opened:
        yield opened


async def hand_in(shop: Shop, firm: Firm) -> str:
    """A file whose report names what only its owner knows."""
    headers = {"Content-Type": NDJSON}
    row = json.dumps({"SENTINEL-LOT": 1}).encode()
    path = "/v1/imports?kind=offers&mode=partial"
    answer = await shop.ask("POST", path, by=firm, roles=TENANT_ROLES, body=row, headers=headers)
    await Imports(shop.door, owner="crawl").work_once("crawl", asyncio.Event())
    handed_in: str = answer.json()["id"]
    return handed_in


async def hook(shop: Shop, firm: Firm) -> tuple[str, str]:
    """A webhook, and a test of it that waits."""
    given: Asker = {"by": firm, "roles": TENANT_ROLES}
    body = {"url": f"https://partner.example/{firm.organisation.hex}"}
    webhook: str = (await shop.ask("POST", "/v1/webhooks", body=body, **given)).json()["id"]
    message: str = (await shop.ask("POST", f"/v1/webhooks/{webhook}/test", **given)).json()["id"]
    return webhook, message


async def go_round(shop: Shop, firm: Firm) -> tuple[UUID, UUID, UUID, UUID]:
    """A lot, what was made of it, and by which transformation; and one that was another's, whose label
    everybody may read."""
    root, lot, work, public = uuid7(), uuid7(), uuid7(), uuid7()
    origin = OriginShare(stage="extraction", country="NO", share_ppb=PPB, source="SENTINEL-MINE")
    stated = content(firm.facility, "SENTINEL-PASSPORT", origin=(origin,))
    desk, trader = shop.scene.desk, firm.trader
    await passports.issue(desk, IssuePassport(caller=trader, passport=root, content=stated))
    maker = await shop.scene.register("maker")
    label = content(maker.facility, "LABELLED", magnets=magnet_record(maker.organisation))
    await passports.issue(desk, IssuePassport(caller=maker.trader, passport=public, content=label))
    sold = TransferPassport(
        caller=maker.trader,
        passport=public,
        expected_version=1,
        owner=firm.organisation,
        transferred_on=shop.scene.clock.now.date(),
    )
    await passports.transfer(desk, sold)
    making = transform(trader, work, firm.facility, [(root, 10)], [made(lot, "SENTINEL-MADE", net_wet_g=10)])
    await transformations.transform(desk, making)
    return root, lot, work, public


async def agree(shop: Shop, seller: Firm, buyer: Firm) -> UUID:
    """A draft with a price, a laboratory and a permit that stand nowhere else."""
    scene = shop.scene
    terms = agreement_terms(
        term=TermClause(years=1, long_stop_on=date(2026, 12, 31)),
        volume=FixedVolume(acq_g=(1,)),
        price=FlatPrice(price_micro_per_kg=73_313_777),
        assay=AssayClause(umpire="SENTINEL-UMPIRE"),
        conditions=(PERMIT,),
    )
    return await drafted(scene, terms, parties=(seller, buyer))


async def pay(shop: Shop, buyer: Firm, sent: DeliveryShipped) -> UUID:
    """That its provisional invoice was paid, under a reference that stands nowhere else."""
    stated = StatePayment(
        caller=buyer.trader,
        currency=sent.currency,
        amount_cents=1,
        value_on=shop.scene.clock.now.date(),
        reference="SENTINEL-PAID",
        parts=(PaidInvoice(invoice=sent.invoice, amount_cents=1),),
    )
    return fact_of(done(await payments.state(shop.scene.desk, stated)), PaymentStated).payment


async def deliver(shop: Shop, seller: Firm, buyer: Firm) -> DeliveryShipped:
    """A shipment under a spot contract, of a lot whose number stands nowhere else."""
    scene, today = shop.scene, shop.scene.clock.now.date()
    agreement = await signed(scene, FLAT, kind="spot", parties=(seller, buyer))
    shipment = Ship(
        caller=seller.trader,
        agreement=agreement,
        lot_number="SENTINEL-DELIVERED",
        form="separated_oxide",
        shipped_on=today,
        net_wet_g=10**7,
        moisture_ppb=0,
        stated=figures(**NDPR),
    )
    shipped = await shipping.ship(scene.desk, shipment)
    return fact_of(done(shipped), DeliveryShipped)


async def papers_of(shop: Shop, firm: Firm) -> tuple[UUID, UUID, UUID]:
    """A certificate and a licence of the firm's site, and the event that told the market of it."""
    desk = shop.scene.desk
    given: dict[str, Any] = {"facility": firm.facility, "valid_from": START, "valid_until": UNTIL}
    reference = f"PAPER-{firm.organisation.hex}"
    certificate = await parties.register_certificate(
        desk,
        RegisterCertificate(
            caller=firm.trader,
            organisation=firm.organisation,
            details=CertificateDetails(scheme="irma", reference=reference, **given),
        ),
        request=Request(
            organisation=firm.organisation, route="POST /v1/certificates", key="k", body_hash=bytes(32)
        ),
    )
    licence = await parties.register_licence(
        desk,
        RegisterLicence(
            caller=firm.trader,
            organisation=firm.organisation,
            details=LicenceDetails(
                kind="waste_treatment", waste_statuses=("waste",), reference=reference, **given
            ),
        ),
    )
    papers = [done(each).events[0].data for each in (certificate, licence)]
    (learnt,) = [event.id for event in done(certificate).events if event.stream == "market"]
    return papers[0].certificate, papers[1].licence, learnt  # type: ignore[attr-defined]


async def state_twin(shop: Shop, firm: Firm) -> UUID:
    twin: UUID = uuid7()
    argument = StateTwin(
        caller=firm.trader, twin=twin, expected_version=0, terms=product(name="SENTINEL-PRODUCT")
    )
    await product_twins.state(shop.scene.desk, argument)
    return twin


async def declare_volume(shop: Shop, firm: Firm) -> UUID:
    volume: UUID = uuid7()
    argument = DeclareVolume(
        caller=firm.trader, volume=volume, terms=volume_terms(counterparty="SENTINEL-TRADER")
    )
    await declared_volumes.declare(shop.scene.desk, argument)
    return volume


async def post_orders(shop: Shop, certificate: UUID, policy: UUID) -> dict[str, list[UUID]]:
    """Orders with figures that stand nowhere by chance; the first two meet."""
    scene = shop.scene
    (seller, outsider), (buyer, late) = scene.sellers, scene.buyers
    open_terms = {"commitment": "subject_to_confirmation"}
    offer = await scene.offer(
        seller,
        ask=euro(61_377_301),
        origin=ORIGIN,
        certificates=(certificate,),
        footprint=Footprint(
            g_co2e_per_kg=FOOTPRINT_G_CO2E_PER_KG,
            declared_unit="element",
            form="metal",
            standard="iso-14067",
            boundary="gate",
            allocation="economic",
            reference_year=2025,
            primary_data_ppb=10**9,
            verified=True,
            verifier="a verifier",
            valid_until=UNTIL,
        ),
        **open_terms,
    )
    lot = await scene.lot(seller, "SENTINEL-LOT", ask=euro(99_913_907))
    profile = SustainabilityProfile(
        carbon_cents_per_t=CARBON_CENTS_PER_T,
        eu_origin_ueur_per_kg=1_777_331,
        certificates=(CertificateAmount(scheme="irma", ueur_per_kg=2_333_771),),
        cap_ueur_per_kg=30_111_713,
    )
    requirement = await scene.require(
        buyer,
        basis_g=3_500_000,
        limit=euro(88_911_307),
        profile=profile,
        organisations_excluded=(late.organisation,),
        policies=(PolicyReference(policy=policy, version=1),),
        **open_terms,
    )
    other = await scene.offer(outsider, ask=euro(197_131_719), **open_terms)
    unmet = await scene.require(late, limit=euro(11_317_737))
    return {"seller": [offer, lot], "buyer": [requirement], "outsider": [other], "late": [unmet]}


AGREED = [*figure(73_313_777), "SENTINEL-UMPIRE", "SENTINEL-DELIVERED", "SENTINEL-PAID"]
LOOP_TEXTS = ["SENTINEL-MINE", "SENTINEL-PASSPORT", "SENTINEL-MADE"]
CONTRACTED = ("outsider", "late")
NAMES = {"seller": "seller-0", "outsider": "seller-1", "buyer": "buyer-0", "late": "buyer-1"}
FIGURES = {
    "seller": (61_377_301, 99_913_907),
    "outsider": (197_131_719,),
    "buyer": (88_911_307, 1_777_331, 2_333_771, 30_111_713),
    "late": (11_317_737,),
}


def sentinel(name: str, firm: Firm, others: tuple[UUID, ...], orders: list[UUID]) -> Sentinel:
    """A confirmed match tells name, organisation, its own order and what the price rests on; never more."""
    certificate, *rest = others
    secret = [text for each in FIGURES[name] for text in figure(each)]
    secret += [text for each in (firm.facility, *rest, *orders[1:]) for text in identity(each)]
    secret += ["SENTINEL-LOT"] if name == "seller" else CARBON_TEXTS if name == "buyer" else []
    named = [NAMES[name], *identity(firm.organisation), *identity(orders[0]), *identity(certificate)]
    named += [*ORIGIN_TEXTS, *FOOTPRINT_TEXTS] if name == "seller" else []
    return Sentinel(firm=firm, secret=secret, named=named)


def addresses(street_: Street, e: Endpoint) -> list[str]:
    names = re.findall(r"\{(\w+)\}", e.path)
    paths = []
    for values in itertools.product(*(street_.ids[name] for name in names)):
        path = e.path
        for name, value in zip(names, values, strict=True):
            path = path.replace(f"{{{name}}}", value)
        paths.append(path)
    return paths


def with_queries(street_: Street, e: Endpoint) -> list[str]:
    """Each address bare, by one item a page, of the market, of the round, and of the initiative of all."""
    fields = e.query.__struct_fields__
    queries = ["", "&against=1"] if "against" in fields else [""]
    queries += ["&round=1"] if "round" in fields else []
    queries += ["&limit=1", "&limit=200"] if "limit" in fields else []
    queries += [f"&market={street_.shop.market}"] if "market" in fields else []
    queries += ["&initiative=remhub"] if "initiative" in fields else []
    if e.path.startswith(("/v1/passports", "/v1/imports")):
        queries += [f"&format={each}" for each in texts_of(get_type_hints(e.query).get("format"))]
    first = "?reason=crawl" if "reason" in fields else ""
    if "old_size" in fields:
        first = f"?old_size={street_.sealed}&new_size={street_.sealed}"
    return [path + _query(first + query) for path in addresses(street_, e) for query in queries]


def texts_of(kind: Any) -> list[str]:
    """Of a `Literal`, also inside of others."""
    return [kind] if isinstance(kind, str) else [text for each in get_args(kind) for text in texts_of(each)]


def _query(text: str) -> str:
    return text if text.startswith("?") else text.replace("&", "?", 1)


def told(answer: Any) -> str:
    """Body and headers without what the reader itself has said: whom it excludes."""
    body = OWN_EXCLUSIONS.sub("", answer.text)
    return body + "".join(f"{name}: {value}\n" for name, value in answer.headers.items())


def hidden_from(who: str, laid: Street, state: State) -> list[str]:
    parties_of_the_match = ("seller", "buyer")
    exchanged = state == "confirmed" and who in parties_of_the_match
    hidden: list[str] = []
    for name, other in laid.parties.items():
        if name != who:
            hidden += other.secret
            hidden += [] if exchanged and name in parties_of_the_match else other.named
    if who in CONTRACTED:
        for name in CONTRACTED:
            known = {NAMES[name], *identity(laid.parties[name].firm.organisation)}
            hidden = [text for text in hidden if text not in known]
    else:
        hidden += AGREED
    return hidden


@dataclass(frozen=True)
class Read:
    """What a route has told; `bare` of an address without a query."""

    route: str
    path: str
    status: int
    told: str
    bare: bool


@dataclass
class Crawl:
    """All that each party reads of a street in one state; `bought` is the match as the buyer's trader reads
    it."""

    street: Street
    reads: dict[str, list[Read]]
    bought: str


@pytest.fixture(scope="module", params=get_args(State))
async def crawl(first_street: Street, copier: Copier, request: pytest.FixtureRequest) -> Crawl:
    async with laid_again(first_street, copier) as laid:
        shop = laid.shop
        await laid.bring_to(request.param)
        await fill(shop.scene, FILLED)
        laid.sealed = public_size(await sealed(shop, laid.database))
        await sealed(shop, laid.database, stream="contracts")
        reads: dict[str, list[Read]] = {who: [] for who in laid.parties}
        for e in READING:
            bare = set(addresses(laid, e))
            for path, (who, reader) in itertools.product(with_queries(laid, e), laid.parties.items()):
                answer = await shop.ask("GET", path, by=reader.firm, roles=TENANT_ROLES)
                reads[who].append(Read(e.path, path, answer.status_code, told(answer), path in bare))
        match = f"/v1/matches/{laid.ids['match'][0]}"
        bought = (await shop.ask("GET", match, by=laid.parties["buyer"].firm)).text
    return Crawl(street=laid, reads=reads, bought=bought)


def test_no_reader_finds_anything_of_another_party(crawl: Crawl) -> None:
    crawled = set()
    for who, reads in crawl.reads.items():
        hidden = hidden_from(who, crawl.street, crawl.street.state)
        for read in reads:
            expected = (200, 404) if read.route in TENANTS_READING else (403,)
            assert read.status in expected, (read.path, read.told)
            assert [] == found(hidden, read.told), (who, read.path, read.told)
            if read.status == 200:
                crawled.add(read.route)
    assert TENANTS_READING - LED == crawled


async def sent(shop: Shop, firm: Firm, hooked: Hook, receiver: Receiver) -> str:
    """All that range, stream, webhook and its log have told the firm by now."""
    lines = (await shop.ask("GET", FEED, by=firm, roles=TENANT_ROLES, headers={"Accept": LINES})).text
    events = [json.loads(line) for line in lines.splitlines()]
    async with streaming(shop, firm) as stream:
        await stream.until(len(events))
    since = (await hooked.read()).registered_at
    wanted = {UUID(each["id"]) for each in events if datetime.fromisoformat(each["time"]) >= since}

    async def posted() -> bool:
        return wanted <= {got.id for got in posts()}

    def posts() -> list[Got]:
        return [got for got in receiver.taken if got.path.endswith(hooked.id.hex)]

    await eventually("the posts", posted)
    texts = [lines, stream.body.decode(), *(f"{got.headers} {got.body.decode()}" for got in posts())]
    webhook = to_text("hook", hooked.id)
    for path in (webhook, f"{webhook}/health", f"{webhook}/messages?limit=200"):
        answer = await shop.ask("GET", f"/v1/webhooks/{path}", by=firm, roles=TENANT_ROLES)
        assert 200 == answer.status_code, answer.text
        texts += [told(answer)]
    return OWN_EXCLUSIONS.sub("", "\n".join(texts))


async def test_nothing_that_is_sent_tells_anything_of_another_party(shop: Shop, database: Database) -> None:
    """Ranges, streams, posts to webhooks and their logs, while an answer is sealed and once names are
    exchanged."""
    scene = shop.scene
    firms = dict(zip(("seller", "outsider", "buyer", "late"), (*scene.sellers, *scene.buyers), strict=True))
    for firm in firms.values():
        await shop.token(firm, "trader")
    async with receiving() as receiver:
        hooked = {who: await hook_to(scene, firm, receiver) for who, firm in firms.items()}
        laid = await street(shop, database)
        for who, each in hooked.items():
            laid.parties[who].secret += identity(each.id)
        async with posting(scene, receiver, schedule_seconds=(3_600,)):
            for state in SENT_STATES:
                await laid.bring_to(state)
                for who, party in laid.parties.items():
                    text = await sent(shop, party.firm, hooked[who], receiver)
                    assert [] == found(hidden_from(who, laid, state), text), (who, state)
                    own = [figure(each)[1] for each in FIGURES[who]]
                    assert own == found(own, text), who


async def hook_to(scene: Scene, firm: Firm, receiver: Receiver) -> Hook:
    """Of what the firm is shown from now on."""
    webhook = uuid7()
    return await register_hook(
        scene, firm, receiver, webhook=webhook, url=f"{receiver.url()}&to={webhook.hex}"
    )


def test_the_crawl_would_find_what_it_looks_for(crawl: Crawl) -> None:
    """Its owner finds every figure and id, and the parties of a confirmed match find each other."""
    laid = crawl.street
    for who, reader in laid.parties.items():
        texts = "".join(read.told for read in crawl.reads[who] if read.bare)
        wanted = [figure(each)[1] for each in FIGURES[who]]
        wanted += {"seller": (*FOOTPRINT_TEXTS[1:], *LOOP_TEXTS), "buyer": CARBON_TEXTS[1:]}.get(who, ())
        wanted += [each.partition("_")[2] for each in laid.ids["organisation"] if each[4:] in reader.named]
        assert wanted == found(wanted, texts), who
        assert (AGREED if who in CONTRACTED else []) == found(AGREED, texts), who
    names = ["seller-0", "extraction:NO", FOOTPRINT_TEXTS[1]]
    assert (names if laid.state == "confirmed" else []) == found(names, crawl.bought)


async def test_no_route_shows_an_operator_a_price_before_the_cut(laid: Street) -> None:
    """There is no breaking of the glass: what no cut has taken, operators see sealed on every route."""
    shop = laid.shop
    scene = shop.scene
    operator = await scene.register("overseer")
    asked, bid = 71_993_117, 53_119_937
    later = {
        "offer": await scene.offer(scene.sellers[1], ask=euro(asked)),
        "lot": await scene.lot(scene.sellers[1], "LATER-LOT", ask=euro(asked)),
        "requirement": await scene.require(scene.buyers[1], limit=euro(bid)),
    }
    await shop.project()
    prefixes = {"offer": "offer", "lot": "lot", "requirement": "req"}
    for kind, order in later.items():
        laid.ids[kind].append(f"{prefixes[kind]}_{order.hex}")
    seen: dict[KeyRole, str] = {}
    roles: tuple[KeyRole, ...] = ("operator", "auditor")
    for role in roles:
        seen[role] = ""
        for e in READING:
            for path in with_queries(laid, e):
                answer = await shop.ask("GET", path, by=operator, roles=(role,))
                unused = role == "operator" and "reason=" in path
                assert answer.status_code in (200, 403, 404, *([422] * unused)), (path, answer.text)
                seen[role] += told(answer)
    secrets = [*figure(asked), *figure(bid), "LATER-LOT"]
    assert [] == found(secrets, seen["operator"])
    assert [figure(asked)[1], figure(bid)[1], "LATER-LOT"] == found(secrets, seen["auditor"])
    assert [figure(61_377_301)[1]] == found([figure(61_377_301)[1]], seen["operator"])


async def test_a_sealed_answer_moves_nothing_that_the_other_side_can_read(laid: Street) -> None:
    """Not a position, not a count, not an ETag, not a checkpoint: every route answers as before, but for when
    a figure says that it was read, which its ETag covers."""
    shop = laid.shop
    await fill(shop.scene, FILLED)
    await shop.project()
    laid.sealed = public_size(await sealed(shop, laid.database))
    buyer = laid.parties["buyer"].firm

    async def everything() -> dict[str, tuple[int, str, tuple[str | None, str | None]]]:
        answers = {}
        for e in READING:
            for path in with_queries(laid, e):
                answer = await shop.ask("GET", path, by=buyer, roles=TENANT_ROLES)
                text = re.sub(r'"next_cursor":"[^"]*"', "", answer.text)
                text = re.sub(r"[0-9a-f-]{36}", "", text) if answer.status_code >= 400 else text
                now = shop.scene.clock.now.isoformat().replace("+00:00", "Z")
                dated = f'"as_of":"{now}"' in text
                text = text.replace(f'"as_of":"{now}"', "") if dated else text
                told_too = (
                    None if dated else answer.headers.get("etag"),
                    answer.headers.get("link") if "/feed" in path else None,
                )
                answers[path] = (answer.status_code, text, told_too)
        return answers

    before = await everything()
    await laid.bring_to("answered")
    assert laid.sealed < await sealed(shop, laid.database)
    shop.scene.clock.pass_seconds(1)
    assert before == await everything()


@pytest.mark.parametrize("limit", ["11.00", "250.00"])
async def test_no_question_finds_anything_of_another_party(laid: Street, limit: str) -> None:
    """Neither of who would meet the order nor of who would outbid it."""
    shop = laid.shop
    for who, reader in laid.parties.items():
        sides = {
            "requirement": shop.requirement_body(
                reader.firm,
                kind="requirement",
                forms=[{"form": "metal"}],
                limit={"amount": limit, "currency": "EUR", "per": "element"},
            ),
            "supply_offer": shop.offer_body(
                reader.firm,
                kind="supply_offer",
                ask={"amount": limit, "currency": "EUR", "per": "element"},
            ),
        }
        for body in sides.values():
            answer = await shop.ask("POST", "/v1/quotes", by=reader.firm, body=body)
            assert 200 == answer.status_code, answer.text
            assert [] == found(hidden_from(who, laid, "struck"), told(answer)), (who, answer.text)


async def test_no_tenant_reads_the_metrics(shop: Shop) -> None:
    for by in (None, *shop.scene.sellers):
        assert 404 == (await shop.ask("GET", "/metrics", by=by, roles=TENANT_ROLES)).status_code


async def test_another_partys_ids_are_404_for_every_change(laid: Street) -> None:
    shop = laid.shop
    outsider = laid.parties["outsider"].firm
    own = [text for text in laid.parties["outsider"].named + laid.parties["outsider"].secret if text]
    foreign = {
        name: [value for value in values if value.partition("_")[2] not in own]
        for name, values in laid.ids.items()
        if name not in ("market", "version", "initiative", "plan")
    }
    laid.ids.update(foreign)
    seller, buyer = laid.parties["seller"].firm, laid.parties["buyer"].firm
    laid.ids["agreement"] = [to_text("agr", await agree(shop, seller, buyer))]
    sent = await deliver(shop, seller, buyer)
    laid.ids["delivery"] = [to_text("del", sent.delivery)]
    laid.ids["invoice"] = [to_text("inv", sent.invoice)]
    laid.ids["payment"] = [to_text("pay", await pay(shop, buyer, sent))]
    tried = 0
    before = await shop.rows()
    for e in ENDPOINTS:
        if e.method == "GET" or not e.roles & set(TENANT_ROLES) or "{" not in e.path or "/inputs" in e.path:
            continue
        for path in addresses(laid, e):
            answer = await shop.ask(
                e.method,
                path,
                by=outsider,
                roles=TENANT_ROLES,
                body=e.example,
                version='"v1"' if e.versioned else None,
            )
            assert (path, 404) == (path, answer.status_code), answer.text
            assert [] == found(hidden_from("outsider", laid, "struck"), told(answer))
            tried += 1
    assert before == await shop.rows()
    assert tried >= 60


async def test_another_partys_site_in_a_body_is_as_unknown_as_none(laid: Street) -> None:
    shop = laid.shop
    outsider, seller = laid.parties["outsider"].firm, laid.parties["seller"].firm
    bodies = {
        "supply-offers": shop.offer_body,
        "recovered-lots": shop.lot_body,
        "requirements": shop.requirement_body,
    }
    for collection, body in bodies.items():
        nobody = to_text("fac", UUID(int=7))
        refusals = []
        for facility in (to_text("fac", seller.facility), nobody):
            sent = json.dumps(body(outsider)).replace(to_text("fac", outsider.facility), facility)
            assert facility in sent
            answer = await shop.ask("POST", f"/v1/{collection}", by=outsider, body=sent.encode())
            assert answer.status_code >= 400
            refusals.append([(each["code"], each["pointer"]) for each in answer.json()["errors"]])
        assert refusals[0] == refusals[1]


async def test_a_buyers_qualifications_are_its_own(shop: Shop) -> None:
    (seller, outsider), (buyer, _) = shop.scene.sellers, shop.scene.buyers
    path = f"/v1/markets/{shop.market}/inputs"
    stated = {
        "kind": "qualification",
        "buyer": to_text("org", buyer.organisation),
        "seller": to_text("org", seller.organisation),
        "facility": to_text("fac", seller.facility),
        "form": "metal",
        "level": "pilot",
        "source_id": "audit-7",
    }
    made = await shop.ask("POST", path, by=buyer, body=stated)
    assert 201 == made.status_code, made.text
    for_others = await shop.ask("POST", path, by=outsider, body={**stated, "level": "production"})
    assert (403, "qualification_of_other") == (for_others.status_code, for_others.json()["code"])
    rate = {"kind": "fx_rate", "currency": "USD", "eur_per_unit": "2", "as_of": "2026-03-02", "source": "me"}
    not_its_own = {**rate, "published_at": "2026-03-02T08:00:00Z", "source_id": "x"}
    assert 403 == (await shop.ask("POST", path, by=buyer, body=not_its_own)).status_code
    seen = {
        name: [item["input"]["kind"] for item in (await shop.ask("GET", path, by=firm)).json()["items"]]
        for name, firm in (("buyer", buyer), ("seller", seller), ("outsider", outsider))
    }
    assert ("qualification" in seen["buyer"], "fx_rate" in seen["seller"]) == (True, True)
    assert "qualification" not in seen["seller"] + seen["outsider"]


async def test_the_anonymised_book_shows_nothing_below_five_organisations(laid: Street) -> None:
    shop = laid.shop
    answer = await shop.ask("GET", f"/v1/markets/{shop.market}/book", by=laid.parties["late"].firm)
    assert (200, []) == (answer.status_code, answer.json()["items"])


async def test_the_anonymised_book_joins_with_nothing(shop: Shop) -> None:
    scene = shop.scene
    firms = [*scene.sellers, *[await scene.register(f"seller-{n}") for n in range(2, 6)]]
    offers = [await scene.offer(firm) for firm in firms]
    path = f"/v1/markets/{shop.market}/book"
    early = await shop.ask("GET", path, by=scene.buyers[0])
    assert [] == early.json()["items"], "who reads often would learn when each came"
    await scene.conclude(await scene.plan())
    answer = await shop.ask("GET", f"{path}?limit=4", by=scene.buyers[0])
    entries = answer.json()["items"]
    assert (4, 6) == (len(entries), len(offers))
    rest = await shop.ask("GET", f"{path}?limit=4&cursor={answer.json()['next_cursor']}", by=scene.buyers[0])
    entries += rest.json()["items"]
    assert 6 == len({entry["id"] for entry in entries})
    assert {"low": "2000.000", "high": "5000.000"} == entries[0]["basis_kg"]
    for firm, offer in zip(firms, offers, strict=True):
        for each in (firm.organisation, firm.facility, offer):
            assert each.hex not in answer.text + rest.text
    assert "60.00" not in answer.text
    foreign = await shop.ask("GET", f"{path}?initiative=permanet", by=scene.buyers[0])
    own = await shop.ask("GET", f"{path}?initiative=remhub", by=scene.buyers[0])
    assert (404, 200) == (foreign.status_code, own.status_code)
