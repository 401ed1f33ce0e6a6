"""What operators do through the door: organisations, markets, members, inputs, rule sets, clearings."""

from datetime import timedelta

from events.vocabulary import KeyRole
from market.http.parties import facilities, organisations, papers
from market.http.rounds import inputs, markets, rule_sets
from market.http.wire.ids import to_text
from tests.http.shop import Asker, Shop

OPERATOR: tuple[KeyRole, ...] = ("operator",)


async def assert_told_of_names_and_groups(shop: Shop, by: Asker, party: str) -> None:
    """The name of another in capitals, a parent of a mistyped id, a day of screening that is over."""
    read = await shop.ask("GET", f"/v1/organisations/{party}", **by)
    body = organisations.EXAMPLE | {
        "name": f" {read.json()['name'].upper()}.",
        "group": "org_" + "1" * 32,
        "sanctions_screened_until": "2020-01-01T00:00:00Z",
    }
    told = await shop.ask("POST", "/v1/organisations?validate_only=true", body=body, **by)
    assert [
        ("name_alike", "/name"),
        ("group_unknown", "/group"),
        ("sanctions_screening_expired", "/sanctions_screened_until"),
    ] == [(each["code"], each["pointer"]) for each in told.json()["warnings"]]
    assert party in told.json()["warnings"][0]["detail"]


async def test_an_answer_lists_who_moved_along_to_another_group(shop: Shop) -> None:
    by: Asker = {"by": shop.scene.sellers[0], "roles": OPERATOR}

    async def group(party: str, named: str | None) -> tuple[int, list[tuple[str, str]]]:
        place = f"/v1/organisations/{party}"
        etag = (await shop.ask("GET", place, **by)).headers["etag"]
        answer = await shop.ask("PATCH", place, body={"group": named}, version=etag, **by)
        body = answer.json()
        told = body["warnings"] if answer.status_code == 200 else body["errors"]
        return answer.status_code, [(each["code"], each["detail"]) for each in told]

    alone = {**organisations.EXAMPLE, "sanctions_screened_until": "2036-01-01T00:00:00Z"}
    ids: list[str] = []
    for name, named in (("Holding", None), ("Alpha", None), ("Beta", 1)):
        body = alone | {"name": name} | ({} if named is None else {"group": ids[named]})
        made = await shop.ask("POST", "/v1/organisations", body=body, **by)
        assert 201 == made.status_code, made.text
        ids.append(made.json()["id"])
    holding, alpha, beta = ids
    status, told = await group(alpha, holding)
    assert (200, ["group_moved_along"]) == (status, [code for code, _ in told])
    assert beta in told[0][1]
    status, told = await group(beta, alpha)
    assert (422, [("group_not_ultimate", f"{alpha} belongs to {holding}: name the ultimate parent.")]) == (
        status, told,
    )  # fmt: skip
    status, told = await group(alpha, None)
    assert (200, ["group_left"]) == (status, [code for code, _ in told])
    assert f"2 organisations stay in {holding}" in told[0][1]


