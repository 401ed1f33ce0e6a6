"""Return forecasts through the door: published and stated parameters, what is refused, four shapes."""

import math
from typing import Any

import pytest
from scipy.stats import binom

from market.http.materials.returns import EXAMPLE
from tests.http.shop import Shop

PATH = "/v1/forecasts/returns"
SHARE: dict[str, Any] = {"low": "20", "middle": "30", "high": "40"}
REUSE = SHARE | {"source": "own inspections of 2029"}
NAMES = ("p05", "p10", "p50", "p90", "p95")
LEVELS = (0.05, 0.1, 0.5, 0.9, 0.95)
UNKNOWN_TWIN = "twin_01a21ccdd00070709000000000000000"
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
        ({"placed_on_market": [{"quarter": "2020-Q1", "units": -1}]}, 400, "/placed_on_market/0/units"),
        (
            {"placed_on_market": [{"quarter": "2020-Q1", "units": 10**9 + 1}]},
            400,
            "/placed_on_market/0/units",
        ),
        ({"collection": SHARE | {"high": "101"}}, 400, "/collection/high"),
        ({"reuse": SHARE}, 400, "/reuse/source"),
        ({"reuse": SHARE | {"low": "31", "source": "own"}}, 422, "/reuse"),
        ({"first": "2019-Q4", "quarters": 2}, 422, "/first"),
        ({"quarters": 0}, 400, "/quarters"),
        ({"quarters": -3}, 400, "/quarters"),
        ({"twin": {"id": UNKNOWN_TWIN, "version": 1}, "application": None, "magnets": []}, 422, "/twin"),
    ],
)
async def test_what_is_no_forecast_is_refused(
    shop: Shop, changes: dict[str, Any], status: int, pointer: str
) -> None:
    answer = await shop.ask("POST", PATH, by=shop.scene.sellers[0], body={**EXAMPLE, **changes})
    assert (status, pointer) == (answer.status_code, answer.json()["errors"][0]["pointer"]), answer.text


async def test_all_that_is_wrong_is_told_at_once(shop: Shop) -> None:
    magnets = [
        {"pieces": 1, "mass_g": "1", "elements": [SHARE | {"low": "40", "middle": "40", "element": "Xx"}] * 3}
    ]
    body = {**EXAMPLE, "magnets": magnets, "route": "alchemy", "first": "2000-Q1", "quarters": 80}
    told = (await shop.ask("POST", PATH, by=shop.scene.sellers[0], body=body)).json()["errors"]
    assert [
        *(("unknown", f"/magnets/0/elements/{index}") for index in range(3)),
        ("unknown", "/route"),
        *(("duplicate_entry", f"/magnets/0/elements/{index}") for index in (1, 2)),
        ("shares_above_magnet", "/magnets/0/elements"),
        ("forecast_before_placed", "/first"),
    ] == [(each["code"], each["pointer"]) for each in told]
    assert (
        "Nothing comes back in 2019-Q4: the first units are placed on the market in 2020-Q1, and "
        "return later." == told[-1]["detail"]
    )


def closed_form(quarters: int, share: float) -> list[int]:
    """Of 100 units sold in 2020-Q1, an exponential life of 16 years: what has come back `quarters` later."""
    return [int(each) for each in binom.ppf(LEVELS, 100, (1 - math.exp(-quarters / 64)) * share)]


async def test_quantiles_are_binomials_by_quarter_year_and_in_total(shop: Shop) -> None:
    """60 % collected, 85 % of these taken apart, 3 kg of magnets of 26.5 % NdPr, 90 % recovered."""
    body = {
        **STATED,
        "placed_on_market": [{"quarter": "2020-Q1", "units": 100}],
        "reuse": REUSE,
        "first": "2020-Q2",
        "quarters": 11,
    }
    told = (await shop.ask("POST", PATH, by=shop.scene.sellers[0], body=body)).json()
    assert (REUSE, 48) == (told["reuse"], told["magnets_per_unit"])
    assert [("2020-Q2", "2020-Q4"), ("2021-Q1", "2021-Q4"), ("2022-Q1", "2022-Q4")] == [
        (each["first"], each["last"]) for each in told["years"]
    ]
    for found, quarters in (
        (told["quarters"][0]["quantiles"], 1),
        (told["years"][0]["quantiles"], 3),
        (told["total"]["quantiles"], 11),
    ):
        units = closed_form(quarters, 0.6 * 0.85)
        assert units == [found["disassembled_units"][name] for name in NAMES]
        ndpr = [f"{n * 3 * 0.265 * 0.9:.6f}" for n in units]
        assert [float(text) for text in ndpr] == [float(found["basis_kg"]["ndpr"][name]) for name in NAMES]
        reused = closed_form(quarters, 0.6 * 0.85 * 0.3)
        assert reused == [found["reused_units"][name] for name in NAMES]
        assert [48 * n for n in reused] == [found["reused_magnets"][name] for name in NAMES]
        assert [f"{3 * n}.000" for n in reused] == [found["basis_kg"]["ndfeb-reuse"][name] for name in NAMES]


async def test_a_forecast_comes_as_table_plot_and_page(shop: Shop) -> None:
    seller = shop.scene.sellers[0]
    told = (await shop.ask("POST", PATH, by=seller, body=STATED)).json()["quarters"]
    table = await shop.ask("POST", f"{PATH}?format=csv", by=seller, body=STATED)
    rows = [row.split(",") for row in table.text.splitlines()]
    assert [told[0]["recovered_kg"]["Nd"][name] for name in ("low", "middle", "high")] == rows[1][2:5]
    shown = ("p10", "p50", "p90", "p10_least", "p90_most")
    assert [f"{name}_kg" for name in shown] == rows[0][8:]
    assert [told[0]["quantiles"]["recovered_kg"]["Nd"][name] for name in shown] == rows[1][8:]
    assert 1 + 40 * 3 == len(rows)
    for media_type in ("image/svg+xml", "text/html"):
        drawn = await shop.ask("POST", PATH, by=seller, body=STATED, headers={"Accept": media_type})
        assert drawn.headers["content-type"].startswith(media_type)
        assert (40 * 4, 40) == (drawn.text.count("<rect"), drawn.text.count('fill="#0d47a1"'))
        assert "blue: p10 to p90" in drawn.text


async def test_a_forecast_is_asked_by_market_and_quarter(shop: Shop) -> None:
    """The basis of a market instead of elements; one that nothing of the product is of is refused."""
    seller = shop.scene.sellers[0]
    body = {**STATED, "reuse": REUSE}
    told = (await shop.ask("POST", PATH, by=seller, body=body)).json()["quarters"]
    for basis in ("ndpr", "ndfeb-reuse"):
        table = await shop.ask("POST", f"{PATH}?format=csv&basis={basis}", by=seller, body=body)
        rows = [row.split(",") for row in table.text.splitlines()[1:]]
        assert 40 == len(rows)
        assert [basis, told[9]["basis_kg"][basis]["middle"]] == [rows[9][1], rows[9][3]]
        assert told[9]["quantiles"]["basis_kg"][basis]["p50"] == rows[9][9]
    for basis, by in (("sm", body), ("ndfeb-reuse", STATED)):
        refused = await shop.ask("POST", f"{PATH}?basis={basis}", by=seller, body=by)
        assert (422, "basis") == (refused.status_code, refused.json()["errors"][0]["parameter"]), refused.text


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
