"""Files by which an operator takes companies in: organisations, their sites, the markets that admit them."""

import csv
import io
import json
from typing import Any

import pytest

from market.http.files.import_kinds import KINDS
from market.http.wire.ids import to_text
from market.http.wire.row_files import NDJSON
from market.store import members as members_store
from tests.http.shop import Shop
from tests.http.test_imports import IMPORTS, counts, told, work

PARTIES = ("organisations", "facilities", "memberships")
COMPANIES = 40


async def handed_in(
    shop: Shop, kind: str, rows: list[dict[str, Any]] | bytes, mode: str = "all_or_nothing",
    media: str = NDJSON, query: str = "",
) -> tuple[dict[str, Any], list[dict[str, Any]]]:  # fmt: skip
    """The import when it is over, and its report, as an operator has them."""
    operator: dict[str, Any] = {"by": shop.scene.sellers[0], "roles": ("operator",)}
    content = rows if isinstance(rows, bytes) else "\n".join(map(json.dumps, rows)).encode()
    answer = await shop.ask(
        "POST", f"{IMPORTS}?kind={kind}&mode={mode}{query}", body=content, headers={"Content-Type": media},
        **operator,
    )  # fmt: skip
    assert 202 == answer.status_code, answer.text
    await work(shop)
    path = f"{IMPORTS}/{answer.json()['id']}"
    view = (await shop.ask("GET", path, **operator)).json()
    report = await shop.ask("GET", f"{path}/report?format=ndjson", **operator)
    return view, [json.loads(line) for line in report.text.splitlines()]


def company(number: int, **changes: Any) -> dict[str, Any]:
    return KINDS["organisations"].example | {"name": f"newcomer {number}"} | changes


def site(organisation: str, **changes: Any) -> dict[str, Any]:
    return KINDS["facilities"].example | {"organisation": organisation} | changes


def members(shop: Shop, *organisations: str) -> list[dict[str, str]]:
    return [{"market": shop.market, "organisation": each} for each in organisations]


@pytest.mark.parametrize("kind", PARTIES)
async def test_only_operators_take_companies_in(shop: Shop, kind: str) -> None:
    answer = await shop.ask(
        "POST", f"{IMPORTS}?kind={kind}", by=shop.scene.sellers[0], roles=("trader",), body=b"{}",
        headers={"Content-Type": NDJSON},
    )  # fmt: skip
    assert (403, "role_missing") == (answer.status_code, answer.json()["code"])


async def test_all_that_is_wrong_is_told_and_nothing_is_stored(shop: Shop) -> None:
    seller = to_text("org", shop.scene.sellers[0].organisation)
    nobody = "org_" + "0" * 32
    await shop.token(shop.scene.sellers[0], "operator")
    before = await shop.scene.pool.fetchval("select count(*) from record.journal")
    view, report = await handed_in(
        shop,
        "organisations",
        [company(1, country="XX"), company(2), company(3, roles=[]), company(4, initiatives=["none"])],
    )
    assert ("refused", 0) == (view["state"], view["accepted"])
    assert {(1, "country"), (3, "roles")} == {(line["row"], line["column"]) for line in report}
    view, report = await handed_in(shop, "organisations", [company(2), company(4, initiatives=["none"])])
    assert ("refused", [(2, "initiatives.0")]) == (
        view["state"],
        [(line["row"], line["column"]) for line in report],
    )
    wrong = [site(nobody), site(seller, name="north"), site(seller, name="south")]
    view, report = await handed_in(shop, "facilities", wrong)
    assert [(3, "", "row_repeats", None)] == told(report)
    view, report = await handed_in(shop, "facilities", wrong[:2])
    assert [(1, "", "organisation_unknown", None)] == told(report)
    rows = [*members(shop, nobody, seller), {"organisation": seller}]
    view, report = await handed_in(shop, "memberships", rows)
    assert "refused" == view["state"]
    assert [(3, "market")] == [(line["row"], line["column"]) for line in report]
    view, report = await handed_in(shop, "memberships", members(shop, nobody, seller))
    assert {1, 2} == {line["row"] for line in report}
    assert before == await shop.scene.pool.fetchval("select count(*) from record.journal")


