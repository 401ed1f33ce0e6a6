"""Goods at another's plant: their owner reads what became of them, and they leave by their holder's word."""

from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from events.replay import from_journal
from market.http.materials.passport_examples import TRANSFORMATION
from market.http.wire.ids import to_text
from market.rebuild import compare_with_record
from tests.http.shop import Shop
from tests.http.test_feed import poll
from tests.http.test_passports import PATH, WORK, issued, work
from tests.market_drafts import Firm

DAY = "2026-02-10"
OWNER, TOLLER, OTHER = 0, 1, 2


@pytest.fixture
def firms(shop: Shop) -> tuple[Firm, Firm, Firm]:
    """Who owns the goods, who works them up, and somebody else."""
    owner, toller = shop.scene.sellers[:2]
    return owner, toller, shop.scene.buyers[0]


def org(firm: Firm) -> str:
    return to_text("org", firm.organisation)


def sale(buyer: Firm, holder: Firm) -> dict[str, str]:
    return {"owner": org(buyer), "holder": org(holder), "transferred_on": "2026-02-25"}


async def step(shop: Shop, lot: str, name: str, by: Firm, version: int, **sent: Any) -> tuple[int, Any]:
    body = {"transferred_on": DAY, **sent} if name == "transfers" else sent or None
    answer = await shop.ask("POST", f"{PATH}/{lot}/{name}", by=by, body=body, version=f'"v{version}"')
    return answer.status_code, answer.json()


async def at_toller(shop: Shop, owner: Firm, toller: Firm) -> str:
    lot = await issued(shop, owner)
    assert 201 == (await step(shop, lot, "transfers", owner, 1, owner=org(owner), holder=org(toller)))[0]
    assert 201 == (await step(shop, lot, "acknowledgements", toller, 2))[0]
    return lot


async def differing(database: Any, shop: Shop) -> list[str]:
    """Tables that the record does not make again."""
    record = await asyncpg.connect(database.dsn("owner"), server_settings={"search_path": "state, view"})
    report = await compare_with_record(
        record, lambda lane, upto: from_journal(shop.scene.pool, lane, upto=upto)
    )
    await record.close()
    return [table.table for table in report.tables if table.differences]


async def test_the_owner_of_tolled_goods_reads_what_became_of_them(
    database: Any, shop: Shop, firms: tuple[Firm, Firm, Firm]
) -> None:
    """Its statement, feed, lineage and export; a third party has none of them, nor who owns it later."""
    owner, toller, other = firms
    lot = await at_toller(shop, owner, toller)
    made = await shop.ask("POST", WORK, by=toller, body=work(toller, lot))
    assert 201 == made.status_code, made.text
    path, (oxide,) = made.headers["location"], made.json()["outputs"]
    down = await shop.ask("GET", f"{PATH}/{lot}/lineage?direction=down", by=owner)
    assert [lot, oxide] == [node["passport"] for node in down.json()["nodes"]]
    given = await step(shop, oxide, "transfers", owner, 1, **sale(other, toller))
    assert 201 == given[0], given[1]
    read = {each: await shop.ask("GET", path, by=firm) for each, firm in enumerate(firms)}
    assert {OWNER: 200, TOLLER: 200, OTHER: 404} == {each: found.status_code for each, found in read.items()}
    statement = read[OWNER].json()
    assert (read[TOLLER].json(), org(toller), org(owner)) == (
        statement,
        statement["organisation"],
        statement["owner"],
    )
    for each in statement["balance"]:
        came, went = Decimal(each["in_g"]), Decimal(each["out_g"])
        assert abs(came - went - Decimal(each["lost_g"])) <= came * TRANSFORMATION["tolerance_ppm"] / 10**6
        assert abs(Decimal(each["yield_percent"]) - 100 * went / came) < Decimal("0.0000001")
    assert {each["element"]: each["mass_g"] for each in TRANSFORMATION["losses"]} == {
        each["element"]: each["lost_g"] for each in statement["balance"] if Decimal(each["lost_g"])
    }
    exports = [(await shop.ask("GET", f"{path}/epcis", by=firm)).status_code for firm in firms]
    assert [200, 200, 404] == exports
    history = (await shop.ask("GET", f"{PATH}/{lot}/history", by=owner)).json()["items"]
    assert [statement["id"]] == [each["transformation"] for each in history if each["kind"] == "drawn"]
    await shop.project()
    told = [
        [each["data"]["owner"] for each in (await poll(shop, firm))[0] if "transformed" in each["type"]]
        for firm in firms
    ]
    assert [[str(owner.organisation)]] * 2 + [[]] == told
    assert [] == await differing(database, shop)


