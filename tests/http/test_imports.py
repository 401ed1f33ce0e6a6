"""Imports through the door: what is refused at once, what of a whole file, what of its rows; what goes on."""

import asyncio
import csv
import json
import re
from datetime import timedelta
from io import StringIO
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from market.folders import CHECKOUT
from market.http.files.import_kinds import KINDS
from market.http.files.import_templates import template
from market.http.files.imports import OPEN_MAX
from market.http.wire.ids import to_text
from market.http.wire.row_files import CSV, NDJSON, XLSX
from market.imports import Imports
from market.row_commands import TOGETHER_MAX
from tests.http.shop import IMPORT_BYTES_MAX, Shop
from tests.http.test_twins import count_in, stated
from tests.market_drafts import Firm

VALUE = KINDS["index-values"].example
IMPORTS = "/v1/imports"
ASK = {"amount": "99.50", "currency": "EUR", "per": "oxide"}


async def send(
    shop: Shop,
    content: Any,
    kind: str = "offers",
    *,
    by: Firm | None = None,
    media: str = NDJSON,
    query: str = "",
    key: str | None = None,
) -> httpx.Response:
    if isinstance(content, list):
        content = "\n".join(map(json.dumps, content)).encode()
    operator = kind == "index-values"
    return await shop.ask(
        "POST",
        f"{IMPORTS}?kind={kind}{query}",
        by=by or shop.scene.sellers[0],
        roles=("operator",) if operator else ("trader",),
        body=content,
        key=key,
        headers={"Content-Type": media},
    )


def worker(shop: Shop) -> Imports:
    return Imports(shop.door, owner="test", look_seconds=0.01)


async def work(shop: Shop) -> None:
    while await worker(shop).work_once("test", asyncio.Event()):
        pass


async def see(shop: Shop, answer: httpx.Response, *roles: Any, tail: str = "", by: Firm | None = None) -> Any:
    path = f"{IMPORTS}/{answer.json()['id']}{tail}"
    return await shop.ask("GET", path, by=by or shop.scene.sellers[0], roles=roles or ("trader",))


async def lines(shop: Shop, answer: httpx.Response, *roles: Any) -> list[dict[str, Any]]:
    found = await see(shop, answer, *roles, tail="/report?format=ndjson")
    return [json.loads(line) for line in found.text.splitlines()]


async def imported(shop: Shop, content: Any, kind: str = "offers", **more: Any) -> tuple[dict[str, Any], Any]:
    """The import when it is over, and its report."""
    answer = await send(shop, content, kind, **more)
    assert 202 == answer.status_code, answer.text
    await work(shop)
    roles = ("operator",) if kind == "index-values" else ("trader",)
    return (await see(shop, answer, *roles)).json(), await lines(shop, answer, *roles)


def counts(view: dict[str, Any]) -> tuple[str, int, int, int]:
    return view["state"], view["rows_read"], view["accepted"], view["refused"]


def unlike(shop: Shop) -> dict[str, Any]:
    """An offer that is accepted with a warning: its footprint is of something else."""
    body = offer(shop)
    return {**body, "footprint": {**body["footprint"], "form": "metal"}}


def offer(shop: Shop, **changes: Any) -> dict[str, Any]:
    return shop.offer_body(shop.scene.sellers[0], **changes)


def lot(shop: Shop, number: str, **changes: Any) -> dict[str, Any]:
    body = shop.lot_body(shop.scene.sellers[0], **changes)
    return {**body, "physical_lot": {**body["physical_lot"], "lot_number": number}}


def value(day: int, **changes: str) -> dict[str, str]:
    on = f"2025-01-{day:02}"
    days = {"first_day": on, "last_day": on, "as_of": on, "published_at": f"{on}T18:00:00Z"}
    return VALUE | days | changes


async def stored(shop: Shop) -> dict[str, int]:
    await shop.token(shop.scene.sellers[0], "trader")
    return await shop.rows()