async def test_a_market_is_built_from_nothing(shop: Shop) -> None:
    by: Asker = {"by": shop.scene.sellers[0], "roles": OPERATOR}
    market = await shop.ask("POST", "/v1/markets", body=markets.EXAMPLE, **by)
    assert 201 == market.status_code, market.text
    place = market.headers["location"]
    organisation = await shop.ask("POST", "/v1/organisations", body=organisations.EXAMPLE, **by)
    assert 201 == organisation.status_code, organisation.text
    party = organisation.headers["location"]
    facility = await shop.ask("POST", f"{party}/facilities", body=facilities.EXAMPLE, **by)
    assert 201 == facility.status_code, facility.text
    site = {"facility": facility.json()["id"], "valid_from": "2026-01-01T00:00:00Z"}
    for kind, body in (("certificates", papers.CERTIFICATE_EXAMPLE), ("licences", papers.LICENCE_EXAMPLE)):
        paper = await shop.ask("POST", f"{party}/{kind}", body={**body, **site}, **by)
        assert 201 == paper.status_code, paper.text
        assert 200 == (await shop.ask("GET", paper.headers["location"], **by)).status_code
    (listed,) = (await shop.ask("GET", f"{party}/licences", **by)).json()["items"]
    assert ("waste_treatment", "treatment_permit") == (listed["kind"], listed["counts_as"])
    haulier = papers.LICENCE_EXAMPLE | site | {"kind": "transport"}
    for kind, expected in (("transport", (200, "licence_opens_nothing")), ("snack-bar", (422, None))):
        tried = f"{party}/licences?validate_only=true"
        answer = await shop.ask("POST", tried, body=haulier | {"kind": kind}, **by)
        told = [each["code"] for each in answer.json().get("warnings", ())]
        assert expected == (answer.status_code, next(iter(told), None)), answer.text
    member = await shop.ask(
        "POST", f"{place}/members", body={"organisation": organisation.json()["id"]}, **by
    )
    assert 201 == member.status_code, member.text
    rate = await shop.ask("POST", f"{place}/inputs", body={**inputs.EXAMPLE, "as_of": "2026-03-01"}, **by)
    assert 201 == rate.status_code, rate.text
    assert [] == rate.json()["warnings"]
    inverted = {**inputs.EXAMPLE, "as_of": "2026-03-01", "eur_per_unit": "1.16"}
    turned = await shop.ask("POST", f"{place}/inputs?validate_only=true", body=inverted, **by)
    assert [("rate_far_from_before", "/eur_per_unit")] == [
        (each["code"], each["pointer"]) for each in turned.json()["warnings"]
    ]
    rules = {**rule_sets.EXAMPLE, "effective_from": "2026-03-02T09:00:00Z"}
    published = await shop.ask("POST", f"{place}/rule-sets", body=rules, **by)
    assert 201 == published.status_code, published.text
    read = await shop.ask("GET", f"{place}/rule-sets/1", **by)
    assert rules["benchmarks"][0]["source"] == read.json()["benchmarks"][0]["source"]  # type: ignore[index]
    planned = await shop.ask("POST", f"{place}/clearings", body={}, **by)
    assert 201 == planned.status_code, planned.text
    cut = planned.json()["receipts"][0]["position"]
    round_one = (await shop.ask("GET", planned.headers["location"], **by)).json()
    assert ("planned", cut) == (round_one["status"], round_one["cut"])
    given_up = await shop.ask(
        "POST", f"{planned.headers['location']}/abandon", body={"code": "operator", "reason": "a trial"}, **by
    )
    assert 200 == given_up.status_code, given_up.text
    shown = (await shop.ask("GET", f"{place}/inputs", **by)).json()["items"]
    assert [("fx_rate", "0.862")] == [
        (item["input"]["kind"], item["input"]["eur_per_unit"]) for item in shown
    ]


async def test_a_change_of_an_organisation_reaches_its_markets(shop: Shop) -> None:
    by: Asker = {"by": shop.scene.sellers[1], "roles": OPERATOR}
    party = to_text("org", shop.scene.sellers[0].organisation)
    await assert_told_of_names_and_groups(shop, by, party)
    read = await shop.ask("GET", f"/v1/organisations/{party}", **by)
    changed = await shop.ask(
        "PATCH",
        f"/v1/organisations/{party}",
        body={"roles": ["recycler"]},
        version=read.headers["etag"],
        **by,
    )
    assert 200 == changed.status_code, changed.text
    assert ["parties.organisation.changed.v1", "market.member.changed.v1"] == [
        receipt["type"] for receipt in changed.json()["receipts"]
    ]
    member = await shop.ask("GET", f"/v1/markets/{shop.market}/members/{party}", **by)
    assert ["recycler"] == member.json()["roles"]
    stale = await shop.ask(
        "PATCH", f"/v1/organisations/{party}", body={"country": "DE"}, version=read.headers["etag"], **by
    )
    assert 412 == stale.status_code
    nowhere = await shop.ask(
        "PATCH", f"/v1/organisations/{party}", body={"country": "UK"}, version=read.headers["etag"], **by
    )
    assert (422, "country_unknown") == (nowhere.status_code, nowhere.json()["code"])


