"""Passports and transformations through the door: what is stored, who sees it, and what is refused."""

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from events.vocabulary import PhysicalLot
from market.commands import matches
from market.http.materials.passport_examples import PASSPORT, TRANSFORMATION
from market.http.parties import organisations
from market.http.wire.examples import OFFER
from market.http.wire.ids import to_text, to_uuid
from market.store.crma import load_corrected
from tests.http.shop import Asker, Shop
from tests.market_drafts import Firm

PATH = "/v1/passports"
WORK = "/v1/transformations"


def labelled(firm: Firm, **changes: Any) -> dict[str, Any]:
    record = {
        "magnets": [{"type": "NdFeB", "pieces": 8, "mass_g": "45.000", "location": "rotor"}],
        "removal_steps": [{"instruction": "Heat the rotor and push.", "tools": ["press"]}],
        "responsible_organisation": to_text("org", firm.organisation),
        "responsible_role": "manufacturer",
        "data_carrier": "qr_code",
        "data_carrier_address": "https://id.example/01/04012345123456",
    }
    return {"magnets": {**record, **changes}}


def body(firm: Firm, **changes: Any) -> dict[str, Any]:
    facility = to_text("fac", firm.facility)
    origin = [{"stage": "extraction", "country": "AU", "share_percent": "100", "source": "a mine"}]
    return {**PASSPORT, "facility": facility, "origin": origin, **changes}


def work(firm: Firm, passport: str, **changes: Any) -> dict[str, Any]:
    return {
        **TRANSFORMATION,
        "facility": to_text("fac", firm.facility),
        "inputs": [{"passport": passport, "net_wet_t": "10.000"}],
        **changes,
    }


async def test_what_article_28_asks_for_and_a_passport_leaves_out_is_warned_of(
    shop: Shop, seller: Firm
) -> None:
    wrong_key = "https://id.example/01/04012345123457"
    magnets = labelled(seller, removal_steps=[], data_carrier_address=wrong_key)
    answer = await shop.ask("POST", f"{PATH}?validate_only=true", by=seller, body=body(seller, **magnets))
    assert {
        "recycling_step_missing": "/origin",
        "responsible_address_missing": "/magnets/responsible_organisation",
        "magnet_composition_missing": "/magnets/magnets/0/composition",
        "magnet_parts_unstated": "/magnets/magnets",
        "removal_steps_missing": "/magnets/removal_steps",
        "data_carrier_wrong_keys": "/magnets/data_carrier_address",
    } == {each["code"]: each["pointer"] for each in answer.json()["warnings"]}


async def test_a_label_names_its_issuer_and_leads_where_a_browser_may_go(shop: Shop, seller: Firm) -> None:
    """Stated at first, in a correction, and of what a transformation makes."""
    other = to_text("org", shop.scene.buyers[0].organisation)
    wrong = labelled(seller, responsible_organisation=other, data_carrier_address="javascript:alert(1)")
    lot = await issued(shop, seller, **labelled(seller))
    standing = (await shop.ask("GET", f"{PATH}/{lot}", by=seller)).json()
    rows = await shop.rows()
    made = {**TRANSFORMATION["outputs"][0], **wrong}
    correction = {"corrects": standing["stated_by"], "reason": "label", "content": body(seller, **wrong)}
    for path, asked, version, prefix in (
        (PATH, body(seller, lot_number="NEW", **wrong), None, ""),
        (f"{PATH}/{lot}/corrections", correction, '"v1"', "/content"),
        (WORK, work(seller, lot, outputs=[made]), None, "/outputs/0"),
    ):
        answer = await shop.ask("POST", path, by=seller, body=asked, version=version)
        assert 422 == answer.status_code, answer.text
        assert {
            ("responsible_not_issuer", f"{prefix}/magnets/responsible_organisation"),
            ("data_carrier_no_link", f"{prefix}/magnets/data_carrier_address"),
        } <= {(each["code"], each["pointer"]) for each in answer.json()["errors"]}
    assert rows == await shop.rows()


async def issued(shop: Shop, firm: Firm, **changes: Any) -> str:
    answer = await shop.ask("POST", PATH, by=firm, body=body(firm, **changes))
    assert 201 == answer.status_code, answer.text
    found: str = answer.json()["id"]
    return found