# --- refused at once


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("?kind=offer", 400, "invalid_request"),
        ("?kind=offers&mode=some", 400, "invalid_request"),
        ("?kind=offers&separator=comma", 400, "invalid_request"),
        ("?kind=assays&market=mkt_" + "0" * 32, 400, "invalid_request"),
        ("?kind=index-values", 403, "role_missing"),
    ],
)
async def test_queries_that_ask_for_what_there_is_not(shop: Shop, query: str, status: int, code: str) -> None:
    answer = await shop.ask(
        "POST", IMPORTS + query, by=shop.scene.sellers[0], body=b"{}", headers={"Content-Type": NDJSON}
    )
    assert (status, code) == (answer.status_code, answer.json()["code"])


async def test_bodies_that_are_no_file(shop: Shop) -> None:
    assert 415 == (await send(shop, b"{}", media="application/json")).status_code
    assert (400, "file_empty") == code_of(await send(shop, b""))
    assert (413, "body_too_large") == code_of(await send(shop, b" " * (IMPORT_BYTES_MAX + 1)))
    assert 0 == await shop.scene.pool.fetchval("select count(*) from ops.import")
    assert 0 == await shop.scene.pool.fetchval("select count(*) from ops.import_part")


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_a_request_that_breaks_off_leaves_nothing(shop: Shop) -> None:
    coming = iter([{"type": "http.request", "body": b"x" * 600_000, "more_body": True}])
    token = await shop.token(shop.scene.sellers[0], "trader")
    fields = {"authorization": f"Bearer {token}", "idempotency-key": "half", "content-type": NDJSON}
    sent: list[Any] = []

    async def receive() -> Any:
        return next(coming, {"type": "http.disconnect"})

    async def send_back(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": IMPORTS, "query_string": b"kind=offers", "client": None,
        "headers": [(name.encode(), text.encode()) for name, text in fields.items()],
    }  # fmt: skip
    await shop.app(scope, receive, send_back)  # type: ignore[arg-type]
    assert 400 == sent[0]["status"]
    assert 0 == await shop.scene.pool.fetchval("select count(*) from ops.import")


async def test_no_organisation_fills_the_queue(shop: Shop) -> None:
    for _ in range(OPEN_MAX):
        assert 202 == (await send(shop, [offer(shop)])).status_code
    assert (429, "too_many_imports") == code_of(await send(shop, [offer(shop)]))
    assert 202 == (await send(shop, [offer(shop)], by=shop.scene.sellers[1])).status_code


async def test_a_repeated_request_is_the_same_import(shop: Shop) -> None:
    first = await send(shop, [offer(shop)], key="k")
    again = await send(shop, [offer(shop)], key="k")
    assert first.json()["id"] == again.json()["id"]
    assert "true" == again.headers["idempotent-replayed"]
    assert (422, "idempotency_key_reused") == code_of(await send(shop, [offer(shop)] * 2, key="k"))
    assert (422, "idempotency_key_reused") == code_of(
        await send(shop, [offer(shop)], key="k", query="&mode=partial")
    )


async def test_nobody_else_sees_an_import(shop: Shop) -> None:
    answer = await send(shop, [offer(shop)])
    await work(shop)
    for role in ("trader", "operator"):
        by = shop.scene.sellers[1]
        for tail in ("", "/report"):
            assert 404 == (await see(shop, answer, role, tail=tail, by=by)).status_code
        listed = await shop.ask("GET", IMPORTS, by=by, roles=(role,))
        assert [] == listed.json()["items"]


# --- refused as a whole


@pytest.mark.parametrize("mode", ["all_or_nothing", "partial"])
async def test_nothing_is_stored_of_a_file_that_cannot_be_read_to_its_end(shop: Shop, mode: str) -> None:
    before = await stored(shop)
    content = b"\n".join([json.dumps(offer(shop)).encode()] * 3) + b"\n{\xff}"
    view, report = await imported(shop, content, query=f"&mode={mode}")
    assert ("refused", 0, 0, 0) == counts(view)
    assert ["not_utf8"] == [fault["code"] for fault in view["problem"]]
    assert ([], before) == (report, await stored(shop))


