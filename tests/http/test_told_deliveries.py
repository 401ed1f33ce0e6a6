"""What a delivery tells its sides before they act: limits that are broken, who is to act next."""

import re
from csv import DictReader
from datetime import date
from decimal import Decimal
from io import StringIO
from typing import Any

import asyncpg

from contracts.timers import Timers
from market.folders import DEPLOY
from tests.conftest import Database
from tests.http.shop import Shop
from tests.http.test_deliveries import FIGURES, TERMS, effective, faults, lot, on, post, warnings
from tests.market_drafts import Firm
from tests.store.test_rebuild import compared

MIGRATION = DEPLOY / "postgres" / "migrations" / "0088_what_waits_is_listed_without_the_rest.sql"
IRON = {"analyte": "Fe", "fraction": {"unit": "ppm", "amount": "620"}}
CLEAN = [*FIGURES, {"analyte": "Fe", "fraction": {"unit": "ppm", "amount": "300"}}]
OVER = "above_max:Fe 620 ppm > 500 ppm"
LIMITED = {
    **TERMS,
    "product": {
        **TERMS["product"],
        "limits": [{"analyte": "Fe", "max": {"unit": "ppm", "amount": "500"}}],
        "purity": None,
    },
    "assay": {
        **TERMS["assay"],
        "splitting": [
            *TERMS["assay"]["splitting"],
            {"analyte": "Fe", "limit": {"unit": "ppm", "amount": "50"}},
        ],
    },
    "price": {"kind": "flat", "price_per_kg": "60.00"},
}


async def tick(shop: Shop) -> None:
    timers = Timers(
        shop.scene.desk,
        shop.scene.operator.organisation,
        lambda kind, outcome: None,
        clock=shop.scene.clock,
    )
    await timers.tick()


async def assayed(shop: Shop, results: list[dict[str, Any]]) -> tuple[str, Firm, Firm]:
    on(shop, date(2027, 1, 1))
    path, seller, buyer = await effective(shop, LIMITED)
    on(shop, date(2027, 3, 10))
    shipped = await post(shop, f"{path}/deliveries", seller, lot(stated=CLEAN))
    assert 201 == shipped.status_code, shipped.text
    delivery = shipped.headers["location"]
    weighed = await post(shop, f"{delivery}/weighing", buyer, {"weighed_on": "2027-03-10", "net_wet_t": "10"})
    assert 201 == weighed.status_code, weighed.text
    assay = {"laboratory": "AHK", "reference": "1", "results": results}
    for side in (seller, buyer):
        lodged = await post(shop, f"{delivery}/assays", side, assay)
        assert 201 == lodged.status_code, lodged.text
    return delivery, seller, buyer


async def test_a_broken_limit_is_told_before_it_is_accepted_and_stays_told(shop: Shop) -> None:
    delivery, seller, buyer = await assayed(shop, [*FIGURES, IRON])
    for side in (seller, buyer):
        assert [OVER] == (await shop.ask("GET", delivery, by=side)).json()["broken"]
    taken = {"title_passed_on": "2027-03-10"}
    rehearsed = await post(shop, f"{delivery}/acceptance?validate_only=true", buyer, taken)
    assert (200, [("accepted_off_spec", "")]) == (rehearsed.status_code, warnings(rehearsed))
    assert OVER in rehearsed.json()["warnings"][0]["detail"]
    accepted = await post(shop, f"{delivery}/acceptance", buyer, taken)
    assert (201, [("accepted_off_spec", "")]) == (accepted.status_code, warnings(accepted))
    listed = (await shop.ask("GET", "/v1/deliveries", by=buyer)).json()["items"]
    assert [("accepted", [OVER])] == [(each["status"], each["broken"]) for each in listed]


async def test_the_call_before_a_lot_is_deemed_accepted_names_what_is_broken(shop: Shop) -> None:
    delivery, _, buyer = await assayed(shop, [*FIGURES, IRON])
    on(shop, date(2027, 6, 1))
    await tick(shop)
    shown = (await shop.ask("GET", delivery, by=buyer)).json()
    assert (True, "acceptance", [OVER]) == (
        shown["awaited"]["called"],
        shown["awaited"]["act"],
        shown["broken"],
    )
    rejected = await post(shop, f"{delivery}/rejection", buyer)
    assert 201 == rejected.status_code, rejected.text
    after = (await shop.ask("GET", delivery, by=buyer)).json()
    assert ([OVER], []) == (after["rejected"], after["broken"])