async def test_a_passport_is_issued_once_and_reads_as_it_was_stated(shop: Shop, seller: Firm) -> None:
    first = await shop.ask("POST", PATH, by=seller, body=body(seller), key="once")
    again = await shop.ask("POST", PATH, by=seller, body=body(seller), key="once")
    assert (201, 201, "true") == (first.status_code, again.status_code, again.headers["idempotent-replayed"])
    assert first.json() == again.json()
    assert ["materials.passport.issued.v1"] == [each["type"] for each in first.json()["receipts"]]
    read = await shop.ask("GET", first.headers["location"], by=seller)
    assert (200, '"v1', "party", "live", "25.000") == (
        read.status_code,
        read.headers["etag"].partition(".")[0],
        read.json()["tier"],
        read.json()["status"],
        read.json()["remaining_wet_t"],
    )
    stated = read.json()["content"]
    assert {name: stated[name] for name in ("lot_number", "net_wet_t", "origin", "custody")} == {
        name: {**body(seller)}[name] if name != "origin" else stated["origin"]
        for name in ("lot_number", "net_wet_t", "origin", "custody")
    }
    not_modified = await shop.ask(
        "GET", first.headers["location"], by=seller, headers={"If-None-Match": read.headers["etag"]}
    )
    assert 304 == not_modified.status_code
    taken = await shop.ask("POST", PATH, by=seller, body=body(seller))
    assert (409, "lot_number_taken") == (taken.status_code, taken.json()["code"])


async def test_a_passport_that_shows_another_text_has_another_tag_and_the_same_version(
    shop: Shop, seller: Firm
) -> None:
    """A site that is renamed and a footprint that is over change no passport."""
    until = shop.scene.clock.now + timedelta(days=30)
    document = PASSPORT["evidence"][0]["document"]
    stated = {
        "footprint": {**OFFER["footprint"], "valid_until": until.isoformat()},
        "evidence": [*PASSPORT["evidence"], {"supports": "footprint", "document": document}],
    }
    place = f"{PATH}/{await issued(shop, seller, **stated)}"
    facility = f"/v1/organisations/{to_text('org', seller.organisation)}/facilities"
    renamed = f"{facility}/{to_text('fac', seller.facility)}"
    tags: list[str] = []

    async def read() -> Any:
        """What is shown under a tag that no reading before had, and is not sent again."""
        for tag in tags:
            stale = await shop.ask("GET", place, by=seller, headers={"If-None-Match": tag})
            assert 200 == stale.status_code
        found = await shop.ask("GET", place, by=seller)
        tags.append(found.headers["etag"])
        same = await shop.ask("GET", place, by=seller, headers={"If-None-Match": tags[-1]})
        assert (304, 1) == (same.status_code, found.json()["version"])
        return found.json()

    await read()
    name = {"name": "the other hall"}
    done = await shop.ask("PATCH", renamed, by=seller, roles=("compliance",), body=name, version='"v1"')
    assert 200 == done.status_code, done.text
    assert ["the other hall"] == [each["name"] for each in (await read())["facilities"]]
    shop.scene.clock.now = until
    assert (await read())["footprint_expired"]
    noted = {"note": "as it was read first"}
    answer = await shop.ask("POST", f"{place}/notes", by=seller, body=noted, version=tags[0])
    assert 201 == answer.status_code, answer.text


async def test_a_dry_run_stores_nothing(shop: Shop, seller: Firm) -> None:
    before = await shop.rows()
    for path, sent in ((PATH, body(seller)),):
        dry = await shop.ask("POST", f"{path}?validate_only=true", by=seller, body=sent)
        assert (200, None, ["materials.passport.issued.v1"]) == (
            dry.status_code,
            dry.json()["id"],
            dry.json()["would_record"],
        )
    passport = await issued(shop, seller)
    before = await shop.rows()
    dry = await shop.ask("POST", f"{WORK}?validate_only=true", by=seller, body=work(seller, passport))
    assert (200, None, []) == (dry.status_code, dry.json()["id"], dry.json()["outputs"]), dry.text
    assert before == await shop.rows()


async def test_the_examples_make_oxide_of_swarf(shop: Shop, seller: Firm) -> None:
    passport = await issued(shop, seller)
    made = await shop.ask("POST", WORK, by=seller, body=work(seller, passport))
    assert (201, "segregated", 1) == (
        made.status_code,
        made.json()["custody"],
        len(made.json()["outputs"]),
    ), made.text
    assert [
        "materials.passport.transformed.v1",
        "materials.passport.drawn.v1",
        "materials.passport.issued.v1",
    ] == [each["type"] for each in made.json()["receipts"]]
    told = (await shop.ask("GET", made.headers["location"], by=seller)).json()
    assert [("Nd", "1720000.000"), ("Pr", "520000.000")] == sorted(
        (each["element"], each["mass_g"]) for each in told["inputs"][0]["elements"]
    )
    output = (await shop.ask("GET", f"{PATH}/{made.json()['outputs'][0]}", by=seller)).json()
    assert [("extraction", "AU"), ("processing", "FR")] == [
        (each["stage"], each["country"]) for each in output["content"]["origin"]
    ]
    rest = (await shop.ask("GET", f"{PATH}/{passport}", by=seller)).json()
    assert ("live", "15.000", 2) == (rest["status"], rest["remaining_wet_t"], rest["version"])