async def test_what_is_wrong_with_a_workbook_or_a_head_is_told(shop: Shop) -> None:
    view, _ = await imported(shop, b"PK", media=XLSX)
    assert ["file_unreadable"] == [fault["code"] for fault in view["problem"]]
    view, _ = await imported(shop, b"market,form,nonsense\n1,2,3", media=CSV)
    assert ["/rows/1/nonsense"] == [fault["pointer"] for fault in view["problem"]]
    offers = template(KINDS["offers"], "csv")
    for kind in ("requirements", "assays"):
        view, _ = await imported(shop, offers, kind, media=CSV)
        (told_once,) = view["problem"]
        assert ("columns_of_another_kind", "/rows/1") == (told_once["code"], told_once["pointer"])
        assert told_once["detail"].startswith("these columns are of kind offers or lots")


async def test_all_or_nothing_has_a_limit(shop: Shop) -> None:
    content = [value(1)] * (TOGETHER_MAX + 1)
    view, report = await imported(shop, content, "index-values")
    assert ("refused", []) == (view["state"], report)
    assert ["too_many_rows_together"] == [fault["code"] for fault in view["problem"]]
    assert f"up to {TOGETHER_MAX} rows" in view["problem"][0]["detail"]


SMALLEST = (CHECKOUT / "docs" / "imports.md").read_text("utf-8").partition("## The smallest lot")[2]


def in_season(shop: Shop, block: str) -> str:
    """As the page has it, of this shop's seller and time."""
    facility = to_text("fac", shop.scene.sellers[0].facility)
    season = (("2027-0", "2026-0"), ("2026-10-", "2026-01-"), ("-15T", "-30T"))
    for then, now in (("fac_…", facility), ("mkt_…", shop.market), *season):
        block = block.replace(then, now)
    return block


async def test_the_smallest_lot_of_the_documentation_lacks_nothing(shop: Shop) -> None:
    """Each of its columns is one that a lot cannot do without."""
    (block,) = re.findall(r"```csv\n(.+?)```", SMALLEST, re.DOTALL)
    block = in_season(shop, block)
    head, row = csv.reader(StringIO(block))
    assert f"fills {len(head)} columns" in SMALLEST
    market = f"&market={shop.market}"
    tried = f"{market}&mode=dry_run"
    view, report = await imported(shop, block.encode(), "lots", media=CSV, query=tried)
    assert 1 == view["accepted"], report
    for at in range(len(head)):
        part = "".join(f"{','.join([*line[:at], *line[at + 1 :]])}\n" for line in (head, row))
        view, report = await imported(shop, part.encode(), "lots", media=CSV, query=tried)
        assert 0 == view["accepted"], (head[at], report)
        assert view["refused"] or view["problem"]
    view, report = await imported(shop, block.encode(), "lots", media=CSV, query=market)
    assert ("completed", 1, 1, 0) == counts(view), report


