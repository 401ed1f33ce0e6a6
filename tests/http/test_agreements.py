"""Agreements through the door: what is refused and to whom, then a negotiation from draft to effective."""

import csv
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from io import BytesIO, StringIO
from typing import Any

import openpyxl
import pytest
import structlog

from events.contract_events import AgreementSigned
from events.envelope import Recorded
from events.vocabulary import KeyRole
from market.http.wire.examples import AGREEMENT_TERMS
from market.http.wire.ids import to_text
from tests.http.shop import Shop
from tests.market_drafts import Firm
from tests.sentinels import found, identity


def body(shop: Shop, other: Firm, **changes: Any) -> dict[str, Any]:
    return {
        "market": shop.market,
        "kind": "offtake",
        "side": "seller",
        "counterparty": to_text("org", other.organisation),
        "terms": AGREEMENT_TERMS,
    } | changes


UNKNOWN = [("index_unknown", f"/terms/price/index/{each}") for each in ("code", "fx_code")]
"""Of indices that nothing was published under."""


def with_terms(**changes: Any) -> dict[str, Any]:
    return {**AGREEMENT_TERMS, **changes}


async def drafted(shop: Shop) -> tuple[str, Firm, Firm]:
    """A draft by the first seller to the first buyer: its path and its parties."""
    seller, buyer = shop.scene.sellers[0], shop.scene.buyers[0]
    made = await shop.ask("POST", "/v1/agreements", by=seller, body=body(shop, buyer))
    assert 201 == made.status_code, made.text
    assert made.headers["location"] == f"/v1/agreements/{made.json()['id']}"
    told = [(each["code"], each["pointer"]) for each in made.json()["warnings"]]
    assert [("capacity_not_counted", "/terms/source"), *UNKNOWN] == told
    return made.headers["location"], seller, buyer


async def step(
    shop: Shop, path: str, name: str, by: Firm, sent: Any = None, version: str | None = None, query: str = ""
) -> Any:
    """A step with the ETag that its sender has just read."""
    etag = version or (await shop.ask("GET", path, by=by)).headers["etag"]
    return await shop.ask("POST", f"{path}/{name}{query}", by=by, body=sent, version=etag)


async def test_all_faults_of_a_draft_are_told_at_once(shop: Shop) -> None:
    seller, buyer = shop.scene.sellers[0], shop.scene.buyers[0]
    terms = with_terms(
        volume={"kind": "fixed", "acq_kg": ["1"]},
        product={"basis": "dy", "form": "metal"},
        conditions=[{**AGREEMENT_TERMS["conditions"][0], "due_on": "2030-01-01"}],
        payment={**AGREEMENT_TERMS["payment"], "currency": "JPY"},
    )
    refused = await shop.ask("POST", "/v1/agreements", by=seller, body=body(shop, buyer, terms=terms))
    assert 422 == refused.status_code
    assert [
        ("years_differ", "/terms/volume/acq_kg"),
        ("dates_out_of_order", "/terms/conditions/0/due_on"),
        ("currency_without_cents", "/terms/payment/currency"),
        ("basis_not_of_market", "/terms/product/basis"),
    ] == [(fault["code"], fault["pointer"]) for fault in refused.json()["errors"]]


@pytest.mark.parametrize(
    ("place", "value", "code"),
    [
        (("volume",), {"kind": "barter", "acq_kg": ["1"]}, "not_allowed"),
        (("price",), {"kind": "flat", "price_per_kg": "7e1"}, "not_decimal"),
        (("price",), {"kind": "flat", "price_per_kg": 70}, "wrong_type"),
        (("term",), {"years": 0}, "out_of_range"),
        (("payment",), {"currency": "euro", "provisional_percent": "90", "due_days": 30}, "wrong_length"),
        (("payment",), {"currency": "EUR", "provisional_percent": "101", "due_days": 30}, "out_of_range"),
    ],
)
async def test_what_cannot_be_read_is_400(shop: Shop, place: tuple[str], value: Any, code: str) -> None:
    seller, buyer = shop.scene.sellers[0], shop.scene.buyers[0]
    sent = body(shop, buyer, terms=with_terms(**{place[0]: value}))
    refused = await shop.ask("POST", "/v1/agreements", by=seller, body=sent)
    assert 400 == refused.status_code, refused.text
    assert code in [fault["code"] for fault in refused.json()["errors"]], refused.text