async def test_an_impossible_balance_names_its_figures_and_stores_nothing(shop: Shop, seller: Firm) -> None:
    passport = await issued(shop, seller)
    before = await shop.rows()
    wrong = work(seller, passport, losses=[], tolerance_ppm=0)
    answer = await shop.ask("POST", WORK, by=seller, body=wrong)
    assert (422, "element_unbalanced") == (answer.status_code, answer.json()["code"])
    assert (
        "Nd: inputs 1720000 g, outputs 1635576.24 g and losses 0 g; tolerance 0 g."
        in answer.json()["errors"][0]["detail"] + answer.json()["errors"][1]["detail"]
    )
    twice = work(seller, passport, inputs=[{"passport": passport, "net_wet_t": "26"}])
    answer = await shop.ask("POST", WORK, by=seller, body=twice)
    assert (409, "drawn_twice", "/inputs/0/net_wet_t") == (
        answer.status_code,
        answer.json()["code"],
        answer.json()["errors"][0]["pointer"],
    )
    assert before == await shop.rows()


async def test_no_passport_says_of_an_oxide_more_than_its_oxygen_leaves(shop: Shop, seller: Firm) -> None:
    """Neither one that is issued, nor one that is corrected, nor one of what is made."""
    fraction = {"unit": "percent", "amount": "99.9"}
    cells = [{"state": "value", "analyte": "Nd", "fraction": fraction}]
    stated = {"form": "separated_oxide", "composition": {"basis": "dry", "of": "sample", "cells": cells}}
    answer = await shop.ask("POST", PATH, by=seller, body=body(seller, **stated, recycled=[]))
    assert (422, "elements_over_oxide") == (answer.status_code, answer.json()["code"])
    passport = await issued(shop, seller)
    made = {**TRANSFORMATION["outputs"][0], **stated}
    answer = await shop.ask("POST", WORK, by=seller, body=work(seller, passport, outputs=[made]))
    assert ("elements_over_oxide", "/outputs/0/composition/cells") in [
        (each["code"], each["pointer"]) for each in answer.json()["errors"]
    ]


async def test_unknown_units_and_stages_are_no_form(shop: Shop, seller: Firm) -> None:
    await shop.token(seller)
    before = await shop.rows()
    wrong: list[tuple[dict[str, Any], list[str]]] = [
        ({"net_wet_t": "ten", "custody": "mixed"}, ["/custody", "/net_wet_t"]),
        (
            {"origin": [{"stage": "smelting", "country": "Norway", "share_percent": "101"}]},
            ["/origin/0/country", "/origin/0/share_percent", "/origin/0/stage"],
        ),
        (
            {"net_wet_t": "ten", "origin": [{"stage": "processing", "country": "ZZ", "share_percent": "1"}]},
            ["/net_wet_t", "/origin/0/country"],
        ),
        ({"recycled": [{"element": "Nd", "post_consumer_ppm": "4"}]}, ["/recycled/0/post_consumer_ppm"]),
        (labelled(seller, magnets=[]), ["/magnets/magnets"]),
    ]
    for changes, pointers in wrong:
        answer = await shop.ask("POST", PATH, by=seller, body=body(seller, **changes))
        assert (400, pointers) == (
            answer.status_code,
            sorted(error["pointer"] for error in answer.json()["errors"]),
        )
    assert before == await shop.rows()


async def test_no_request_can_close_a_cycle(shop: Shop, seller: Firm) -> None:
    """Ids of what is made are the record's to give, and a lot number stands for one lot."""
    passport = await issued(shop, seller)
    (output,) = TRANSFORMATION["outputs"]
    tries: list[tuple[dict[str, Any], int, str]] = [
        ({"outputs": [{**output, "passport": passport}]}, 400, "/outputs/0/passport"),
        ({"outputs": [{**output, "lot_number": PASSPORT["lot_number"]}]}, 409, "/outputs/0/lot_number"),
        ({"inputs": [{"passport": f"pass_{UUID(int=9).hex}", "net_wet_t": "1"}]}, 404, "/inputs/0/passport"),
    ]
    before = await shop.rows()
    for changes, status, pointer in tries:
        answer = await shop.ask("POST", WORK, by=seller, body=work(seller, passport, **changes))
        told = [error["pointer"] for error in answer.json()["errors"]]
        assert (status, True) == (answer.status_code, pointer in told), answer.text
    assert before == await shop.rows()