async def test_the_smallest_body_of_the_documentation_is_that_lot(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    (block,) = re.findall(r"```json\n(.+?)```", SMALLEST, re.DOTALL)
    body = json.loads(in_season(shop, block))
    whoami = (await shop.ask("GET", "/v1/whoami", by=seller)).json()
    assert shop.market in {each["market"] for each in whoami["markets"]}
    sites = await shop.ask("GET", f"/v1/organisations/{whoami['organisation']}/facilities", by=seller)
    assert body["facility"] in {each["id"] for each in sites.json()["items"]}
    for member in body:
        part = {name: each for name, each in body.items() if name != member}
        answer = await shop.ask("POST", "/v1/recovered-lots?validate_only=true", by=seller, body=part)
        places = [each["pointer"] for each in answer.json()["errors"]]
        assert (True, [f"/{member}"]) == (answer.status_code in (400, 422), places), member
    head, *forms = re.findall(r"^\| [\w ]+ \| `(\w+)` \|$", SMALLEST, re.MULTILINE)
    assert ("form", 5) == (head, len(forms))
    for form in forms:
        lot_number = {"physical_lot": {**body["physical_lot"], "lot_number": form}}
        answer = await shop.ask(
            "POST", "/v1/recovered-lots", by=seller, body={**body, **lot_number, "form": form}
        )
        assert 201 == answer.status_code, answer.text


# --- all or nothing


async def test_one_row_without_form_refuses_all(shop: Shop) -> None:
    before = await stored(shop)
    fine = "2027-01-01T00:00:00.1234567Z"
    abroad = offer(shop, net_wet_t="many", place={"country": "UK", "name": "Tees"}, valid_until=fine)
    view, report = await imported(shop, [offer(shop), abroad, offer(shop)])
    assert ("refused", 3, 0, 1) == counts(view)
    detail = "1 row is refused, so nothing was stored; the report says why"
    assert [("rows_refused", detail)] == [(fault["code"], fault["detail"]) for fault in view["problem"]]
    assert [
        (2, "net_wet_t", "not_decimal", None),
        (2, "place.country", "country_unknown", None),
        (2, "valid_until", "over_precise", None),
    ] == sorted(told(report))
    assert before == await stored(shop)


def told(report: list[dict[str, Any]]) -> list[tuple[int, str, str, str | None]]:
    return [(line["row"], line["column"], line["code"], line["id"]) for line in report]


async def test_every_row_that_the_rules_refuse_is_told(shop: Shop) -> None:
    before = await stored(shop)
    bodies = [
        offer(shop, valid_until="2020-01-01T00:00:00Z"),
        offer(shop),
        offer(shop, market="mkt_" + "0" * 32),
    ]
    view, report = await imported(shop, bodies)
    assert ("refused", 3, 0, 2) == counts(view)
    assert [(1, "valid_until"), (3, "market")] == [(line["row"], line["column"]) for line in report]
    assert "market_unknown" == report[1]["code"]
    assert before == await stored(shop)


async def test_a_lot_twice_in_one_transaction(shop: Shop) -> None:
    view, report = await imported(shop, [lot(shop, "A"), lot(shop, "B"), lot(shop, "A")], "lots")
    assert ("refused", 3, 0, 1) == counts(view)
    assert [(3, "", "row_repeats", None)] == told(report)
    view, report = await imported(shop, [lot(shop, "A"), lot(shop, "B")], "lots")
    assert ("completed", 2, 2, 0) == counts(view)
    view, report = await imported(shop, [lot(shop, "C"), lot(shop, "B")], "lots")
    assert [(2, "physical_lot", "lot_already_reserved", None)] == told(report)


async def test_all_rows_are_one_transaction(shop: Shop) -> None:
    before = await stored(shop)
    bodies = [offer(shop, net_wet_t="10.000") for _ in range(3)]
    view, report = await imported(shop, bodies)
    assert ("completed", 3, 3, 0) == counts(view)
    after = await stored(shop)
    assert (3, 1) == tuple(after[name] - before[name] for name in ("supply", "record.request"))
    for line in report:
        read = await shop.ask("GET", f"/v1/supply-offers/{line['id']}", by=shop.scene.sellers[0])
        assert "10.000" == read.json()["net_wet_t"]


async def test_values_of_an_index_are_one_publication(shop: Shop) -> None:
    view, report = await imported(shop, [value(1), value(2), value(1)], "index-values")
    assert ("refused", 3, 0, 1) == counts(view)
    assert [(3, "published_at", "index_restatement_stale", None)] == told(report)
    other_unit = value(3, currency="EUR")
    view, report = await imported(shop, [value(1), value(2), other_unit], "index-values")
    assert [(3, "", "row_repeats", None)] == told(report)
    view, report = await imported(shop, [value(1), value(2, index="dy-oxide"), value(3)], "index-values")
    assert ("completed", 3, 3, 0) == counts(view)
    assert report[0]["id"] == report[2]["id"] != report[1]["id"]


# --- row by row


async def test_good_rows_stand_and_others_are_told(shop: Shop) -> None:
    bodies = [
        offer(shop),
        offer(shop, net_wet_t="many"),
        offer(shop, valid_until="2020-01-01T00:00:00Z"),
        offer(shop),
    ]
    view, report = await imported(shop, bodies, query="&mode=partial")
    assert ("completed", 4, 2, 2) == counts(view)
    assert [1, 2, 3, 4] == [line["row"] for line in report]
    assert ["accepted", "not_decimal", "accepted"] == [report[place]["code"] for place in (0, 1, 3)]
    assert ("valid_until", None) == (report[2]["column"], report[2]["id"])


@pytest.mark.parametrize("mode", ["partial", "all_or_nothing", "dry_run"])
async def test_what_a_post_would_warn_of_is_told_of_its_row(shop: Shop, mode: str) -> None:
    view, report = await imported(shop, [offer(shop), unlike(shop)], query=f"&mode={mode}")
    assert ("completed", 2, 2, 0, 1) == (*counts(view), view["warned"])
    first, second, warning = report
    assert ["accepted", "accepted", "warning"] == [first["kind"], second["kind"], warning["kind"]]
    assert (2, "footprint.form", "footprint_of_other_form", second["id"]) == tuple(
        warning[name] for name in ("row", "column", "code", "id")
    )
    posted = await shop.ask("POST", "/v1/supply-offers", by=shop.scene.sellers[0], body=unlike(shop))
    assert [warning["sentence"]] == [each["detail"] for each in posted.json()["warnings"]]


async def test_values_that_are_refused_do_not_take_others_with_them(shop: Shop) -> None:
    rows = [
        value(1),
        value(2),
        value(2, amount="70.00"),
        value(3, published_at="2099-01-01T00:00:00Z"),
        value(4),
    ]
    view, report = await imported(shop, rows, "index-values", query="&mode=partial")
    assert ("completed", 5, 3, 2) == counts(view)
    assert [
        (3, "published_at", "index_restatement_stale", None),
        (4, "published_at", "index_value_in_future", None),
    ] == [line for line in told(report) if line[2] != "accepted"]
    listed = await shop.ask("GET", "/v1/indices/ndpr-oxide/values", by=shop.scene.sellers[0])
    assert ["2025-01-01", "2025-01-02", "2025-01-04"] == [
        each["first_day"] for each in listed.json()["items"]
    ]


async def test_a_report_as_a_table(shop: Shop) -> None:
    answer = await send(shop, b"market,form\n", media=CSV, query="&mode=partial")
    await work(shop)
    assert "row,column,code,sentence,id,kind" == (await see(shop, answer, tail="/report")).text.strip()
    answer = await send(shop, [offer(shop), {"=cmd": 1}], query="&mode=partial")
    await work(shop)
    report = [*csv.DictReader(StringIO((await see(shop, answer, tail="/report")).text))]
    assert ("1", "accepted") == (report[0]["row"], report[0]["code"])
    assert report[0]["id"].startswith("offer_")
    assert "'=cmd" in {line["column"] for line in report}


# --- orders that stand


async def test_asks_are_amended_by_a_table(shop: Shop) -> None:
    """Rows are their PATCH: its version, its place in time, its refusals."""
    _, made = await imported(shop, [offer(shop) for _ in range(4)])
    window = offer(shop)["tranches"][0]["window"]
    first, second, third, fourth = [each["id"] for each in made]
    foreign = f"offer_{(await shop.scene.offer(shop.scene.sellers[1])).hex}"
    tranche = "tranches.0.net_wet_t,tranches.0.window.start,tranches.0.window.end"
    rows = [
        f"id,version,ask.amount,ask.currency,ask.per,net_wet_t,{tranche}",
        f"{first},1,99.50,EUR,oxide,,,,",
        f"{second},1,,,,9.000,9.000,{window['start']},{window['end']}",
        f"{third},2,99.50,EUR,oxide,,,,",
        f"{foreign},1,99.50,EUR,oxide,,,,",
        f"{fourth},1,,,,,,,",
        f"{fourth},1,99.50,EUR,,,,,",
        f"{fourth},0,99.50,EUR,oxide,,,,",
    ]
    before = {each["id"]: await order(shop, f"supply-offers/{each['id']}") for each in made}
    content = "\n".join(rows).encode()
    view, report = await imported(shop, content, "offer-amendments", media=CSV, query="&mode=partial")
    assert [
        (2, "", "accepted", first),
        (3, "", "accepted", second),
        (4, "", "version_stale", None),
        (5, "", "order_unknown", None),
        (6, "", "no_change", None),
        (7, "ask.per", "missing", None),
        (8, "version", "out_of_range", None),
    ] == told(report)
    assert ("completed", 7, 2, 5) == counts(view)
    after = {each: await order(shop, f"supply-offers/{each}") for each in before}
    assert (ASK, 2) == (after[first]["ask"], after[first]["version"])
    assert after[first]["rank"] > before[first]["rank"]
    assert ("9.000", before[second]["rank"]) == (after[second]["net_wet_t"], after[second]["rank"])
    assert [before[each] for each in (third, fourth)] == [after[each] for each in (third, fourth)]
    stale = [{"id": first, "version": 1, "ask": ASK}]
    _, report = await imported(shop, stale, "offer-amendments", query="&mode=partial")
    assert [(1, "", "version_stale", None)] == told(report)


async def order(shop: Shop, path: str, by: Firm | None = None) -> dict[str, Any]:
    found: dict[str, Any] = (await shop.ask("GET", f"/v1/{path}", by=by or shop.scene.sellers[0])).json()
    return found


async def test_orders_are_changed_in_one_transaction_or_not_at_all(shop: Shop) -> None:
    buyer = shop.scene.buyers[0]
    _, made = await imported(shop, [lot(shop, "A"), lot(shop, "B")], "lots")
    needs = [shop.requirement_body(buyer) for _ in range(2)]
    _, needed = await imported_by(shop, buyer, needs, "requirements")
    rows = [{"id": each["id"], "version": 1, "ask": ASK} for each in made]
    twice_told = [*rows, {**rows[0], "net_wet_t": "1.000"}]
    view, report = await imported(shop, twice_told, "lot-amendments")
    assert (("refused", 3, 0, 1), [(3, "", "row_repeats", None)]) == (counts(view), told(report))
    view, report = await imported(shop, [rows[0], {**rows[1], "version": 7}], "lot-amendments")
    assert [(2, "", "version_stale", None)] == told(report)
    assert 1 == (await order(shop, f"recovered-lots/{made[0]['id']}"))["version"]
    view, _ = await imported(shop, rows, "lot-amendments")
    assert ("completed", 2, 2, 0) == counts(view)
    assert [ASK, ASK] == [(await order(shop, f"recovered-lots/{each['id']}"))["ask"] for each in made]
    less = [{"id": each["id"], "version": 1, "basis_kg": "1000.000"} for each in needed]
    view, _ = await imported_by(shop, buyer, less, "requirement-amendments")
    assert ("completed", 2, 2, 0) == counts(view)
    over = [{"id": each["id"], "version": 2} for each in made]
    view, report = await imported(shop, over, "lot-withdrawals")
    assert [each["id"] for each in made] == [each["id"] for each in report]
    assert "withdrawn" == (await order(shop, f"recovered-lots/{made[1]['id']}"))["status"]
    view, report = await imported(shop, [lot(shop, "A")], "lots")
    assert ("completed", 1, 1, 0) == counts(view)
    over = [{"id": each["id"], "version": 2} for each in needed]
    view, report = await imported_by(shop, buyer, over, "requirement-withdrawals")
    assert ("completed", 2, 2, 0) == counts(view)
    assert "withdrawn" == (await order(shop, f"requirements/{needed[0]['id']}", buyer))["status"]
    wrong = [{"id": made[0]["id"].replace("lot_", "offer_"), "version": 2}]
    _, report = await imported(shop, wrong, "offer-withdrawals")
    assert [(1, "", "order_unknown", None)] == told(report)
    wrong = [{"id": needed[0]["id"].replace("req_", "offer_"), "version": 2, "ask": ASK}]
    _, report = await imported_by(shop, buyer, wrong, "offer-amendments")
    assert [(1, "", "order_unknown", None)] == told(report)
    wrong = [{"id": made[0]["id"].replace("lot_", "req_"), "version": 2, "basis_kg": "1000.000"}]
    _, report = await imported(shop, wrong, "requirement-amendments")
    assert [(1, "", "order_unknown", None)] == told(report)


async def imported_by(
    shop: Shop, firm: Firm, content: Any, kind: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    answer = await send(shop, content, kind, by=firm)
    assert 202 == answer.status_code, answer.text
    await work(shop)
    found = await see(shop, answer, tail="/report?format=ndjson", by=firm)
    view = (await see(shop, answer, by=firm)).json()
    return view, [json.loads(line) for line in found.text.splitlines()]


async def test_a_dry_run_tells_every_row_and_stores_none(shop: Shop) -> None:
    _, made = await imported(shop, [offer(shop) for _ in range(2)])
    await shop.token(shop.scene.sellers[0], "operator")
    before = await stored(shop)
    rows = [{"id": made[0]["id"], "version": 1, "ask": ASK}, {"id": made[1]["id"], "version": 3, "ask": ASK}]
    view, report = await imported(shop, rows, "offer-amendments", query="&mode=dry_run")
    assert (("completed", 2, 1, 1), "dry_run") == (counts(view), view["mode"])
    assert [(1, "", "acceptable", None), (2, "", "version_stale", None)] == told(report)
    news = [offer(shop), offer(shop, valid_until="2020-01-01T00:00:00Z")]
    view, report = await imported(shop, news, query="&mode=dry_run")
    assert [("acceptable", None), ("valid_until", None)] == [
        (each["column"] or each["code"], each["id"]) for each in report
    ]
    view, report = await imported(shop, [value(1), value(2)], "index-values", query="&mode=dry_run")
    assert ("completed", 2, 2, 0) == counts(view)
    assert before == await stored(shop)
    view, _ = await imported(shop, rows[:1], "offer-amendments", query="&mode=partial")
    assert ("completed", 1, 1, 0) == counts(view)


# --- broken off and taken up


async def test_work_that_is_begun_again_doubles_nothing(shop: Shop) -> None:
    """As after kill -9 between storing and remembering it: the same rows are given again."""
    before = await stored(shop)
    for mode in ("partial", "all_or_nothing"):
        answer = await send(shop, [offer(shop) for _ in range(5)], query=f"&mode={mode}")
        made = await twice(shop, answer)
        assert ("completed", 5, 5, 0) == counts((await see(shop, answer)).json())
        raised = [{"id": each["id"], "version": 1, "ask": ASK} for each in made]
        answer = await send(shop, raised, "offer-amendments", query=f"&mode={mode}")
        assert [each["id"] for each in made] == [each["id"] for each in await twice(shop, answer)]
        assert ("completed", 5, 5, 0) == counts((await see(shop, answer)).json())
    assert 10 == (await stored(shop))["supply"] - before["supply"]


async def twice(shop: Shop, answer: httpx.Response) -> list[dict[str, Any]]:
    """The report of an import whose rows were all given twice."""
    found = answer.json()["id"].removeprefix("imp_")
    parts = await shop.scene.pool.fetch("select * from ops.import_part where import = $1::uuid", found)
    await work(shop)
    first = await lines(shop, answer)
    async with shop.scene.pool.acquire() as connection:
        await connection.execute("delete from ops.import_report where import = $1::uuid", found)
        await connection.execute(
            "update ops.import set state = 'storing', rows_read = 0, accepted = 0, refused = 0,"
            " finished_at = null where import = $1::uuid",
            found,
        )
        for part in parts:
            await connection.execute("insert into ops.import_part values ($1, $2, $3)", *part)
    await work(shop)
    assert first == await lines(shop, answer)
    return first


async def test_a_worker_that_stops_leaves_the_rest_to_the_next(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("market.imports.CHUNK_ROWS", 2)
    answer = await send(shop, [offer(shop) for _ in range(5)], query="&mode=partial")
    stop = asyncio.Event()
    stop.set()
    assert await worker(shop).work_once("first", stop)
    assert ("storing", 0, 0, 0) == counts((await see(shop, answer)).json())
    await work(shop)
    assert ("completed", 5, 5, 0) == counts((await see(shop, answer)).json())
    assert [1, 2, 3, 4, 5] == [line["row"] for line in await lines(shop, answer)]


@pytest.mark.parametrize("past", [timedelta(seconds=-1), timedelta(hours=1)])
async def test_nobody_takes_what_another_works_on(shop: Shop, past: timedelta) -> None:
    """No lease lies an hour ahead: the clock that gave it was wrong."""
    answer = await send(shop, [offer(shop)])
    held = "update ops.import set owner = 'other', leased_until = now() + $1::interval, state = 'storing'"
    await shop.scene.pool.execute(held, timedelta(seconds=30))
    assert not await worker(shop).work_once("test", asyncio.Event())
    await shop.scene.pool.execute(held, past)
    await work(shop)
    assert "completed" == (await see(shop, answer)).json()["state"]


async def test_cancelled_while_it_waits_and_while_rows_are_stored(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await stored(shop)
    answer = await send(shop, [offer(shop)])
    path = f"{IMPORTS}/{answer.json()['id']}"
    cancelled = await shop.ask("DELETE", path, by=shop.scene.sellers[0])
    assert (200, "cancelled") == (cancelled.status_code, cancelled.json()["state"])
    await work(shop)
    assert before == await stored(shop)
    assert 404 == (await shop.ask("DELETE", path, by=shop.scene.sellers[1])).status_code

    answer = await send(shop, [offer(shop) for _ in range(4)], query="&mode=partial")
    monkeypatch.setattr("market.imports.CHUNK_ROWS", 2)
    await shop.scene.pool.execute(
        "update ops.import set cancel_asked = true where import = $1::uuid",
        answer.json()["id"].removeprefix("imp_"),
    )
    await work(shop)
    assert ("cancelled", 0, 0, 0) == counts((await see(shop, answer)).json())


async def test_a_key_that_was_revoked_stores_nothing_more(shop: Shop) -> None:
    before = await stored(shop)
    await send(shop, [offer(shop)])
    await shop.scene.pool.execute("update api_key set revoked = true")
    await work(shop)
    async with shop.scene.pool.acquire() as connection:
        row = await connection.fetchrow("select state, problem from ops.import")
    assert row is not None
    assert ("cancelled", "unauthenticated") == (row["state"], json.loads(row["problem"])[0]["code"])
    assert before == await stored(shop)


# --- templates


@pytest.mark.parametrize("kind", KINDS)
async def test_templates(shop: Shop, kind: str) -> None:
    for form, media in (("csv", CSV), ("xlsx", XLSX), ("ndjson", NDJSON)):
        answer = await shop.ask("GET", f"{IMPORTS}/templates/{kind}?format={form}", by=shop.scene.sellers[0])
        assert (200, media) == (answer.status_code, answer.headers["content-type"].partition(";")[0])
    assert 404 == (await shop.ask("GET", f"{IMPORTS}/templates/x", by=shop.scene.sellers[0])).status_code


# --- orders that are counted


async def test_counted_orders_go_row_by_row(shop: Shop) -> None:
    """Each has to know of those before it: the quarter holds one of two offers."""
    seller = shop.scene.sellers[0]
    body = offer(shop)
    capacity = {"form": body["form"], "nameplate_t_per_year": "48"}
    assert 200 == (await stated(shop, seller, status="operating", capacities=[capacity])).status_code
    await count_in(shop, "refuse")
    before = await stored(shop)
    view, report = await imported(shop, [body])
    assert ("refused", 0, 0, 0) == counts(view)
    assert ("counted_row_by_row", []) == (view["problem"][0]["code"], report)
    assert before == await stored(shop)
    view, report = await imported(shop, [body, body], query="&mode=partial")
    assert (("completed", 2, 1, 1), {"accepted", "capacity_exceeded"}) == (
        counts(view),
        {each["code"] for each in report},
    )
    (made,) = [each["id"] for each in report if each["id"] is not None]
    raised = [{"id": made, "version": 1, "ask": ASK}]
    view, _ = await imported(shop, raised, "offer-amendments")
    assert "counted_row_by_row" == view["problem"][0]["code"]
    view, _ = await imported(shop, raised, "offer-amendments", query="&mode=partial")
    assert ("completed", 1, 1, 0) == counts(view)


async def test_a_database_that_is_away_is_told_now_and_then(shop: Shop) -> None:
    shop.scene.pool.terminate()
    stop = asyncio.Event()
    with capture_logs() as lines:
        running = asyncio.create_task(worker(shop).run(stop))
        await asyncio.sleep(2)
        stop.set()
        await running
    told = [line["seconds"] for line in lines if line["event"] == "import_waits"]
    assert 2 <= len(told) <= 2 * 9
    assert 1 < max(told)