async def test_forty_companies_come_in_by_three_files(shop: Shop) -> None:
    head = "name,country,roles.0,sanctions_screened_until,electronic_contact\n"
    lines = "".join(f"firm {n},DE,refiner,2027-06-30T00:00:00Z,\n" for n in range(COMPANIES))
    view, report = await handed_in(shop, "organisations", (head + lines).encode(), media="text/csv")
    assert ("completed", COMPANIES, COMPANIES, 0) == counts(view)
    made = [line["id"] for line in report if line["code"] == "accepted"]
    rows = [site(each, name=f"{place} of {each[-4:]}") for each in made for place in ("north", "south")]
    view, report = await handed_in(shop, "facilities", rows, "partial")
    assert ("completed", 2 * COMPANIES, 2 * COMPANIES, 0) == counts(view)
    sites = {line["id"] for line in report if line["code"] == "accepted"}
    assert 2 * COMPANIES == len(sites)
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    writer.writerows([["organisation"], *([each] for each in made)])
    body = sheet.getvalue().encode()
    view, report = await handed_in(
        shop, "memberships", body, media="text/csv", query=f"&market={shop.market}"
    )
    assert ("completed", COMPANIES, COMPANIES, 0) == counts(view)
    operator: dict[str, Any] = {"by": shop.scene.sellers[0], "roles": ("operator",)}
    for each in (made[0], made[-1]):
        path = f"/v1/markets/{shop.market}/members/{each}"
        member = (await shop.ask("GET", path, **operator)).json()
        assert (False, 2) == (member["suspended"], member["facilities"])
    view, report = await handed_in(shop, "memberships", members(shop, made[0]), "partial")
    assert ("completed", 1, 0, 1) == counts(view)


async def test_a_row_is_warned_of_what_its_post_would_warn_of(shop: Shop) -> None:
    again = [company(7), company(7, sanctions_screened_until="2020-01-01T00:00:00Z")]
    view, report = await handed_in(shop, "organisations", again, "partial")
    assert ("completed", 2, 2, 0) == counts(view)
    second = {line["code"] for line in report if line["row"] == 2}
    assert {"accepted", "name_alike", "sanctions_screening_expired"} == second
    (late,) = [line["id"] for line in report if (line["row"], line["code"]) == (2, "accepted")]
    view, report = await handed_in(shop, "memberships", members(shop, late))
    assert ("completed", 1, 1) == (view["state"], view["accepted"], view["warned"])
    assert ["accepted", "sanctions_screening_expired"] == [line["code"] for line in report]


async def test_a_file_admits_no_suspended_member_again_unless_its_row_says_so(shop: Shop) -> None:
    seller = to_text("org", shop.scene.sellers[0].organisation)
    path = f"/v1/markets/{shop.market}/members/{seller}"
    operator: dict[str, Any] = {"by": shop.scene.sellers[0], "roles": ("operator",)}
    suspended = await shop.ask("POST", f"{path}/suspend", body={"reason": "screening of May"}, **operator)
    assert 200 == suspended.status_code, suspended.text
    view, report = await handed_in(shop, "memberships", members(shop, seller))
    assert ("refused", 0) == (view["state"], view["accepted"])
    assert [(1, "readmit", "readmission_unstated", None)] == told(report)
    assert (await shop.ask("GET", path, **operator)).json()["suspended"]
    rows: list[dict[str, Any]] = [{"market": shop.market, "organisation": seller, "readmit": True}]
    view, report = await handed_in(shop, "memberships", rows)
    assert ("completed", 1) == (view["state"], view["accepted"])
    assert not (await shop.ask("GET", path, **operator)).json()["suspended"]


async def test_a_company_that_joins_a_market_meanwhile_has_its_site_there(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lanes of a file's rows are looked up before they are locked."""
    view, report = await handed_in(shop, "organisations", [company(1)])
    made = report[0]["id"]
    joined = False
    looked = members_store.markets_of

    async def late(*given: Any) -> Any:
        nonlocal joined
        found = await looked(*given)
        if not joined:
            joined = True
            answer = await shop.ask(
                "POST", f"/v1/markets/{shop.market}/members", by=shop.scene.sellers[0], roles=("operator",),
                body={"organisation": made},
            )  # fmt: skip
            assert 201 == answer.status_code, answer.text
        return found

    monkeypatch.setattr(members_store, "markets_of", late)
    view, report = await handed_in(shop, "facilities", [site(made)])
    assert ("completed", 1, 1, 0) == counts(view), report
    assert joined
    path = f"/v1/markets/{shop.market}/members/{made}"
    member = (await shop.ask("GET", path, by=shop.scene.sellers[0], roles=("operator",))).json()
    assert 1 == member["facilities"]


async def test_a_dry_run_stores_no_company(shop: Shop) -> None:
    view, report = await handed_in(shop, "organisations", [company(1), company(2)], "dry_run")
    assert ("completed", 2, 2, 0) == counts(view)
    assert [(1, "", "acceptable", None), (2, "", "acceptable", None)] == told(report)
    found = await shop.scene.pool.fetchval(
        "select count(*) from organisation where convert_from(body, 'UTF8') like '%newcomer%'"
    )
    assert 0 == found