async def test_what_a_draft_may_not_mean_is_told(shop: Shop) -> None:
    """A figure that only the seller states, a limit of nothing, a lot below its package; no umpire."""
    seller, buyer = shop.scene.sellers[0], shop.scene.buyers[0]
    packaging = {"unit": "big_bag", "package_wet_kg": "20000.001"}
    terms = with_terms(
        product={**AGREEMENT_TERMS["product"], "limits": [{"analyte": "Fe"}]},
        assay={**AGREEMENT_TERMS["assay"], "splitting": AGREEMENT_TERMS["assay"]["splitting"][:1]},
        delivery={**AGREEMENT_TERMS["delivery"], "packaging": packaging},
    )
    made = await shop.ask("POST", "/v1/agreements", by=seller, body=body(shop, buyer, terms=terms))
    assert [
        ("capacity_not_counted", "/terms/source"),
        ("basis_not_exchanged", "/terms/assay/splitting"),
        ("limit_not_exchanged", "/terms/product/limits/0"),
        ("limit_empty", "/terms/product/limits/0"),
        ("lot_below_package", "/terms/delivery/lot_wet_t"),
        *UNKNOWN,
    ] == [(each["code"], each["pointer"]) for each in made.json()["warnings"]]
    path = made.headers["location"]
    dear = with_terms(
        assay={**AGREEMENT_TERMS["assay"], "umpire": " SELLER 0"},
        price={"kind": "flat", "price_per_kg": "80000.00"},
    )
    odd = await step(shop, path, "proposals", buyer, {"terms": dear})
    told = [(each["code"], each["pointer"]) for each in odd.json()["warnings"]]
    assert [
        ("umpire_is_party", "/terms/assay/umpire"),
        ("price_far_from_reference", "/terms/price/price_per_kg"),
    ] == told, odd.text
    counter = await step(shop, path, "proposals", buyer, {"terms": with_terms()})
    assert UNKNOWN == [(each["code"], each["pointer"]) for each in counter.json()["warnings"]]
    blank = with_terms(assay={**AGREEMENT_TERMS["assay"], "umpire": " "})
    refused = await step(shop, path, "proposals", buyer, {"terms": blank})
    assert (400, "/terms/assay/umpire") == (refused.status_code, refused.json()["errors"][0]["pointer"])