async def test_claims_without_evidence_and_expired_papers_at_once(shop: Shop, seller: Firm) -> None:
    await shop.token(seller)
    before = await shop.rows()
    paper = {
        "scheme": "irma",
        "reference": "i-1",
        "certified_by": "a body",
        "valid_from": "2024-01-01T00:00:00Z",
        "valid_until": "2025-01-01T00:00:00Z",
        "evidence": PASSPORT["evidence"][0]["document"],
    }
    answer = await shop.ask(
        "POST", PATH, by=seller, body=body(seller, evidence=[], certificates=[paper], origin=[])
    )
    assert (422, ["certificate_expired", "claim_without_evidence"]) == (
        answer.status_code,
        [error["code"] for error in answer.json()["errors"]],
    )
    expired, unsupported = (error["detail"] for error in answer.json()["errors"])
    assert "2025-01-01" in expired
    assert "A claim of recycled needs at least one document that supports it." == unsupported
    assert before == await shop.rows()


async def test_a_correction_shows_in_the_passport_and_both_in_its_history(shop: Shop, seller: Firm) -> None:
    passport = await issued(shop, seller)
    read = (await shop.ask("GET", f"{PATH}/{passport}", by=seller)).json()
    corrected = {**read["content"], "moisture_percent": "21"}
    sent = {"corrects": read["stated_by"], "reason": "weighed again", "content": corrected}
    path = f"{PATH}/{passport}/corrections"
    missing = await shop.ask("POST", path, by=seller, body=sent)
    assert 428 == missing.status_code
    stale = await shop.ask("POST", path, by=seller, body=sent, version='"v9"')
    assert (412, "version_stale") == (stale.status_code, stale.json()["code"])
    done = await shop.ask("POST", path, by=seller, body=sent, version='"v1"')
    assert (201, '"v2"', 2) == (done.status_code, done.headers["etag"], done.json()["version"]), done.text
    again = await shop.ask("POST", path, by=seller, body=sent, version='"v2"')
    assert [("/corrects", "corrects_other"), (None, "no_change")] == [
        (error.get("pointer"), error["code"]) for error in again.json()["errors"]
    ]
    now = (await shop.ask("GET", f"{PATH}/{passport}", by=seller)).json()
    assert ("21", 1) == (now["content"]["moisture_percent"], now["corrections"])
    first = await shop.ask("GET", f"{PATH}/{passport}/history?limit=1", by=seller)
    second = await shop.ask(
        "GET", f"{PATH}/{passport}/history?limit=1&cursor={first.json()['next_cursor']}", by=seller
    )
    steps = first.json()["items"] + second.json()["items"]
    assert [("issued", False, "20", None), ("corrected", True, "21", read["stated_by"])] == [
        (step["kind"], step["stands"], step["content"]["moisture_percent"], step["corrects"])
        for step in steps
    ]


async def test_a_sold_lot_is_corrected_by_its_owners_word(shop: Shop, seller: Firm, buyer: Firm) -> None:
    """Until then the passport and its export say what they said; the history has both."""
    passport = await issued(shop, seller)
    place = f"{PATH}/{passport}"
    given = {"owner": to_text("org", buyer.organisation), "transferred_on": "2026-03-01"}
    await shop.ask("POST", f"{place}/transfers", by=seller, body=given, version='"v1"')
    read = (await shop.ask("GET", place, by=seller)).json()
    content = {**read["content"], "moisture_percent": "21"}
    sent = {"corrects": read["stated_by"], "reason": "weighed again", "content": content}
    told = await shop.ask("POST", f"{place}/corrections", by=seller, body=sent, version='"v2"')
    assert (201, "correction_awaited") == (told.status_code, told.json()["warnings"][0]["code"]), told.text

    async def stands() -> tuple[str, int, bool, list[tuple[str, str | None]]]:
        now = (await shop.ask("GET", place, by=buyer)).json()
        steps = (await shop.ask("GET", f"{place}/history", by=buyer)).json()["items"]
        said = [(each["kind"], each["acceptance"]) for each in steps if each["stands"]]
        return now["content"]["moisture_percent"], now["corrections"], now["proposed"] is None, said

    async def statements() -> int:
        export = (await shop.ask("GET", f"{place}/epcis", by=buyer)).json()
        return sum(event["bizStep"] == "commissioning" for event in export["epcisBody"]["eventList"])

    async def corrected() -> dict[UUID, datetime]:
        async with shop.scene.pool.acquire() as connection:
            return await load_corrected(connection, [to_uuid(passport)])

    assert (("20", 0, False, [("issued", None)]), 1) == (await stands(), await statements())
    assert {} == await corrected()
    shop.scene.clock.now += timedelta(days=1)
    path = f"{place}/corrections/acknowledgement"
    by_issuer = await shop.ask("POST", path, by=seller, version='"v3"')
    assert (403, "passport_of_other") == (by_issuer.status_code, by_issuer.json()["code"])
    taken = await shop.ask("POST", path, by=buyer, version='"v3"')
    assert (201, 4) == (taken.status_code, taken.json()["version"]), taken.text
    assert (("21", 1, True, [("corrected", "awaited")]), 2) == (await stands(), await statements())
    assert {to_uuid(passport): shop.scene.clock.now} == await corrected()
    again = await shop.ask("POST", path, by=buyer, version='"v4"')
    assert (409, "correction_not_proposed") == (again.status_code, again.json()["code"])