async def test_of_what_is_as_agreed_nothing_is_told(shop: Shop) -> None:
    delivery, _, buyer = await assayed(shop, CLEAN)
    assert [] == (await shop.ask("GET", delivery, by=buyer)).json()["broken"]
    accepted = await post(shop, f"{delivery}/acceptance", buyer, {"title_passed_on": "2027-03-10"})
    assert (201, []) == (accepted.status_code, warnings(accepted))


async def test_moisture_left_out_and_kilograms_for_tonnes_are_refused_at_once(shop: Shop) -> None:
    on(shop, date(2027, 1, 1))
    path, seller, buyer = await effective(shop, LIMITED)
    on(shop, date(2027, 3, 10))
    body = lot(stated=CLEAN, net_wet_t="5", moisture_percent="15")
    delivery = (await post(shop, f"{path}/deliveries", seller, body)).headers["location"]
    ticket = {"title": "Ticket 4711", "sha256": "3b" * 32, "dated_on": "2027-03-10"}
    weighed = {"weighed_on": "2027-03-10", "net_wet_t": "4980", "evidence": [ticket]}
    refused = await post(shop, f"{delivery}/weighing", buyer, weighed)
    assert (422, [("moisture_unstated", "/moisture_percent"), ("mass_far_above_shipped", "/net_wet_t")]) == (
        refused.status_code,
        faults(refused),
    )
    assert "4.98 t. If the shipment was wrong" in refused.text
    assert "The lot has 15 % of moisture so far" in refused.text
    share = weighed | {"net_wet_t": "4.98", "moisture_percent": "0.14"}
    told = await post(shop, f"{delivery}/weighing?validate_only=true", buyer, share)
    assert ("moisture_far_from_shipped", "/moisture_percent") in warnings(told)
    right = await post(shop, f"{delivery}/weighing", buyer, share | {"moisture_percent": "14"})
    assert (201, []) == (right.status_code, [code for code, _ in warnings(right) if "moisture" in code])
    taken = await post(shop, f"{delivery}/weighing/agreement", seller)
    assert 201 == taken.status_code, taken.text
    shown = (await shop.ask("GET", delivery, by=seller)).json()
    masses = ["net_wet_t", "moisture_percent", "shipped_net_wet_t", "shipped_moisture_percent", "returned_kg"]
    assert ["4.980", "14", "5.000", "15", "0.000"] == [shown[name] for name in masses]
    file = await shop.ask("GET", "/v1/deliveries?format=csv", by=seller)
    (row,) = DictReader(StringIO(file.text))
    assert [Decimal(shown[name]) for name in masses] == [Decimal(row[name]) for name in masses]


async def waiting(shop: Shop, by: Firm, more: str = "") -> list[str]:
    answer = await shop.ask("GET", f"/v1/deliveries?awaits=me{more}", by=by)
    assert 200 == answer.status_code, answer.text
    return [f"/v1/deliveries/{each['id']}" for each in answer.json()["items"]]


async def test_each_side_lists_what_waits_for_it(shop: Shop) -> None:
    delivery, seller, buyer = await assayed(shop, CLEAN)
    both = await shop.ask("GET", "/v1/deliveries?awaits=me&updated_since=2027-01-01T00:00:00Z", by=buyer)
    assert (422, [("inconsistent", None)]) == (both.status_code, faults(both))
    assert 400 == (await shop.ask("GET", "/v1/deliveries?awaits=them", by=buyer)).status_code
    waits = {"side": "buyer", "act": "accept_or_reject", "by": "2027-04-25T00:00:00Z"}
    shown = (await shop.ask("GET", delivery, by=seller)).json()
    assert shown["awaits"] == (await shop.ask("GET", delivery, by=buyer)).json()["awaits"]
    assert [{**waits, "consequence": "deemed_accepted"}] == shown["awaits"]
    assert ([], [delivery]) == (await waiting(shop, seller), await waiting(shop, buyer))
    assert [] == await waiting(shop, buyer, "&side=seller")
    accepted = await post(shop, f"{delivery}/acceptance", buyer, {"title_passed_on": "2027-03-10"})
    assert 201 == accepted.status_code
    assert ([delivery], [delivery]) == (await waiting(shop, seller), await waiting(shop, buyer))
    settled = await post(shop, f"{delivery}/settlement", seller)
    assert 201 == settled.status_code, settled.text
    assert ([], []) == (await waiting(shop, seller), await waiting(shop, buyer))
    back = {"lot_number": "L1", "net_wet_t": "1", "freight": "seller", "reason": "sinters of it crack"}
    declared = await post(shop, f"{delivery}/returns", buyer, back)
    assert 201 == declared.status_code, declared.text
    assert ([delivery], []) == (await waiting(shop, seller), await waiting(shop, buyer))
    file = await shop.ask("GET", "/v1/deliveries?awaits=me&format=csv", by=seller)
    assert 1 == len(list(DictReader(StringIO(file.text))))
    listed = (await shop.ask("GET", f"/v1/agreements/{shown['agreement']}/deliveries", by=seller)).json()
    assert ["answer_return"] == [each["act"] for each in listed["items"][0]["awaits"]]