async def test_a_suspended_member_posts_nothing(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    party = to_text("org", seller.organisation)
    suspended = await shop.ask(
        "POST",
        f"/v1/markets/{shop.market}/members/{party}/suspend",
        by=shop.scene.sellers[1],
        roles=OPERATOR,
        body={"reason": "screening expired"},
    )
    assert 200 == suspended.status_code, suspended.text
    answer = await shop.ask("POST", "/v1/supply-offers", by=seller, body=shop.offer_body(seller))
    assert (403, "member_suspended") == (answer.status_code, answer.json()["code"])
    by: Asker = {"by": shop.scene.sellers[1], "roles": OPERATOR}
    path = f"/v1/markets/{shop.market}/members/{party}"
    again = await shop.ask("POST", f"{path}/suspend", body={"reason": "once more"}, **by)
    assert (409, "suspended_before") == (again.status_code, again.json()["code"])
    for asker in (by, {"by": seller}):
        view = (await shop.ask("GET", path, **asker)).json()
        assert (True, "screening expired") == (view["suspended"], view["suspended_reason"])
        assert suspended.json()["receipts"][0]["time"] == view["suspended_since"]
    assert 404 == (await shop.ask("GET", path, by=shop.scene.buyers[0])).status_code
    admitted = await shop.ask(
        "POST", f"/v1/markets/{shop.market}/members", body={"organisation": party}, **by
    )
    assert 201 == admitted.status_code, admitted.text
    view = (await shop.ask("GET", path, by=seller)).json()
    assert (False, None, None) == (view["suspended"], view["suspended_reason"], view["suspended_since"])


async def test_a_rule_set_of_odd_countries_or_days_is_warned_of(shop: Shop) -> None:
    by: Asker = {"by": shop.scene.sellers[0], "roles": OPERATOR}
    path = f"/v1/markets/{shop.market}/rule-sets"
    now = shop.scene.clock.now
    odd = {
        **rule_sets.EXAMPLE,
        "version": 2,
        "eu_countries": ["CN"],
        "effective_from": "2020-01-01T00:00:00Z",
    }

    async def told(body: dict[str, object], route: str = path) -> list[tuple[str, str]]:
        answer = await shop.ask("POST", f"{route}?validate_only=true", body=body, **by)
        assert 200 == answer.status_code, answer.text
        return [(each["code"], each["pointer"]) for each in answer.json()["warnings"]]

    far = {**odd, "eu_countries": [], "effective_from": (now + timedelta(days=400)).isoformat()}
    plain = {**odd, "eu_countries": ["DE"], "effective_from": now.isoformat()}
    assert [
        ("country_outside_union", "/eu_countries/0"),
        ("union_without_members", "/eu_countries"),
        ("effective_long_past", "/effective_from"),
    ] == await told(odd)
    assert [("union_without_members", "/eu_countries"), ("effective_far_ahead", "/effective_from")] == (
        await told(far)
    )
    assert [] == await told(plain)
    unruly = [("conditional_orders_never_rest", "/conditional_orders_rest")]
    assert unruly == await told({**plain, "conditional_orders_rest": False})
    unsplit = [("splitting_by_no_grade", "/splitting_by_stated")]
    assert unsplit == await told({**plain, "splitting_by_stated": False})
    published = await shop.ask("POST", path, body=odd, **by)
    assert (201, 3) == (published.status_code, len(published.json()["warnings"])), published.text


async def test_a_halted_market_takes_nothing_in_and_lets_out(shop: Shop) -> None:
    seller, trader = shop.scene.sellers[0], shop.scene.buyers[0]
    by: Asker = {"by": shop.scene.sellers[1], "roles": OPERATOR}
    path, why = f"/v1/markets/{shop.market}", {"reason": "an audit has found a divergence"}
    kept = await shop.ask("POST", "/v1/supply-offers", by=seller, body=shop.offer_body(seller))
    place, version = kept.headers["location"], kept.headers["etag"]
    assert 403 == (await shop.ask("POST", f"{path}/halt", by=trader, body=why)).status_code
    assert 404 == (await shop.ask("POST", f"/v1/markets/mkt_{'0' * 32}/halt", body=why, **by)).status_code
    assert 400 == (await shop.ask("POST", f"{path}/halt", body={"reason": ""}, **by)).status_code
    early = await shop.ask("POST", f"{path}/resume", body=why, **by)
    assert (409, "market_not_halted") == (early.status_code, early.json()["code"])
    tried = await shop.ask("POST", f"{path}/halt?validate_only=true", body=why, **by)
    assert (200, None) == (tried.status_code, (await shop.ask("GET", path, by=trader)).json()["halted"])
    plan = (await shop.ask("POST", f"{path}/clearings", body={}, **by)).headers["location"]
    halted = await shop.ask("POST", f"{path}/halt", body=why, **by)
    assert (200, True, 2) == (halted.status_code, halted.json()["halted"], len(halted.json()["receipts"]))
    assert "market_halted" == (await shop.ask("GET", plan, **by)).json()["abandoned_code"]
    view = (await shop.ask("GET", path, by=trader)).json()
    assert (why["reason"], None) == (view["halted"]["reason"], view["open_plan"])
    again = await shop.ask("POST", f"{path}/halt", body=why, **by)
    assert (409, "market_halted") == (again.status_code, again.json()["code"])
    for refused in (
        await shop.ask("POST", f"{path}/clearings", body={}, **by),
        await shop.ask("POST", "/v1/supply-offers", by=seller, body=shop.offer_body(seller)),
        await shop.ask("POST", "/v1/supply-offers", by=seller, body=shop.offer_body(seller) | {"form": 1}),
        await shop.ask("POST", "/v1/requirements", by=trader, body=shop.requirement_body(trader)),
        await shop.ask(
            "PATCH",
            place,
            by=seller,
            body={"valid_until": shop.offer_body(seller)["valid_until"]},
            version=version,
        ),
    ):
        codes = [each["code"] for each in refused.json().get("errors", [refused.json()])]
        assert "market_halted" in [*codes, refused.json()["code"]], refused.text
        assert why["reason"] in refused.text
    gone = await shop.ask("DELETE", place, by=seller, version=version)
    assert 200 == gone.status_code, gone.text
    resumed = await shop.ask("POST", f"{path}/resume", body={"reason": "mended"}, **by)
    assert (200, False) == (resumed.status_code, resumed.json()["halted"])
    assert (await shop.ask("GET", path, by=trader)).json()["halted"] is None
    late = await shop.ask("POST", "/v1/supply-offers", by=seller, body=shop.offer_body(seller))
    assert 201 == late.status_code, late.text


async def test_outside_a_sandbox_a_rule_set_needs_the_key_of_a_second_operator(shop: Shop) -> None:
    first, second = shop.scene.sellers
    by: Asker = {"by": first, "roles": OPERATOR}
    market = await shop.ask("POST", "/v1/markets", body={**markets.EXAMPLE, "sandbox": False}, **by)
    path = f"{market.headers['location']}/rule-sets"
    later = (shop.scene.clock.now + timedelta(days=10)).isoformat()
    rules = {**rule_sets.EXAMPLE, "effective_from": later}
    alone = await shop.ask("POST", path, body=rules, **by)
    assert (422, "signatures_missing") == (alone.status_code, alone.json()["code"])
    own = {"Cosigner-Authorization": f"Bearer {await shop.token(first, 'operator')}"}
    assert 422 == (await shop.ask("POST", path, body=rules, headers=own, **by)).status_code
    trader = {"Cosigner-Authorization": f"Bearer {await shop.token(second)}"}
    assert 403 == (await shop.ask("POST", path, body=rules, headers=trader, **by)).status_code
    token = await shop.token(first, "operator")
    path_of_keys = f"/v1/organisations/{to_text('org', first.organisation)}/keys"
    for label in ("second", "third"):
        terms = {"label": label, "roles": ["operator"], "expires_at": later}
        sent = {"Authorization": f"Bearer {token}"}
        issued = await shop.ask("POST", path_of_keys, body=terms, headers=sent)
        token = issued.json()["token"]
        signed = {"Cosigner-Authorization": f"Bearer {token}"}
        one = await shop.ask("POST", path, body=rules, headers=signed, **by)
        assert (422, "signatures_of_one") == (one.status_code, one.json()["code"]), one.text
        assert "`lodestone keys issue`" in one.json()["detail"]
    listed = (await shop.ask("GET", path_of_keys, **by)).json()["items"]
    made = {item["label"]: item for item in listed}
    assert [None, made["operator"]["id"], made["second"]["id"]] == [
        made[label]["issued_by"] for label in ("operator", "second", "third")
    ]
    signed = {"Cosigner-Authorization": f"Bearer {await shop.token(second, 'operator')}"}
    both = await shop.ask("POST", path, body=rules, headers=signed, **by)
    assert (201, 2) == (both.status_code, len(both.json()["signed_by"])), both.text


async def test_before_the_cut_an_operator_sees_no_price(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    posted = await shop.ask("POST", "/v1/supply-offers", by=seller, body=shop.offer_body(seller))
    await shop.project()
    place = posted.headers["location"]
    sealed = await shop.ask("GET", place, by=shop.scene.sellers[1], roles=OPERATOR)
    assert (True, None, "8414.891") == tuple(
        sealed.json()[name] for name in ("sealed", "price_eur_per_basis_kg", "basis_kg")
    )
    listed = await shop.ask("GET", "/v1/supply-offers", by=shop.scene.sellers[1], roles=OPERATOR)
    assert [True] == [item["sealed"] for item in listed.json()["items"]]
    await shop.scene.conclude(await shop.scene.plan())
    opened = await shop.ask("GET", place, by=shop.scene.sellers[1], roles=OPERATOR)
    assert "74.685206" == opened.json()["ask_eur_per_basis_kg"]
