"""Sets the stage over HTTP: firms with sites and papers, the market, its rules and its dated inputs."""

import asyncio
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import httpx
from msgspec import Struct

from market.client import Client
from market.demo import figures
from market.demo.calendar import Calendar, text
from market.demo.door import way_in
from market.demo.firms import BUYERS, INITIATIVES, OUTSIDER, SELLERS, Firm
from market.demo.requirements import CARBON_PROFILE, POLICY, Body

EUR_PER_USD = "0.86"
ORIGINS_CONCENTRATED: tuple[str, ...] = ("CN",)
EU_COUNTRIES: tuple[str, ...] = (
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU",
    "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
)  # fmt: skip
REFERENCES: tuple[tuple[str, str, str], ...] = (
    ("USGS:NdPr_oxide_99", "NdPr", "NdPr_oxide_99"),
    ("USGS:Dy_oxide", "Dy", "Dy_oxide"),
    ("USGS:Tb_oxide", "Tb", "Tb_oxide"),
    ("USGS:Gd_oxide", "Gd", "Gd_oxide"),
    ("USGS:La2O3", "La", "La2O3"),
    ("USGS:CeO2", "Ce", "CeO2"),
    ("USGS:Sm_oxide", "Sm", "Sm_oxide"),
    ("USGS:Eu_oxide", "Eu", "Eu_oxide"),
    ("USGS:Y_oxide", "Y", "Y_oxide"),
    ("USGS:Ho_oxide", "Ho", "Ho_oxide"),
    ("USGS:Er_oxide", "Er", "Er_oxide"),
    ("USGS:Yb_oxide", "Yb", "Yb_oxide"),
    ("USGS:Lu_oxide", "Lu", "Lu_oxide"),
)
USGS_SOURCE = "USGS Mineral Commodity Summaries 2026, yearly average 2025 (estimated)"

MARKET: Body = {
    "name": "NdPr Europe, demonstration",
    "basis": "ndpr",
    "sandbox": True,
    "clearing_interval_seconds": 0,
    "rule_notice_seconds": 0,
    "confirmation_seconds": 172_800,
    "least_basis_percent": "1",
    "orders_max": 10_000,
    "tick_eur_per_kg": "0.50",
    "umpire": "Umpire Laboratories, Antwerp",
}
REUSE_MARKET: Body = MARKET | {"name": "Whole magnets, demonstration", "basis": "ndfeb-reuse"}

Progress = Callable[[str], None]


class Player(Struct, frozen=True, kw_only=True):
    """A firm on stage: its ids at the door and its trader's way in. `certificates` by scheme."""

    firm: Firm
    organisation: str
    facility: str
    certificates: dict[str, str]
    door: Client


class Stage(Struct, frozen=True, kw_only=True):
    """`policy`: of an authority; requirements may name its version 1."""

    market: str
    policy: str
    players: dict[str, Player]

    @property
    def names(self) -> dict[str, str]:
        """Organisation id → firm name."""
        return {player.organisation: name for name, player in self.players.items()}


async def set_stage(
    client: httpx.AsyncClient, operator: Client, calendar: Calendar, progress: Progress
) -> Stage:
    """Everything the first order needs. RefusedError when the door refuses any of it."""
    for code, name in INITIATIVES:
        await operator.post("/v1/initiatives", {"code": code, "name": name})
    progress(f"initiatives {', '.join(code for code, _ in INITIATIVES)} registered")
    firms = (*SELLERS, *BUYERS, OUTSIDER)
    players = await asyncio.gather(*(bring(client, operator, firm, calendar) for firm in firms))
    progress(f"{len(players)} firms with sites, certificates, licences and keys")
    policy = await operator.post("/v1/policies", POLICY)
    market = await open_market(operator, MARKET, calendar, players)
    progress(f"market opened, {len(players)} members admitted")
    await _record_inputs(operator, market, calendar)
    stage = Stage(
        market=market, policy=policy["id"], players={player.firm.name: player for player in players}
    )
    await _qualify(operator, stage)
    progress(f"{len(REFERENCES)} reference prices, FX and qualifications recorded; rule set 1 published")
    return stage