async def test_an_origin_names_a_site_that_is_registered(shop: Shop, seller: Firm, buyer: Firm) -> None:
    def steps(firm: UUID) -> dict[str, Any]:
        step = {"stage": "extraction", "country": "AU", "share_percent": "100"}
        return body(seller, origin=[{**step, "facility": to_text("fac", firm)}])

    nobody_s, other_s = steps(uuid4()), steps(buyer.facility)
    refused = await shop.ask("POST", PATH, by=seller, body=nobody_s)
    told = [(each["code"], each["pointer"]) for each in refused.json()["errors"]]
    assert (422, [("origin_facility_unknown", "/origin/0/facility")]) == (refused.status_code, told)
    taken = await shop.ask("POST", PATH, by=seller, body=other_s)
    assert 201 == taken.status_code, taken.text
    [warning] = [each for each in taken.json()["warnings"] if each["code"].startswith("origin_")]
    assert ("origin_not_of_facility", "/origin/0") == (warning["code"], warning["pointer"])
    path = f"{PATH}/{taken.json()['id']}"
    standing = (await shop.ask("GET", path, by=seller)).json()["stated_by"]
    asked = {"corrects": standing, "reason": "a typing error", "content": nobody_s}
    wrong = await shop.ask("POST", f"{path}/corrections", by=seller, body=asked, version='"v1"')
    assert (422, "/content/origin/0/facility") == (wrong.status_code, wrong.json()["errors"][0]["pointer"])


async def test_a_transfer_gives_the_passport_away(shop: Shop, seller: Firm, buyer: Firm) -> None:
    passport = await issued(shop, seller)
    path = f"{PATH}/{passport}/transfers"
    nobody = {"owner": to_text("org", uuid4()), "transferred_on": "2026-03-01"}
    answer = await shop.ask("POST", path, by=seller, body=nobody, version='"v1"')
    assert (404, "organisation_unknown", "/owner") == (
        answer.status_code,
        answer.json()["code"],
        answer.json()["errors"][0]["pointer"],
    )
    today = shop.scene.clock.now.date().isoformat()
    sent = {"owner": to_text("org", buyer.organisation), "transferred_on": today}
    assert 404 == (await shop.ask("POST", path, by=buyer, body=sent, version='"v1"')).status_code
    long_ago = {**sent, "transferred_on": "2020-01-01"}
    early = await shop.ask("POST", f"{path}?validate_only=true", by=seller, body=long_ago, version='"v1"')
    assert ["acceptance_awaited", "transferred_before_issue"] == [
        each["code"] for each in early.json()["warnings"]
    ]
    answer = await shop.ask("POST", path, by=seller, body=sent, version='"v1"')
    told = [each["code"] for each in answer.json()["warnings"]]
    assert (201, ["acceptance_awaited"]) == (answer.status_code, told)
    seen = {
        name: (await shop.ask("GET", f"{PATH}/{passport}", by=firm)).json()
        for name, firm in (("seller", seller), ("buyer", buyer))
    }
    assert [("issuer", None), ("party", sent["owner"])] == [
        (seen[name]["tier"], seen[name]["owner"]) for name in ("seller", "buyer")
    ]
    assert ([], [sent["owner"]]) == (seen["seller"]["awaited"], seen["buyer"]["awaited"])
    kinds = {
        name: [
            step["kind"]
            for step in (await shop.ask("GET", f"{PATH}/{passport}/history", by=firm)).json()["items"]
        ]
        for name, firm in (("seller", seller), ("buyer", buyer))
    }
    assert {"seller": ["issued"], "buyer": ["issued", "transferred"]} == kinds
    gone = await shop.ask(
        "POST",
        f"{PATH}/{passport}/retirements",
        by=buyer,
        body={"reason": "installed", "note": "one park"},
        version='"v2"',
    )
    assert 201 == gone.status_code, gone.text
    over = await shop.ask("POST", path, by=buyer, body={**sent, "owner": sent["owner"]}, version='"v3"')
    assert (409, "passport_over") == (over.status_code, over.json()["code"])


