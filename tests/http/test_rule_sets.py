"""Rule sets over HTTP: what one changed of another, and a draft tried on the last completed round."""

from typing import Any

import pytest

from events.market_events import RuleSetRehearsed
from events.market_terms import RuleSet
from events.vocabulary import KeyRole
from market.commands import inputs
from market.http.rounds import rule_sets
from market.http.wire.ids import to_text
from tests.http.shop import Shop
from tests.market_drafts import euro, rule_set

OPERATOR: tuple[KeyRole, ...] = ("operator",)
DRAFT: dict[str, Any] = {
    **rule_sets.EXAMPLE,
    "version": 7,
    "benchmarks": [],
    "origins_by_stage": False,
    "default_profile": {"eu_origin_eur_per_kg": "40.00", "cap_eur_per_kg": "40.00"},
    "effective_from": "2026-03-02T09:00:00Z",
}


async def publish(shop: Shop, published: RuleSet) -> None:
    await inputs.publish_rule_set(
        shop.scene.desk,
        shop.scene.operator,
        market=shop.scene.market,
        rule_set=published,
        signed_by=(shop.scene.operator.organisation,),
    )


async def diff(shop: Shop, version: str, query: str) -> Any:
    path = f"/v1/markets/{shop.market}/rule-sets/{version}/diff{query}"
    return await shop.ask("GET", path, by=shop.scene.buyers[0])


@pytest.mark.parametrize(
    ("version", "query", "status"),
    [
        ("1", "", 404),
        ("1", "?against=0", 400),
        ("1", "?against=x", 400),
        ("1", "?against=9", 404),
        ("9", "?against=1", 404),
        ("one", "?against=1", 404),
    ],
)
async def test_a_diff_needs_two_versions(shop: Shop, version: str, query: str, status: int) -> None:
    assert status == (await diff(shop, version, query)).status_code


async def test_a_diff_speaks_in_the_units_of_the_door(shop: Shop) -> None:
    await publish(
        shop, rule_set(version=2, eu_countries=("FR", "PL", "DE"), marginality_tolerance_ppb=20_000_000)
    )
    answer = await diff(shop, "2", "?against=1")
    assert 200 == answer.status_code, answer.text
    body = answer.json()
    assert (1, 2) == (body["before"], body["after"])
    assert [
        ("/eu_countries/PL", None, '"PL"'),
        ("/marginality_tolerance_percent", '"1"', '"2"'),
        ("/version", "1", "2"),
    ] == [(each["path"], each["before"], each["after"]) for each in body["changes"]]
    assert body == (await diff(shop, "2", "")).json()
    assert [] == (await diff(shop, "2", "?against=2")).json()["changes"]
    back = (await diff(shop, "1", "?against=2")).json()["changes"]
    assert ["/eu_countries/PL", "/marginality_tolerance_percent", "/version"] == [
        each["path"] for each in back
    ]


async def trial(shop: Shop, body: Any = None, *, roles: tuple[KeyRole, ...] = OPERATOR, **given: Any) -> Any:
    path = f"/v1/markets/{shop.market}/rule-sets/dry-run{given.pop('query', '')}"
    sent = DRAFT if body is None else body
    return await shop.ask("POST", path, by=shop.scene.sellers[1], roles=roles, body=sent, **given)


async def test_only_operators_try_a_draft_and_only_on_a_round(shop: Shop) -> None:
    for roles in (("trader",), ("auditor",), ("admin",)):
        answer = await trial(shop, roles=roles)
        assert (403, "role_missing") == (answer.status_code, answer.json()["code"])
    wrong = {**DRAFT, "algorithm": "greedy-1", "eu_countries": ["DE", "DE"]}
    answer = await trial(shop, wrong)
    assert {"round_missing", "algorithm_unknown", "duplicate_entry"} == {
        each["code"] for each in answer.json()["errors"]
    }
    assert 409 == answer.status_code
    assert 400 == (await trial(shop, {**DRAFT, "thin_component_groups": 0})).status_code


async def struck(shop: Shop) -> None:
    """One pair that trades, and one that a premium for EU origin would bring together."""
    scene = shop.scene
    await scene.offer(scene.sellers[0])
    await scene.require(scene.buyers[0], profile=None)
    await scene.offer(scene.sellers[1], ask=euro(120_111_713))
    await scene.require(scene.buyers[1], profile=None, basis_g=3_500_000)
    await scene.conclude(await scene.plan())


async def test_a_trial_tells_what_the_round_would_have_been(shop: Shop) -> None:
    await struck(shop)
    answer = await trial(shop)
    assert 200 == answer.status_code, answer.text
    body = answer.json()
    told = body["result"]
    assert (1, "3500.000") == (told["round"], told["before"]["quantity_basis_kg"])
    assert told["after"]["matches"] > 0
    assert float(told["welfare_after_eur"]) > float(told["welfare_before_eur"])
    assert told["pairs_changed"] == len(told["pairs"]) > 0
    assert told["organisations_changed"] == len(told["organisations"]) > 0
    assert {"gained", "lost", "changed"} >= {pair["kind"] for pair in told["pairs"]}
    gained = {pair["seller"] for pair in told["pairs"] if pair["kind"] == "gained"}
    assert to_text("org", shop.scene.sellers[1].organisation) in gained
    assert ["market.rule-set.rehearsed.v1"] == [receipt["type"] for receipt in body["receipts"]]


async def test_a_trial_publishes_nothing_and_a_repeat_is_the_same(shop: Shop) -> None:
    await struck(shop)
    first, second = await trial(shop, key="one"), await trial(shop, key="one")
    assert ("true", first.json()) == (second.headers["idempotent-replayed"], second.json())
    facts = [event.data for event in await shop.scene.events("market")]
    assert 1 == len([fact for fact in facts if isinstance(fact, RuleSetRehearsed)])
    listed = await shop.ask("GET", f"/v1/markets/{shop.market}/rule-sets", by=shop.scene.buyers[0])
    assert [1] == [each["version"] for each in listed.json()["items"]]


async def test_a_rehearsal_of_the_trial_records_nothing(shop: Shop) -> None:
    await struck(shop)
    body = (await trial(shop, query="?validate_only=true")).json()
    assert (None, ["market.rule-set.rehearsed.v1"]) == (body["result"], body["would_record"])
    facts = [event.data for event in await shop.scene.events("market")]
    assert not [fact for fact in facts if isinstance(fact, RuleSetRehearsed)]


async def test_the_rule_set_in_effect_changes_nothing(shop: Shop) -> None:
    await struck(shop)
    same = {**DRAFT, "default_profile": {}, "recognised_certificates": [], "eu_countries": ["FR", "DE"]}
    told = (await trial(shop, same)).json()["result"]
    assert (told["before"], told["welfare_before_eur"]) == (told["after"], told["welfare_after_eur"])
    assert ([], [], 0, 0) == (
        told["pairs"],
        told["organisations"],
        told["pairs_changed"],
        told["organisations_changed"],
    )