async def test_a_draft_needs_two_active_members(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    stranger = Firm(organisation=shop.scene.market, facility=shop.scene.market)
    for sent, expected in (
        (body(shop, stranger), (422, "party_not_in_market")),
        (body(shop, seller), (422, "counterparty_same")),
        (body(shop, shop.scene.buyers[0], market="mkt_" + "0" * 32), (404, "market_unknown")),
    ):
        refused = await shop.ask("POST", "/v1/agreements", by=seller, body=sent)
        assert expected == (refused.status_code, refused.json()["code"])


async def test_nobody_but_the_parties_sees_an_agreement(shop: Shop) -> None:
    path, seller, buyer = await drafted(shop)
    outsider = shop.scene.sellers[1]
    roles: tuple[KeyRole, ...]
    for roles in (("trader",), ("operator",), ("compliance", "admin")):
        for address in (path, f"{path}/proposals/1", f"{path}/proposals/1/differences"):
            assert 404 == (await shop.ask("GET", address, by=outsider, roles=roles)).status_code
        listed = await shop.ask("GET", "/v1/agreements", by=outsider, roles=roles)
        assert (200, []) == (listed.status_code, listed.json()["items"])
    before = await shop.rows()
    for name, sent in (
        ("proposals", {"terms": AGREEMENT_TERMS}),
        ("signatures", {"proposal": 1, "binding": True}),
        ("conditions/permit", {"outcome": "waived", "on": "2026-03-02"}),
        ("extensions", None),
        ("resumption", None),
        ("termination", {"reason": "negotiation_failed"}),
    ):
        answer = await step(shop, path, name, outsider, sent, version='"v1"')
        assert (404, "agreement_unknown") == (answer.status_code, answer.json()["code"])
    gone = await shop.ask("DELETE", f"{path}/proposals/1", by=outsider, version='"v1"')
    assert 404 == gone.status_code
    assert before == await shop.rows()
    for firm in (seller, buyer):
        shown = await shop.ask("GET", path, by=firm)
        assert 200 == shown.status_code
        parties = shown.json()["parties"]
        assert [("seller-0", "FR"), ("buyer-0", "FR")] == [
            (parties[side]["name"], parties[side]["country"]) for side in ("seller", "buyer")
        ]
        (listed,) = (await shop.ask("GET", "/v1/agreements", by=firm)).json()["items"]
        assert ("seller-0", "buyer-0") == (listed["seller_name"], listed["buyer_name"])


async def test_an_auditor_says_why(shop: Shop) -> None:
    path, *_ = await drafted(shop)
    auditor = shop.scene.sellers[1]
    for address in (path, "/v1/agreements", f"{path}/proposals/1", "/v1/agreements/agr_" + "0" * 32):
        refused = await shop.ask("GET", address, by=auditor, roles=("auditor",))
        assert (400, "reason") == (refused.status_code, refused.json()["errors"][0]["parameter"])
    for address in (f"{path}/proposals/1", "/v1/agreements"):
        unused = await shop.ask("GET", f"{address}?reason=ticket-1", by=auditor, roles=("operator",))
        assert (422, "parameter_inapplicable") == (unused.status_code, unused.json()["code"])
    for address in (path, f"{path}?reason=ticket-1"):
        assert 404 == (await shop.ask("GET", address, by=auditor, roles=("operator",))).status_code
    with structlog.testing.capture_logs() as logs:
        seen = await shop.ask("GET", f"{path}?reason=case-2026-7", by=auditor, roles=("auditor",))
        assert (200, None) == (seen.status_code, seen.json()["side"])
        listed = await shop.ask("GET", "/v1/agreements?reason=case-2026-7", by=auditor, roles=("auditor",))
        assert 1 == len(listed.json()["items"])
    lines = [line for line in logs if line.get("reason") == "case-2026-7"]
    assert [("/v1/agreements/{agreement}", 200), ("/v1/agreements", 200)] == [
        (line["route"], line["status"]) for line in lines
    ]


async def test_steps_need_the_etag_and_the_proposal_that_is_on_the_table(shop: Shop) -> None:
    path, seller, buyer = await drafted(shop)
    missing = await shop.ask("POST", f"{path}/signatures", by=buyer, body={"proposal": 1, "binding": True})
    assert (428, "if_match_missing") == (missing.status_code, missing.json()["errors"][0]["code"])
    stale = await step(shop, path, "signatures", buyer, {"proposal": 1, "binding": True}, version='"v9"')
    assert (412, "version_stale") == (stale.status_code, stale.json()["code"])
    other = await step(shop, path, "signatures", buyer, {"proposal": 2, "binding": True})
    assert (409, "proposal_replaced") == (other.status_code, other.json()["code"])
    as_other = await step(shop, path, "signatures", seller, {"proposal": 1, "binding": True, "side": "buyer"})
    assert (403, "other_side_signs") == (as_other.status_code, as_other.json()["code"])
    first = await step(shop, path, "signatures", seller, {"proposal": 1, "binding": True})
    assert (201, None) == (first.status_code, first.json()["status"])
    again = await step(shop, path, "signatures", seller, {"proposal": 1, "binding": True})
    assert (409, "own_proposal") == (again.status_code, again.json()["code"])


async def test_a_dry_run_stores_nothing_and_a_repeat_nothing_more(shop: Shop) -> None:
    path, _, buyer = await drafted(shop)
    sent = {"proposal": 1, "binding": False}
    await shop.token(buyer)
    before = await shop.rows()
    tried = await step(shop, path, "signatures", buyer, sent, query="?validate_only=true")
    assert (200, True) == (tried.status_code, tried.json()["validated_only"])
    assert ["contracts.agreement.signed.v1"] == tried.json()["would_record"]
    assert before == await shop.rows()
    first, second = [
        await shop.ask("POST", f"{path}/signatures", by=buyer, body=sent, version='"v1"', key="once")
        for _ in range(2)
    ]
    assert (201, 201) == (first.status_code, second.status_code)
    assert first.json()["receipts"] == second.json()["receipts"]
    assert "true" == second.headers["idempotent-replayed"]


async def test_a_counter_proposal_shows_what_it_changes(shop: Shop) -> None:
    path, seller, buyer = await drafted(shop)
    terms = with_terms(
        payment={"currency": "EUR", "provisional_percent": "85", "due_days": 45},
        conditions=[],
        price={"kind": "flat", "price_per_kg": "81.50"},
    )
    made = await step(shop, path, "proposals", buyer, {"terms": terms, "note": "flat, without permit"})
    assert (201, 2, 2) == (made.status_code, made.json()["proposal"], made.json()["version"])
    differences = (await shop.ask("GET", f"{path}/proposals/2/differences", by=seller)).json()
    assert (1, 2) == (differences["old_proposal"], differences["new_proposal"])
    changed = {each["pointer"]: (each["old"], each["new"]) for each in differences["differences"]}
    assert {"/price", "/conditions/0", "/payment/provisional_percent", "/payment/due_days"} == set(changed)
    assert ("90", "85") == changed["/payment/provisional_percent"]
    assert ("indexed", "flat") == tuple(side["kind"] for side in changed["/price"])
    assert ("permit", None) == (changed["/conditions/0"][0]["code"], changed["/conditions/0"][1])
    same = (await shop.ask("GET", f"{path}/proposals/2/differences?since=2", by=seller)).json()
    assert [] == same["differences"]
    for number in ("3", "0", "x", "999999"):
        assert 404 == (await shop.ask("GET", f"{path}/proposals/{number}", by=seller)).status_code
    kept = (await shop.ask("GET", f"{path}/proposals/1", by=buyer)).json()
    assert AGREEMENT_TERMS["price"]["floor_per_kg"] == kept["terms"]["price"]["floor_per_kg"]
    gone = await shop.ask("DELETE", f"{path}/proposals/2", by=buyer, version='"v2"')
    assert 200 == gone.status_code
    assert (await shop.ask("GET", path, by=buyer)).json()["on_table"] is None


async def test_from_draft_to_effective_suspended_and_terminated(shop: Shop) -> None:
    path, seller, buyer = await drafted(shop)
    signed = [
        await step(shop, path, "signatures", firm, {"proposal": 1, "binding": True})
        for firm in (seller, buyer)
    ]
    assert "binding_subject_to_cp" == signed[-1].json()["status"]
    facts = [event.data for event in await shop.scene.events("contracts")]
    assert [seller.organisation, buyer.organisation] == [
        fact.group for fact in facts if isinstance(fact, AgreementSigned)
    ]
    today = shop.scene.clock.now.date().isoformat()
    evidence = [{"title": "Permit 17/2026", "sha256": "ab" * 32, "dated_on": today}]
    unfit = await step(shop, path, "conditions/permit", seller, {"outcome": "met", "on": today})
    assert (422, "evidence_missing") == (unfit.status_code, unfit.json()["code"])
    unknown = await step(shop, path, "conditions/fid", seller, {"outcome": "waived", "on": today})
    assert (404, "condition_unknown") == (unknown.status_code, unknown.json()["code"])
    met = {"outcome": "met", "on": today, "evidence": evidence}
    settled = await step(shop, path, "conditions/permit", seller, met)
    assert ("effective", 2) == (settled.json()["status"], len(settled.json()["receipts"]))
    seen = (await shop.ask("GET", path, by=buyer)).json()
    assert ("2028-01-01", "2031-01-01", "ramp_up") == (seen["starts_on"], seen["ends_on"], seen["phase"])
    assert "Permit 17/2026" == seen["conditions"][0]["evidence"][0]["title"]
    shop.scene.clock.now = shop.scene.clock.now.replace(year=2028, month=5)
    shop.tokens.clear()
    same = await step(shop, path, "proposals", buyer, {"terms": with_terms()})
    assert (422, "no_change") == (same.status_code, same.json()["code"])
    early = {"period": {"start": "2028-05-03T00:00:00Z", "end": "2028-06-01T00:00:00Z"}, "reason": "flood"}
    refused = await step(shop, path, "suspensions", seller, early)
    assert (422, "period_not_now") == (refused.status_code, refused.json()["code"])
    now = {"period": {"start": "2028-05-01T00:00:00Z", "end": "2028-06-01T00:00:00Z"}, "reason": "flood"}
    assert "suspended_fm" == (await step(shop, path, "suspensions", seller, now)).json()["status"]
    assert "effective" == (await step(shop, path, "resumption", seller)).json()["status"]
    extended = await step(shop, path, "extensions", seller)
    assert (403, "extension_of_other") == (extended.status_code, extended.json()["code"])
    assert 201 == (await step(shop, path, "extensions", buyer)).status_code
    unfit = await step(shop, path, "termination", buyer, {"reason": "condition_failed"})
    assert (422, "reason_unfit") == (unfit.status_code, unfit.json()["code"])
    ended = await step(shop, path, "termination", buyer, {"reason": "breach", "note": "two missing"})
    assert "terminated" == ended.json()["status"]
    years = (await shop.ask("GET", f"{path}/statement", by=buyer)).json()["years"]
    assert ["broken_off"] * 4 == [year["status"] for year in years]
    closed = await step(shop, path, "extensions", buyer)
    assert (409, "agreement_ended") == (closed.status_code, closed.json()["code"])
    contested = {"reason": "both had come", "evidence": evidence}
    assert 201 == (await shop.ask("POST", f"{path}/contests", by=seller, body=contested)).status_code
    recorded = await shop.scene.events("contracts")
    at = {each.type.split(".")[1] + "." + each.type.split(".")[2]: each.time for each in recorded}
    await told_with_its_times(shop, path, (seller, buyer), at)
    await told_fact_by_fact(shop, path, (seller, buyer), recorded)


async def told_with_its_times(
    shop: Shop, path: str, parties: tuple[Firm, Firm], at: dict[str, datetime]
) -> None:
    """Of an agreement of 2028 to 2031 that was extended once and ended on 2 May 2028."""
    seen = (await shop.ask("GET", path, by=parties[0])).json()
    assert ("breach", "two missing", "buyer", 1) == (
        seen["ended_reason"],
        seen["end_note"],
        seen["ended_by"],
        seen["extensions"],
    )
    ended_on = at["agreement.terminated"].date()
    assert ((ended_on + timedelta(days=1)).isoformat(), "2032-01-01") == (
        seen["ends_on"],
        seen["term_ends_on"],
    )
    (rest,) = seen["suspensions"]
    shown = {
        "agreement.terminated": seen["ended_at"],
        "force-majeure.declared": rest["declared_at"],
        "declaration.contested": seen["end_contest"]["contested_at"],
        "agreement.signed": seen["standing"]["buyer_signed_at"],
        "condition.settled": seen["effective_at"],
    }
    assert {name: at[name] for name in shown} == {
        name: datetime.fromisoformat(text) for name, text in shown.items()
    }
    assert seen["standing"]["seller_signed_at"] <= seen["standing"]["buyer_signed_at"]
    assert datetime.fromisoformat(rest["contest_by"]) == at["force-majeure.declared"] + timedelta(days=30)
    assert None is seen["end_contest"]["settled_at"]


async def told_fact_by_fact(
    shop: Shop, path: str, parties: tuple[Firm, Firm], recorded: Sequence[Recorded]
) -> None:
    """The same to both parties, page by page and as a file; to others nothing, to who says why all of it."""
    seller, buyer = parties
    whole = (await shop.ask("GET", f"{path}/history", by=buyer)).json()["items"]
    assert [
        (to_text("evt", each.id), each.time, number) for number, each in enumerate(recorded, start=1)
    ] == [(each["event"], datetime.fromisoformat(each["at"]), each["version"]) for each in whole]
    assert [
        *("drafted", "signed", "signed", "advanced", "condition_settled", "advanced"),
        *("force_majeure_declared", "force_majeure_ended", "extended", "terminated", "contested"),
    ] == [each["kind"] for each in whole]
    assert ("buyer", "breach", "two missing", "The buyer ends the agreement: breach.") == tuple(
        whole[-2][name] for name in ("by", "reason", "note", "told")
    )
    assert whole[-1]["told"].startswith("The seller contests the termination, by Permit 17/2026 of ")
    paged: list[Any] = []
    place = f"{path}/history?limit=4"
    while place:
        page = (await shop.ask("GET", place, by=seller)).json()
        paged += page["items"]
        cursor = page["next_cursor"]
        place = cursor and f"{path}/history?limit=4&cursor={cursor}"
    assert whole == paged
    file = await shop.ask("GET", f"{path}/history?format=csv", by=seller)
    rows = list(csv.DictReader(StringIO(file.text)))
    assert [each["told"] for each in whole] == [row["told"] for row in rows]
    workbook = await shop.ask("GET", f"{path}/history?format=xlsx", by=seller)
    assert 200 == workbook.status_code, workbook.text
    head, *lines = openpyxl.load_workbook(BytesIO(workbook.content))["history"].iter_rows(values_only=True)
    assert [(each["told"], each["proposal"]) for each in whole] == [
        (line[head.index("told")], line[head.index("proposal")]) for line in lines
    ]
    at = [f"{line[head.index('at')]:%Y-%m-%dT%H:%M:%SZ}" for line in lines]
    assert [each["at"][:19] + "Z" for each in whole] == at
    outsider = shop.scene.sellers[1]
    assert 404 == (await shop.ask("GET", f"{path}/history", by=outsider)).status_code
    for roles in (("operator",), ("auditor",)):
        asked = f"{path}/history?reason=case-7"
        answer = await shop.ask("GET", asked, by=outsider, roles=roles)
        assert whole == answer.json()["items"]


async def test_lists_are_narrowed_and_paged(shop: Shop) -> None:
    seller, buyer = shop.scene.sellers[0], shop.scene.buyers[0]
    paths = [(await drafted(shop))[0] for _ in range(3)]
    first = await shop.ask("GET", "/v1/agreements?limit=2", by=buyer)
    assert [path.rpartition("/")[2] for path in reversed(paths)][:2] == [
        item["id"] for item in first.json()["items"]
    ]
    rest = await shop.ask("GET", f"/v1/agreements?limit=2&cursor={first.json()['next_cursor']}", by=buyer)
    assert ([paths[0].rpartition("/")[2]], None) == (
        [item["id"] for item in rest.json()["items"]],
        rest.json()["next_cursor"],
    )
    for query, count in (("status=draft", 3), ("status=effective", 0), (f"market={shop.market}", 3)):
        listed = await shop.ask("GET", f"/v1/agreements?{query}", by=seller)
        assert count == len(listed.json()["items"])


async def test_the_example_round_trips_to_the_letter(shop: Shop) -> None:
    path, seller, _ = await drafted(shop)
    terms = (await shop.ask("GET", path, by=seller)).json()["on_table"]["terms"]
    text = re.sub(r"[\s']", "", str({name: terms[name] for name in AGREEMENT_TERMS}))
    assert [] == [name for name in AGREEMENT_TERMS if name not in text]
    again = await step(shop, path, "proposals", seller, {"terms": terms})
    assert (422, "no_change") == (again.status_code, again.json()["code"])


async def test_the_rows_of_an_agreement_are_its_parties(shop: Shop) -> None:
    path, seller, _ = await drafted(shop)
    outsider = shop.scene.sellers[1]
    texts = [(await shop.ask("GET", "/v1/agreements", by=outsider)).text]
    texts.append((await shop.ask("GET", "/v1/agreements", by=seller)).text)
    wanted = list(identity(seller.organisation)[:1])
    assert ([], wanted) == (found(wanted, texts[0]), found(wanted, texts[1]))
    assert path