async def test_lists_show_what_one_issued_owns_or_holds(shop: Shop, seller: Firm, buyer: Firm) -> None:
    lots = [await issued(shop, seller, lot_number=f"L-{n}") for n in range(3)]
    sent = {"owner": to_text("org", buyer.organisation), "transferred_on": "2026-03-01"}
    await shop.ask("POST", f"{PATH}/{lots[0]}/transfers", by=seller, body=sent, version='"v1"')

    async def listed(firm: Firm, **given: Any) -> list[str]:
        found: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            page = await shop.ask(
                "GET", f"{PATH}?limit=2{f'&cursor={cursor}' if cursor else ''}", by=firm, **given
            )
            found += [item["id"] for item in page.json()["items"]]
            cursor = page.json()["next_cursor"]
        return found

    assert sorted(lots, reverse=True) == await listed(seller)
    assert [lots[0]] == await listed(buyer)
    assert [] == await listed(shop.scene.buyers[1])
    overseer = await shop.scene.register("overseer")
    assert sorted(lots, reverse=True) == await listed(overseer, roles=("operator",))
    retired = await shop.ask("GET", f"{PATH}?status=retired", by=seller)
    assert [] == retired.json()["items"]


async def test_everybody_reads_the_label_of_magnets_and_nothing_else(shop: Shop, seller: Firm) -> None:
    own = labelled(seller)["magnets"]
    magnets = await issued(shop, seller, magnets=own)
    swarf = await issued(shop, seller, lot_number="SW-2")
    label = await shop.ask("GET", f"{PATH}/{magnets}/label")
    assert (200, own["data_carrier_address"]) == (
        label.status_code,
        label.json()["magnets"]["data_carrier_address"],
    )
    browser = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}
    asked = (("", browser), ("?format=html", {"Accept": "application/json"}))
    pages = [
        await shop.ask("GET", f"{PATH}/{magnets}/label{query}", headers=headers) for query, headers in asked
    ]
    for page in pages:
        assert (200, "text/html; charset=utf-8") == (page.status_code, page.headers["content-type"])
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert not re.search("<script|href|src=", page.text)
        assert own["removal_steps"][0]["instruction"] in page.text
    assert {("public, max-age=60", "Accept")} == {
        (each.headers["cache-control"], each.headers["vary"]) for each in (label, *pages)
    }
    assert 404 == (await shop.ask("GET", f"{PATH}/{swarf}/label?format=html")).status_code
    document = {"title": "audit", "sha256": "ab" * 32, "dated_on": "2026-01-01"}
    wrong = {"note": "audited, it is 10 %", "evidence": [document]}
    notes, buyer = f"{PATH}/{magnets}/notes", shop.scene.buyers[1]
    strange = await shop.ask("POST", notes, by=buyer, body=wrong, version='"v1"')
    assert (404, "passport_unknown") == (strange.status_code, strange.json()["code"])
    noted = await shop.ask("POST", notes, by=seller, body=wrong, version='"v1"')
    assert (201, 2) == (noted.status_code, noted.json()["version"]), noted.text
    for path, by_whom in ((f"{magnets}/label", None), (magnets, seller)):
        (told,) = (await shop.ask("GET", f"{PATH}/{path}", by=by_whom)).json()["notes"]
        assert wrong == {name: told[name] for name in wrong}
    last = (await shop.ask("GET", f"{PATH}/{magnets}/history", by=seller)).json()["items"][-1]
    assert ("noted", wrong["note"]) == (last["kind"], last["note"])
    (share,) = label.json()["recycled"]
    assert {"element", "post_consumer_percent"} == set(share)
    named = label
    firm = await shop.ask("GET", f"/v1/organisations/{own['responsible_organisation']}", by=seller)
    assert [firm.json()["name"], firm.json()["country"]] == [
        named.json()[f"responsible_{what}"] for what in ("name", "country")
    ]
    parts = ["composition", "coatings", "glues", "additives"]
    assert ["responsible_postal_address", "responsible_contact", *parts] == named.json()["unstated"]
    by: Asker = {"by": seller, "roles": ("operator",)}
    reached = {name: organisations.EXAMPLE[name] for name in ("postal_address", "electronic_contact")}
    party = firm.request.url.path
    changed = await shop.ask("PATCH", party, body=reached, version=firm.headers["etag"], **by)
    assert 200 == changed.status_code, changed.text
    named = await shop.ask("GET", named.request.url.path)
    assert list(reached.values()) == [named.json()[f"responsible_{name}"] for name in reached]
    assert parts == named.json()["unstated"]
    nowhere = {
        "postal_address": {"street": " ", "town": "x", "country": "UK"},
        "electronic_contact": "by post",
    }
    refused = await shop.ask("PATCH", party, body=nowhere, version=changed.headers["etag"], **by)
    assert 400 == refused.status_code
    assert {"/postal_address/street", "/electronic_contact"} <= {
        each["pointer"] for each in refused.json()["errors"]
    }
    for contact in ("a\x01@b.example", "\u202ea@b.example", "https://b.example/\u200b"):
        unseen = await shop.ask(
            "PATCH", party, body={"electronic_contact": contact}, version=changed.headers["etag"], **by
        )
        assert 400 == unseen.status_code, unseen.text
    cleared = await shop.ask(
        "PATCH", party, body=dict.fromkeys(reached), version=changed.headers["etag"], **by
    )
    assert 200 == cleared.status_code, cleared.text
    assert not (await shop.ask("GET", party, by=seller)).json()["postal_address"]
    assert 404 == (await shop.ask("GET", f"{PATH}/{swarf}/label")).status_code
    for path in (magnets, f"{magnets}/history", swarf, f"{swarf}/history"):
        assert 404 == (await shop.ask("GET", f"{PATH}/{path}", by=shop.scene.buyers[1])).status_code


