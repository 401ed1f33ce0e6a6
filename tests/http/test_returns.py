"""Return forecasts through the door: published and stated parameters, what is refused, four shapes."""

from typing import Any

import pytest

from market.http.returns import EXAMPLE
from tests.http.shop import Shop

PATH = "/v1/forecasts/returns"
STATED: dict[str, Any] = {
    **{name: value for name, value in EXAMPLE.items() if name not in ("application", "route")},
    "life": {"least_years": "12", "years": "16", "most_years": "20", "shape": "1"},
    "recovery": {"low": "90", "middle": "90", "high": "90"},
}


async def test_the_example_takes_published_parameters_and_records_nothing(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    await shop.token(seller)
    before = await shop.rows()
    answer = await shop.ask("POST", PATH, by=seller, body=EXAMPLE)
    told = answer.json()
    assert (200, 40, ["16", "16", "16"], "3.5", ["98.5", "98.5", "98.5"]) == (
        answer.status_code,
        len(told["quarters"]),
        told["life_years"],
        told["shape"],
        told["recovery_percent"],
    ), answer.text
    first, last = told["quarters"][0], told["quarters"][-1]
    assert ("2030-Q1", "2039-Q4") == (first["quarter"], last["quarter"])
    assert {"ndpr", "dy"} == set(first["basis_kg"])
    assert float(first["recovered_kg"]["Nd"]["low"]) < float(first["recovered_kg"]["Nd"]["high"])
    assert before == await shop.rows()


async def test_ranges_of_the_reference_data_become_bounds(shop: Shop) -> None:
    body = {**EXAMPLE, "application": "industrial-motor", "route": "pyrometallurgy"}
    told = (await shop.ask("POST", PATH, by=shop.scene.sellers[0], body=body)).json()
    assert (["12", "16", "20"], ["80", "87.5", "95"]) == (told["life_years"], told["recovery_percent"])


@pytest.mark.parametrize(
    ("changes", "status", "pointer"),
    [
        ({"application": "toaster"}, 422, "/application"),
        ({"route": "alchemy"}, 422, "/route"),
        ({"life": STATED["life"]}, 422, ""),
        ({"recovery": STATED["recovery"]}, 422, ""),
        ({"first": "2030-Q5"}, 400, "/first"),
        ({"quarters": 161}, 400, "/quarters"),
        ({"collection": {"low": "50", "middle": "40", "high": "60"}}, 422, "/collection"),
        ({"placed_on_market": EXAMPLE["placed_on_market"] + EXAMPLE["placed_on_market"]}, 422, ""),
    ],
)
async def test_what_is_no_forecast_is_refused(
    shop: Shop, changes: dict[str, Any], status: int, pointer: str
) -> None:
    answer = await shop.ask("POST", PATH, by=shop.scene.sellers[0], body={**EXAMPLE, **changes})
    assert (status, pointer) == (answer.status_code, answer.json()["errors"][0]["pointer"]), answer.text


async def test_a_forecast_comes_as_table_plot_and_page(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    told = (await shop.ask("POST", PATH, by=seller, body=STATED)).json()["quarters"]
    table = await shop.ask("POST", f"{PATH}?format=csv", by=seller, body=STATED)
    rows = [row.split(",") for row in table.text.splitlines()[1:]]
    assert [told[0]["recovered_kg"]["Nd"][name] for name in ("low", "middle", "high")] == rows[0][2:5]
    assert 40 * 3 == len(rows)
    for media_type in ("image/svg+xml", "text/html"):
        drawn = await shop.ask("POST", PATH, by=seller, body=STATED, headers={"Accept": media_type})
        assert drawn.headers["content-type"].startswith(media_type)
        assert 40 * 3 == drawn.text.count("<rect")


async def test_the_widest_figures_that_the_form_allows_are_computed(shop: Shop) -> None:
    body = {
        **STATED,
        "life": {"least_years": "0.000001", "years": "1", "most_years": "999.999999", "shape": "99.999999"},
        "placed_on_market": [{"quarter": "1980-Q1", "units": 10**9}],
        "first": "2099-Q4",
        "quarters": 160,
    }
    answer = await shop.ask("POST", PATH, by=shop.scene.sellers[0], body=body)
    assert 200 == answer.status_code
    assert {"0.000"} == {each["recovered_kg"]["Nd"]["low"] for each in answer.json()["quarters"]}
