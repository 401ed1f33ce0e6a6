"""What an organisation says that it is, and what is done at its sites: told, searched, and no right."""

from typing import get_args

from events.vocabulary import FacilityStage, KeyRole, PartyRole, ValueChainStage
from market import data
from market.http.parties import facilities, organisations
from market.rules.twins.dated_rules import read_rules
from tests.http.shop import Asker, Shop

STANDING = {"sanctions_screened_until": "2036-01-01T00:00:00Z"}
CONSUMES = {"magnet_producer"}
COUNTED_NOWHERE = {
    "mine", "waste_owner", "refiner", "metal_maker", "alloy_maker", "motor_maker", "oem", "dismantler",
    "refurbisher", "recycler", "merchant", "warehouse", "forwarder", "laboratory",
}  # fmt: skip


def by_operator(shop: Shop) -> Asker:
    return {"by": shop.scene.sellers[0], "roles": ("operator",)}


async def registered(shop: Shop, role: str) -> str:
    body = {**organisations.EXAMPLE, **STANDING, "name": f"A {role}", "roles": [role]}
    made = await shop.ask("POST", "/v1/organisations", body=body, **by_operator(shop))
    assert 201 == made.status_code, made.text
    return str(made.json()["id"])


def test_no_role_of_an_organisation_is_one_of_a_key() -> None:
    """Else a list of roles that is read in the wrong place would let somebody in."""
    assert set() == set(get_args(PartyRole)) & set(get_args(KeyRole))


def test_every_role_is_counted_by_a_dated_rule_or_by_none() -> None:
    consumers = {rule.key for rule in read_rules(data.rows("crma_rules.csv")) if rule.rule == "consumer"}
    assert CONSUMES == consumers
    assert set(get_args(PartyRole)) == CONSUMES | COUNTED_NOWHERE
    assert set() == CONSUMES & COUNTED_NOWHERE


async def test_organisations_are_found_by_the_role_that_they_state(shop: Shop) -> None:
    made = {role: await registered(shop, role) for role in get_args(PartyRole)}
    for role, expected in made.items():
        found = await shop.ask("GET", f"/v1/organisations?role={role}", **by_operator(shop))
        listed = found.json()["items"]
        assert expected in [each["id"] for each in listed]
        assert all(role in each["roles"] for each in listed)
    unknown = await shop.ask("GET", "/v1/organisations?role=trader", **by_operator(shop))
    assert 400 == unknown.status_code
    assert [("role", True)] == [
        (each["parameter"], "merchant" in each["detail"]) for each in unknown.json()["errors"]
    ]
    own = await shop.ask("GET", "/v1/organisations?role=warehouse", by=shop.scene.sellers[0])
    assert [] == own.json()["items"]


async def test_a_site_where_goods_lie_is_registered_and_is_no_origin(shop: Shop) -> None:
    keeper = await registered(shop, "warehouse")
    path = f"/v1/organisations/{keeper}/facilities"
    stages = list(get_args(FacilityStage))
    assert stages[: len(get_args(ValueChainStage))] == list(get_args(ValueChainStage))
    body = {**facilities.EXAMPLE, "stages": stages, "capacities": []}
    site = await shop.ask("POST", path, body=body, **by_operator(shop))
    assert 201 == site.status_code, site.text
    read = await shop.ask("GET", site.headers["location"], **by_operator(shop))
    assert stages == read.json()["stages"], read.text
    twice = await shop.ask("POST", path, body=body | {"stages": ["storage", "storage"]}, **by_operator(shop))
    assert 422 == twice.status_code
    offer = shop.offer_body(shop.scene.sellers[0], origin=[{"stage": "storage", "country": "NL"}])
    refused = await shop.ask("POST", "/v1/supply-offers", by=shop.scene.sellers[0], body=offer)
    assert (400, ["/origin/0/stage"]) == (
        refused.status_code,
        [each["pointer"] for each in refused.json()["errors"]],
    )
    assert "storage" not in get_args(ValueChainStage)
