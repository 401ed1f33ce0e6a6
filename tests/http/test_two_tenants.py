"""A crawl over every route as each tenant: nothing of another before both have confirmed, 404 for its ids."""

import itertools
import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from events.market_terms import SustainabilityProfile
from events.vocabulary import KeyRole, StatedPrice
from market.commands import inputs
from market.http.access import PUBLIC
from market.http.app import HANDLERS, declared
from market.http.endpoint import Endpoint
from market.http.ids import to_text
from tests.http.shop import Shop
from tests.market_support import Firm, rule_set

ENDPOINTS = declared(HANDLERS)
TENANT_ROLES: tuple[KeyRole, ...] = ("trader", "compliance", "admin")


@dataclass
class Sentinel:
    """What stands for a party: no other may find it in any answer."""

    firm: Firm
    texts: list[str]


@dataclass
class Street:
    """A market with a struck match, and every id that a path can name."""

    shop: Shop
    parties: dict[str, Sentinel]
    ids: dict[str, list[str]]


async def street(shop: Shop) -> Street:
    scene = shop.scene
    (seller, outsider), (buyer, late) = scene.sellers, scene.buyers
    await inputs.publish_rule_set(
        scene.desk,
        scene.operator,
        market=scene.market,
        rule_set=rule_set(version=2, thin_component_groups=1),
        signed_by=(scene.operator.organisation,),
    )
    open_terms = {"commitment": "subject_to_confirmation"}
    offer = await scene.offer(
        seller, ask=StatedPrice(amount_micro=61_377_301, currency="EUR", per="element"), **open_terms
    )
    lot = await scene.lot(
        seller, "SENTINEL-LOT", ask=StatedPrice(amount_micro=99_913_907, currency="EUR", per="element")
    )
    requirement = await scene.require(
        buyer,
        basis_g=3_500_000,
        limit=StatedPrice(amount_micro=88_911_307, currency="EUR", per="element"),
        profile=SustainabilityProfile(eu_origin_ueur_per_kg=1_777_331, cap_ueur_per_kg=1_777_331),
        organisations_excluded=(late.organisation,),
        **open_terms,
    )
    other = await scene.offer(
        outsider, ask=StatedPrice(amount_micro=97_131_719, currency="EUR", per="element"), **open_terms
    )
    unmet = await scene.require(
        late, limit=StatedPrice(amount_micro=11_317_737, currency="EUR", per="element")
    )
    plan = await scene.plan()
    events = await scene.conclude(plan)
    [match] = [event.data.match for event in events if event.type == "market.match.struck.v1"]  # type: ignore[attr-defined]
    await shop.project()
    for firm in (seller, buyer, outsider, late):
        await shop.token(firm, *TENANT_ROLES)
    keys = {
        firm.organisation: token.split("_")[2]
        for (firm_id, _), token in shop.tokens.items()
        for firm in (seller, buyer, outsider, late)
        if firm.organisation == firm_id
    }
    parties = {
        "seller": sentinel(
            seller,
            "seller-0",
            [offer, lot],
            ["61.377301", "99.913907", "SENTINEL-LOT", keys[seller.organisation]],
        ),
        "buyer": sentinel(
            buyer, "buyer-0", [requirement], ["88.911307", "1.777331", keys[buyer.organisation]]
        ),
        "outsider": sentinel(outsider, "seller-1", [other], ["97.131719", keys[outsider.organisation]]),
        "late": sentinel(late, "buyer-1", [unmet], ["11.317737", keys[late.organisation]]),
    }
    firms = (seller, buyer, outsider, late)
    ids = {
        "organisation": [to_text("org", firm.organisation) for firm in firms],
        "facility": [to_text("fac", firm.facility) for firm in firms],
        "certificate": [to_text("cert", UUID(int=1))],
        "licence": [to_text("lic", UUID(int=1))],
        "key": [f"key_{keys[firm.organisation]}" for firm in firms],
        "market": [shop.market],
        "offer": [to_text("offer", offer), to_text("offer", other)],
        "lot": [to_text("lot", lot)],
        "requirement": [to_text("req", requirement), to_text("req", unmet)],
        "plan": [to_text("plan", plan.data.plan)],  # type: ignore[attr-defined]
        "match": [to_text("match", match)],
        "version": ["1"],
        "initiative": ["remhub"],
    }
    return Street(shop=shop, parties=parties, ids=ids)


def sentinel(firm: Firm, name: str, orders: list[UUID], figures: list[str]) -> Sentinel:
    texts = [name, *figures]
    for identity in (firm.organisation, firm.facility, *orders):
        texts += [identity.hex, str(identity)]
    return Sentinel(firm=firm, texts=texts)