async def test_what_waited_before_the_column_came_waits_after_it_and_nothing_else(
    shop: Shop, database: Database
) -> None:
    delivery, seller, buyer = await assayed(shop, CLEAN)
    await post(shop, f"{delivery}/acceptance", buyer, {"title_passed_on": "2027-03-10"})
    (mark,) = re.findall(r"^UPDATE .*?;$", MIGRATION.read_text(), re.MULTILINE | re.DOTALL)
    owner = await asyncpg.connect(database.admin_dsn)
    assert "UPDATE 0" == await owner.execute(mark)
    assert [delivery] == await waiting(shop, seller)
    await post(shop, f"{delivery}/settlement", seller)
    assert [] == await waiting(shop, seller)
    assert (await compared(database, shop.scene)).equal
    await owner.execute("update state.delivery set invoiced = false")
    assert "UPDATE 1" == await owner.execute(mark)
    assert [] == await waiting(shop, seller)
    await owner.close()


async def test_activities_are_shown_to_both_and_held_against_the_masses_beside_them(shop: Shop) -> None:
    on(shop, date(2027, 1, 1))
    path, seller, buyer = await effective(shop, LIMITED)
    on(shop, date(2027, 3, 10))
    thorium = {"analyte": "Th", "fraction": {"unit": "percent", "amount": "5.45"}}
    body = lot(stated=[*CLEAN, thorium], th_bq_per_g="0.3", u_bq_per_g="31")
    told = await post(shop, f"{path}/deliveries?validate_only=true", seller, body)
    assert ("activity_unlike_assay", "/th_bq_per_g") in warnings(told)
    shipped = await post(shop, f"{path}/deliveries", seller, body | {"th_bq_per_g": "221"})
    assert [] == [pointer for code, pointer in warnings(shipped) if code == "activity_unlike_assay"]
    for side in (seller, buyer):
        claims = (await shop.ask("GET", shipped.headers["location"], by=side)).json()["claims"]
        assert ("221", "31") == (claims["th_bq_per_g"], claims["u_bq_per_g"])


async def test_figures_of_oxides_count_as_the_element_in_them(shop: Shop) -> None:
    on(shop, date(2027, 1, 1))
    path, seller, buyer = await effective(shop, LIMITED)
    on(shop, date(2027, 3, 10))

    def figure(analyte: str, oxide: str | None, amount: str) -> dict[str, Any]:
        return {
            "analyte": analyte,
            "reported_as": oxide,
            "fraction": {"unit": "percent", "amount": amount},
        }

    wrong = [figure("Nd", "Nd2O5", "70"), figure("Pr", "Nd2O3", "20"), figure("Fe", None, "0.03")]
    told = await post(shop, f"{path}/deliveries", seller, lot(stated=wrong))
    assert [
        ("oxide_unknown", "/stated/0/reported_as"),
        ("oxide_not_of_element", "/stated/1/reported_as"),
    ] == (faults(told))
    stated = [figure("Nd", "Nd2O3", "66.5"), figure("Pr", "Pr6O11", "21.7"), figure("Fe", "Fe", "0.03")]
    thorium = figure("Th", "ThO2", "0.01")
    shipped = await post(shop, f"{path}/deliveries", seller, lot(stated=[*stated, thorium]))
    assert 201 == shipped.status_code, shipped.text
    shown = (await shop.ask("GET", shipped.headers["location"], by=buyer)).json()
    found = {each["analyte"]: each["fraction"]["amount"] for each in shown["stated"]}
    assert {"Nd": "57.0171", "Pr": "17.96109", "Fe": "0.03", "Th": "0.008788"} == found
    weighed = {"weighed_on": "2027-03-10", "net_wet_t": "10"}
    assert 201 == (await post(shop, f"{shipped.headers['location']}/weighing", buyer, weighed)).status_code
    assays = f"{shipped.headers['location']}/assays"
    slip = [figure("Nd", None, "66.5"), figure("Pr", None, "21.7"), figure("Fe", None, "0.03")]
    lodged = await post(shop, assays, buyer, {"laboratory": "AHK", "reference": "1", "results": slip})
    assert 201 == lodged.status_code, lodged.text
    assert ["result_as_oxide"] * 2 == [code for code, _ in warnings(lodged)]
    right = await post(shop, assays, buyer, {"laboratory": "AHK", "reference": "1", "results": stated})
    assert (201, []) == (right.status_code, warnings(right))