async def test_the_buyer_of_a_confirmed_match_sees_the_passport_without_suppliers(
    shop: Shop, seller: Firm, buyer: Firm
) -> None:
    scene = shop.scene
    cells = [
        {"analyte": element, "state": "value", "fraction": {"unit": "percent", "amount": amount}}
        for element, amount in (("Nd", "28"), ("Pr", "7"), ("Dy", "1"))
    ]
    passport = await issued(
        shop,
        seller,
        form="metal",
        net_wet_t="10.000",
        moisture_percent="0",
        composition={"basis": "dry", "of": "sample", "cells": cells},
        origin=[{"stage": "processing", "country": "FR", "share_percent": "100", "source": "a mine"}],
    )
    lot = PhysicalLot(site=seller.facility, lot_number="SW-2026-118", passport=to_uuid(passport))
    await scene.lot(seller, "", physical_lot=lot, commitment="subject_to_confirmation")
    taken = await shop.ask("POST", WORK, by=seller, body=work(seller, passport))
    assert (409, "passport_in_order") == (taken.status_code, taken.json()["code"])
    await scene.require(buyer)
    events = await scene.conclude(await scene.plan())
    [match] = [event.data.match for event in events if event.type == "market.match.struck.v1"]  # type: ignore[attr-defined]
    assert 404 == (await shop.ask("GET", f"{PATH}/{passport}", by=buyer)).status_code
    await matches.answer(scene.desk, seller.trader, match=match, answer="confirmed")
    seen = await shop.ask("GET", f"{PATH}/{passport}", by=buyer)
    assert (200, "counterparty", None, None) == (
        seen.status_code,
        seen.json()["tier"],
        seen.json()["remaining_wet_t"],
        seen.json()["content"]["origin"][0]["source"],
    )
    assert "a mine" not in (await shop.ask("GET", f"{PATH}/{passport}/history", by=buyer)).text


async def test_a_lineage_shows_ones_own_lots_and_pools_the_others(
    shop: Shop, seller: Firm, buyer: Firm
) -> None:
    """The seller's swarf becomes oxide, which is sold; the buyer sees its own lot and one share of others."""
    passport = await issued(shop, seller)
    made = await shop.ask("POST", WORK, by=seller, body=work(seller, passport))
    oxide = made.json()["outputs"][0]
    sent = {"owner": to_text("org", buyer.organisation), "transferred_on": "2026-03-01"}
    await shop.ask("POST", f"{PATH}/{oxide}/transfers", by=seller, body=sent, version='"v1"')

    async def told(lot: str, firm: Firm, query: str = "") -> Any:
        answer = await shop.ask("GET", f"{PATH}/{lot}/lineage{query}", by=firm)
        assert 200 == answer.status_code, answer.text
        found = answer.json()
        return (
            [(node["passport"], node["depth"]) for node in found["nodes"]],
            found["withheld"],
            [(s["element"], s["passport"], s["share_percent"], s["further"]) for s in found["sources"]],
        )

    elements = ("Pr", "Nd")
    own = [(element, passport, "100", False) for element in elements]
    assert ([(oxide, 0), (passport, 1)], 0, own) == await told(oxide, seller)
    pooled = [(element, None, "100", True) for element in elements]
    assert ([(oxide, 0)], 1, pooled) == await told(oxide, buyer)
    assert ([(passport, 0), (oxide, 1)], 0, []) == await told(passport, seller, "?direction=down")
    claimed = {each["supports"]: each["document"] for each in PASSPORT["evidence"]}
    assert claimed
    for firm, entitled in ((seller, True), (buyer, False)):
        found = (await shop.ask("GET", f"{PATH}/{oxide}/lineage", by=firm)).json()["documents"]
        assert claimed == {
            each["supports"]: {
                "title": claimed[each["supports"]]["title"],
                "sha256": each["sha256"],
                "dated_on": each["dated_on"],
            }
            for each in found
        }
        assert [entitled] * len(claimed) == [each["title"] is not None for each in found]
    sold = (await shop.ask("GET", f"{PATH}/{oxide}", by=buyer)).json()
    (site,) = sold["facilities"]
    assert (sold["content"]["facility"], to_text("fac", seller.facility)) == (site["id"], site["id"])
    assert {site["id"]} == {each["facility"] for each in sold["content"]["origin"]} - {None}
    registered = await shop.ask(
        "GET", f"/v1/organisations/{to_text('org', seller.organisation)}/facilities/{site['id']}", by=seller
    )
    assert [registered.json()[name] for name in ("name", "country")] == [site["name"], site["country"]]
    listed = (await shop.ask("GET", PATH, by=buyer)).json()["items"]
    assert [sold["facilities"]] == [each["facilities"] for each in listed]
    assert 404 == (await shop.ask("GET", f"{PATH}/{passport}/lineage", by=buyer)).status_code
    for query in ("depth=0", "depth=33", "direction=sideways"):
        wrong = await shop.ask("GET", f"{PATH}/{oxide}/lineage?{query}", by=seller)
        assert 400 == wrong.status_code, query