def addresses(street_: Street, e: Endpoint) -> list[str]:
    names = re.findall(r"\{(\w+)\}", e.path)
    found = []
    for values in itertools.product(*(street_.ids[name] for name in names)):
        path = e.path
        for name, value in zip(names, values, strict=True):
            path = path.replace(f"{{{name}}}", value)
        found.append(path)
    return found


async def test_no_reader_finds_anything_of_another_party(shop: Shop) -> None:
    laid = await street(shop)
    own = await shop.ask("GET", f"/v1/supply-offers/{laid.ids['offer'][0]}", by=laid.parties["seller"].firm)
    assert "61.377301" in own.text
    for side in ("seller", "buyer"):
        seen = await shop.ask("GET", f"/v1/matches/{laid.ids['match'][0]}", by=laid.parties[side].firm)
        assert side == seen.json()["side"]
    crawled = 0
    for e in ENDPOINTS:
        if e.method != "GET" or e.roles == PUBLIC:
            continue
        for path, (who, reader) in itertools.product(addresses(laid, e), laid.parties.items()):
            answer = await shop.ask("GET", path, by=reader.firm, roles=TENANT_ROLES)
            assert answer.status_code in (200, 404), (path, answer.text)
            crawled += 1
            hidden = [
                text
                for name, other in laid.parties.items()
                if name != who
                for text in other.texts
                if text in without_own_words(answer)
            ]
            assert [] == hidden, (who, path, answer.text)
    assert crawled > 4 * len([e for e in ENDPOINTS if e.method == "GET" and e.roles != PUBLIC])


def without_own_words(answer: Any) -> str:
    """The answer without what the reader itself has said: whom it excludes."""
    return re.sub(r'"organisations_excluded":\[[^]]*\]', "", answer.text) + answer.headers.get("link", "")


async def test_another_partys_ids_are_404_for_every_change(shop: Shop) -> None:
    laid = await street(shop)
    outsider = laid.parties["outsider"].firm
    foreign = {
        "organisation": laid.ids["organisation"][:1],
        "facility": laid.ids["facility"][:1],
        "key": laid.ids["key"][:1],
        "offer": laid.ids["offer"][:1],
        "requirement": laid.ids["requirement"][:1],
    }
    narrowed = Street(shop=shop, parties=laid.parties, ids={**laid.ids, **foreign})
    tried = 0
    before = await shop.rows()
    for e in ENDPOINTS:
        if e.method == "GET" or not e.roles & set(TENANT_ROLES) or "{" not in e.path or "/inputs" in e.path:
            continue
        for path in addresses(narrowed, e):
            answer = await shop.ask(
                e.method,
                path,
                by=outsider,
                roles=TENANT_ROLES,
                body=e.example,
                version='"v1"' if e.versioned else None,
            )
            assert (path, 404) == (path, answer.status_code), answer.text
            for text in laid.parties["seller"].texts + laid.parties["buyer"].texts:
                assert text not in answer.text
            tried += 1
    assert before == await shop.rows()
    assert tried >= 15


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


async def test_the_anonymised_book_shows_nothing_below_five_organisations(shop: Shop) -> None:
    laid = await street(shop)
    answer = await shop.ask("GET", f"/v1/markets/{shop.market}/book", by=laid.parties["late"].firm)
    assert (200, []) == (answer.status_code, answer.json()["items"])


async def test_the_anonymised_book_joins_with_nothing(shop: Shop) -> None:
    scene = shop.scene
    firms = [*scene.sellers, *[await scene.register(f"seller-{n}") for n in range(2, 6)]]
    offers = [await scene.offer(firm) for firm in firms]
    path = f"/v1/markets/{shop.market}/book"
    answer = await shop.ask("GET", f"{path}?limit=4", by=scene.buyers[0])
    entries = answer.json()["items"]
    assert (4, 6) == (len(entries), len(offers))
    rest = await shop.ask("GET", f"{path}?limit=4&cursor={answer.json()['next_cursor']}", by=scene.buyers[0])
    entries += rest.json()["items"]
    assert 6 == len({entry["id"] for entry in entries})
    assert {"low": "2000.000", "high": "5000.000"} == entries[0]["basis_kg"]
    for firm, offer in zip(firms, offers, strict=True):
        for identity in (firm.organisation, firm.facility, offer):
            assert identity.hex not in answer.text + rest.text
    assert "60.00" not in answer.text
    foreign = await shop.ask("GET", f"{path}?initiative=permanet", by=scene.buyers[0])
    own = await shop.ask("GET", f"{path}?initiative=remhub", by=scene.buyers[0])
    assert (404, 200) == (foreign.status_code, own.status_code)