async def bring(client: httpx.AsyncClient, operator: Client, firm: Firm, calendar: Calendar) -> Player:
    """A firm with its site, its papers and a trader's key."""
    registered = await operator.post(
        "/v1/organisations",
        {
            "name": firm.name,
            "country": firm.country,
            "roles": [firm.role],
            "initiatives": list(firm.initiatives),
            "sanctions_screened_until": text(calendar.papers_until),
            "postal_address": {"street": "1 Works Road", "town": firm.place, "country": firm.country},
            "electronic_contact": f"trading@{firm.name}.example",
        },
    )
    organisation = registered["id"]
    facility = (await operator.post(f"/v1/organisations/{organisation}/facilities", _facility(firm)))["id"]
    paper = {
        "facility": facility,
        "valid_from": text(calendar.today),
        "valid_until": text(calendar.papers_until),
    }
    certificates = {}
    for scheme in firm.certificates:
        body = paper | {"scheme": scheme, "reference": f"{scheme} {firm.name}"}
        answer = await operator.post(f"/v1/organisations/{organisation}/certificates", body)
        certificates[scheme] = answer["id"]
    for kind in ("waste_treatment", "shipment_consent") if firm.waste_codes else ():
        body = paper | {
            "kind": kind,
            "waste_statuses": ["waste"],
            "ewc_codes": list(firm.waste_codes),
            "from_countries": [country for country in (*EU_COUNTRIES, "GB", "NO") if country != firm.country],
            "reference": f"{kind} {firm.name}",
        }
        await operator.post(f"/v1/organisations/{organisation}/licences", body)
    key = await operator.post(
        f"/v1/organisations/{organisation}/keys",
        {"label": "demonstration trader", "roles": ["trader"], "expires_at": text(calendar.papers_until)},
    )
    return Player(
        firm=firm,
        organisation=organisation,
        facility=facility,
        certificates=certificates,
        door=way_in(client, key["token"], firm.name),
    )


def _facility(firm: Firm) -> dict[str, Any]:
    form = {"refiner": "separated_oxide", "mine": "mixed_oxide", "dismantler": "eol_magnet"}
    return {
        "name": f"{firm.name} {firm.place}",
        "country": firm.country,
        "place": firm.place,
        "stages": list(firm.stages),
        "scale": firm.scale,
        "readiness_level": firm.readiness_level,
        "capacities": [
            {
                "form": form.get(firm.role, "finished_magnet"),
                "nameplate_t_per_year": f"{firm.nameplate_t:.3f}",
            }
        ],
    }


async def open_market(operator: Client, terms: Body, calendar: Calendar, members: Iterable[Player]) -> str:
    """With rule set 1, in force today. The market's id."""
    market = str((await operator.post("/v1/markets", terms))["id"])
    await operator.post(f"/v1/markets/{market}/rule-sets", _rule_set(calendar))
    for player in members:
        await operator.post(f"/v1/markets/{market}/members", {"organisation": player.organisation})
    return market


def _rule_set(calendar: Calendar) -> Body:
    footprint = figures.monazite_footprint_kg_co2e_per_kg()
    return {
        "version": 1,
        "algorithm": "lexicographic-3",
        "benchmarks": [
            {
                "form": "separated_oxide",
                "declared_unit": "oxide",
                "boundary": "cradle-to-gate",
                "allocation": "mass",
                "benchmark_kg_co2e_per_kg": f"{footprint:.3f}",
                "worst_kg_co2e_per_kg": f"{footprint * Decimal('1.5'):.3f}",
                "source": "Browning et al. 2017, mean of REO from monazite; worst: 1.5 times it",
            }
        ],
        "default_profile": CARBON_PROFILE,
        "recognised_certificates": ["IRMA-50", "ISO-14001"],
        "eu_countries": list(EU_COUNTRIES),
        "effective_from": text(calendar.today),
    }


async def _record_inputs(operator: Client, market: str, calendar: Calendar) -> None:
    dated = {"published_at": text(calendar.today), "source_id": "demonstration"}
    await operator.post(
        f"/v1/markets/{market}/inputs",
        dated
        | {
            "kind": "fx_rate",
            "currency": "USD",
            "eur_per_unit": EUR_PER_USD,
            "as_of": f"{calendar.today:%Y-%m-%d}",
            "source": "stated by the demonstration's operator",
        },
    )
    await operator.post(
        f"/v1/markets/{market}/inputs",
        {
            "source_id": "demonstration",
            "kind": "concentrated_origins",
            "countries": list(ORIGINS_CONCENTRATED),
            "as_of": f"{figures.PRICE_YEAR}-12-31",
            "source": "world mine production and separation, USGS Minerals Yearbook",
        },
    )
    for code, analyte, product in REFERENCES:
        await operator.post(
            f"/v1/markets/{market}/inputs",
            dated
            | {
                "kind": "reference_price",
                "code": code,
                "analyte": analyte,
                "price": {
                    "amount": f"{figures.price_usd_per_kg(product):.2f}",
                    "currency": "USD",
                    "per": "oxide",
                },
                "description": f"{product}, yearly average",
                "as_of": f"{figures.PRICE_YEAR}-12-31",
                "source": USGS_SOURCE,
            },
        )


async def _qualify(operator: Client, stage: Stage) -> None:
    """Every buyer has qualified every refiner's and recycler's oxide, except that of the outsider."""
    sellers = [
        player
        for player in stage.players.values()
        if player.firm.role in ("refiner", "recycler") and player.firm != OUTSIDER
    ]
    for buyer in (stage.players[firm.name] for firm in BUYERS):
        for seller in sellers:
            await operator.post(
                f"/v1/markets/{stage.market}/inputs",
                {
                    "kind": "qualification",
                    "buyer": buyer.organisation,
                    "seller": seller.organisation,
                    "facility": seller.facility,
                    "form": "separated_oxide",
                    "level": "production",
                    "source_id": f"audit of {seller.firm.name} by {buyer.firm.name}",
                },
            )