async def test_a_lineage_is_a_page_with_its_graph(shop: Shop, seller: Firm, buyer: Firm) -> None:
    """Each reader's page has what its JSON has, and loads nothing."""
    passport = await issued(shop, seller)
    made = await shop.ask("POST", WORK, by=seller, body=work(seller, passport))
    oxide = made.json()["outputs"][0]
    sent = {"owner": to_text("org", buyer.organisation), "transferred_on": "2026-03-01"}
    await shop.ask("POST", f"{PATH}/{oxide}/transfers", by=seller, body=sent, version='"v1"')
    retired = {"reason": "installed", "note": "one park"}
    gone = await shop.ask("POST", f"{PATH}/{oxide}/retirements", by=buyer, body=retired, version='"v2"')
    assert 201 == gone.status_code, gone.text

    async def page(firm: Firm, lot: str, query: str = "?format=html") -> Any:
        answer = await shop.ask("GET", f"{PATH}/{lot}/lineage{query}", by=firm)
        assert (200, "text/html; charset=utf-8") == (answer.status_code, answer.headers["content-type"])
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert not re.search("<script|href|src=", answer.text)
        return answer.text

    whole = await page(seller, oxide)
    assert [] == [
        each for each in ("SW-2026-118", "25.000 t", passport, oxide, "retired") if each not in whole
    ]
    assert to_text("org", buyer.organisation) not in whole
    bought = await page(buyer, oxide)
    assert to_text("org", buyer.organisation) in bought
    assert [] == [each for each in (passport, "SW-2026-118", "25.000") if each in bought]
    assert "1 lot of others is not shown" in bought
    assert oxide in await page(seller, passport, "?direction=down&format=html")
    told = (await shop.ask("GET", f"{PATH}/{oxide}/lineage", by=buyer)).json()["nodes"]
    assert [("2.510", "retired", 0, sent["owner"])] == [
        (node["net_wet_t"], node["status"], node["corrections"], node["owner"]) for node in told
    ]
    given_away = (await shop.ask("GET", f"{PATH}/{oxide}/lineage", by=seller)).json()["nodes"]
    assert [None, to_text("org", seller.organisation)] == [node["owner"] for node in given_away]
    for lot, firm, query, status in (
        (passport, buyer, "?format=html", 404),
        (oxide, seller, "?format=pdf", 400),
        (oxide, seller, "?format=html&depth=33", 400),
    ):
        assert status == (await shop.ask("GET", f"{PATH}/{lot}/lineage{query}", by=firm)).status_code


async def test_a_maker_is_told_that_the_place_of_the_steps_before_is_no_longer_said(
    shop: Shop, seller: Firm
) -> None:
    processed = {"stage": "processing", "share_percent": "100", "source": "the smelter"}
    for country, told in (("CN", [("origin_of_last_step", "/stage")]), (None, [])):
        named = [] if country is None else [processed | {"country": country}]
        origin = [*body(seller)["origin"], *named]
        passport = await issued(shop, seller, origin=origin, lot_number=f"L-{country}")
        sent = work(seller, passport)
        answer = await shop.ask("POST", f"{WORK}?validate_only=true", by=seller, body=sent)
        assert 200 == answer.status_code, answer.text
        found = [each for each in answer.json()["warnings"] if each["code"] == "origin_of_last_step"]
        assert told == [(each["code"], each["pointer"]) for each in found]
        assert all("Inputs name CN for processing" in each["detail"] for each in found)
