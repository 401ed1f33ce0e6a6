"""Supply offered ahead through the door: what is refused with figures, and where its mark is read."""

from typing import Any

import pytest

from market.http.orders.forecast_terms import FORECAST
from tests.http.shop import Shop

OFFERS = "/v1/supply-offers"
MARK = {
    "basis": "return_forecast",
    "quarter": "2026-Q2",
    "quantile": "low",
    "percentile": "p10",
    "reuse_share": None,
}
REUSE = {"low": "20", "middle": "30", "high": "40", "source": "own inspections of 2025"}
WHOLE = {"recovery": None, "reuse": REUSE, "placed_on_market": [{"quarter": "2016-Q1", "units": 1}]}
UNSOLD = {"placed_on_market": [{"quarter": "2026-Q2", "units": 12_000_000}]}
RETURNS = FORECAST["returns"]


def ahead(units: int = 12_000_000, **changes: Any) -> dict[str, Any]:
    """The example, of magnets that come back in the shop's season."""
    placed = [{"quarter": "2016-Q1", "units": units}]
    returns = RETURNS | {"placed_on_market": placed, "twin": None, "reuse": None}
    return FORECAST | {"quarter": "2026-Q2", "returns": returns, "percentile": "p10"} | changes


@pytest.mark.parametrize(
    ("forecast", "status", "code", "pointer"),
    [
        (ahead(120_000), 422, "forecast_exceeded", "/net_wet_t"),
        (ahead(quarter="2026-Q3"), 422, "forecast_window_early", "/tranches/0/window/start"),
        (ahead(quarter="2025-Q4"), 422, "forecast_outlived", "/valid_until"),
        (ahead(returns=RETURNS | UNSOLD), 422, "forecast_before_placed", "/forecast/quarter"),
        (ahead(percentile="p99"), 400, "not_allowed", "/forecast/percentile"),
        (ahead(returns=RETURNS | {"reuse": REUSE}), 422, "invalid", "/forecast/returns"),
        (ahead(returns=RETURNS | {"recovery": None}), 422, "invalid", "/forecast/returns"),
        (ahead(returns=RETURNS | WHOLE), 422, "forecast_not_of_basis", "/forecast/returns/reuse"),
        (ahead(quarter="2026-Q5"), 400, "malformed", "/forecast/quarter"),
        (ahead(quantile="best"), 400, "not_allowed", "/forecast/quantile"),
        (ahead(returns=None), 422, "invalid", "/forecast"),
        (ahead(basis="facility_ramp", returns=None, quantile="low"), 422, "invalid", "/forecast"),
        (
            ahead(basis="facility_ramp", returns=None, percentile=None),
            422,
            "ramp_not_stated",
            "/forecast/basis",
        ),
        (
            ahead(returns=RETURNS | {"collection": {"low": "9", "middle": "8", "high": "9"}}),
            422,
            "invalid",
            "/forecast/returns/collection",
        ),
    ],
)
async def test_what_cannot_be_offered_ahead_is_refused(
    shop: Shop, forecast: dict[str, Any], status: int, code: str, pointer: str
) -> None:
    seller = shop.scene.sellers[0]
    await shop.token(seller)
    before = await shop.rows()
    answer = await shop.ask("POST", OFFERS, by=seller, body=shop.offer_body(seller, forecast=forecast))
    found = [(fault["code"], fault["pointer"]) for fault in answer.json()["errors"]]
    assert (status, [(code, pointer)]) == (answer.status_code, found), answer.text
    assert before == await shop.rows()


async def test_the_mark_is_read_wherever_the_supply_shows_until_it_is_firm(shop: Shop) -> None:
    seller, buyer = shop.scene.sellers[0], shop.scene.buyers[0]
    body = shop.offer_body(seller, forecast=ahead())
    posted = await shop.ask("POST", OFFERS, by=seller, body=body)
    assert 201 == posted.status_code, posted.text
    offer = posted.headers["Location"]
    read = await shop.ask("GET", offer, by=seller)
    assert ahead() == read.json()["forecast"]
    assert float(read.json()["forecast_figure_kg"]) > float(read.json()["basis_kg"])
    wanted = shop.requirement_body(buyer, limits=[], penalties=[])
    refusing = await shop.ask("POST", "/v1/requirements", by=buyer, body=wanted)
    await shop.scene.conclude(await shop.scene.plan())
    refused = (await shop.ask("GET", f"{refusing.headers['Location']}/candidates", by=buyer)).json()
    assert [("forecast_refused", "refused")] == [
        (each["code"], each["own_figure"]) for each in refused["reasons"]
    ]
    taking = {"forecast_supply": "accepted"}
    version = refusing.headers["ETag"]
    taken = await shop.ask("PATCH", refusing.headers["Location"], by=buyer, body=taking, version=version)
    assert 200 == taken.status_code, taken.text
    whole = await shop.ask(
        "GET", f"{refusing.headers['Location']}/candidates", by=shop.scene.buyers[1], roles=("auditor",)
    )
    assert [True] == [each["forecast"] for each in whole.json()["verdicts"]]
    await shop.scene.conclude(await shop.scene.plan())
    await shop.project()
    (listed,) = (await shop.ask("GET", OFFERS, by=seller)).json()["items"]
    assert MARK == listed["forecast"]
    (match,) = (await shop.ask("GET", "/v1/matches", by=buyer)).json()["items"]
    told = (await shop.ask("GET", f"/v1/matches/{match['id']}", by=buyer)).json()
    assert MARK == told["forecast"]
    ticket = {each["label"]: each["text"] for each in told["explanation"]["ticket"]}
    assert "low p10 of 2026-Q2, return forecast" == ticket["forecast, not there yet"]
    explained = (await shop.ask("GET", f"{offer}/explanation", by=seller)).json()
    assert MARK == explained["forecast"]
    version = (await shop.ask("GET", offer, by=seller)).headers["ETag"]
    firm = await shop.ask("PATCH", offer, by=seller, body={"forecast": None}, version=version)
    assert 200 == firm.status_code, firm.text
    read = (await shop.ask("GET", offer, by=seller)).json()
    assert (None, None) == (read["forecast"], read["forecast_figure_kg"])
    told = (await shop.ask("GET", f"/v1/matches/{match['id']}", by=buyer)).json()
    assert MARK == told["forecast"]