async def test_a_loss_that_no_plant_has_is_warned_of(shop: Shop, firms: tuple[Firm, Firm, Firm]) -> None:
    """In a dry run too; the owner reads in the statement what it was."""
    owner, toller, _ = firms
    lot = await at_toller(shop, owner, toller)
    fair = await shop.ask("POST", f"{WORK}?validate_only=true", by=toller, body=work(toller, lot))
    assert [] == [each for each in fair.json()["warnings"] if each["code"] == "loss_unusual"]
    first = await shop.ask("POST", WORK, by=toller, body=work(toller, lot))
    balance = (await shop.ask("GET", first.headers["location"], by=owner)).json()["balance"]
    assert {False} == {each["loss_unusual"] for each in balance}
    gone = work(
        toller,
        lot,
        outputs=[{**TRANSFORMATION["outputs"][0], "lot_number": "OX-2", "net_wet_t": "0.001"}],
        losses=[{"element": each["element"], "mass_g": each["in_g"]} for each in balance],
    )
    for query, status in (("?validate_only=true", 200), ("", 201)):
        answer = await shop.ask("POST", f"{WORK}{query}", by=toller, body=gone)
        assert status == answer.status_code, answer.text
        unusual = [each for each in answer.json()["warnings"] if each["code"] == "loss_unusual"]
        assert [f"/losses/{index}" for index in range(len(balance))] == sorted(
            each["pointer"] for each in unusual
        )
        assert all("(100 %)" in each["detail"] for each in unusual)
        if status == 201:
            told = (await shop.ask("GET", answer.headers["location"], by=owner)).json()["balance"]
            assert {True} == {each["loss_unusual"] for each in told}


async def test_goods_leave_their_holder_by_its_word(
    database: Any, shop: Shop, firms: tuple[Firm, Firm, Firm]
) -> None:
    """Title passes all the same; who was named and has not said so keeps nothing from its owner."""
    owner, toller, other = firms
    lot = await at_toller(shop, owner, toller)
    for receiver in (owner, other):
        status, told = await step(shop, lot, "transfers", owner, 3, owner=org(receiver))
        assert (409, "goods_held_by_other", "/holder") == (
            status,
            told["code"],
            told["errors"][0]["pointer"],
        )
    scrapped = {"reason": "lost"}
    status, told = await step(shop, lot, "retirements", owner, 3, **scrapped)
    assert (409, "goods_not_back") == (status, told["code"])
    for receiver, holder in ((toller, toller), (other, other), (owner, other)):
        wrong = {"owner": org(receiver), "holder": org(holder)}
        status, told = await step(shop, lot, "transfers", toller, 3, **wrong)
        assert (403, "passport_of_other") == (status, told["code"])
    assert 404 == (await step(shop, lot, "transfers", other, 3, owner=org(owner)))[0]
    status, told = await step(shop, lot, "transfers", owner, 3, owner=org(other), holder=org(toller))
    assert 201 == status, told
    today = {"transferred_on": shop.scene.clock.now.date().isoformat()}
    status, told = await step(shop, lot, "transfers", toller, 4, owner=org(other), **today)
    assert (201, ["acceptance_awaited"]) == (status, [each["code"] for each in told["warnings"]])

    async def standing() -> tuple[str, str, list[str]]:
        found = (await shop.ask("GET", f"{PATH}/{lot}", by=other)).json()
        return found["owner"], found["holder"], found["awaited"]

    assert (org(other), org(other), [org(other)]) == await standing()
    assert 201 == (await step(shop, lot, "acknowledgements", other, 5))[0]
    assert (org(other), org(other), []) == await standing()
    named = {"owner": org(other), "holder": org(toller), **today}
    assert 201 == (await step(shop, lot, "transfers", other, 6, **named))[0]
    assert (201, []) == (
        (back := await step(shop, lot, "transfers", other, 7, owner=org(other), **today))[0],
        back[1]["warnings"],
    )
    assert (org(other), org(other), []) == await standing()
    assert 201 == (await step(shop, lot, "transfers", other, 8, **named))[0]
    assert 201 == (await step(shop, lot, "retirements", other, 9, **scrapped))[0]
    assert [] == await differing(database, shop)
